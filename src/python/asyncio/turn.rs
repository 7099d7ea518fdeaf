//! The loop's turn: a task that never has to wait is stopped after some milliseconds, so that the loop's
//! other tasks and callbacks run, however long the queue and however slow the task.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::drive::coarse_now;

/// In nanoseconds. A message takes microseconds, a turn of the loop some tens of them: one in so long a
/// time costs nothing, and twice as long is soon enough for anybody.
const LENGTH: u64 = 5_000_000;

/// While the clock stands still the task is fast: so many messages then pass without a look at it.
const UNLOOKED: u8 = 3;

/// Of the loop, in one turn: in the first it tells what is due, in the second those run whom that has
/// woken, and with the third the task goes on.
pub(crate) const ROUNDS_OF_A_TURN: u8 = 3;

#[derive(Default)]
pub(crate) struct Turn {
    /// When it began, in nanoseconds of the coarse clock.
    began: AtomicU64,
    /// What the clock has shown last, and how many messages it is not to be asked for.
    seen: AtomicU64,
    unlooked: AtomicU8,
    /// The loop has been asked to say when it comes by, and has not yet.
    asked: AtomicBool,
}

/// What is to be done about the turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// The loop is to be asked to say when it comes by: the task may have waited elsewhere meanwhile.
    Ask,
    /// It has been asked, and has not come: the task is to wait for it.
    Pause,
}

impl Turn {
    /// The loop has come by.
    pub(crate) fn begin(&self) {
        self.began.store(coarse_now(), Ordering::Relaxed);
    }

    /// The loop has come by and says so, as it was asked to.
    pub(crate) fn answered(&self) {
        self.asked.store(false, Ordering::Relaxed);
        self.begin();
    }

    pub(crate) fn due(&self) -> Due {
        let unlooked = self.unlooked.load(Ordering::Relaxed);
        if unlooked > 0 {
            self.unlooked.store(unlooked - 1, Ordering::Relaxed);
            return Due::Nothing;
        }
        let now = coarse_now();
        if self.seen.load(Ordering::Relaxed) == now {
            self.unlooked.store(UNLOOKED, Ordering::Relaxed);
            return Due::Nothing;
        }
        self.seen.store(now, Ordering::Relaxed);
        if now.saturating_sub(self.began.load(Ordering::Relaxed)) < LENGTH {
            return Due::Nothing;
        }
        self.began.store(now, Ordering::Relaxed);
        if self.asked.swap(true, Ordering::Relaxed) { Due::Pause } else { Due::Ask }
    }
}
