//! The lifeline: one tokio thread for what must happen even when Python cannot run. It opens
//! connections, keeps time for those that are open and looks whether they are served, serves those
//! that are not, and watches for the ends that an event loop may miss.
//!
//! Started on first use; a forked child, which has no such thread, starts its own.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

use super::link::Link;
use rounds::Rounds;

mod attendance;
mod rounds;
#[cfg(target_os = "linux")]
mod watch;

pub(super) use attendance::{Attendance, Attention};
pub use rounds::LONGEST_SWEEP;
pub(super) use rounds::{Unserved, Visit};
#[cfg(target_os = "linux")]
pub(super) use watch::Watch;

static LIFELINE: Mutex<Option<Lifeline>> = Mutex::new(None);

struct Lifeline {
    process: u32,
    runtime: Runtime,
    rounds: Arc<Rounds>,
}

/// The lifeline's handle, for spawning.
///
/// # Errors
/// If the operating system gives no thread or no descriptor.
pub fn handle() -> io::Result<Handle> {
    let mut lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(running) = lifeline.as_ref().filter(|running| running.process == process) {
        return Ok(running.runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("aiowebsocket-lifeline")
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    let rounds = Arc::new(Rounds::default());
    handle.spawn(rounds::make(Arc::clone(&rounds)));
    if let Some(parents) = lifeline.replace(Lifeline { process, runtime, rounds }) {
        // Its threads live in the parent process; joining or waking them here could only hang.
        std::mem::forget(parents.runtime);
    }
    Ok(handle)
}

/// Ends the lifeline: what is under way is dropped, and what cannot be dropped (a name lookup) is
/// given `patience`.
pub fn stop(patience: Duration) {
    let lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner).take();
    match lifeline {
        Some(own) if own.process == std::process::id() => own.runtime.shutdown_timeout(patience),
        Some(parents) => std::mem::forget(parents.runtime),
        None => {}
    }
}

/// Has the rounds come by this link for as long as it is open.
pub(super) fn enlist(link: Weak<Link>) {
    with_running(|running| running.rounds.enlist(link));
}

/// Has the rounds come by at this time, if not before.
pub(super) fn remind(at: Instant) {
    with_running(|running| running.rounds.remind(at));
}

/// On a thread of its own, since it waits and the lifeline has others to care for.
pub(super) fn spawn_blocking(work: impl FnOnce() + Send + 'static) {
    with_running(|running| drop(running.runtime.spawn_blocking(work)));
}

/// There is one wherever a connection was opened; without one the process is about to end.
fn with_running(act: impl FnOnce(&Lifeline)) {
    let lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = lifeline.as_ref()
        && running.process == std::process::id()
    {
        act(running);
    }
}

/// No other system has an event loop that needs one.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) enum Watch {}

#[cfg(not(target_os = "linux"))]
impl Watch {
    pub(super) fn start(_: Weak<Link>, _: Arc<std::net::TcpStream>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
