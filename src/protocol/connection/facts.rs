//! What can be asked of a connection. Nothing here changes it.

use std::time::{Duration, Instant};

use super::Connection;
use crate::protocol::close::Close;
use crate::protocol::close_code::CloseCode;
use crate::protocol::closing::{Phase, Side};
use crate::protocol::failure::Failure;
use crate::protocol::inbox::Landable;
use crate::protocol::stats::Stats;

impl Connection {
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.closing.phase()
    }

    #[must_use]
    pub fn received_close(&self) -> Option<&Close> {
        self.closing.received.as_deref()
    }

    #[must_use]
    pub fn sent_close(&self) -> Option<&Close> {
        self.closing.sent.as_deref()
    }

    /// Whose Close came first, once both are known.
    #[must_use]
    pub const fn closed_first(&self) -> Option<Side> {
        self.closing.first
    }

    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.closing.failure.as_deref()
    }

    #[must_use]
    pub const fn timed_out(&self) -> bool {
        self.closing.timed_out
    }

    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        self.closing.code()
    }

    /// False while the user is so far behind that reading pauses. A closing connection is always read:
    /// the peer's Close must be found.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match self.closing.phase() {
            Phase::Open => !self.inbox.queue().is_paused(),
            Phase::Closing | Phase::Ending => true,
            Phase::Closed => false,
        }
    }

    /// Whether bytes that have arrived wait for the user to take messages, since inflating them could make
    /// any number of bytes of them. `receive_bytes` goes on once `wants_input` is true.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled && self.inbox.unparsed() > 0
    }

    /// How many of `length` bytes more, and those before them, may inflate to many more.
    #[must_use]
    pub fn to_inflate(&self, length: usize) -> usize {
        if self.inbox.inflates() { self.inbox.unparsed() + length } else { 0 }
    }

    /// How many bytes are missing of the frame whose payload is arriving.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.inbox.awaited()
    }

    /// The message whose payload is arriving, if it is worth its while to read the rest straight to where
    /// its user gets it from.
    #[must_use]
    pub fn landable(&self) -> Option<Landable<'_>> {
        if self.events.traces() || self.closing.phase() != Phase::Open {
            return None;
        }
        self.inbox.landable()
    }

    /// How many bytes are to be read elsewhere before others can be received.
    #[must_use]
    pub fn landing(&self) -> usize {
        self.inbox.landing()
    }

    /// Whether a part of a message has been read elsewhere, and its end has not come.
    #[must_use]
    pub fn has_part_elsewhere(&self) -> bool {
        self.inbox.has_part_elsewhere()
    }

    /// Whether the oldest whole message has been read elsewhere.
    #[must_use]
    pub fn has_landed(&self) -> bool {
        self.inbox.has_landed()
    }

    /// Whether `handle_timeout` would find a Pong overdue. What has arrived, and lies unread, may say
    /// otherwise: whoever asks reads it first.
    #[must_use]
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.pings.keepalive().is_some_and(|keepalive| keepalive.is_overdue(now, &self.timers))
    }

    /// Whether our half of the stream is to end now, since we have failed the connection ("then _Close the
    /// WebSocket Connection_"), or the peer does not end TCP.
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        self.closing.wants_fin() && self.outbox.unsent() == 0
    }

    #[must_use]
    pub fn queued(&self) -> usize {
        self.inbox.queued()
    }

    /// Whether `take_chunk` would give something.
    #[must_use]
    pub fn has_chunk(&self) -> bool {
        self.inbox.has_chunk()
    }

    /// When the message arrived that was taken last.
    #[must_use]
    pub const fn taken_at(&self) -> Option<Instant> {
        self.inbox.taken_at()
    }

    /// Whether a fragmented message of ours is unfinished.
    #[must_use]
    pub const fn sending_fragments(&self) -> bool {
        self.outbox.fragmented()
    }

    #[must_use]
    pub fn unsent(&self) -> usize {
        self.outbox.unsent()
    }

    /// The last round trip of a Ping.
    #[must_use]
    pub const fn latency(&self) -> Option<Duration> {
        self.pings.round_trips().last
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            received: self.inbox.traffic(),
            sent: self.outbox.traffic(),
            dropped: self.inbox.queue().dropped(),
            queued: self.inbox.queued(),
            queued_bytes: self.inbox.queue().bytes(),
            unsent: self.outbox.unsent(),
            round_trips: self.pings.round_trips(),
            last_byte: self.last_byte,
        }
    }
}
