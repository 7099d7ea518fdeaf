//! The lifeline: one tokio thread for what must happen even when Python cannot run. It opens
//! connections, keeps time, and watches for the ends that an event loop may miss.
//!
//! Started on first use; a forked child, which has no such thread, starts its own.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

use super::link::Link;

#[cfg(target_os = "linux")]
mod watch;
#[cfg(target_os = "linux")]
pub(super) use watch::Watch;

static LIFELINE: Mutex<Option<Lifeline>> = Mutex::new(None);

struct Lifeline {
    process: u32,
    runtime: Runtime,
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
    if let Some(parents) = lifeline.replace(Lifeline { process, runtime }) {
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

/// Calls the link's `handle_timeout` at `deadline`, unless the link has gone by then.
pub(super) fn arm(link: Weak<Link>, deadline: Instant) {
    // There is one wherever a connection was opened; without one the process is about to end.
    let Ok(handle) = handle() else { return };
    handle.spawn(async move {
        tokio::time::sleep_until(deadline.into()).await;
        if let Some(link) = link.upgrade()
            && link.handle_timeout(Instant::now())
        {
            wake(link);
        }
    });
}

/// On a thread of its own: a wake waits while Python is busy, and the lifeline has others to care for.
fn wake(link: Arc<Link>) {
    tokio::task::spawn_blocking(move || link.wake());
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
