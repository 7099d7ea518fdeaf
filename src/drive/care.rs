//! What the lifeline asks of a link: to do what is due, to say whether its loop serves it, and to be
//! read and written in the loop's place. None of it needs Python.

use std::io;
use std::sync::{Arc, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::lifeline::{Attendance, Attention, Unserved};
use super::link::Link;
use super::open::{Arrived, Open, Wants};
use crate::protocol::Phase;

/// How the link is cared for.
#[derive(Clone, Copy, Debug)]
pub struct Care {
    /// With this much output unsent, senders wait.
    pub write_limit: usize,
    /// How long a loop may leave its links alone until it is looked after them.
    pub sweep: Duration,
    /// How long a loop may leave unheard that there is something for it; None: for ever.
    pub app_stall_timeout: Option<Duration>,
}

/// Who serves the link.
#[derive(Debug, Default)]
pub(super) enum Attendant {
    #[default]
    Loop,
    /// The lifeline, since the loop has stalled.
    StandIn(Box<Attendance>),
    /// The lifeline for good: the loop cannot watch sockets.
    Lifeline(Box<Attendance>),
}

impl Link {
    /// Has the lifeline serve the link from now on.
    ///
    /// # Errors
    /// If the operating system will not watch the socket.
    pub fn attend(self: &Arc<Self>) -> io::Result<()> {
        let mut open = self.lock();
        if let Some(stream) = &open.stream {
            let attendance = Attendance::start(Arc::downgrade(self), stream.socket())?;
            open.attendant = Attendant::Lifeline(Box::new(attendance));
        }
        Ok(())
    }

    /// How long its loop may leave it alone.
    pub(super) const fn sweep(&self) -> Duration {
        self.sweep
    }

    /// The time has come that the rounds were told: does what is due.
    pub(super) fn keep_deadline(&self, told: Instant, now: Instant) {
        let mut open = self.lock();
        if open.told == Some(told) {
            open.told = None;
        }
        let (before, unsent) = (open.wants(), open.engine.unsent());
        if open.engine.is_overdue(now) {
            open.catch_up(now);
        }
        open.engine.handle_timeout(now);
        self.lose_patience(&mut open, now);
        // What is kept back for more to leave with it stays where it is.
        if open.wants() != before || open.engine.unsent() != unsent {
            self.tell(open, before);
        } else {
            self.remind(&mut open);
        }
    }

    /// What there may be to do on its socket; None where somebody is at it.
    pub(super) fn unserved(&self) -> Option<Unserved> {
        self.try_lock()?.unserved()
    }

    /// Has the lifeline stand in for the loop, if it has not served the link since it was asked.
    pub(super) fn stand_in(self: &Arc<Self>, served: u64) {
        let Some(mut open) = self.try_lock() else { return };
        if open.served != served || open.unserved().is_none() {
            return;
        }
        let Some(stream) = &open.stream else { return };
        // Where there is no descriptor left for it, the next sweep tries again.
        let Ok(attendance) = Attendance::start(Arc::downgrade(self), stream.socket()) else {
            return;
        };
        open.takeovers += 1;
        open.attendant = Attendant::StandIn(Box::new(attendance));
        drop(open);
        // So that the loop comes back to its link as soon as it can.
        self.wake();
    }

    /// An application that is dead is not to look alive for ever.
    fn lose_patience(&self, open: &mut Open, now: Instant) {
        if let (Some(timeout), Some(waker)) = (self.app_stall_timeout, self.waker())
            && open.engine.phase() == Phase::Open
            && waker.patience(timeout).is_some_and(|end| end <= now)
        {
            open.engine.give_up(timeout, now);
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Open>> {
        match self.open.try_lock() {
            Ok(open) => Some(open),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What the lifeline is to wait for on the socket; None once it need not attend it any more.
    pub(super) fn attention(&self) -> Option<Attention> {
        let mut open = self.lock();
        if matches!(open.attendant, Attendant::Loop) || open.engine.phase() == Phase::Closed {
            return None;
        }
        if open.engine.is_stalled() && open.wants_input() {
            // There is room again for what has arrived already, though the socket may be silent.
            let before = open.wants();
            open.parse(0);
            self.tell(open, before);
            open = self.lock();
        }
        let wants = open.wants();
        open.attention = Attention { read: wants.read, write: wants.write };
        Some(open.attention)
    }

    /// Reads once in the loop's place.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing left to read.
    pub(super) fn attend_input(&self) -> io::Result<()> {
        let mut open = self.lock();
        if matches!(open.attendant, Attendant::Loop) || !open.wants_input() {
            return Ok(());
        }
        let before = open.wants();
        match open.receive() {
            Arrived::Nothing => {
                open.give_input_back();
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Arrived::Parsed | Arrived::PartOfRecord => {}
            Arrived::Unparsed => open.parse(0),
        }
        self.tell(open, before);
        if self.app_stall_timeout.is_some() {
            // Whoever hears of everything shows that he is alive.
            self.wake();
        }
        Ok(())
    }

    /// Writes in the loop's place.
    ///
    /// # Errors
    /// `WouldBlock` when the socket takes no more.
    pub(super) fn attend_output(&self) -> io::Result<()> {
        let mut open = self.lock();
        let before = open.wants();
        open.flush();
        let full = open.blocked;
        self.tell(open, before);
        if full { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    /// Ends a change that is not the driver's, and has the driver look if that has changed anything for it.
    pub(super) fn tell(&self, mut open: MutexGuard<'_, Open>, before: Wants) {
        let wants = self.settle(&mut open);
        drop(open);
        if wants != before {
            self.wake();
        }
    }

    /// Called when the socket that is watched has hung up.
    #[cfg(target_os = "linux")]
    pub(super) fn handle_hang_up(&self) {
        let mut open = self.lock();
        open.hung_up = true;
        if open.stream.is_some() {
            drop(open);
            self.wake();
        }
    }
}
