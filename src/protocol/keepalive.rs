//! Keepalive: when a Ping is due, and when its Pong is overdue (RFC 6455 5.5.2).
//!
//! Is told what happens, and when; sends nothing itself.

use std::time::{Duration, Instant};

use super::timers::{Timer, Timers, after};

/// A Ping may leave early by this part of the interval, and by no more than `MOST_EARLY`, so that those
/// of many connections leave together and an idle process sleeps longer.
const EARLY: u32 = 20;
const MOST_EARLY: Duration = Duration::from_secs(1);

/// So many times `ping_timeout` after its Ping has left a Pong is missing, whatever else arrives. A Pong
/// comes "as soon as is practical" (RFC 6455 5.5.2), which is behind what the peer has still to read, and
/// behind what it has queued to send. While messages arrive that becomes less, so the Pong is late and not
/// missing; but a peer that never sends one is to be found. By default this is 200 s, in which a line of
/// 1 Mbit/s carries 25 MB: more than the buffers on the way hold, which are some MiB.
const MOST_LATE: u32 = 10;

#[derive(Debug)]
pub(super) struct Keepalive {
    interval: Duration,
    /// How long a Pong may take; None: for ever.
    timeout: Option<Duration>,
    // Boxed, for mostly none is.
    awaited: Option<Box<Awaited>>,
}

/// The Pong that is awaited.
#[derive(Debug)]
struct Awaited {
    ping: u64,
    /// When the next Ping is due, once this one is answered.
    next: Instant,
    /// What arrives moves the deadline up to here, or to where the frame ends that is under way then.
    latest: Instant,
    /// The last frame that may move it has ended.
    spent: bool,
    /// Since when reading pauses; the time does not count.
    paused: Option<Instant>,
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
        Self { interval, timeout, awaited: None }
    }

    /// What is due now; `written` is how much of our output has ever been written.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        paused: bool,
        written: u64,
        timers: &mut Timers,
    ) -> Due {
        let (Some(awaited), Some(timeout)) = (&mut self.awaited, self.timeout) else {
            if timers.at(Timer::Ping).is_none() {
                self.skip(now, timers);
            }
            let early = (self.interval / EARLY).min(MOST_EARLY);
            let is_due = timers.expired(Timer::Ping, after(now, early));
            return if is_due { Due::Ping } else { Due::Nothing };
        };
        if paused {
            awaited.pause(now, timeout, timers);
            return Due::Nothing;
        }
        awaited.go_on(now, timeout, timers);
        // Behind much output a Ping leaves late; that the output moves shows that the peer lives.
        if awaited.written < awaited.leaves_at && awaited.written < written {
            awaited.written = written;
            awaited.begin(now, timeout, timers);
        }
        if timers.expired(Timer::Pong, now) { Due::Failure(timeout) } else { Due::Nothing }
    }

    /// A Ping has been queued; it will have left when `leaves_at` bytes of our output are written. Gives
    /// the one that was awaited until now.
    pub(super) fn sent(
        &mut self,
        ping: u64,
        now: Instant,
        (leaves_at, written): (u64, u64),
        timers: &mut Timers,
    ) -> Option<u64> {
        let next = after(now, self.interval);
        let mut awaited =
            Awaited { ping, next, latest: now, spent: false, paused: None, leaves_at, written };
        if let Some(timeout) = self.timeout {
            awaited.begin(now, timeout, timers);
            timers.stop(Timer::Ping);
        } else {
            timers.arm(Timer::Ping, next);
        }
        self.awaited.replace(Box::new(awaited)).map(|before| before.ping)
    }

    /// The next Ping is due at an interval from now.
    pub(super) fn skip(&mut self, now: Instant, timers: &mut Timers) {
        timers.arm(Timer::Ping, after(now, self.interval));
    }

    /// Whether this was the Ping that is awaited.
    pub(super) fn answered(&mut self, ping: u64, timers: &mut Timers) -> bool {
        let Some(awaited) = self.awaited.take_if(|awaited| awaited.ping == ping) else {
            return false;
        };
        if self.timeout.is_some() {
            timers.stop(Timer::Pong);
            timers.arm(Timer::Ping, awaited.next);
        }
        true
    }

    /// While reading pauses nothing is overdue.
    pub(super) fn is_overdue(&self, now: Instant, timers: &Timers) -> bool {
        let listens = self.awaited.as_ref().is_some_and(|awaited| awaited.paused.is_none());
        listens && timers.expired(Timer::Pong, now)
    }

    /// Bytes have arrived, which is life; `within_frame` says that none of them could be a Pong's.
    pub(super) fn received(&mut self, now: Instant, within_frame: bool, timers: &mut Timers) {
        if let (Some(awaited), Some(timeout)) = (&mut self.awaited, self.timeout) {
            awaited.go_on(now, timeout, timers);
            awaited.excuse(now, timeout, within_frame, timers);
        }
    }

    /// We do not listen for a while; the peer is not dead for that.
    pub(super) fn pause(&mut self, now: Instant, timers: &mut Timers) {
        if let (Some(awaited), Some(timeout)) = (&mut self.awaited, self.timeout) {
            awaited.pause(now, timeout, timers);
        }
    }

    /// The connection closes: no Ping leaves any more, and no Pong is missed.
    pub(super) const fn end(&mut self, timers: &mut Timers) {
        self.timeout = None;
        timers.stop(Timer::Ping);
        timers.stop(Timer::Pong);
    }
}

