//! From commands to wire bytes: masked frames, whole, in the order of the commands.
//!
//! Knows which message is being fragmented, and keeps Pongs from piling up before a peer that does
//! not read. Knows nothing of closing or of time.

use std::fmt;

use super::deflate::{Deflate, Deflater};
use super::frame::{self, Mark};
use super::mask;
use super::no_memory::{NoMemory, reserve_exact};
use super::opcode::{Kind, Opcode};
use super::stats::Traffic;
use super::work;

/// Where masking keys come from: fresh, unpredictable ones (RFC 6455 5.3 and 10.3).
pub type MaskKeys = Box<dyn FnMut() -> [u8; 4] + Send>;

/// With this much unsent, "the endpoint MAY elect to send a Pong frame for only the most recently
/// processed Ping frame" (RFC 6455 5.5.3), and does.
const PONG_BACKLOG: usize = 16 * 1024;

/// A longer payload is masked by such parts, each written before the next, while it is in the core's
/// cache. A multiple of the key's length.
const PART: usize = 128 * 1024;

/// Hands bytes to the network, if it takes any now, and says how many it took.
pub(super) type Write<'a> = dyn FnMut(&[u8]) -> usize + 'a;

pub(super) struct Outbox {
    buffer: Vec<u8>,
    written: usize,
    fragmented: Option<Fragmented>,
    late_pong: Option<Vec<u8>>,
    keys: MaskKeys,
    /// Boxed, as all that only compression needs: most connections that idle have none.
    compression: Option<Box<Compression>>,
    traffic: Traffic,
}

/// A message of ours whose last fragment has not been queued.
#[derive(Clone, Copy)]
struct Fragmented {
    compressed: bool,
}

struct Compression {
    deflater: Deflater,
    threshold: usize,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("unsent", &self.unsent()).finish_non_exhaustive()
    }
}

impl Outbox {
    pub(super) fn new(keys: MaskKeys, deflate: Option<&Deflate>) -> Self {
        let compression = deflate.and_then(Compression::new).map(Box::new);
        let (buffer, written, fragmented, late_pong) = (Vec::new(), 0, None, None);
        let traffic = Traffic::default();
        Self { buffer, written, fragmented, late_pong, keys, compression, traffic }
    }

    /// Queues a frame of a data message and says what it is: once a fragment has gone without FIN, the
    /// next one continues it. `compress` decides for the whole message, with its first frame. What is ready
    /// of a long one is for `write` to take. None where there is nothing to queue.
    pub(super) fn data(
        &mut self,
        (kind, fin): (Kind, bool),
        payload: &[u8],
        compress: Option<bool>,
        write: &mut Write<'_>,
    ) -> Result<Option<Mark>, NoMemory> {
        let first = self.fragmented.is_none();
        if payload.is_empty() && !fin && self.fragmented.is_some_and(|message| message.compressed) {
            // It adds nothing, and servers have failed over a compressed frame with nothing in it.
            return Ok(None);
        }
        let compressed = match self.fragmented {
            Some(message) => message.compressed,
            None => self.is_compressed(fin, payload, compress),
        };
        let opcode = if first { kind.into() } else { Opcode::Continuation };
        let plain = Mark { opcode, fin, compressed: false };
        let mark = match self.compression.take_if(|_| compressed) {
            None => self.data_frame(plain, payload, write).map(|()| plain),
            Some(mut compression) => {
                let mark = self.compressed_frame(&mut compression, plain, payload, write);
                self.compression = Some(compression);
                mark
            }
        }?;
        self.fragmented = (!fin).then_some(Fragmented { compressed });
        self.traffic.messages += u64::from(fin);
        self.traffic.bytes += payload.len() as u64;
        Ok(Some(mark))
    }

    fn compressed_frame(
        &mut self,
        compression: &mut Compression,
        plain: Mark,
        payload: &[u8],
        write: &mut Write<'_>,
    ) -> Result<Mark, NoMemory> {
        let (first, deflater) = (self.fragmented.is_none(), &mut compression.deflater);
        let part = if first && plain.fin {
            deflater.compress_whole(payload)?
        } else {
            Some(deflater.compress(payload, plain.fin)?)
        };
        let mark = Mark { compressed: first && part.is_some(), ..plain };
        let queued = self.data_frame(mark, part.unwrap_or(payload), write);
        if queued.is_err() {
            deflater.forget();
        }
        queued.map(|()| mark)
    }

    /// Of a fragmented message the length is unknown, so it counts as long.
    fn is_compressed(&self, fin: bool, payload: &[u8], compress: Option<bool>) -> bool {
        self.compression.as_ref().is_some_and(|compression| {
            compress.unwrap_or(!fin || payload.len() >= compression.threshold)
        })
    }

