//! Watches a socket for its end alone: errors and hang-ups, which epoll reports whatever was asked for.
//! Data that arrives costs nothing here, nor does what is sent while the socket takes it.

use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Weak};
use std::task::{Poll, ready};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

use super::{Link, handle};

type Registered = AsyncFd<Arc<TcpStream>>;

/// Ends with its drop, and by then no longer holds the socket.
#[derive(Debug)]
pub(in crate::drive) struct Watch {
    socket: Option<Arc<Registered>>,
    task: AbortHandle,
    process: u32,
}

impl Watch {
    /// Wakes the link's driver once, when the socket has hung up.
    pub(in crate::drive) fn start(link: Weak<Link>, socket: Arc<TcpStream>) -> io::Result<Self> {
        let runtime = handle()?;
        let entered = runtime.enter();
        let socket = Arc::new(register(socket)?);
        drop(entered);
        let watched = Arc::downgrade(&socket);
        let task = runtime.spawn(async move {
            if hung_up(watched).await
                && let Some(link) = link.upgrade()
            {
                link.handle_hang_up();
            }
        });
        let process = std::process::id();
        Ok(Self { socket: Some(socket), task: task.abort_handle(), process })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.task.abort();
        } else {
            // The registration is the parent's: a forked child must not end it, and shares its epoll.
            std::mem::forget(self.socket.take());
        }
    }
}

/// The interest has to be some: writability is silent while the socket takes all that is written,
/// where readability would wake the lifeline with every message.
#[expect(deprecated, reason = "its successor is unsafe, for descriptors that others may close")]
fn register(socket: Arc<TcpStream>) -> io::Result<Registered> {
    AsyncFd::with_interest(socket, Interest::WRITABLE)
}

/// False if the socket has been released first. It is not held while it is waited for.
async fn hung_up(socket: Weak<Registered>) -> bool {
    poll_fn(|context| {
        loop {
            let Some(socket) = socket.upgrade() else { return Poll::Ready(false) };
            let Ok(mut guard) = ready!(socket.poll_write_ready(context)) else {
                // The lifeline is about to end.
                return Poll::Ready(false);
            };
            if guard.ready().is_write_closed() {
                return Poll::Ready(true);
            }
            guard.clear_ready();
        }
    })
    .await
}
