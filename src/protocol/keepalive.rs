//! Keepalive: when a Ping is due, and when its Pong is overdue (RFC 6455 5.5.2).
//!
//! Is told what happens, and when; sends nothing itself.

use std::time::{Duration, Instant};

/// A Ping may leave early by this part of the interval, and by no more than `MOST_EARLY`, so that those
/// of many connections leave together and an idle process sleeps longer.
const EARLY: u32 = 20;
const MOST_EARLY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Keepalive {
    interval: Duration,
    /// How long a Pong may take; None: for ever.
    timeout: Option<Duration>,
    /// When the next Ping is due; None before the clock was first looked at.
    next: Option<Instant>,
    awaited: Option<Awaited>,
}

/// The Pong that is awaited.
#[derive(Debug)]
struct Awaited {
    ping: u64,
    /// None while reading pauses.
    deadline: Option<Instant>,
    /// Reading has paused meanwhile, so the Pong may lie behind data that we have chosen not to read.
    behind: bool,
    /// Up to where our output must be written for the Ping to leave, and how much had been, last time.
    leaves_at: u64,
    written: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// The peer is lost: no Pong within this time.
    Failure(Duration),
}

impl Keepalive {
    pub(super) const fn new(interval: Duration, timeout: Option<Duration>) -> Self {
        Self { interval, timeout, next: None, awaited: None }
    }

    /// When to look again; None while reading pauses.
    pub(super) fn poll(&self) -> Option<Instant> {
        match &self.awaited {
            Some(awaited) if self.timeout.is_some() => awaited.deadline,
            _ => self.next,
        }
    }

    /// What is due now; `written` is how much of our output has ever been written.
    pub(super) fn handle(&mut self, now: Instant, paused: bool, written: u64) -> Due {
        let next = *self.next.get_or_insert_with(|| after(now, self.interval));
        let (Some(awaited), Some(timeout)) = (&mut self.awaited, self.timeout) else {
            let early = (self.interval / EARLY).min(MOST_EARLY);
            return if after(now, early) >= next { Due::Ping } else { Due::Nothing };
        };
        if paused {
            awaited.suspend();
            return Due::Nothing;
        }
        // Behind much output a Ping leaves late; that the output moves shows that the peer lives.
        if awaited.written < awaited.leaves_at && awaited.written < written {
            awaited.written = written;
            awaited.deadline = Some(after(now, timeout));
        }
        let deadline = *awaited.deadline.get_or_insert_with(|| after(now, timeout));
        if now < deadline { Due::Nothing } else { Due::Failure(timeout) }
    }

    /// A Ping has been queued; it will have left when `leaves_at` bytes of our output are written. Gives
    /// the one that was awaited until now.
    pub(super) fn sent(
        &mut self,
        ping: u64,
        now: Instant,
        leaves_at: u64,
        written: u64,
    ) -> Option<u64> {
        self.next = Some(after(now, self.interval));
        let deadline = self.timeout.map(|timeout| after(now, timeout));
        let awaited = Awaited { ping, deadline, behind: false, leaves_at, written };
        self.awaited.replace(awaited).map(|before| before.ping)
    }

    pub(super) fn skip(&mut self, now: Instant) {
        self.next = Some(after(now, self.interval));
    }

    /// Whether this was the Ping that is awaited.
    pub(super) fn answered(&mut self, ping: u64) -> bool {
        self.awaited.take_if(|awaited| awaited.ping == ping).is_some()
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.awaited.is_some() && self.poll().is_some_and(|deadline| deadline <= now)
    }

    /// Bytes have arrived: life, where the Pong may come behind what we have chosen not to read, and
    /// where it has to, behind the rest of a frame.
    pub(super) fn received(&mut self, now: Instant, within_frame: bool) {
        if let (Some(awaited), Some(timeout)) = (&mut self.awaited, self.timeout)
            && (awaited.behind || within_frame)
        {
            awaited.deadline = Some(after(now, timeout));
        }
    }

    /// We do not listen for a while; the peer is not dead for that.
    pub(super) fn suspend(&mut self) {
        if let Some(awaited) = &mut self.awaited {
            awaited.suspend();
        }
    }
}

