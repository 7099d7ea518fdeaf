//! `Link`: one open connection, under one lock, called by whoever drives it and by the user's sends; what
//! the lifeline calls is in `link/ward`.
//!
//! Each call follows one order: change the engine, flush its output, say what the link now wants.
//! Nothing here waits, but a thread that asks to.

mod sending;
mod taking;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
mod ward;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::lifeline::{self, Attendant, Ward, Watch};
use super::open::{Arrived, Ending, Open, Wants};
use super::stream::Stream;
use super::waker::Waker;
use super::{masks, panics};
use crate::protocol::{Close, CloseCode, Config, Connection, Event, Phase, SendError, Stats};

pub use sending::{Flush, Frame, Line, Sent, Waited};
pub use ward::Care;

/// Then who waits for the lock has had time enough to be there.
const MOST_YIELDS: u32 = 10_000;

#[derive(Debug)]
pub struct Link {
    open: Mutex<Open>,
    /// How many wait for it.
    at_the_door: AtomicUsize,
    care: Care,
    /// For the lifeline to keep.
    weak: Weak<Self>,
    compresses: bool,
    waker: OnceLock<Waker>,
    /// Told of every change while threads wait.
    changed: Condvar,
}

impl Link {
    /// Starts on a stream whose opening handshake is done; `early` are the bytes behind its response.
    #[must_use]
    pub fn new(stream: Stream, early: &[u8], config: &Config, care: Care) -> Arc<Self> {
        let engine = Connection::new(config, Box::new(masks::fresh_key));
        let mut open = Open::new(engine, stream, care.write_limit);
        open.engine.handle_timeout(Instant::now());
        open.receive_early(early);
        let link = Arc::new_cyclic(|weak| Self {
            open: Mutex::new(open),
            at_the_door: AtomicUsize::new(0),
            care,
            weak: Weak::clone(weak),
            compresses: config.deflate.is_some(),
            waker: OnceLock::new(),
            changed: Condvar::new(),
        });
        link.remind(&mut link.lock());
        lifeline::enlist(link.as_ward(), care.sweep);
        link
    }

    /// Whom the lifeline wakes when it has changed the link. The first one stays.
    pub fn on_wake(&self, waker: Waker) {
        let _taken = self.waker.set(waker);
    }

    /// Has the lifeline serve the link from now on.
    ///
    /// # Errors
    /// If the operating system will not watch the socket.
    pub fn give_to_lifeline(&self) -> io::Result<()> {
        self.enter(|open| {
            let Some(stream) = &open.stream else { return Ok(()) };
            let attendant = Attendant::start(self.as_ward(), stream.socket())?;
            open.service.give_to_lifeline(attendant);
            Ok(())
        })
    }

    /// Has the lifeline wake the driver too when the socket is at its end or has an error: for a loop
    /// that may miss it.
    ///
    /// # Errors
    /// If the operating system will not watch the socket.
    pub fn watch(&self) -> io::Result<()> {
        self.enter(|open| {
            if let Some(stream) = &open.stream {
                let socket = Arc::clone(stream.shared_socket());
                open.watch = Some(Box::new(Watch::start(self.as_ward(), socket)?));
            }
            Ok(())
        })
    }

    /// The driver has been woken, or comes by itself: what the link wants now.
    pub fn look(&self) -> Wants {
        if let Some(waker) = self.waker.get() {
            waker.heard();
        }
        self.enter(|open| {
            open.service.loop_came();
            open.wants()
        })
    }

