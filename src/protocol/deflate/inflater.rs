//! The peer's compression context: from pieces of compressed messages to bytes (RFC 7692 7.2.2).
//!
//! Writes only where it is told to, so that the caller's limit is its limit. Made when the first
//! compressed message comes.

use std::fmt;

use super::{TAIL, distance};
use crate::protocol::work;
use zlib_rs::{Inflate, InflateError, InflateFlush, Status};

/// What the peer left out at a message's end, and a byte behind it, which a decoder that has read a
/// whole number of blocks leaves alone.
const TAIL_AND_ONE: [u8; 5] = [0x00, 0x00, 0xFF, 0xFF, 0x00];

/// Repetitions reach this far back at most (RFC 7692 7.1.2: 15 bits). zlib reserves this much however
/// small a window is agreed on, so a smaller one would save nothing.
const WINDOW: usize = 1 << 15;
const WINDOW_BITS: u8 = 15;

pub(in crate::protocol) struct Inflater {
    stream: Option<Box<Inflate>>,
    /// Whether each message starts from nothing: server_no_context_takeover.
    forgets: bool,
    /// Where in the message the stream stands.
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing of the message has come.
    Start,
    Within,
    /// A block marked as the last has ended, which a sender may use in place of a flush; more blocks
    /// may follow from the next byte on (RFC 7692 7.2.3.4).
    BehindLastBlock,
}

/// What a step has used and made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) struct Progress {
    pub(in crate::protocol) consumed: usize,
    pub(in crate::protocol) produced: usize,
    /// What comes behind the bytes produced is not what a compressor makes.
    pub(in crate::protocol) malformed: bool,
}