impl Awaited {
    fn begin(&mut self, left: Instant, timeout: Duration, timers: &mut Timers) {
        timers.arm(Timer::Pong, after(left, timeout));
        self.latest = after(left, timeout.saturating_mul(MOST_LATE));
    }

    fn excuse(&mut self, now: Instant, timeout: Duration, within_frame: bool, timers: &mut Timers) {
        self.spent |= !within_frame && self.latest <= now;
        if !self.spent {
            let moved = after(now, timeout);
            let moved = if within_frame { moved } else { moved.min(self.latest) };
            if timers.at(Timer::Pong).is_none_or(|deadline| deadline < moved) {
                timers.arm(Timer::Pong, moved);
            }
        }
    }

    fn pause(&mut self, now: Instant, timeout: Duration, timers: &mut Timers) {
        self.paused.get_or_insert(now);
        timers.arm(Timer::Pong, after(now, timeout));
    }

    fn go_on(&mut self, now: Instant, timeout: Duration, timers: &mut Timers) {
        if let Some(since) = self.paused.take() {
            self.latest = after(self.latest, now.saturating_duration_since(since));
            timers.arm(Timer::Pong, after(now, timeout));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn sent(start: Instant, timeout: Option<Duration>) -> (Keepalive, Timers) {
        let mut timers = Timers::default();
        let mut keepalive = Keepalive::new(10 * S, timeout);
        assert_eq!(keepalive.handle(start, false, 0, &mut timers), Due::Nothing);
        assert_eq!(timers.poll(), Some(start + 10 * S));
        assert_eq!(keepalive.handle(start + 9 * S, false, 0, &mut timers), Due::Nothing);
        assert_eq!(keepalive.handle(start + 19 * S / 2, false, 0, &mut timers), Due::Ping);
        keepalive.sent(1, start + 10 * S, (0, 0), &mut timers);
        (keepalive, timers)
    }

    #[test]
    fn a_pong_in_time_leads_to_the_next_ping() {
        let start = Instant::now();
        let (mut keepalive, mut timers) = sent(start, Some(5 * S));
        assert_eq!(timers.poll(), Some(start + 15 * S));
        assert!(keepalive.answered(1, &mut timers));
        assert_eq!(timers.poll(), Some(start + 20 * S));
        assert_eq!(keepalive.handle(start + 20 * S, false, 6, &mut timers), Due::Ping);
    }

    #[test]
    fn a_pong_that_does_not_come_fails_the_connection() {
        let start = Instant::now();
        let (mut keepalive, mut timers) = sent(start, Some(5 * S));
        assert_eq!(keepalive.handle(start + 149 * S / 10, false, 6, &mut timers), Due::Nothing);
        assert_eq!(keepalive.handle(start + 15 * S, false, 6, &mut timers), Due::Failure(5 * S));
    }

    #[test]
    fn without_a_timeout_pings_go_on() {
        let start = Instant::now();
        let (mut keepalive, mut timers) = sent(start, None);
        assert_eq!(keepalive.handle(start + 19 * S, false, 6, &mut timers), Due::Nothing);
        assert_eq!(keepalive.handle(start + 20 * S, false, 6, &mut timers), Due::Ping);
    }

    #[derive(Clone, Copy)]
    enum Step {
        /// Bytes arrive, and with true within a frame.
        Bytes(bool),
        Pause,
        GoOn,
    }
    use Step::{Bytes, GoOn, Pause};

    /// The Ping leaves at 10 s and may take 5 s; so the latest Pong may come 50 s later.
    #[test]
    fn a_pong_is_late_and_not_missing_while_something_arrives_up_to_a_bound() {
        let every = |from: u32, to: u32, within: bool| -> Vec<(u32, Step)> {
            (from..to).step_by(4).map(|at| (at, Bytes(within))).collect()
        };
        for (name, steps, overdue) in [
            ("silence", vec![], 15),
            ("one arrival", vec![(14, Bytes(false))], 19),
            ("silence after many", every(11, 40, false), 44),
            ("arrivals for ever", every(11, 100, false), 60),
            ("a long frame", every(11, 100, true), 104),
            (
                "a long frame, and then others",
                [every(11, 84, true), every(84, 200, false)].concat(),
                88,
            ),
            (
                "long frames for ever",
                [every(11, 62, true), vec![(63, Bytes(false))], every(64, 200, true)].concat(),
                64,
            ),
            ("a pause", vec![(12, Pause), (100, GoOn), (100, Bytes(false))], 105),
            ("a pause, and silence", vec![(12, Pause), (20, GoOn)], 27),
            (
                "a pause, and arrivals for ever",
                [vec![(12, Pause), (100, GoOn)], every(100, 300, false)].concat(),
                148,
            ),
        ] {
            let start = Instant::now();
            let (mut keepalive, mut timers) = sent(start, Some(5 * S));
            let (mut steps, mut paused) = (steps.into_iter().peekable(), false);
            let found = (10..400).find(|&second| {
                let now = start + second * S;
                while let Some((_, step)) = steps.next_if(|(at, _)| *at == second) {
                    match step {
                        Bytes(within_frame) => keepalive.received(now, within_frame, &mut timers),
                        Pause => keepalive.pause(now, &mut timers),
                        GoOn => {}
                    }
                    paused = matches!(step, Pause);
                }
                assert!(!paused || !keepalive.is_overdue(now + 100 * S, &timers), "{name}");
                let due = timers.poll().is_some_and(|due| due <= now);
                due && keepalive.handle(now, paused, 6, &mut timers) == Due::Failure(5 * S)
            });
            assert_eq!(found, Some(overdue), "{name}");
        }
    }

    #[test]
    fn a_ping_that_has_not_left_waits_while_output_moves() {
        let start = Instant::now();
        let (mut keepalive, mut timers) = (Keepalive::new(10 * S, Some(5 * S)), Timers::default());
        keepalive.handle(start, false, 0, &mut timers);
        keepalive.sent(1, start + 10 * S, (1_000_000, 100), &mut timers);
        assert_eq!(keepalive.handle(start + 15 * S, false, 5_000, &mut timers), Due::Nothing);
        assert_eq!(keepalive.handle(start + 20 * S, false, 9_000, &mut timers), Due::Nothing);
        assert_eq!(keepalive.handle(start + 24 * S, false, 1_000_500, &mut timers), Due::Nothing);
        assert_eq!(keepalive.handle(start + 28 * S, false, 1_000_900, &mut timers), Due::Nothing);
        assert_eq!(
            keepalive.handle(start + 29 * S, false, 1_000_900, &mut timers),
            Due::Failure(5 * S)
        );
    }
}
