//! Threads of our own, which take none of the process's signals: those are for the program's threads,
//! some of which wait for them (`sigwait`) with all others blocking them.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread with all signals blocked; those that it starts inherit that.
///
/// # Errors
/// If the operating system gives no thread.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.to_owned());
    with_signals_blocked(|| builder.spawn(work))?
}

/// A thread inherits the mask of the one that starts it (pthread_create(3)), so from its first
/// instruction on it takes no signal.
#[cfg(unix)]
fn with_signals_blocked<T>(act: impl FnOnce() -> T) -> io::Result<T> {
    use nix::sys::signal::{SigSet, SigmaskHow};

    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let outcome = act();
    mask.thread_set_mask()?;
    Ok(outcome)
}

#[cfg(not(unix))]
fn with_signals_blocked<T>(act: impl FnOnce() -> T) -> io::Result<T> {
    Ok(act())
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use nix::sys::signal::{SigSet, Signal};

    use super::*;

    /// No mask holds these two.
    fn blockable() -> impl Iterator<Item = Signal> {
        Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP))
    }

    #[test]
    fn a_thread_blocks_all_signals_and_so_do_those_it_starts() {
        let (tell, told) = mpsc::channel();
        let thread = spawn("blocking", move || {
            tell.send(SigSet::thread_get_mask().unwrap()).unwrap();
            let inner = std::thread::spawn(|| SigSet::thread_get_mask().unwrap());
            tell.send(inner.join().unwrap()).unwrap();
        });
        thread.unwrap().join().unwrap();
        let masks: Vec<SigSet> = told.iter().collect();
        assert_eq!(masks.len(), 2);
        for mask in masks {
            assert!(blockable().all(|signal| mask.contains(signal)), "{mask:?}");
        }
    }

    #[test]
    fn who_starts_a_thread_keeps_its_mask() {
        let mut before = SigSet::empty();
        before.add(Signal::SIGUSR2);
        before.thread_set_mask().unwrap();
        spawn("short", || ()).unwrap().join().unwrap();
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }

    #[test]
    fn a_thread_has_the_name_it_was_given() {
        let (tell, told) = mpsc::channel();
        let name = move || tell.send(std::thread::current().name().map(str::to_owned)).unwrap();
        spawn("lookup", name).unwrap().join().unwrap();
        assert_eq!(told.recv().unwrap().as_deref(), Some("lookup"));
    }
}
