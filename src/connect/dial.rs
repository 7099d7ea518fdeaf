//! From addresses to one connected socket: happy eyeballs (RFC 8305), so that an address that does
//! not answer costs a quarter of a second and not the whole timeout.

use std::future::poll_fn;
use std::io;
#[cfg(unix)]
use std::net;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::error::{OpenError, OpenErrorKind, fault};

/// "A recommended value for a default Connection Attempt Delay is 250 milliseconds" (section 5).
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// More reasons than this tell nobody more.
const MAX_REASONS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// What the caller says of how addresses are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// Only addresses of this one.
    pub family: Option<Family>,
    /// The address of this machine to connect from.
    pub local: Option<SocketAddr>,
    /// After so long the next address is tried as well; None waits until the one before has failed.
    pub delay: Option<Duration>,
    /// So many of the resolver's favourite family come first, then the families alternate; 0 leaves its
    /// order as it is.
    pub interleave: usize,
}

impl Default for Dialling {
    fn default() -> Self {
        let delay = Some(CONNECTION_ATTEMPT_DELAY);
        Self { family: None, local: None, delay, interleave: 1 }
    }
}

impl Dialling {
    /// Those that may be tried, in their order.
    fn chosen(&self, peers: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let local = self.local.map(|local| local.is_ipv6());
        let family = self.family.map(|family| family == Family::V6);
        let may_be = |peer: &SocketAddr| {
            [local, family].into_iter().flatten().all(|is_ipv6| peer.is_ipv6() == is_ipv6)
        };
        interleaved(peers.into_iter().filter(may_be).collect(), self.interleave)
    }
}

type Failure = (SocketAddr, io::Error);
type Attempt = Pin<Box<dyn Future<Output = Result<TcpStream, Failure>> + Send>>;

pub(super) async fn dial(
    address: &str,
    peers: Vec<SocketAddr>,
    dialling: &Dialling,
) -> Result<TcpStream, OpenError> {
    let peers = dialling.chosen(peers);
    if peers.is_empty() {
        let sentence = format!("{address} has no address of the family that is asked for");
        return Err(OpenError::new(OpenErrorKind::Resolve, sentence));
    }
    let raced = race(peers, dialling).await;
    raced.map_err(|failures| unreachable_by(address, &failures))
}

/// To a Unix socket. From here on it is a stream like any other.
#[cfg(unix)]
pub(super) async fn dial_path(path: &Path) -> Result<TcpStream, OpenError> {
    let dialled = async {
        let socket = tokio::net::UnixStream::connect(path).await?.into_std()?;
        TcpStream::from_std(net::TcpStream::from(OwnedFd::from(socket)))
    };
    dialled.await.map_err(|error| {
        let refused = error.kind() == io::ErrorKind::ConnectionRefused;
        let kind = if refused { OpenErrorKind::Refused } else { OpenErrorKind::Network };
        let sentence = format!("could not connect to {}: {}", shown(path), fault(&error));
        if error.kind() == io::ErrorKind::InvalidInput {
            return OpenError::argument(sentence);
        }
        OpenError::from_io(kind, sentence, &error)
    })
}

#[cfg(not(unix))]
pub(super) async fn dial_path(path: &Path) -> Result<TcpStream, OpenError> {
    let sentence = format!("{}: this system has no Unix sockets for streams", shown(path));
    Err(OpenError::argument(sentence))
}

/// As messages name a Unix socket; an abstract name with the at sign that stands for its NUL.
pub(super) fn shown(path: &Path) -> String {
    let path = path.to_string_lossy();
    match path.strip_prefix('\0') {
        Some(name) => format!("the Unix socket @{name}"),
        None => format!("the Unix socket {path}"),
    }
}

