//! Payload that waits in buffers which are full: nothing is added to one, nothing is moved within it, and
//! it goes when the last of its messages has been taken. So however much waits, no step takes long.

use std::collections::VecDeque;

use crate::protocol::no_memory::{NoMemory, make_room, reserve_exact};
use crate::protocol::work;

/// A buffer in which so much waits is full, and the next one is at first so long as to become full too.
pub(super) const FULL: usize = 192 * 1024;
const NEXT: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct Backlog {
    blocks: VecDeque<Block>,
}

#[derive(Debug)]
struct Block {
    /// The positions of its first byte, and of the first one behind it.
    start: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Lays a buffer away that is full of whole messages, so many bytes of it from that position on, behind
    /// all that are here. Another goes on in its place with what comes after them, up to `end`.
    pub(super) fn lay(
        &mut self,
        buffer: &mut Vec<u8>,
        start: u64,
        length: usize,
        end: usize,
    ) -> Result<(), NoMemory> {
        let rest = &buffer[length..end];
        make_room(&mut self.blocks, 1)?;
        let mut next = Vec::new();
        reserve_exact(&mut next, rest.len().saturating_add(NEXT))?;
        work::count(rest.len());
        next.extend_from_slice(rest);
        next.resize(rest.len() + NEXT, 0);
        let mut bytes = std::mem::replace(buffer, next);
        bytes.truncate(length);
        if bytes.capacity() / 8 > length / 7 {
            bytes.shrink_to_fit();
        }
        self.blocks.push_back(Block { start, end: start + length as u64, bytes });
        Ok(())
    }

    /// The payload between these positions, which lies within one block.
    #[inline(never)]
    pub(super) fn payload(&self, from: u64, to: u64) -> &[u8] {
        let next = self.blocks.partition_point(|block| block.start <= from);
        let block = next.checked_sub(1).and_then(|place| self.blocks.get(place));
        let payload = block.and_then(|block| {
            let offset = |position| usize::try_from(position - block.start).ok();
            block.bytes.get(offset(from)?..offset(to)?)
        });
        debug_assert!(payload.is_some(), "no block has {from} to {to}");
        payload.unwrap_or_default()
    }

    /// Lets go of what lies before the first payload that somebody still needs.
    pub(super) fn forget(&mut self, live: Option<u64>) {
        while self.blocks.front().is_some_and(|block| live.is_none_or(|live| block.end <= live)) {
            self.blocks.pop_front();
        }
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.blocks.iter().map(|block| block.bytes.capacity()).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Inbox, Overflow, Queue};
    use super::FULL;
    use crate::protocol::deflate::{Deflater, Inflater};
    use crate::protocol::no_memory;
    use crate::protocol::opcode::Kind;

    const MUCH: usize = 100 * FULL;

    fn inbox(compressed: bool, overflow: Overflow) -> Inbox {
        let inflater = compressed.then(|| Inflater::new(false));
        Inbox::new(1 << 30, inflater, Queue::new(MUCH, overflow))
    }

    /// Of many lengths, among them none at all and more than a buffer has room for.
    fn message(number: usize) -> Vec<u8> {
        let length = match number % 1000 {
            0 => 0,
            500 => 20 * FULL,
            rest => rest * 7919 % 4000,
        };
        let mut message = number.to_be_bytes().repeat(length / 8 + 1);
        message.truncate(length);
        message
    }

    fn frame(payload: &[u8], deflater: Option<&mut Deflater>) -> Vec<u8> {
        let first = if deflater.is_some() { 0xC2 } else { 0x82 };
        let payload = match deflater {
            Some(deflater) => deflater.compress(payload, true).unwrap(),
            None => payload,
        };
        let length = (payload.len() as u64).to_be_bytes();
        let header = match payload.len() {
            0..126 => &[length[7]][..],
            126..65536 => &[126, length[6], length[7]],
            _ => &[&[127], &length[..]].concat(),
        };
        [&[first], header, payload].concat()
    }

