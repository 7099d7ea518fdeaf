//! From addresses to one connected socket: happy eyeballs (RFC 8305), so that an address that does
//! not answer costs a quarter of a second and not the whole timeout.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::{OpenError, OpenErrorKind, fault};

/// "A recommended value for a default Connection Attempt Delay is 250 milliseconds" (section 5).
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// More reasons than this tell nobody more.
const MAX_REASONS: usize = 4;

type Failure = (SocketAddr, io::Error);
type Attempt = Pin<Box<dyn Future<Output = Result<TcpStream, Failure>> + Send>>;

pub(super) async fn dial(address: &str, peers: Vec<SocketAddr>) -> Result<TcpStream, OpenError> {
    race(interleaved(peers)).await.map_err(|failures| unreachable_by(address, &failures))
}

/// The attempts live in this future alone: dropping it closes every socket.
async fn race(peers: Vec<SocketAddr>) -> Result<TcpStream, Vec<Failure>> {
    let mut waiting = peers.into_iter();
    let mut attempts = Vec::new();
    let mut failures = Vec::new();
    loop {
        attempts.extend(waiting.next().map(attempt));
        if attempts.is_empty() {
            return Err(failures);
        }
        let is_last = waiting.len() == 0;
        let patience = if is_last { Duration::MAX } else { CONNECTION_ATTEMPT_DELAY };
        match timeout(patience, first_of(&mut attempts)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(failure)) => failures.push(failure),
            Err(_) => {}
        }
    }
}

fn attempt(peer: SocketAddr) -> Attempt {
    Box::pin(async move { TcpStream::connect(peer).await.map_err(|error| (peer, error)) })
}

async fn first_of(attempts: &mut Vec<Attempt>) -> Result<TcpStream, Failure> {
    poll_fn(|context| {
        for index in 0..attempts.len() {
            if let Poll::Ready(outcome) = attempts[index].as_mut().poll(context) {
                drop(attempts.swap_remove(index));
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    })
    .await
}

/// One of each family in turn, the resolver's favourite first (section 4).
fn interleaved(peers: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(favourite) = peers.first().map(SocketAddr::is_ipv6) else { return peers };
    let count = peers.len();
    let (first, second): (Vec<_>, Vec<_>) =
        peers.into_iter().partition(|peer| peer.is_ipv6() == favourite);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    (0..count).flat_map(|_| [first.next(), second.next()]).flatten().collect()
}

/// Refused is the most telling of several faults: somebody is there, and says no.
fn unreachable_by(address: &str, failures: &[Failure]) -> OpenError {
    let refused =
        failures.iter().find(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused);
    let kind = if refused.is_some() { OpenErrorKind::Refused } else { OpenErrorKind::Network };
    let sentence = format!("could not connect to {address}: {}", reasons(address, failures));
    match refused.or(failures.last()) {
        Some((_, error)) => OpenError::from_io(kind, sentence, error),
        None => OpenError::new(kind, sentence),
    }
}

fn reasons(address: &str, failures: &[Failure]) -> String {
    let reason = |(peer, error): &Failure| match peer.to_string() {
        peer if address.ends_with(&peer) => fault(error),
        peer => format!("{peer}: {}", fault(error)),
    };
    failures.iter().take(MAX_REASONS).map(reason).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn refusing() -> SocketAddr {
        listening().1
    }

    /// An address that answers nothing while the sockets live: Linux drops attempts once the
    /// backlog is full.
    #[cfg(target_os = "linux")]
    fn silent() -> (Vec<socket2::Socket>, SocketAddr) {
        use socket2::{Domain, Socket, Type};

        let new = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = new();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let client = new();
            client.set_nonblocking(true).unwrap();
            let _in_progress = client.connect(&address);
            sockets.push(client);
        }
        (sockets, address.as_socket().unwrap())
    }

    #[test]
    fn a_refused_attempt_starts_the_next_at_once() {
        let (_listener, good) = listening();
        // A machine that stands still makes one of three tries slow, a wait makes all.
        let quick = (0..3).any(|_| {
            let started = Instant::now();
            let socket = run(race(vec![refusing(), refusing(), good])).unwrap();
            assert_eq!(socket.peer_addr().unwrap(), good);
            started.elapsed() < 2 * CONNECTION_ATTEMPT_DELAY
        });
        assert!(quick, "two were waited for");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_that_does_not_answer_costs_one_delay() {
        let (_sockets, silent) = silent();
        let (_listener, good) = listening();
        let started = Instant::now();
        let socket = run(race(vec![silent, good])).unwrap();
        assert_eq!(socket.peer_addr().unwrap(), good);
        assert!(started.elapsed() >= CONNECTION_ATTEMPT_DELAY);
    }

    #[test]
    fn the_reasons_of_all_addresses_are_told_and_refused_is_the_kind() {
        let (one, two) = (refusing(), refusing());
        let error = run(dial("example.org:80", vec![one, two])).unwrap_err();
        let reason = "Connection refused";
        let message =
            format!("could not connect to example.org:80: {one}: {reason}; {two}: {reason}");
        assert_eq!((error.kind, error.message), (OpenErrorKind::Refused, message));
    }

    #[test]
    fn families_alternate_and_the_favourite_comes_first() {
        let rows = [
            ("", ""),
            ("4.0.0.1:1", "4.0.0.1:1"),
            ("[::1]:1 [::2]:1 [::3]:1 4.0.0.1:1", "[::1]:1 4.0.0.1:1 [::2]:1 [::3]:1"),
            ("4.0.0.1:1 [::1]:1 4.0.0.2:1 [::2]:1", "4.0.0.1:1 [::1]:1 4.0.0.2:1 [::2]:1"),
        ];
        let parse = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace().map(|peer| peer.parse().unwrap()).collect()
        };
        for (peers, expected) in rows {
            assert_eq!(interleaved(parse(peers)), parse(expected));
        }
    }
}