    /// Has the driver look at what the link wants now. No lock is held.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.get()
            && waker.wake()
            && self.care.app_stall_timeout.is_some()
        {
            self.enter(|open| self.remind(open));
        }
    }

    /// The socket is readable: reads once, parses, answers. None where there is much to inflate: that is
    /// left to `inflate`, which may be called where others need not wait for it.
    pub fn receive(&self) -> Option<Wants> {
        self.enter(|open| {
            open.service.loop_came();
            if !open.wants_input() && !open.engine.is_stalled() {
                // What was read in the loop's place is enough for now.
                return Some(self.settle(open));
            }
            (open.receive() != Arrived::Unparsed).then(|| self.settle(open))
        })
    }

    /// Reads again and again until something arrives; None if nothing does within `patience`. What was
    /// kept back goes first, for it may be what is to be answered. `inflate` is called where there is
    /// much to inflate, and no lock held.
    pub fn poll(&self, patience: Duration, inflate: impl FnOnce() -> Wants) -> Option<Wants> {
        let began = Instant::now();
        self.enter(|open| {
            if open.held {
                open.flush();
            }
        });
        loop {
            let polled = self.enter(|open| match open.receive() {
                Arrived::Nothing | Arrived::PartOfRecord => {
                    open.give_input_back();
                    None
                }
                Arrived::Parsed => Some(Some(self.settle(open))),
                Arrived::Unparsed => Some(None),
            });
            match polled {
                Some(Some(wants)) => return Some(wants),
                Some(None) => return Some(inflate()),
                None if began.elapsed() >= patience => return None,
                None => std::hint::spin_loop(),
            }
        }
    }

    /// Parses what `receive` has left.
    pub fn inflate(&self) -> Wants {
        self.enter(|open| {
            open.parse(0);
            self.settle(open)
        })
    }

    /// Whether what has arrived waits for messages to be taken, though the socket may be silent.
    pub fn is_stalled(&self) -> bool {
        self.compresses && self.enter(|open| open.engine.is_stalled())
    }

    /// The socket is writable again.
    pub fn flush(&self) -> Wants {
        self.enter(|open| {
            open.service.loop_came();
            open.service.count();
            self.settle(open)
        })
    }

    /// The number of the Ping, by which its Pong's event names it.
    pub fn ping(&self, payload: Option<&[u8]>) -> Result<(u64, Wants), SendError> {
        self.enter(|open| {
            let id = open.engine.send_ping(payload, Instant::now())?;
            Ok((id, self.settle(open)))
        })
    }

    pub fn pong(&self, payload: &[u8]) -> Result<Wants, SendError> {
        self.enter(|open| {
            open.engine.send_pong(payload)?;
            Ok(self.settle(open))
        })
    }

    /// Starts the closing handshake; the deadline runs from here.
    pub fn close(&self, close: &Close) -> Result<Wants, SendError> {
        self.enter(|open| {
            open.engine.send_close(close.clone(), Instant::now())?;
            Ok(self.settle(open))
        })
    }

    /// A message that was to be text is none: fails the connection.
    pub fn refuse_text(&self, position: u64) -> Wants {
        self.enter(|open| {
            open.engine.refuse_text(position, Instant::now());
            self.settle(open)
        })
    }

    /// Ends the connection without waiting for the peer: a Close if it can be written now, then TCP.
    pub fn abandon(&self, code: CloseCode) {
        self.enter(|open| {
            if open.engine.send_close(Close::new(code, ""), Instant::now()).is_ok() {
                open.flush();
            }
            open.engine.receive_end();
            self.let_go(open);
        });
    }

    pub fn events(&self) -> Vec<Event> {
        self.enter(|open| std::iter::from_fn(|| open.engine.poll_event()).collect())
    }

    /// Closes the descriptor. Nobody may be watching it any more.
    pub fn release(&self) {
        self.enter(|open| self.let_go(open));
    }

    /// Lets go of a connection that belongs to the process this one was forked from: says nothing to its
    /// peer. Waits for no lock, which a thread may hold that exists in the parent only.
    pub fn disown(&self) {
        if let Some(mut open) = self.try_lock() {
            drop((open.watch.take(), open.stream.take()));
        }
    }

    pub fn wants(&self) -> Wants {
        self.enter(|open| open.wants())
    }

    pub fn phase(&self) -> Phase {
        self.enter(|open| open.engine.phase())
    }

    pub fn queued(&self) -> usize {
        self.enter(|open| open.engine.queued())
    }

    pub fn sending_fragments(&self) -> bool {
        self.enter(|open| open.engine.sending_fragments())
    }

    pub fn close_code(&self) -> CloseCode {
        self.enter(|open| open.engine.close_code())
    }

    pub fn ending(&self) -> Ending {
        self.enter(|open| Ending {
            received: open.engine.received_close().cloned(),
            sent: open.engine.sent_close().cloned(),
            first: open.engine.closed_first(),
            cause: open.cause(),
        })
    }

    /// A snapshot of what is counted, and how often the lifeline stood in for the loop.
    pub fn stats(&self) -> (Stats, u64) {
        self.enter(|open| (open.engine.stats(), open.service.takeovers()))
    }

    /// The last round trip of a Ping.
    pub fn latency(&self) -> Option<Duration> {
        self.enter(|open| open.engine.latency())
    }

    /// When the message arrived that was taken last.
    pub fn taken_at(&self) -> Option<Instant> {
        self.enter(|open| open.engine.taken_at())
    }

    /// The door to what is locked. Where there is a bug behind it, the connection has failed with that,
    /// and whoever came finds it closed.
    fn enter<R>(&self, mut work: impl FnMut(&mut MutexGuard<'_, Open>) -> R) -> R {
        match panics::caught(|| work(&mut self.lock())) {
            Ok(done) => done,
            Err(bug) => {
                let mut open = self.lock();
                open.break_down(bug);
                work(&mut open)
            }
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Open> {
        match self.open.try_lock() {
            Ok(open) => open,
            Err(reason) => self.lock_in_the_end(reason),
        }
    }

    #[cold]
    fn lock_in_the_end<'a>(
        &'a self,
        reason: TryLockError<MutexGuard<'a, Open>>,
    ) -> MutexGuard<'a, Open> {
        match reason {
            TryLockError::Poisoned(poisoned) => self.repair(poisoned),
            TryLockError::WouldBlock => {
                self.at_the_door.fetch_add(1, Ordering::Relaxed);
                let open = self.open.lock();
                self.at_the_door.fetch_sub(1, Ordering::Relaxed);
                open.unwrap_or_else(|poisoned| self.repair(poisoned))
            }
        }
    }

    fn repair<'a>(&self, poisoned: PoisonError<MutexGuard<'a, Open>>) -> MutexGuard<'a, Open> {
        self.open.clear_poison();
        let mut open = poisoned.into_inner();
        open.break_down(panics::last());
        open
    }

    /// The lock is whoever's comes first, and the lifeline, where it reads and reads, is always there
    /// before who has to be woken for it.
    fn lock_after_others(&self) -> MutexGuard<'_, Open> {
        let mut patience = 0..MOST_YIELDS;
        while self.at_the_door.load(Ordering::Relaxed) > 0 && patience.next().is_some() {
            thread::yield_now();
        }
        self.lock()
    }

    /// None where somebody is at it; he leaves it in good order, or the next one finds out.
    fn try_lock(&self) -> Option<MutexGuard<'_, Open>> {
        match self.open.try_lock() {
            Ok(open) => Some(open),
            Err(TryLockError::Poisoned(poisoned)) => Some(self.repair(poisoned)),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What follows every change.
    fn settle(&self, open: &mut MutexGuard<'_, Open>) -> Wants {
        let wants = open.settle();
        self.remind(open);
        self.tell_threads(open);
        wants
    }

    /// Ends a change that is not the driver's, and has the driver look if that has changed anything for it.
    fn tell(&self, mut open: MutexGuard<'_, Open>, before: Wants) {
        let wants = self.settle(&mut open);
        drop(open);
        if wants != before {
            self.wake();
        }
    }

    fn let_go(&self, open: &mut Open) {
        open.release();
        self.tell_threads(open);
    }

    fn tell_threads(&self, open: &Open) {
        if open.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Tells the lifeline when something is due, if that is sooner than it has been told.
    fn remind(&self, open: &mut Open) {
        self.arm_stall(open);
        if let Some(due) = open.engine.poll_timeout()
            && open.told.is_none_or(|told| due < told)
        {
            lifeline::remind(&self.as_ward(), open.told.replace(due), due);
        }
    }

    /// An application that is dead is not to look alive for ever.
    fn arm_stall(&self, open: &mut Open) {
        if let Some(timeout) = self.care.app_stall_timeout {
            let patience = self.waker.get().and_then(|waker| waker.patience(timeout));
            open.engine.arm_stall(patience.map(|end| (end, timeout)));
        }
    }

    fn as_ward(&self) -> Weak<dyn Ward> {
        Weak::<Self>::clone(&self.weak)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let told = self.lock().told;
        lifeline::forget(&self.as_ward(), told);
    }
}
