//! Pings of ours that wait for their Pong (RFC 6455 5.5.2, 5.5.3): the user's and keepalive's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keepalive::{Due, Keepalive};
use super::stats::RoundTrips;
use super::timers::Timers;

#[derive(Debug, Default)]
pub(super) struct Pings {
    /// Most of the time there are none.
    waiting: Option<Box<Waiting>>,
    sent: u64,
    keepalive: Option<Keepalive>,
    round_trips: RoundTrips,
}

/// Those under way, of which a user may have many: by their numbers, in the order they were sent, and the
/// numbers by their payloads.
#[derive(Debug, Default)]
struct Waiting {
    pings: BTreeMap<u64, Ping>,
    numbers: BTreeMap<Arc<[u8]>, u64>,
}

#[derive(Debug)]
struct Ping {
    payload: Arc<[u8]>,
    at: Instant,
}

impl Pings {
    pub(super) fn new(keepalive: Option<Keepalive>) -> Self {
        Self { keepalive, ..Self::default() }
    }

    pub(super) fn is_waiting_for(&self, payload: &[u8]) -> bool {
        self.number_of(payload).is_some()
    }

    pub(super) fn sent(&mut self, payload: &[u8], at: Instant) -> u64 {
        self.sent += 1;
        let payload: Arc<[u8]> = payload.into();
        let waiting = self.waiting.get_or_insert_default();
        waiting.numbers.insert(Arc::clone(&payload), self.sent);
        waiting.pings.insert(self.sent, Ping { payload, at });
        self.sent
    }

    fn forget(&mut self, id: u64) -> Option<Ping> {
        let waiting = self.waiting.as_mut()?;
        let ping = waiting.pings.remove(&id)?;
        waiting.numbers.remove(&ping.payload);
        if waiting.pings.is_empty() {
            self.waiting = None;
        }
        Some(ping)
    }

    fn number_of(&self, payload: &[u8]) -> Option<u64> {
        self.waiting.as_ref()?.numbers.get(payload).copied()
    }

    fn oldest(&self) -> Option<u64> {
        self.waiting.as_ref()?.pings.first_key_value().map(|(id, _)| *id)
    }

    /// A Pong answers the Ping of its payload and all before it, since a peer may answer only the
    /// latest. One that answers none was unsolicited: "a response is not expected". Gives those that a
    /// user waits for.
    pub(super) fn answered(
        &mut self,
        payload: &[u8],
        at: Instant,
        timers: &mut Timers,
    ) -> Vec<(u64, Duration)> {
        let mut answered = Vec::new();
        let Some(latest) = self.number_of(payload) else { return answered };
        while let Some(id) = self.oldest().filter(|id| *id <= latest)
            && let Some(ping) = self.forget(id)
        {
            let latency = at.saturating_duration_since(ping.at);
            self.round_trips.add(latency);
            let keepalive = self.keepalive.as_mut();
            if !keepalive.is_some_and(|keepalive| keepalive.answered(id, timers)) {
                answered.push((id, latency));
            }
        }
        answered
    }

    /// Keepalive's Ping has been queued; see `Keepalive::sent`.
    pub(super) fn keepalive_sent(
        &mut self,
        payload: &[u8],
        at: Instant,
        output: (u64, u64),
        timers: &mut Timers,
    ) {
        let id = self.sent(payload, at);
        let Some(keepalive) = &mut self.keepalive else { return };
        // Of the one before it, without ping_timeout, nobody expects anything any more.
        if let Some(unanswered) = keepalive.sent(id, at, output, timers) {
            self.forget(unanswered);
        }
    }

    pub(super) const fn keepalive(&self) -> Option<&Keepalive> {
        self.keepalive.as_ref()
    }

    pub(super) const fn keepalive_mut(&mut self) -> Option<&mut Keepalive> {
        self.keepalive.as_mut()
    }

    pub(super) fn due(
        &mut self,
        now: Instant,
        paused: bool,
        written: u64,
        timers: &mut Timers,
    ) -> Due {
        let handle = |keepalive: &mut Keepalive| keepalive.handle(now, paused, written, timers);
        self.keepalive.as_mut().map_or(Due::Nothing, handle)
    }

    /// The Ping that is due cannot be sent: it is due again later.
    pub(super) fn skip(&mut self, now: Instant, timers: &mut Timers) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.skip(now, timers);
        }
    }

    pub(super) const fn round_trips(&self) -> RoundTrips {
        self.round_trips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_answers_its_ping_and_those_before_it() {
        let (mut pings, mut timers, start) = (Pings::default(), Timers::default(), Instant::now());
        let later = |ms| start + Duration::from_millis(ms);
        let ids = [pings.sent(b"a", start), pings.sent(b"b", later(1)), pings.sent(b"c", later(2))];
        assert_eq!(pings.answered(b"x", later(5), &mut timers), []);
        let latency = Duration::from_millis;
        assert_eq!(
            pings.answered(b"b", later(5), &mut timers),
            [(ids[0], latency(5)), (ids[1], latency(4))]
        );
        assert!(pings.is_waiting_for(b"c") && !pings.is_waiting_for(b"a"));
        assert_eq!(pings.round_trips().last, Some(latency(4)));
        assert_eq!(pings.round_trips().least, Some(latency(4)));
    }

    #[test]
    fn nobody_waits_for_the_pong_of_keepalive() {
        let keepalive = Keepalive::new(Duration::from_secs(10), None);
        let (mut pings, mut timers) = (Pings::new(Some(keepalive)), Timers::default());
        let start = Instant::now();
        pings.keepalive_sent(b"a", start, (6, 0), &mut timers);
        pings.keepalive_sent(b"b", start, (6, 0), &mut timers);
        assert!(!pings.is_waiting_for(b"a"));
        let own = pings.sent(b"c", start);
        assert_eq!(pings.answered(b"c", start, &mut timers), [(own, Duration::ZERO)]);
        assert!(!pings.is_waiting_for(b"b"));
    }
}
