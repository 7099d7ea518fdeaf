//! The deadlines of a connection in one table. Knows when each is, and nothing of what happens then.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The next Ping leaves.
    Ping,
    /// The Pong that is awaited is overdue; or while reading pauses, to look again.
    Pong,
    /// Closing has taken as long as it may.
    Close,
    /// The server has had the time to end TCP first.
    Shutdown,
    /// The application has left unheard for too long that something waits for it.
    Stall,
}

#[derive(Debug, Default)]
pub(super) struct Timers([Option<Instant>; 5]);

impl Timers {
    /// The earliest.
    pub(super) fn poll(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    pub(super) const fn at(&self, timer: Timer) -> Option<Instant> {
        self.0[timer as usize]
    }

    pub(super) const fn arm(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(super) const fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn expired(&self, timer: Timer, now: Instant) -> bool {
        self.at(timer).is_some_and(|at| at <= now)
    }
}

/// A time so far away is never.
pub(super) const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// For ever, where the clock does not reach so far.
pub(super) fn after(now: Instant, duration: Duration) -> Instant {
    now.checked_add(duration.min(FOR_EVER)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timer_has_a_place_of_its_own_and_the_earliest_is_polled() {
        use Timer::{Close, Ping, Pong, Shutdown, Stall};
        let (mut timers, start) = (Timers::default(), Instant::now());
        assert_eq!(timers.poll(), None);
        let at = |seconds| start + Duration::from_secs(seconds);
        for (timer, seconds) in [(Ping, 5), (Pong, 4), (Close, 3), (Shutdown, 2), (Stall, 1)] {
            timers.arm(timer, at(seconds));
            assert_eq!(timers.poll(), Some(at(seconds)));
        }
        for (timer, seconds) in [(Stall, 1), (Shutdown, 2), (Close, 3), (Pong, 4), (Ping, 5)] {
            assert_eq!((timers.poll(), timers.at(timer)), (Some(at(seconds)), Some(at(seconds))));
            assert!(!timers.expired(timer, at(seconds - 1)) && timers.expired(timer, at(seconds)));
            timers.stop(timer);
            assert!(!timers.expired(timer, at(9)));
        }
        assert_eq!(timers.poll(), None);
    }
}