    pub(super) fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), NoMemory> {
        self.frame(Mark::control(opcode), payload)
    }

    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        if self.unsent() >= PONG_BACKLOG || self.control(Opcode::Pong, payload).is_err() {
            self.late_pong = Some(payload.to_vec());
        }
    }

    pub(super) const fn fragmented(&self) -> bool {
        self.fragmented.is_some()
    }

    pub(super) fn unsent(&self) -> usize {
        self.buffer.len() - self.written
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

    /// What has been queued, and how much of it written.
    pub(super) const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// A fresh, unpredictable payload for a Ping.
    pub(super) fn fresh_payload(&mut self) -> [u8; 4] {
        (self.keys)()
    }

    /// Takes note that `length` of `bytes` have been handed to the network.
    pub(super) fn written(&mut self, length: usize) {
        self.take(length);
        if self.unsent() < PONG_BACKLOG
            && let Some(payload) = self.late_pong.take()
            && self.control(Opcode::Pong, &payload).is_err()
        {
            self.late_pong = Some(payload);
        }
    }

    fn take(&mut self, length: usize) {
        self.traffic.wire += length as u64;
        self.written += length;
        if self.written == self.buffer.len() {
            self.buffer.clear();
            self.written = 0;
        }
    }

    /// Forgets what can no longer be sent.
    pub(super) fn clear(&mut self) {
        self.late_pong = None;
        self.buffer = Vec::new();
        self.written = 0;
    }

    /// Takes a buffer for the frames to come, if it has none.
    pub(super) fn lend(&mut self, buffer: impl FnOnce() -> Vec<u8>) {
        if self.buffer.capacity() == 0 {
            self.buffer = buffer();
        }
    }

    /// Gives the buffer back when all has been written.
    pub(super) fn reclaim(&mut self) -> Option<Vec<u8>> {
        (self.buffer.is_empty() && self.buffer.capacity() > 0)
            .then(|| std::mem::take(&mut self.buffer))
    }

    /// Queues it whole or not at all: for what the network will not take of a long one, room is there
    /// before its first byte goes.
    fn data_frame(
        &mut self,
        mark: Mark,
        payload: &[u8],
        write: &mut Write<'_>,
    ) -> Result<(), NoMemory> {
        if payload.len() <= PART {
            self.frame(mark, payload)?;
            self.traffic.payload += payload.len() as u64;
            return Ok(());
        }
        self.compact();
        let mut ample = Vec::new();
        let whole = payload.len().saturating_add(frame::MAX_HEADER);
        if self.buffer.capacity() - self.buffer.len() < whole {
            reserve_exact(&mut ample, self.unsent().saturating_add(whole))?;
        }
        reserve_exact(&mut self.buffer, frame::MAX_HEADER + PART)?;
        self.traffic.payload += payload.len() as u64;
        let key = (self.keys)();
        frame::encode_header(&mut self.buffer, mark, payload.len(), key);
        let mut rest = payload;
        while let Some((part, behind)) = rest.split_at_checked(PART) {
            rest = behind;
            work::count(part.len());
            mask::extend_masked(&mut self.buffer, part, key);
            let taken = write(self.bytes());
            self.take(taken);
            if self.unsent() > 0 {
                break;
            }
        }
        work::count(rest.len());
        if self.buffer.capacity() - self.buffer.len() < rest.len() {
            work::count(self.unsent());
            ample.extend_from_slice(self.bytes());
            (self.buffer, self.written) = (ample, 0);
        }
        mask::extend_masked(&mut self.buffer, rest, key);
        Ok(())
    }

    fn frame(&mut self, mark: Mark, payload: &[u8]) -> Result<(), NoMemory> {
        self.compact();
        let key = (self.keys)();
        frame::encode(&mut self.buffer, mark, payload, key)
    }

    fn compact(&mut self) {
        if self.written > 0 && self.written >= self.unsent() {
            work::count(self.unsent());
            self.buffer.drain(..self.written);
            self.written = 0;
        }
    }
}

