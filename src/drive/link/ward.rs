//! What the lifeline asks of a link: to do what is due, to say whether its loop serves it, and to be
//! read and written in the loop's place. None of it needs Python.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Link;
use crate::drive::lifeline::{Attendant, Interest, Unserved, Ward};
use crate::drive::open::Arrived;
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

impl Ward for Link {
    fn sweep(&self) -> Duration {
        self.care.sweep
    }

    fn keep_deadline(&self, told: Instant, now: Instant) {
        let mut open = self.lock();
        if open.told == Some(told) {
            open.told = None;
        }
        let (before, unsent) = (open.wants(), open.engine.unsent());
        if open.engine.is_overdue(now) {
            open.catch_up(now);
        }
        self.arm_stall(&mut open);
        open.engine.handle_timeout(now);
        // What is kept back for more to leave with it stays where it is.
        if open.wants() != before || open.engine.unsent() != unsent || open.is_to_shut_down() {
            self.tell(open, before);
        } else {
            self.remind(&mut open);
        }
    }

    fn unserved(&self) -> Option<Unserved> {
        self.try_lock()?.unserved()
    }

    fn stand_in(self: Arc<Self>, served: u64) {
        let Some(mut open) = self.try_lock() else { return };
        if open.service.turns() != served || open.unserved().is_none() {
            return;
        }
        let Some(stream) = &open.stream else { return };
        // Where there is no descriptor left for it, the next sweep tries again.
        let Ok(attendant) = Attendant::start(self.as_ward(), stream.socket()) else { return };
        open.service.stand_in(attendant);
        drop(open);
        // So that the loop comes back to its link as soon as it can.
        self.wake();
    }

    fn interest(&self) -> Option<Interest> {
        let mut open = self.lock_after_others();
        if !open.service.is_the_lifelines() || open.engine.phase() == Phase::Closed {
            return None;
        }
        if open.engine.is_stalled() && open.wants_input() {
            // There is room again for what has arrived already, though the socket may be silent.
            let before = open.wants();
            open.parse(0);
            self.tell(open, before);
            open = self.lock();
        }
        let interest = open.interest();
        Some(open.service.wait_for(interest))
    }

    fn serve_input(&self) -> io::Result<()> {
        let mut open = self.lock_after_others();
        if !open.service.is_the_lifelines() || !open.wants_input() {
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
        if self.care.app_stall_timeout.is_some() {
            // Whoever hears of everything shows that he is alive.
            self.wake();
        }
        Ok(())
    }

    fn serve_output(&self) -> io::Result<()> {
        let mut open = self.lock();
        let before = open.wants();
        open.flush();
        let full = open.blocked;
        self.tell(open, before);
        if full { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    #[cfg(target_os = "linux")]
    fn hang_up(&self) {
        let mut open = self.lock();
        open.hung_up = true;
        if open.stream.is_some() {
            drop(open);
            self.wake();
        }
    }
}