/// The bytes are not what a compressor makes, or end too early.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::protocol) struct Malformed;

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Inflater {
    pub(in crate::protocol) const fn new(forgets: bool) -> Self {
        Self { stream: None, forgets, place: Place::Start }
    }

    /// Inflates from `input` into `message`, of which `filled` bytes are the message so far. Uses some of
    /// the input, or fills the message to its end.
    pub(in crate::protocol) fn inflate(
        &mut self,
        input: &[u8],
        message: &mut [u8],
        filled: usize,
    ) -> Result<Progress, Malformed> {
        if input.is_empty() && self.place == Place::Start {
            return Ok(Progress { consumed: 0, produced: 0, malformed: false });
        }
        if self.place == Place::BehindLastBlock && !input.is_empty() {
            self.begin_again(&message[..filled])?;
        }
        if self.place == Place::Start {
            self.place = Place::Within;
        }
        let mut progress = self.step(input, &mut message[filled..], InflateFlush::NoFlush);
        // A last block can end within the byte before, which was read while there was no room.
        let only_ended = progress.consumed == 0 && self.place == Place::BehindLastBlock;
        if only_ended && !input.is_empty() {
            let behind = self.inflate(input, message, filled + progress.produced)?;
            progress.consumed = behind.consumed;
            progress.produced += behind.produced;
            progress.malformed = behind.malformed;
        }
        Ok(progress)
    }

    /// Ends the message: the stream must stand between two blocks.
    pub(in crate::protocol) fn finish(&mut self) -> Result<(), Malformed> {
        if self.place == Place::Within {
            let expected = Progress { consumed: TAIL.len(), produced: 0, malformed: false };
            let mut no_room = [0; 1];
            if self.step(&TAIL_AND_ONE, &mut no_room, InflateFlush::Block) != expected {
                return Err(Malformed);
            }
        }
        if self.forgets || self.place == Place::BehindLastBlock {
            self.begin_again(&[])?;
        }
        self.place = Place::Start;
        Ok(())
    }

    fn step(&mut self, input: &[u8], output: &mut [u8], flush: InflateFlush) -> Progress {
        let stream = self.stream.get_or_insert_with(|| Box::new(Inflate::new(false, WINDOW_BITS)));
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(input, output, flush);
        let progress = Progress {
            consumed: distance(read, stream.total_in()),
            produced: distance(written, stream.total_out()),
            malformed: status.is_err(),
        };
        if status == Ok(Status::StreamEnd) {
            self.place = Place::BehindLastBlock;
        }
        progress
    }

    /// A last block ends zlib's stream, but not the message's context.
    fn begin_again(&mut self, before: &[u8]) -> Result<(), Malformed> {
        self.place = Place::Within;
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.reset(false);
        if !before.is_empty() {
            let window = &before[before.len().saturating_sub(WINDOW)..];
            work::count(window.len());
            stream.set_dictionary(window).map_err(|_: InflateError| Malformed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Inflates pieces as one message.
    fn inflate(inflater: &mut Inflater, pieces: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
        let (mut message, mut filled) = (vec![0; 1 << 16], 0);
        for piece in pieces {
            let mut input = *piece;
            loop {
                let Progress { consumed, produced, malformed } =
                    inflater.inflate(input, &mut message, filled)?;
                if malformed {
                    return Err(Malformed);
                }
                filled += produced;
                input = &input[consumed..];
                if consumed == 0 && produced == 0 {
                    break;
                }
            }
        }
        inflater.finish()?;
        message.truncate(filled);
        Ok(message)
    }

    fn message(inflater: &mut Inflater, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        inflate(inflater, &[bytes])
    }

    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

    #[test]
    fn the_examples_of_rfc_7692_7_2_3_inflate() {
        let mut inflater = Inflater::new(false);
        let rows: [(&str, &[&[u8]]); 6] = [
            ("7.2.3.1, one block", &[&HELLO]),
            ("7.2.3.1, fragments", &[&HELLO[..3], &HELLO[3..]]),
            ("7.2.3.2, shared window", &[&[0xf2, 0x00, 0x11, 0x00, 0x00]]),
            ("7.2.3.3, stored", &[&[0, 5, 0, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]]),
            ("7.2.3.4, BFINAL", &[&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]]),
            (
                "7.2.3.5, two blocks",
                &[&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]],
            ),
        ];
        for (example, pieces) in rows {
            assert_eq!(inflate(&mut inflater, pieces).unwrap(), b"Hello", "{example}");
        }
        assert_eq!(message(&mut inflater, &[0x00]).unwrap(), b"", "7.2.3.6, empty");
    }

    #[test]
    fn a_message_after_a_last_block_inflates() {
        let mut inflater = Inflater::new(false);
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        for _ in 0..3 {
            assert_eq!(message(&mut inflater, &last).unwrap(), b"Hello");
            assert_eq!(message(&mut inflater, &HELLO).unwrap(), b"Hello");
        }
    }

    #[test]
    fn blocks_behind_a_last_block_may_repeat_what_was_before_it() {
        let mut inflater = Inflater::new(false);
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(inflate(&mut inflater, &[&last, &again]).unwrap(), b"HelloHello");
    }

    /// The bits of its end may be in a byte that has been read for what is before it.
    #[test]
    fn a_last_block_may_end_where_there_is_no_more_room() {
        for length in 1..300 {
            let mut stream = zlib_rs::Deflate::new(9, false, WINDOW_BITS);
            let mut last = [0; 100];
            let finish = zlib_rs::DeflateFlush::Finish;
            stream.compress(&vec![0; length], &mut last, finish).unwrap();
            let last = &last[..=distance(0, stream.total_out())];
            for room in 1..=length {
                let mut inflater = Inflater::new(false);
                assert_eq!(inflate_into(room, &mut inflater, last), length, "first {room}");
                assert_eq!(inflater.finish(), Ok(()));
            }
        }
    }

    /// Inflates into so much room, then into enough of it.
    fn inflate_into(mut room: usize, inflater: &mut Inflater, mut input: &[u8]) -> usize {
        let (mut message, mut filled) = ([1; 300], 0);
        while !input.is_empty() {
            let progress = inflater.inflate(input, &mut message[..room], filled).unwrap();
            filled += progress.produced;
            assert!(progress.consumed > 0 || filled == room, "stuck at {filled} of {room}");
            input = &input[progress.consumed..];
            room = message.len();
        }
        filled
    }

    #[test]
    fn a_peer_that_forgets_may_not_repeat_an_earlier_message() {
        let mut inflater = Inflater::new(true);
        assert_eq!(message(&mut inflater, &HELLO).unwrap(), b"Hello");
        assert_eq!(message(&mut inflater, &[0xf2, 0x00, 0x11, 0x00, 0x00]), Err(Malformed));
    }

    #[test]
    fn a_message_cut_anywhere_is_malformed() {
        let text: Vec<u8> = (0..200u32).flat_map(|n| (n * n).to_string().into_bytes()).collect();
        let mut deflater = super::super::Deflater::new(15, false, 6, 8);
        let whole = deflater.compress(&text, true).unwrap().to_vec();
        assert_eq!(message(&mut Inflater::new(false), &whole).unwrap(), text);
        for end in 1..whole.len() {
            let cut = message(&mut Inflater::new(false), &whole[..end]);
            assert_eq!(cut, Err(Malformed), "cut at {end} of {}", whole.len());
        }
    }

    #[test]
    fn garbage_is_malformed() {
        for garbage in [&[0xff; 20][..], &[0x06], &[0xf2, 0x00, 0x11, 0x00, 0x00], &[1, 2, 3, 4, 5]]
        {
            assert_eq!(message(&mut Inflater::new(false), garbage), Err(Malformed), "{garbage:x?}");
        }
    }

    #[test]
    fn no_more_is_written_than_there_is_room() {
        let mut deflater = super::super::Deflater::new(15, false, 6, 8);
        let bomb = deflater.compress(&vec![0; 1 << 20], true).unwrap().to_vec();
        let mut inflater = Inflater::new(false);
        let mut room = [1; 100];
        let progress = inflater.inflate(&bomb, &mut room[..90], 10).unwrap();
        assert_eq!(progress.produced, 80);
        assert_eq!(room[90..], [1; 10]);
    }
}
