//! The lifeline: one tokio thread for what must happen even when Python cannot run. It opens
//! connections, keeps time for those that are open and looks whether they are served, serves those
//! that are not, and watches for the ends that an event loop may miss.
//!
//! Started on first use; a forked child, which has no such thread, starts its own.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
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
pub(super) use rounds::Unserved;
#[cfg(target_os = "linux")]
pub(super) use watch::Watch;

static LIFELINE: Place = Place { lifeline: Mutex::new(None), childs: OnceLock::new() };

/// Where a process keeps its lifeline. A forked child has a place of its own: a thread that it does not
/// have may have locked its parent's, and what is there must not be dropped in the child, for joining or
/// waking the parent's threads could only hang.
#[derive(Default)]
struct Place {
    lifeline: Mutex<Option<Lifeline>>,
    childs: OnceLock<Box<Self>>,
}

struct Lifeline {
    runtime: Runtime,
    rounds: Arc<Rounds>,
    /// A second thread, for what may have to wait for Python.
    patient: Option<Runtime>,
    /// For the event loops that miss ends.
    #[cfg(target_os = "linux")]
    watches: Option<Arc<watch::Watches>>,
}

/// The lifeline's handle, for spawning.
///
/// # Errors
/// If the operating system gives no thread or no descriptor.
pub fn handle() -> io::Result<Handle> {
    Ok(running(&mut kept())?.runtime.handle().clone())
}

/// The handle of a second thread, where tasks may wait for Python: only for loops that have no bell, and
/// started by the first of them.
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
    let own = if let Some(running) = lifeline.take() {
        running
    } else {
        let runtime = thread("aiowebsocket-lifeline")?;
        let rounds = Arc::new(Rounds::default());
        let made = Arc::clone(&rounds);
        runtime.spawn_blocking(move || made.make());
        Lifeline {
            runtime,
            rounds,
            patient: None,
            #[cfg(target_os = "linux")]
            watches: None,
        }
    };
    Ok(lifeline.insert(own))
}

/// This process's own.
fn kept() -> MutexGuard<'static, Option<Lifeline>> {
    let mut place = &LIFELINE;
    for _ in 0..super::forks() {
        place = place.childs.get_or_init(Box::default);
    }
    place.lifeline.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[cfg(target_os = "linux")]
    fn watches(&mut self) -> io::Result<Arc<watch::Watches>> {
        let watches = match self.watches.take() {
            Some(watches) => watches,
            None => watch::Watches::start(self.runtime.handle())?,
        };
        Ok(Arc::clone(self.watches.insert(watches)))
    }

    fn stop(self, patience: Duration) {
        self.rounds.end();
        if let Some(patient) = self.patient {
            patient.shutdown_timeout(patience);
        }
        self.runtime.shutdown_timeout(patience);
    }
}

/// Ends the lifeline: what is under way is dropped, and what cannot be dropped (a name lookup) is
/// given `patience`.
pub fn stop(patience: Duration) {
    let lifeline = kept().take();
    if let Some(lifeline) = lifeline {
        lifeline.stop(patience);
    }
}

/// Has the rounds look at this link for as long as it is open.
pub(super) fn enlist(link: &Arc<Link>) {
    with_running(|running| running.rounds.enlist(link));
}

/// Has the rounds come by this link at that time, and no more at the one they were told before.
pub(super) fn remind(link: &Weak<Link>, told: Option<Instant>, at: Instant) {
    with_running(|running| running.rounds.remind(link, told, at));
}

/// The link is gone.
pub(super) fn forget(link: &Weak<Link>, told: Option<Instant>) {
    with_running(|running| running.rounds.forget(link, told));
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
    pub(super) fn start(_: Weak<Link>, _: Arc<std::net::TcpStream>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