    fn feed(inbox: &mut Inbox, mut wire: &[u8]) {
        while !wire.is_empty() {
            let room = inbox.spare();
            let length = wire.len().min(room.len());
            room[..length].copy_from_slice(&wire[..length]);
            wire = &wire[length..];
            inbox.received(length);
            inbox.queue_whole_messages();
            while inbox.next_frame().unwrap().is_some() {}
        }
    }

    fn take(inbox: &mut Inbox) -> Option<Vec<u8>> {
        inbox.take(|kind, bytes| (kind == Kind::Binary).then(|| bytes.to_vec()))?
    }

    #[test]
    fn however_much_waits_comes_out_as_it_went_in() {
        for compressed in [false, true] {
            let mut inbox = inbox(compressed, Overflow::Block);
            let mut deflater = compressed.then(|| Deflater::new(15, false, 1, 8));
            let (mut fed, mut taken) = (0, 0);
            for bound in [MUCH, MUCH / 2, MUCH, FULL, 3 * FULL, 0] {
                while inbox.queue().bytes() < bound {
                    feed(&mut inbox, &frame(&message(fed), deflater.as_mut()));
                    fed += 1;
                    let (held, waits) = (inbox.buffer.held(), inbox.queue().bytes());
                    assert!(held < waits + waits / 6 + 24 * FULL, "{held} for {waits}");
                }
                while inbox.queue().bytes() > bound / 2 {
                    assert_eq!(take(&mut inbox), Some(message(taken)));
                    taken += 1;
                }
            }
            assert_eq!((fed, inbox.queued()), (taken, 0));
            assert!(inbox.buffer.held() < 24 * FULL, "{}", inbox.buffer.held());
        }
    }

    #[test]
    fn what_is_dropped_for_newer_ones_is_let_go() {
        let mut inbox = inbox(false, Overflow::DropOldest);
        let count = 3 * MUCH / FULL;
        for number in 0..count {
            feed(&mut inbox, &frame(&vec![u8::try_from(number % 251).unwrap(); FULL], None));
            assert!(inbox.buffer.held() < MUCH + 4 * FULL, "{}", inbox.buffer.held());
        }
        let first = count - inbox.queued();
        for number in first..count {
            assert_eq!(take(&mut inbox).unwrap()[0], u8::try_from(number % 251).unwrap());
        }
    }

    #[test]
    fn a_message_that_is_taken_in_parts_may_begin_in_it() {
        let mut inbox = inbox(false, Overflow::Block);
        for number in 0..3 {
            let (first, last) = (vec![number; FULL], vec![number; FULL / 2]);
            let mut wire = frame(&first, None);
            wire[0] = 0x02;
            let mut end = frame(&last, None);
            end[0] = 0x80;
            feed(&mut inbox, &[wire, end].concat());
        }
        let parts: Vec<_> =
            std::iter::from_fn(|| inbox.take_chunk(|_, bytes, fin| (bytes[0], bytes.len(), fin)))
                .collect();
        let message = |number| [(number, FULL, false), (number, FULL / 2, true)];
        assert_eq!(parts, [message(0), message(1), message(2)].concat());
    }

    #[test]
    fn without_memory_for_another_buffer_what_waits_is_kept() {
        let mut inbox = inbox(false, Overflow::Block);
        let wire = frame(&[7; 1000], None);
        while inbox.queue().bytes() < FULL - wire.len() {
            feed(&mut inbox, &wire);
        }
        let queued = no_memory::beyond(FULL, || {
            while inbox.exhausted().is_none() {
                let room = inbox.spare();
                let length = wire.len().min(room.len());
                room[..length].copy_from_slice(&wire[..length]);
                inbox.received(length);
                inbox.queue_whole_messages();
            }
            inbox.queued()
        });
        assert!(queued > 150, "{queued}");
        assert!((0..queued).all(|_| take(&mut inbox) == Some(vec![7; 1000])));
    }
}
