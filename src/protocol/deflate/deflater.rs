//! Our compression context: from parts of messages to compressed bytes (RFC 7692 7.2.1).
//!
//! Made when the first message is compressed.

use std::fmt;

use super::{TAIL, distance};
use crate::protocol::no_memory::{NoMemory, reserve_exact};
use crate::protocol::work;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Strategy};

/// Room for what a short message becomes; more is added as it is needed.
const LEAST_ROOM: usize = 512;
/// A stored block without content, from one byte's boundary to another.
const EMPTY_BLOCK: [u8; 5] = [0x00, 0x00, 0x00, 0xFF, 0xFF];
/// More than this is not kept from message to message.
const LARGEST_KEPT: usize = 64 * 1024;

pub(in crate::protocol) struct Deflater {
    stream: Option<Box<Deflate>>,
    config: DeflateConfig,
    /// Whether each message starts from nothing: client_no_context_takeover.
    forgets: bool,
    /// Scratch: what the last part became, and how long that is.
    output: Vec<u8>,
    length: usize,
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Deflater {
    /// `window_bits` are 9 to 15: zlib writes no smaller window.
    pub(in crate::protocol) fn new(
        window_bits: u8,
        forgets: bool,
        level: u8,
        mem_level: u8,
    ) -> Self {
        let config = DeflateConfig {
            level: level.into(),
            window_bits: -i32::from(window_bits),
            mem_level: mem_level.into(),
            strategy: Strategy::Default,
            ..DeflateConfig::default()
        };
        Self { stream: None, config, forgets, output: Vec::new(), length: 0 }
    }

    /// Compresses a whole message; None where that would not make it shorter.
    pub(in crate::protocol) fn compress_whole(
        &mut self,
        message: &[u8],
    ) -> Result<Option<&[u8]>, NoMemory> {
        if self.compress(message, true)?.len() < message.len() {
            return Ok(Some(&self.output[..self.length]));
        }
        self.forget();
        Ok(None)
    }

    /// What the peer will not inflate must not be referred to later; a fresh context refers to nothing.
    pub(in crate::protocol) fn forget(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.reset();
        }
    }

    /// Compresses a part of a message; `fin` marks its last.
    pub(in crate::protocol) fn compress(
        &mut self,
        part: &[u8],
        fin: bool,
    ) -> Result<&[u8], NoMemory> {
        let flushed = self.flush(part);
        if flushed.is_err() {
            self.forget();
        }
        let mut length = flushed?;
        if fin {
            length -= if self.output[..length].ends_with(&TAIL) { TAIL.len() } else { 0 };
            if length == 0 {
                // An empty stored block (RFC 7692 7.2.3.6).
                self.output[0] = 0;
                length = 1;
            }
            if let (true, Some(stream)) = (self.forgets, &mut self.stream) {
                stream.reset();
            }
        }
        if length == 0 {
            // As a flush of something ends: no frame is to have nothing in it.
            self.output[..EMPTY_BLOCK.len()].copy_from_slice(&EMPTY_BLOCK);
            length = EMPTY_BLOCK.len();
        }
        self.length = length;
        Ok(&self.output[..length])
    }

    /// Compresses all of `part`, up to a byte's boundary, and says how long it has become.
    fn flush(&mut self, part: &[u8]) -> Result<usize, NoMemory> {
        if self.output.len() > LARGEST_KEPT {
            self.output = Vec::new();
        }
        self.output.resize(self.output.len().max(LEAST_ROOM), 0);
        let config = self.config;
        let stream = self.stream.get_or_insert_with(|| Box::new(Deflate::new_with_config(config)));
        let (mut read, mut length) = (0, 0);
        loop {
            let before = (stream.total_in(), stream.total_out());
            let step =
                stream.compress(&part[read..], &mut self.output[length..], DeflateFlush::SyncFlush);
            debug_assert!(step.is_ok(), "{step:?}");
            let consumed = distance(before.0, stream.total_in());
            let produced = distance(before.1, stream.total_out());
            work::count(consumed + produced);
            read += consumed;
            length += produced;
            if length < self.output.len() {
                return Ok(length);
            }
            reserve_exact(&mut self.output, length)?;
            self.output.resize(2 * length, 0);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_hello_is_compressed_as_the_rfc_does() {
        let mut deflater = Deflater::new(15, false, 6, 8);
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(deflater.compress(b"Hello", true).unwrap(), hello);
        assert_eq!(deflater.compress(b"Hello", true).unwrap(), [0xf2, 0x00, 0x11, 0x00, 0x00]);
        let mut forgetful = Deflater::new(15, true, 6, 8);
        assert_eq!(forgetful.compress(b"Hello", true).unwrap(), hello);
        assert_eq!(forgetful.compress(b"Hello", true).unwrap(), hello);
    }

    #[test]
    fn what_does_not_get_shorter_is_given_up_and_forgotten() {
        let mut deflater = Deflater::new(15, false, 1, 5);
        let mut state = 1u32;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_be_bytes()[1]
        };
        let random: Vec<u8> = (0..1000).map(|_| random()).collect();
        let text = b"the same text, the same text".repeat(4);
        let first = deflater.compress_whole(&text).unwrap().map(<[u8]>::to_vec);
        assert!(deflater.compress_whole(&random).unwrap().is_none());
        assert_eq!(deflater.compress_whole(&text).unwrap().map(<[u8]>::to_vec), first);
        let again = deflater.compress_whole(&text).unwrap().map(<[u8]>::len);
        assert!(again < first.map(|first| first.len()));
    }

    #[test]
    fn an_empty_end_of_a_message_is_an_empty_stored_block() {
        let mut deflater = Deflater::new(15, false, 6, 8);
        assert_eq!(deflater.compress(b"", true).unwrap(), [0]);
        assert_eq!(
            deflater.compress(b"Hello", false).unwrap(),
            [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0, 0, 255, 255]
        );
        assert_eq!(deflater.compress(b"", false).unwrap(), EMPTY_BLOCK);
        assert_eq!(deflater.compress(b"", true).unwrap(), [0]);
    }
}
