//! The events that wait to be told. Records of frames are bounded, since whoever logs them may be
//! kept from it for as long as a peer likes; how many were left out is told where they would have been.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::Event;
use super::frame::{FrameRecord, Mark};

/// So many records of frames wait at most. One takes some 150 bytes, so this is less than 100 KiB, and
/// more frames than a log's reader will miss, of what one read of 256 KiB brings.
const MOST_RECORDS: u16 = 512;

#[derive(Debug)]
pub(super) struct Events {
    waiting: VecDeque<Event>,
    records: u16,
    /// Whether each frame is told of.
    trace: bool,
}

impl Events {
    pub(super) const fn new(trace: bool) -> Self {
        Self { waiting: VecDeque::new(), records: 0, trace }
    }

    pub(super) const fn traces(&self) -> bool {
        self.trace
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Never left out: somebody waits for it.
    pub(super) fn pong(&mut self, id: u64, latency: Duration) {
        self.waiting.push_back(Event::Pong { id, latency });
    }

    pub(super) fn frame(&mut self, sent: bool, mark: Mark, payload: &[u8]) {
        if !self.trace {
            return;
        }
        if let Some(Event::Omitted(count)) = self.waiting.back_mut() {
            *count += 1;
        } else if self.records == MOST_RECORDS {
            self.waiting.push_back(Event::Omitted(1));
        } else {
            self.records += 1;
            self.waiting.push_back(Event::Frame(FrameRecord::new(sent, mark, payload)));
        }
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        let event = self.waiting.pop_front()?;
        if matches!(event, Event::Frame(_)) {
            self.records -= 1;
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::opcode::Opcode;

    fn frames(events: &mut Events, count: usize) {
        for _ in 0..count {
            events.frame(false, Mark::control(Opcode::Pong), b"payload");
        }
    }

    #[test]
    fn what_is_left_out_is_counted_in_its_place_and_no_answered_ping_is() {
        let mut events = Events::new(true);
        frames(&mut events, usize::from(MOST_RECORDS) + 7);
        events.pong(1, Duration::ZERO);
        frames(&mut events, 2);
        events.pong(2, Duration::ZERO);
        for _ in 0..MOST_RECORDS {
            assert!(matches!(events.poll(), Some(Event::Frame(_))));
        }
        frames(&mut events, 1);
        let pong = |id| Event::Pong { id, latency: Duration::ZERO };
        let left: Vec<_> = std::iter::from_fn(|| events.poll()).collect();
        assert_eq!(left[..4], [Event::Omitted(7), pong(1), Event::Omitted(2), pong(2)]);
        assert!(matches!(left[4..], [Event::Frame(_)]) && events.is_empty());
    }

    #[test]
    fn no_frame_is_told_of_unless_that_is_wanted() {
        let mut events = Events::new(false);
        frames(&mut events, 3);
        assert!(events.is_empty());
    }
}
