//! Pings of ours that wait for their Pong (RFC 6455 5.5.2, 5.5.3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(super) struct Pings {
    waiting: VecDeque<Ping>,
    sent: u64,
}

#[derive(Debug)]
struct Ping {
    id: u64,
    payload: Vec<u8>,
    at: Instant,
}

impl Pings {
    pub(super) fn is_waiting_for(&self, payload: &[u8]) -> bool {
        self.waiting.iter().any(|ping| ping.payload == payload)
    }

    pub(super) fn sent(&mut self, payload: &[u8], at: Instant) -> u64 {
        self.sent += 1;
        self.waiting.push_back(Ping { id: self.sent, payload: payload.to_vec(), at });
        self.sent
    }

    /// A Pong answers the Ping of its payload and all before it, since a peer may answer only the
    /// latest. One that answers none was unsolicited: "a response is not expected".
    pub(super) fn answered(&mut self, payload: &[u8], at: Instant) -> Vec<(u64, Duration)> {
        let Some(position) = self.waiting.iter().position(|ping| ping.payload == payload) else {
            return Vec::new();
        };
        let answered = self.waiting.drain(..=position);
        answered.map(|ping| (ping.id, at.saturating_duration_since(ping.at))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_answers_its_ping_and_those_before_it() {
        let (mut pings, start) = (Pings::default(), Instant::now());
        let later = |ms| start + Duration::from_millis(ms);
        let ids = [pings.sent(b"a", start), pings.sent(b"b", later(1)), pings.sent(b"c", later(2))];
        assert_eq!(pings.answered(b"x", later(5)), []);
        let latency = Duration::from_millis;
        assert_eq!(pings.answered(b"b", later(5)), [(ids[0], latency(5)), (ids[1], latency(4))]);
        assert!(pings.is_waiting_for(b"c") && !pings.is_waiting_for(b"a"));
    }
}
