//! Whole messages that wait for the user, and what becomes of one that finds no room. Knows where their
//! payloads lie and where their fragments end, and nothing of the bytes.

use std::collections::VecDeque;
use std::time::Instant;

use super::cuts::Cuts;
use crate::protocol::no_memory::{NoMemory, make_room};
use crate::protocol::opcode::Kind;

/// What a queued message counts beyond its payload, so that empty messages cannot queue for ever.
const MESSAGE_OVERHEAD: usize = 32;

/// What happens when more bytes of messages wait than may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Reading pauses: nothing is lost, and the peer is slowed down.
    #[default]
    Block,
    DropOldest,
    DropNewest,
    /// The connection is failed.
    Close,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) kind: Kind,
    pub(super) start: u64,
    pub(super) length: usize,
    /// How many bytes the ends of its fragments take.
    pub(super) cuts: usize,
    /// The user has taken a part of it already.
    pub(super) begun: bool,
    /// It lies elsewhere: its start is where the next payload begins.
    pub(super) landed: bool,
}

impl Queued {
    const fn weight(&self) -> usize {
        self.length + self.cuts + MESSAGE_OVERHEAD
    }
}

/// A fragment of a message.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) start: u64,
    pub(super) length: usize,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    count: usize,
    at: Option<Instant>,
}

#[derive(Debug)]
pub(in crate::protocol) struct Queue {
    messages: VecDeque<Queued>,
    /// Those of the messages, and behind them those of the one whose end has not arrived.
    cuts: Cuts,
    /// When how many of them arrived, those of one read together: the newest, and before them the others.
    newest: Arrival,
    older: VecDeque<Arrival>,
    bytes: usize,
    bound: usize,
    overflow: Overflow,
    paused: bool,
    dropped: u64,
}

