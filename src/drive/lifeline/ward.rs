//! A connection as the lifeline knows it: what it asks of each, and nothing of what that is.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(in crate::drive) trait Ward: Send + Sync {
    /// How long its loop may leave it alone.
    fn sweep(&self) -> Duration;

    /// The time has come that the rounds were told: does what is due.
    fn keep_deadline(&self, told: Instant, now: Instant);

    /// What there may be to do on its socket; None where somebody is at it.
    fn unserved(&self) -> Option<Unserved>;

    /// Has the lifeline stand in for the loop, if nobody has served the link since it was asked.
    fn stand_in(self: Arc<Self>, served: u64);

    /// What the lifeline is to wait for on the socket; None once it need not serve it any more.
    fn interest(&self) -> Option<Interest>;

    /// Reads once. `WouldBlock` when there is nothing left to read.
    fn serve_input(&self) -> io::Result<()>;

    /// Writes. `WouldBlock` when the socket takes no more.
    fn serve_output(&self) -> io::Result<()>;

    /// The socket that is watched has hung up.
    #[cfg(target_os = "linux")]
    fn hang_up(&self);
}

/// A link's socket, where its loop may be leaving it alone.
pub(in crate::drive) struct Unserved {
    pub(in crate::drive) socket: Arc<TcpStream>,
    pub(in crate::drive) interest: Interest,
    /// How often it has been served so far.
    pub(in crate::drive) served: u64,
}

/// What a link wants of whoever serves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::drive) struct Interest {
    pub(in crate::drive) read: bool,
    pub(in crate::drive) write: bool,
}
