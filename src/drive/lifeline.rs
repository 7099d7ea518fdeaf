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
    /// A second thread, for what may have to wait for Python.
    patient: Option<Runtime>,
}

/// The lifeline's handle, for spawning.
///
/// # Errors
/// If the operating system gives no thread or no descriptor.
pub fn handle() -> io::Result<Handle> {
    let mut lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(running(&mut lifeline)?.runtime.handle().clone())
}

/// The handle of a second thread, where tasks may wait for Python: only for loops that have no bell, and
/// started by the first of them.
///
/// # Errors
/// If the operating system gives no thread or no descriptor.
pub fn patient_handle() -> io::Result<Handle> {
    let mut lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner);
    running(&mut lifeline)?.patient_handle()
}

fn running(lifeline: &mut Option<Lifeline>) -> io::Result<&mut Lifeline> {
    let process = std::process::id();
    let own = if let Some(running) = lifeline.take_if(|running| running.process == process) {
        running
    } else {
        let runtime = thread("aiowebsocket-lifeline")?;
        let rounds = Arc::new(Rounds::default());
        runtime.spawn(rounds::make(Arc::clone(&rounds)));
        Lifeline { process, runtime, rounds, patient: None }
    };
    if let Some(parents) = lifeline.take() {
        parents.forget();
    }
    Ok(lifeline.insert(own))
}

fn thread(name: &str) -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build()
}

impl Lifeline {
    fn patient_handle(&mut self) -> io::Result<Handle> {
        let patient = match self.patient.take() {
            Some(patient) => patient,
            None => thread("aiowebsocket-python")?,
        };
        Ok(self.patient.insert(patient).handle().clone())
    }

    /// Its threads live in the parent process; joining or waking them here could only hang.
    fn forget(self) {
        std::mem::forget((self.runtime, self.patient));
    }

    fn stop(self, patience: Duration) {
        if let Some(patient) = self.patient {
            patient.shutdown_timeout(patience);
        }
        self.runtime.shutdown_timeout(patience);
    }
}

/// Ends the lifeline: what is under way is dropped, and what cannot be dropped (a name lookup) is
/// given `patience`.
pub fn stop(patience: Duration) {
    let lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner).take();
    match lifeline {
        Some(own) if own.process == std::process::id() => own.stop(patience),
        Some(parents) => parents.forget(),
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

/// Does what may wait for Python where the lifeline does not have to. False where there is no thread for
/// it.
pub(super) fn wait_elsewhere(work: impl FnOnce() + Send + 'static) -> bool {
    let patient = with_running(Lifeline::patient_handle);
    let spawned = patient.and_then(Result::ok).map(|patient| patient.spawn(async move { work() }));
    spawned.is_some()
}

/// There is one wherever a connection was opened; without one the process is about to end.
fn with_running<R>(act: impl FnOnce(&mut Lifeline) -> R) -> Option<R> {
    let mut lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner);
    lifeline.as_mut().filter(|running| running.process == std::process::id()).map(act)
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