impl Compression {
    /// None where the server allows a window of 8 bits only, which zlib cannot write: our messages then
    /// go uncompressed, as any may (RFC 7692 6).
    fn new(deflate: &Deflate) -> Option<Self> {
        let Deflate { agreed, level, mem_level, threshold } = *deflate;
        (agreed.client_max_window_bits > 8).then(|| Self {
            deflater: Deflater::new(
                agreed.client_max_window_bits,
                agreed.client_no_context_takeover,
                level,
                mem_level,
            ),
            threshold,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::deflate::Agreed;
    use super::super::no_memory;
    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(Box::new(|| [0; 4]), None)
    }

    fn deflate() -> Deflate {
        let agreed = Agreed {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        };
        Deflate { agreed, level: 1, mem_level: 5, threshold: 1 }
    }

    #[test]
    fn fragments_continue_the_message_until_fin() {
        let mut outbox = outbox();
        let opcodes = [
            outbox.data((Kind::Text, false), b"a", None, &mut |_| 0).unwrap(),
            outbox.data((Kind::Text, false), b"b", None, &mut |_| 0).unwrap(),
            outbox.data((Kind::Binary, true), b"c", None, &mut |_| 0).unwrap(),
            outbox.data((Kind::Binary, true), b"d", None, &mut |_| 0).unwrap(),
        ];
        let continuation = Opcode::Continuation;
        assert_eq!(
            opcodes.map(|mark| mark.unwrap().opcode),
            [Opcode::Text, continuation, continuation, Opcode::Binary]
        );
    }

    #[test]
    fn a_peer_that_does_not_read_is_owed_the_latest_pong_only() {
        let mut outbox = outbox();
        for n in 0..100_000u32 {
            outbox.answer_ping(&n.to_be_bytes());
        }
        assert!(outbox.unsent() < PONG_BACKLOG + 14 + 125);
        outbox.written(outbox.unsent());
        assert_eq!(outbox.bytes()[6..], 99_999u32.to_be_bytes());
    }

    #[test]
    fn what_is_written_is_not_sent_again() {
        let mut outbox = outbox();
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        for n in 0..200u8 {
            outbox.data((Kind::Binary, true), &[n; 50], None, &mut |_| 0).unwrap();
            let mark = Mark { opcode: Opcode::Binary, fin: true, compressed: false };
            frame::encode(&mut expected, mark, &[n; 50], [0; 4]).unwrap();
            let some = outbox.unsent().min(37);
            wire.extend_from_slice(&outbox.bytes()[..some]);
            outbox.written(some);
        }
        wire.extend_from_slice(outbox.bytes());
        assert_eq!(wire, expected);
    }

    #[test]
    fn a_long_payload_is_the_same_however_much_of_it_is_taken_on_the_way() {
        let payload: Vec<u8> = (0..=250).cycle().take(3 * PART + 7).collect();
        let mut expected = outbox();
        expected.data((Kind::Binary, true), &payload, None, &mut |_| 0).unwrap();
        for most in [0, 1, PART - 1, PART, usize::MAX] {
            let mut outbox = outbox();
            outbox.control(Opcode::Ping, b"before").unwrap();
            let mut wire = Vec::new();
            let mut calls = 0;
            outbox
                .data((Kind::Binary, true), &payload, None, &mut |bytes| {
                    let taken = bytes.len().min(most);
                    wire.extend_from_slice(&bytes[..taken]);
                    calls += 1;
                    taken
                })
                .unwrap();
            assert_eq!(calls, if most == usize::MAX { 3 } else { 1 });
            assert_eq!(outbox.traffic().wire, wire.len() as u64);
            wire.extend_from_slice(outbox.bytes());
            assert_eq!(wire[12..], *expected.bytes());
        }
    }

    #[test]
    fn what_finds_no_room_is_not_sent_by_half_and_the_next_message_goes() {
        let deflate = deflate();
        for deflate in [None, Some(&deflate)] {
            let mut outbox = Outbox::new(Box::new(|| [0; 4]), deflate);
            let mut state = 1u32;
            let payload: Vec<u8> = (0..4 * PART)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            let mut calls = 0;
            let sent = no_memory::beyond(2 * PART, || {
                outbox.data((Kind::Binary, true), &payload, None, &mut |bytes| {
                    calls += 1;
                    bytes.len()
                })
            });
            assert!(matches!(sent, Err(NoMemory(_))), "{sent:?}");
            assert_eq!((calls, outbox.unsent(), outbox.traffic()), (0, 0, Traffic::default()));
            outbox.data((Kind::Binary, true), b"next", Some(false), &mut |_| 0).unwrap();
            assert_eq!(outbox.bytes()[6..], *b"next");
        }
    }

    #[test]
    fn a_compressed_frame_is_never_empty() {
        let mut outbox = Outbox::new(Box::new(|| [0; 4]), Some(&deflate()));
        let mut send = |payload: &[u8], fin| {
            let before = outbox.unsent();
            outbox.data((Kind::Text, fin), payload, None, &mut |_| 0).unwrap();
            (outbox.unsent() - before).checked_sub(6)
        };
        for parts in [["", "a", "", ""], ["a", "", "", "b"], ["", "", "", ""]] {
            let lengths = [0, 1, 2, 3].map(|n| send(parts[n].as_bytes(), n == 3));
            assert!(lengths[3].is_some_and(|length| length > 0), "{parts:?}: the end comes");
            assert!(!lengths.contains(&Some(0)), "{parts:?}: {lengths:?}");
        }
    }

    #[test]
    fn a_late_pong_waits_for_the_end_of_a_long_frame() {
        let mut outbox = outbox();
        while outbox.late_pong.is_none() {
            outbox.answer_ping(b"late");
        }
        let before = outbox.unsent();
        let mut wire = Vec::new();
        outbox
            .data((Kind::Binary, true), &vec![0; 2 * PART], None, &mut |bytes| {
                wire.extend_from_slice(bytes);
                bytes.len()
            })
            .unwrap();
        wire.extend_from_slice(outbox.bytes());
        assert_eq!(wire.len(), before + 14 + 2 * PART);
        outbox.written(outbox.unsent());
        assert_eq!(outbox.bytes()[6..], *b"late");
    }
}
