//! Name lookup by the system's resolver, which blocks: each on a thread of its own, so many at a time.
//!
//! Not on the runtime's own threads for what blocks, because there a thread that the system refuses is a
//! panic. A lookup that nobody waits for any more cannot be called off; it ends by itself.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use tokio::sync::{Semaphore, oneshot};

use crate::drive::{PerProcess, spawn_thread};

/// More wait for their turn. A resolver that answers is quicker than that many can ask; one that does
/// not would otherwise gather threads without end.
const MOST_AT_A_TIME: usize = 64;

/// A lookup holds a permit until it has ended, and in a forked child those of its parent never would.
static TURNS: PerProcess<Semaphore> = PerProcess::new(turns(), turns);

const fn turns() -> Semaphore {
    Semaphore::const_new(MOST_AT_A_TIME)
}

/// # Errors
/// The outer one if the operating system gives no thread.
pub(super) async fn lookup(name: &str, port: u16) -> io::Result<io::Result<Vec<SocketAddr>>> {
    in_turn(TURNS.get(), name, port).await
}

async fn in_turn(
    turns: &'static Semaphore,
    name: &str,
    port: u16,
) -> io::Result<io::Result<Vec<SocketAddr>>> {
    // It is never closed.
    let turn = turns.acquire().await.map_err(io::Error::other)?;
    let (answer, answered) = oneshot::channel();
    let name = name.to_owned();
    spawn_thread("aiowebsocket-lookup", move || {
        let found = (name.as_str(), port).to_socket_addrs();
        drop(turn);
        // Nobody may be waiting any more.
        let _ = answer.send(found.map(Iterator::collect));
    })?;
    answered.await.map_err(io::Error::other)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Builder;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::*;

    fn run(work: impl Future<Output = ()>) {
        Builder::new_current_thread().enable_time().build().unwrap().block_on(work);
    }

    #[test]
    fn many_at_once_are_all_answered() {
        static TURNS: Semaphore = Semaphore::const_new(4);
        run(async {
            let mut lookups = JoinSet::new();
            for port in 0..100 {
                lookups.spawn(async move { (port, in_turn(&TURNS, "localhost", port).await) });
            }
            while let Some(done) = lookups.join_next().await {
                let (port, found) = done.unwrap();
                let found = found.unwrap().unwrap();
                assert!(!found.is_empty() && found.iter().all(|address| address.port() == port));
            }
        });
        assert_eq!(TURNS.available_permits(), 4);
    }

    #[test]
    fn without_a_turn_a_lookup_waits() {
        static TURNS: Semaphore = Semaphore::const_new(1);
        run(async {
            let turn = TURNS.acquire().await.unwrap();
            let waiting = timeout(Duration::from_millis(50), in_turn(&TURNS, "localhost", 1));
            assert!(waiting.await.is_err());
            drop(turn);
            assert!(in_turn(&TURNS, "localhost", 1).await.unwrap().is_ok());
        });
    }
}