impl Awaited {
    const fn suspend(&mut self) {
        self.behind = true;
        self.deadline = None;
    }
}

/// For ever, where the clock does not reach so far.
fn after(now: Instant, duration: Duration) -> Instant {
    const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(duration.min(FOR_EVER)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn sent(start: Instant, timeout: Option<Duration>) -> Keepalive {
        let mut keepalive = Keepalive::new(10 * S, timeout);
        assert_eq!(keepalive.handle(start, false, 0), Due::Nothing);
        assert_eq!(keepalive.poll(), Some(start + 10 * S));
        assert_eq!(keepalive.handle(start + 9 * S, false, 0), Due::Nothing);
        assert_eq!(keepalive.handle(start + 19 * S / 2, false, 0), Due::Ping);
        keepalive.sent(1, start + 10 * S, 0, 0);
        keepalive
    }

    #[test]
    fn a_pong_in_time_leads_to_the_next_ping() {
        let start = Instant::now();
        let mut keepalive = sent(start, Some(5 * S));
        assert_eq!(keepalive.poll(), Some(start + 15 * S));
        assert!(keepalive.answered(1));
        assert_eq!(keepalive.poll(), Some(start + 20 * S));
        assert_eq!(keepalive.handle(start + 20 * S, false, 6), Due::Ping);
    }

    #[test]
    fn a_pong_that_does_not_come_fails_the_connection() {
        let start = Instant::now();
        let mut keepalive = sent(start, Some(5 * S));
        keepalive.received(start + 14 * S, false);
        assert_eq!(keepalive.handle(start + 149 * S / 10, false, 6), Due::Nothing);
        assert_eq!(keepalive.handle(start + 15 * S, false, 6), Due::Failure(5 * S));
    }

    #[test]
    fn without_a_timeout_pings_go_on() {
        let start = Instant::now();
        let mut keepalive = sent(start, None);
        assert_eq!(keepalive.handle(start + 19 * S, false, 6), Due::Nothing);
        assert_eq!(keepalive.handle(start + 20 * S, false, 6), Due::Ping);
    }

    #[test]
    fn the_deadline_is_suspended_while_reading_pauses() {
        let start = Instant::now();
        let mut keepalive = sent(start, Some(5 * S));
        assert_eq!(keepalive.handle(start + 12 * S, true, 6), Due::Nothing);
        assert_eq!(keepalive.poll(), None);
        assert_eq!(keepalive.handle(start + 99 * S, true, 6), Due::Nothing);
        assert_eq!(keepalive.handle(start + 100 * S, false, 6), Due::Nothing);
        assert_eq!(keepalive.poll(), Some(start + 105 * S));
        keepalive.received(start + 104 * S, false);
        assert_eq!(keepalive.handle(start + 108 * S, false, 6), Due::Nothing);
        assert_eq!(keepalive.handle(start + 109 * S, false, 6), Due::Failure(5 * S));
    }

    #[test]
    fn the_rest_of_a_long_frame_is_life() {
        let start = Instant::now();
        let mut keepalive = sent(start, Some(5 * S));
        keepalive.received(start + 14 * S, true);
        assert_eq!(keepalive.handle(start + 18 * S, false, 6), Due::Nothing);
    }

    #[test]
    fn a_ping_that_has_not_left_waits_while_output_moves() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(10 * S, Some(5 * S));
        keepalive.handle(start, false, 0);
        keepalive.sent(1, start + 10 * S, 1_000_000, 100);
        assert_eq!(keepalive.handle(start + 15 * S, false, 5_000), Due::Nothing);
        assert_eq!(keepalive.handle(start + 20 * S, false, 9_000), Due::Nothing);
        assert_eq!(keepalive.handle(start + 24 * S, false, 1_000_500), Due::Nothing);
        assert_eq!(keepalive.handle(start + 28 * S, false, 1_000_900), Due::Nothing);
        assert_eq!(keepalive.handle(start + 29 * S, false, 1_000_900), Due::Failure(5 * S));
    }
}
