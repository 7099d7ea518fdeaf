//! Threads of ours: none takes a signal that is meant for the program, and one that cannot be started is an
//! error and no panic.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread on which every signal is blocked from its first instruction on.
///
/// # Errors
/// If the operating system gives no thread.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    with_signals_blocked(|| Builder::new().name(name.to_owned()).spawn(work))
}

/// A new thread has its maker's mask, so the maker blocks them all meanwhile.
#[cfg(unix)]
fn with_signals_blocked<R>(make: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    use nix::sys::signal::{SigSet, SigmaskHow};

    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let thread = make();
    before.thread_set_mask()?;
    thread
}

#[cfg(not(unix))]
fn with_signals_blocked<R>(make: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    make()
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use nix::sys::signal::SigSet;

    use super::*;

    #[test]
    fn every_signal_is_blocked_in_the_thread_and_none_more_in_its_maker() {
        let before = SigSet::thread_get_mask().unwrap();
        let (tell, told) = mpsc::channel();
        let thread = spawn("test", move || tell.send(SigSet::thread_get_mask().unwrap()).unwrap());
        thread.unwrap().join().unwrap();
        let blocked = told.recv().unwrap();
        // Of these two the system does not let go.
        let never = [nix::libc::SIGKILL, nix::libc::SIGSTOP];
        let signals = nix::sys::signal::Signal::iterator();
        for signal in signals.filter(|signal| !never.contains(&(*signal as i32))) {
            assert!(blocked.contains(signal), "{signal}");
        }
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }
}