impl Queue {
    pub(in crate::protocol) fn new(bound: usize, overflow: Overflow) -> Self {
        Self {
            messages: VecDeque::new(),
            cuts: Cuts::default(),
            newest: Arrival { count: 0, at: None },
            older: VecDeque::new(),
            bytes: 0,
            bound,
            overflow,
            paused: false,
            dropped: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(in crate::protocol) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::protocol) const fn bound(&self) -> usize {
        self.bound
    }

    pub(in crate::protocol) const fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(in crate::protocol) const fn is_over(&self) -> bool {
        self.bytes > self.bound
    }

    /// Whether more wait than may, and that is to end the connection.
    pub(in crate::protocol) const fn ends_all(&self) -> bool {
        matches!(self.overflow, Overflow::Close) && self.is_over()
    }

    /// Whether no more is to be read for now.
    pub(in crate::protocol) const fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn front(&self) -> Option<&Queued> {
        self.messages.front()
    }

    /// Where the first payload that somebody still needs begins.
    pub(super) fn first(&self) -> Option<u64> {
        self.front().map(|message| message.start)
    }

    /// The messages from here on arrive now.
    pub(super) fn arrive(&mut self, now: Instant) {
        let at = Some(now);
        if self.newest.at != at && self.newest.count > 0 {
            if make_room(&mut self.older, 1).is_err() {
                // Then they count as having come with those before them.
                return;
            }
            self.older.push_back(self.newest);
            self.newest.count = 0;
        }
        self.newest.at = at;
    }

    /// When the bytes came that are being parsed.
    pub(super) const fn arriving_at(&self) -> Option<Instant> {
        self.newest.at
    }

    /// Makes room for another message.
    #[inline]
    pub(super) fn provide(&mut self) -> Result<(), NoMemory> {
        make_room(&mut self.messages, 1)
    }

    /// Another cut of the message whose end has not arrived: says how many bytes it takes.
    pub(super) fn cut(&mut self, length: u64) -> Result<usize, NoMemory> {
        self.cuts.push(length)
    }

    /// How far the first cut of the oldest message is from where that begins.
    pub(super) fn first_cut(&self) -> Option<u64> {
        self.cuts.first().map(|(length, _)| length)
    }

    /// Forgets the first cut, of a message whose end has not arrived: says how many bytes it took.
    pub(super) fn pass_cut(&mut self) -> usize {
        let size = self.cuts.first().map_or(0, |(_, size)| size);
        self.cuts.drop_oldest(size);
        size
    }

    /// Takes the oldest message's first fragment, where there is more of it.
    pub(super) fn take_part(&mut self) -> Option<(Part, Option<Instant>)> {
        let message = self.messages.front_mut().filter(|message| message.cuts > 0)?;
        let (length, size) = self.cuts.first()?;
        let length = usize::try_from(length).ok().filter(|length| *length < message.length)?;
        let part = Part { kind: message.kind, start: message.start, length };
        message.start += length as u64;
        message.length -= length;
        message.cuts -= size;
        message.begun = true;
        self.cuts.drop_oldest(size);
        self.lighten(length + size);
        Some((part, self.older.front().unwrap_or(&self.newest).at))
    }

    /// Gives the message back that is not kept; the newest one is kept in any case where it is alone, or
    /// where the user has a part of it.
    #[inline]
    pub(super) fn push(&mut self, message: Queued) -> Option<Queued> {
        if self.bytes + message.weight() > self.bound {
            return self.push_beyond(message);
        }
        self.append(message);
        None
    }

    #[inline]
    fn append(&mut self, message: Queued) {
        self.bytes += message.weight();
        self.messages.push_back(message);
        self.newest.count += 1;
    }

    /// More than may wait.
    fn push_beyond(&mut self, message: Queued) -> Option<Queued> {
        let drops = matches!(self.overflow, Overflow::DropOldest | Overflow::DropNewest);
        if !drops {
            self.append(message);
            self.update_paused();
            return None;
        }
        // Behind a message that is taken in part nothing can be let go of but the newest.
        let first_is_begun = self.messages.front().is_some_and(|first| first.begun);
        let refused = self.overflow == Overflow::DropNewest || first_is_begun;
        if refused && !message.begun && !self.is_empty() {
            self.cuts.drop_newest(message.cuts);
            self.dropped += 1;
            return Some(message);
        }
        self.append(message);
        while self.overflow == Overflow::DropOldest && self.is_over() && self.messages.len() > 1 {
            self.pass_oldest();
            self.dropped += 1;
        }
        None
    }

    /// Lets go of the oldest message: says when it arrived.
    #[inline]
    pub(super) fn pass_oldest(&mut self) -> Option<Instant> {
        let message = self.messages.pop_front()?;
        if message.cuts > 0 {
            self.cuts.drop_oldest(message.cuts);
        }
        self.lighten(message.weight());
        if self.older.is_empty() {
            self.newest.count -= 1;
            return self.newest.at;
        }
        self.pass_older()
    }

    #[inline(never)]
    fn pass_older(&mut self) -> Option<Instant> {
        let arrival = self.older.front_mut()?;
        arrival.count -= 1;
        let (at, last) = (arrival.at, arrival.count == 0);
        if last {
            self.older.pop_front();
        }
        at
    }

    pub(super) fn drop_newest(&mut self) {
        if let Some(message) = self.messages.pop_back() {
            self.bytes -= message.weight();
            self.cuts.drop_newest(message.cuts);
            self.dropped += 1;
            if self.newest.count > 0 {
                self.newest.count -= 1;
            } else if let Some(arrival) = self.older.back_mut() {
                arrival.count -= 1;
                if arrival.count == 0 {
                    self.older.pop_back();
                }
            }
        }
    }

    /// So many bytes are taken.
    #[inline]
    fn lighten(&mut self, bytes: usize) {
        self.bytes -= bytes;
        if self.paused {
            self.update_paused();
        }
    }

    /// Half the bound between pausing and going on keeps the two from alternating at each message.
    #[inline(never)]
    const fn update_paused(&mut self) {
        let bound = if self.paused { self.bound / 2 } else { self.bound };
        self.paused = matches!(self.overflow, Overflow::Block) && self.bytes > bound;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(start: u64, begun: bool) -> Queued {
        Queued { kind: Kind::Binary, start, length: 68, cuts: 0, begun, landed: false }
    }

    /// Which messages are left of five, of which two have room.
    fn left_of_five(overflow: Overflow, first_is_begun: bool) -> (Vec<u64>, Vec<u64>, u64) {
        let mut queue = Queue::new(200, overflow);
        let pushed = (0..5).map(|start| queue.push(message(start, first_is_begun && start == 0)));
        let refused = pushed.flatten().map(|message| message.start).collect();
        let dropped = queue.dropped();
        let left = std::iter::from_fn(|| {
            let start = queue.front()?.start;
            queue.pass_oldest();
            Some(start)
        });
        let left = left.collect();
        assert_eq!(queue.bytes(), 0);
        (left, refused, dropped)
    }

    #[test]
    fn what_finds_no_room_is_dropped_where_that_is_wanted() {
        let all = vec![0, 1, 2, 3, 4];
        assert_eq!(left_of_five(Overflow::Block, false), (all.clone(), vec![], 0));
        assert_eq!(left_of_five(Overflow::Close, false), (all, vec![], 0));
        assert_eq!(left_of_five(Overflow::DropOldest, false), (vec![3, 4], vec![], 3));
        assert_eq!(left_of_five(Overflow::DropNewest, false), (vec![0, 1], vec![2, 3, 4], 3));
        assert_eq!(left_of_five(Overflow::DropOldest, true), (vec![0, 1], vec![2, 3, 4], 3));
    }

    #[test]
    fn a_message_that_is_too_long_for_the_queue_is_kept_while_it_is_alone() {
        for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
            let mut queue = Queue::new(10, overflow);
            assert!(queue.push(message(0, false)).is_none());
            assert_eq!((queue.len(), queue.dropped()), (1, 0));
        }
    }

    #[test]
    fn reading_pauses_above_the_bound_and_goes_on_at_half_of_it() {
        let mut queue = Queue::new(200, Overflow::Block);
        let pauses = [false, false, true].map(|expected| {
            queue.push(message(0, false));
            (queue.is_paused(), expected)
        });
        assert!(pauses.iter().all(|(paused, expected)| paused == expected), "{pauses:?}");
        queue.pass_oldest();
        assert!(queue.is_paused());
        queue.pass_oldest();
        assert!(!queue.is_paused());
    }
}
