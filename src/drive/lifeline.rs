//! The lifeline: a background I/O thread for what must happen even when Python cannot run. It opens
//! connections, serves those whose event loop does not, and watches for the ends that an event loop may
//! miss; its rounds, on a thread of their own, keep time and look who is left alone.
//!
//! Started on first use; a forked child, which has no such threads, starts its own. Knows its wards, and
//! nothing of what they are.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::{PerProcess, threads};
use rounds::Rounds;
use thread::Thread;

mod attendant;
mod rounds;
mod thread;
mod ward;
#[cfg(target_os = "linux")]
mod watch;

pub(super) use attendant::Attendant;
pub use rounds::LONGEST_SWEEP;
pub(super) use ward::{Interest, Unserved, Ward};
#[cfg(target_os = "linux")]
pub(super) use watch::Watch;

/// A forked child has one of its own, and what is its parent's must not be dropped there: joining or waking
/// the parent's threads could only hang.
static LIFELINE: PerProcess<Mutex<Option<Lifeline>>> = PerProcess::new(none(), none);

const fn none() -> Mutex<Option<Lifeline>> {
    Mutex::new(None)
}

struct Lifeline {
    thread: Thread,
    rounds: Arc<Rounds>,
    /// A second thread, for what may have to wait for Python.
    patient: Option<Thread>,
    /// For the event loops that miss ends.
    #[cfg(target_os = "linux")]
    watches: Option<Arc<watch::Watches>>,
}

/// The lifeline's handle, for spawning.
///
/// # Errors
/// If the operating system gives no thread or no descriptor.
pub fn handle() -> io::Result<Handle> {
    Ok(running(&mut kept())?.thread.handle().clone())
}

/// The handle of a second thread, where tasks may wait for Python: only for loops that cannot be woken
/// without, and started by the first of them.
///
/// # Errors
/// If the operating system gives no thread or no descriptor.
pub fn patient_handle() -> io::Result<Handle> {
    running(&mut kept())?.patient_handle()
}

#[cfg(target_os = "linux")]
fn watches() -> io::Result<Arc<watch::Watches>> {
    running(&mut kept())?.watches()
}

fn running(lifeline: &mut Option<Lifeline>) -> io::Result<&mut Lifeline> {
    let own = match lifeline.take() {
        Some(running) => running,
        None => Lifeline::start()?,
    };
    Ok(lifeline.insert(own))
}

/// This process's own.
fn kept() -> MutexGuard<'static, Option<Lifeline>> {
    LIFELINE.get().lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lifeline {
    fn start() -> io::Result<Self> {
        let thread = Thread::start("aiowebsocket-lifeline")?;
        let rounds = Arc::new(Rounds::default());
        let made = Arc::clone(&rounds);
        threads::spawn("aiowebsocket-rounds", move || made.make())?;
        Ok(Self {
            thread,
            rounds,
            patient: None,
            #[cfg(target_os = "linux")]
            watches: None,
        })
    }

    fn patient_handle(&mut self) -> io::Result<Handle> {
        let patient = match self.patient.take() {
            Some(patient) => patient,
            None => Thread::start("aiowebsocket-python")?,
        };
        Ok(self.patient.insert(patient).handle().clone())
    }

    #[cfg(target_os = "linux")]
    fn watches(&mut self) -> io::Result<Arc<watch::Watches>> {
        let watches = match self.watches.take() {
            Some(watches) => watches,
            None => watch::Watches::start(self.thread.handle())?,
        };
        Ok(Arc::clone(self.watches.insert(watches)))
    }

    fn stop(self, patience: Duration) {
        let end = Instant::now() + patience;
        let left = || end.saturating_duration_since(Instant::now());
        self.rounds.end(left());
        if let Some(patient) = self.patient {
            patient.stop(left());
        }
        self.thread.stop(left());
    }
}

/// Ends the lifeline: what is under way is dropped. Waits for its threads as long as `patience`, all
/// together.
pub fn stop(patience: Duration) {
    let lifeline = kept().take();
    if let Some(lifeline) = lifeline {
        lifeline.stop(patience);
    }
}

/// Has the rounds look at this ward for as long as it is there.
pub(super) fn enlist(ward: Weak<dyn Ward>, sweep: Duration) {
    with_running(|running| running.rounds.enlist(ward, sweep));
}

/// Has the rounds come by at that time, and no more at the one they were told before.
pub(super) fn remind(ward: &Weak<dyn Ward>, told: Option<Instant>, at: Instant) {
    with_running(|running| running.rounds.remind(ward, told, at));
}

/// The ward is gone.
pub(super) fn forget(ward: &Weak<dyn Ward>, told: Option<Instant>) {
    with_running(|running| running.rounds.forget(ward, told));
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
    kept().as_mut().map(act)
}

/// No other system has an event loop that needs one.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) enum Watch {}

#[cfg(not(target_os = "linux"))]
impl Watch {
    pub(super) fn start(_: Weak<dyn Ward>, _: Arc<std::net::TcpStream>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