/// The attempts live in this future alone: dropping it closes every socket.
async fn race(peers: Vec<SocketAddr>, dialling: &Dialling) -> Result<TcpStream, Vec<Failure>> {
    let mut waiting = peers.into_iter();
    let mut attempts = Vec::new();
    let mut failures = Vec::new();
    loop {
        attempts.extend(waiting.next().map(|peer| attempt(peer, dialling.local)));
        if attempts.is_empty() {
            return Err(failures);
        }
        let is_last = waiting.len() == 0;
        let patience = dialling.delay.filter(|_| !is_last).unwrap_or(Duration::MAX);
        match timeout(patience, first_of(&mut attempts)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(failure)) => failures.push(failure),
            Err(_) => {}
        }
    }
}

fn attempt(peer: SocketAddr, local: Option<SocketAddr>) -> Attempt {
    Box::pin(async move { connect(peer, local).await.map_err(|error| (peer, error)) })
}

async fn connect(peer: SocketAddr, local: Option<SocketAddr>) -> io::Result<TcpStream> {
    let Some(local) = local else { return TcpStream::connect(peer).await };
    let socket = if local.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.bind(local).map_err(|error| {
        let sentence = format!("local_addr {local}: {}", fault(&error));
        io::Error::new(error.kind(), sentence)
    })?;
    socket.connect(peer).await
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

/// So many of the resolver's favourite family, then one of each in turn (section 4).
fn interleaved(peers: Vec<SocketAddr>, lead: usize) -> Vec<SocketAddr> {
    let Some(favourite) = peers.first().map(SocketAddr::is_ipv6).filter(|_| lead > 0) else {
        return peers;
    };
    let count = peers.len();
    let (mut first, second): (Vec<_>, Vec<_>) =
        peers.into_iter().partition(|peer| peer.is_ipv6() == favourite);
    let rest = first.split_off(lead.min(first.len()) - 1);
    let (mut rest, mut second) = (rest.into_iter(), second.into_iter());
    let alternating = (0..count).flat_map(|_| [rest.next(), second.next()]).flatten();
    first.into_iter().chain(alternating).collect()
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
            let socket =
                run(race(vec![refusing(), refusing(), good], &Dialling::default())).unwrap();
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
        let socket = run(race(vec![silent, good], &Dialling::default())).unwrap();
        assert_eq!(socket.peer_addr().unwrap(), good);
        assert!(started.elapsed() >= CONNECTION_ATTEMPT_DELAY);
    }

    #[test]
    fn the_reasons_of_all_addresses_are_told_and_refused_is_the_kind() {
        let (one, two) = (refusing(), refusing());
        let error = run(dial("example.org:80", vec![one, two], &Dialling::default())).unwrap_err();
        let reason = "Connection refused";
        let message =
            format!("could not connect to example.org:80: {one}: {reason}; {two}: {reason}");
        assert_eq!((error.kind, error.message), (OpenErrorKind::Refused, message));
    }

    #[test]
    fn families_alternate_and_the_favourite_comes_first() {
        let rows = [
            (1, "", ""),
            (1, "4.0.0.1:1", "4.0.0.1:1"),
            (1, "[::1]:1 [::2]:1 [::3]:1 4.0.0.1:1", "[::1]:1 4.0.0.1:1 [::2]:1 [::3]:1"),
            (1, "4.0.0.1:1 [::1]:1 4.0.0.2:1 [::2]:1", "4.0.0.1:1 [::1]:1 4.0.0.2:1 [::2]:1"),
            (2, "[::1]:1 [::2]:1 [::3]:1 4.0.0.1:1", "[::1]:1 [::2]:1 4.0.0.1:1 [::3]:1"),
            (9, "[::1]:1 4.0.0.1:1 [::2]:1", "[::1]:1 [::2]:1 4.0.0.1:1"),
            (0, "[::1]:1 [::2]:1 4.0.0.1:1", "[::1]:1 [::2]:1 4.0.0.1:1"),
        ];
        let parse = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace().map(|peer| peer.parse().unwrap()).collect()
        };
        for (lead, peers, expected) in rows {
            assert_eq!(interleaved(parse(peers), lead), parse(expected), "{lead} {peers}");
        }
    }
}
