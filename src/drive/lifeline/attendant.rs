//! The lifeline serves a link: reads, answers and writes in the place of an event loop, for a while
//! where the loop has stalled, or for good where the loop cannot watch sockets.
//!
//! It watches a descriptor of its own, so that what the loop watches is not touched.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use tokio::io::Interest as Readiness;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Interest, Ward, handle};

/// The task that serves it. Ends with its drop, and by then no longer holds the socket.
pub(in crate::drive) struct Attendant {
    socket: Option<Arc<TcpStream>>,
    call: Arc<Notify>,
    task: AbortHandle,
    process: u32,
}

impl Attendant {
    pub(in crate::drive) fn start(
        ward: Weak<dyn Ward>,
        socket: &std::net::TcpStream,
    ) -> io::Result<Self> {
        let runtime = handle()?;
        let socket = {
            let _entered = runtime.enter();
            Arc::new(TcpStream::from_std(socket.try_clone()?)?)
        };
        let call = Arc::new(Notify::new());
        let task = runtime.spawn(serve(ward, Arc::downgrade(&socket), Arc::clone(&call)));
        let process = std::process::id();
        Ok(Self { socket: Some(socket), call, task: task.abort_handle(), process })
    }

    /// What the link wants has changed.
    pub(in crate::drive) fn call(&self) {
        self.call.notify_one();
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.task.abort();
        } else {
            // The registration is the parent's: a forked child must not end it, and shares its epoll.
            std::mem::forget(self.socket.take());
        }
    }
}

impl fmt::Debug for Attendant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attendant").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Until the link is closed, gone, or served by its loop again.
async fn serve(ward: Weak<dyn Ward>, socket: Weak<TcpStream>, call: Arc<Notify>) {
    while let Some(wanted) = ward.upgrade().and_then(|ward| ward.interest()) {
        let ready = ready(&socket, wanted, &call).await;
        let (Some(ward), Some(socket)) = (ward.upgrade(), socket.upgrade()) else { return };
        if ready.read {
            let _drained = socket.try_io(Readiness::READABLE, || ward.serve_input());
        }
        if ready.write {
            let _full = socket.try_io(Readiness::WRITABLE, || ward.serve_output());
        }
        drop((ward, socket));
        // One link with much to read is not to keep the others waiting.
        tokio::task::yield_now().await;
    }
}

/// Waits for what is wanted, or until that may have changed. The socket is not held meanwhile.
async fn ready(socket: &Weak<TcpStream>, wanted: Interest, call: &Notify) -> Interest {
    let mut called = pin!(call.notified());
    poll_fn(|context| {
        let Some(socket) = socket.upgrade() else { return Poll::Ready(Interest::default()) };
        let ready = Interest {
            read: wanted.read && socket.poll_read_ready(context).is_ready(),
            write: wanted.write && socket.poll_write_ready(context).is_ready(),
        };
        let called = called.as_mut().poll(context).is_ready();
        if called || ready.read || ready.write { Poll::Ready(ready) } else { Poll::Pending }
    })
    .await
}
