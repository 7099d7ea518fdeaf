//! Where the fragments of messages end, for who takes a message in parts: of each message the lengths
//! between its cuts, the newest message last, at most a byte for each byte of payload. Knows neither the
//! messages nor their bytes.

use std::collections::VecDeque;

use crate::protocol::no_memory::{NoMemory, make_room};

/// An empty record keeps no more room than this.
const KEPT: usize = 4096;
const MORE_FOLLOW: u8 = 0x80;

#[derive(Debug, Default)]
pub(super) struct Cuts {
    /// Each length in bytes of seven bits, the lowest first.
    lengths: VecDeque<u8>,
}

impl Cuts {
    /// A cut of the newest message, so far behind the one before it. Says how many bytes that took.
    pub(super) fn push(&mut self, length: u64) -> Result<usize, NoMemory> {
        make_room(&mut self.lengths, size(length))?;
        let (before, mut rest) = (self.lengths.len(), length);
        loop {
            let [low, ..] = (rest & 0x7F).to_le_bytes();
            rest >>= 7;
            if rest == 0 {
                self.lengths.push_back(low);
                return Ok(self.lengths.len() - before);
            }
            self.lengths.push_back(low | MORE_FOLLOW);
        }
    }

    /// The first cut of the oldest message, and how many bytes it takes here.
    pub(super) fn first(&self) -> Option<(u64, usize)> {
        let mut length = 0;
        for (place, byte) in self.lengths.iter().enumerate() {
            length |= u64::from(byte & !MORE_FOLLOW) << (7 * place);
            if byte & MORE_FOLLOW == 0 {
                return Some((length, place + 1));
            }
        }
        None
    }

    /// Forgets the oldest so many bytes of cuts.
    #[inline(never)]
    pub(super) fn drop_oldest(&mut self, size: usize) {
        self.lengths.drain(..size);
        self.give_room_back();
    }

    pub(super) fn drop_newest(&mut self, size: usize) {
        self.lengths.truncate(self.lengths.len() - size);
        self.give_room_back();
    }

    fn give_room_back(&mut self) {
        if self.lengths.is_empty() && self.lengths.capacity() > KEPT {
            self.lengths = VecDeque::new();
        }
    }
}

/// How many bytes it takes to write a length.
fn size(length: u64) -> usize {
    1 + (length | 1).ilog2() as usize / 7
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::protocol::no_memory;

    #[test]
    fn what_goes_in_comes_out_in_its_order_and_takes_little() {
        let lengths = [1, 2, 127, 128, 300, 16_383, 16_384, 1 << 40, u64::MAX];
        let mut cuts = Cuts::default();
        let sizes = lengths.map(|length| cuts.push(length).unwrap());
        assert_eq!(sizes, [1, 1, 1, 2, 2, 2, 3, 6, 10]);
        for (length, taken) in lengths.into_iter().zip(sizes) {
            assert_eq!((cuts.first(), size(length)), (Some((length, taken)), taken));
            cuts.drop_oldest(taken);
        }
        assert_eq!(cuts.first(), None);
    }

    #[test]
    fn the_newest_can_be_dropped_and_an_empty_record_keeps_little() {
        let mut cuts = Cuts::default();
        let old = cuts.push(300).unwrap();
        let new: usize = (0..10_000).map(|_| cuts.push(1).unwrap()).sum();
        cuts.drop_newest(new);
        assert_eq!(cuts.first(), Some((300, old)));
        cuts.drop_oldest(old);
        assert!(cuts.lengths.capacity() <= KEPT);
    }

    #[test]
    fn that_there_is_no_room_is_an_error_and_keeps_what_is_there() {
        let mut cuts = Cuts::default();
        cuts.push(300).unwrap();
        let filled = no_memory::beyond(100, || (0..200).find_map(|_| cuts.push(1).err()));
        assert!(filled.is_some());
        assert_eq!(cuts.first(), Some((300, 2)));
    }
}
