//! What a connection counts: a snapshot of numbers, as they were at one moment.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    pub received: Traffic,
    pub sent: Traffic,
    /// Messages that were not kept for the user.
    pub dropped: u64,
    /// Messages that wait to be taken, and what they count.
    pub queued: usize,
    pub queued_bytes: usize,
    /// Bytes of output that the network has not taken.
    pub unsent: usize,
    pub round_trips: RoundTrips,
    /// When the last byte came.
    pub last_byte: Option<Instant>,
}

/// What has gone one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Whole messages, and the bytes in them.
    pub messages: u64,
    pub bytes: u64,
    /// The payloads of data frames, as they were on the wire.
    pub payload: u64,
    /// All bytes of frames.
    pub wire: u64,
}

impl Traffic {
    /// Bytes of messages for each byte of payload on the wire: 1 without compression.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn compression_ratio(&self) -> f64 {
        if self.payload == 0 { 1.0 } else { self.bytes as f64 / self.payload as f64 }
    }
}

/// How long Pings waited for their Pongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    pub last: Option<Duration>,
    pub least: Option<Duration>,
    total: Duration,
    count: u32,
}

impl RoundTrips {
    pub(super) fn add(&mut self, latency: Duration) {
        self.last = Some(latency);
        self.least = Some(self.least.map_or(latency, |least| least.min(latency)));
        self.total = self.total.saturating_add(latency);
        self.count = self.count.saturating_add(1);
    }

    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.total.checked_div(self.count)
    }
}
