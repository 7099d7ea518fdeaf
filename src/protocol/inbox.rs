//! From wire bytes to whole messages: one contiguous buffer a connection, parsed in place.
//!
//! The payloads of a message's frames are moved together as they arrive, so a message is one slice of
//! the buffer until the user takes it, and a fragment costs no object of its own. Knows frames, text
//! and the size limit; knows nothing of control frames' meaning, of closing or of time.
//!
//! ```text
//!   | taken | queued messages | message under assembly | gap | unparsed | spare |
//!           ^ live_start()                    assembled ^     ^ parsed   ^ end
//! ```

use std::collections::VecDeque;

use super::error::ProtocolError;
use super::frame::{Header, Kind, MAX_CONTROL_PAYLOAD, Opcode};

/// The least room offered to one read. Two TLS records of plaintext fit.
const LEAST_SPARE: usize = 32 * 1024;

/// What a queued message counts beyond its payload, so that empty messages cannot queue for ever.
const MESSAGE_OVERHEAD: usize = 32;

/// A frame that has arrived whole. Data payloads are in the queue already; the slice is for the log.
#[derive(Debug, PartialEq)]
pub(super) struct Arrival<'a> {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) payload: &'a [u8],
}

#[derive(Debug)]
struct Queued {
    kind: Kind,
    start: u64,
    length: usize,
}

/// The data message whose last frame has not arrived.
#[derive(Debug)]
struct Assembly {
    kind: Kind,
    /// Where the bytes that nobody has taken begin, and up to where text is known to be valid.
    start: u64,
    validated: u64,
    /// Payload announced by all frames so far: what `max_size` is held against.
    announced: u64,
    /// Payload the user has taken as chunks before the end of the message.
    streamed: u64,
    frame: Option<DataFrame>,
}

#[derive(Debug)]
struct DataFrame {
    opcode: Opcode,
    fin: bool,
    length: u64,
    remaining: u64,
}

#[derive(Debug)]
pub(super) struct Inbox {
    buffer: Vec<u8>,
    /// The stream position of `buffer[0]`: positions stay true when the buffer is compacted.
    origin: u64,
    assembled: usize,
    parsed: usize,
    end: usize,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    message: Option<Assembly>,
    max_size: u64,
}

impl Inbox {
    pub(super) const fn new(max_size: u64) -> Self {
        Self {
            buffer: Vec::new(),
            origin: 0,
            assembled: 0,
            parsed: 0,
            end: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            message: None,
            max_size,
        }
    }

    /// Room for the next read; `received` says how much of it was filled.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.buffer.len() - self.end < LEAST_SPARE {
            self.make_room();
        }
        &mut self.buffer[self.end..]
    }

    pub(super) const fn received(&mut self, length: usize) {
        self.end += length;
    }

    /// The next frame that has arrived whole; `None` when the rest must be waited for.
    pub(super) fn next_frame(&mut self) -> Result<Option<Arrival<'_>>, ProtocolError> {
        loop {
            if self.in_data_frame() {
                return self.continue_data_frame();
            }
            let Some((header, size)) = Header::parse(&self.buffer[self.parsed..self.end])? else {
                self.settle();
                return Ok(None);
            };
            if header.opcode.is_control() {
                return Ok(self.control_frame(header, size));
            }
            self.begin_data_frame(header, size)?;
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Takes the oldest whole message. The slice lives in the buffer: copy it once, to where it goes.
    pub(super) fn take<R>(&mut self, read: impl FnOnce(Kind, &[u8]) -> R) -> Option<R> {
        let message = self.queue.pop_front()?;
        self.queued_bytes -= message.length + MESSAGE_OVERHEAD;
        let start = self.index(message.start);
        let result = read(message.kind, &self.buffer[start..start + message.length]);
        self.settle();
        Some(result)
    }

    /// Takes what has arrived of the oldest message, whole or not; the flag says whether it ends it.
    /// A chunk of text is cut between code points.
    pub(super) fn take_chunk<R>(&mut self, read: impl FnOnce(Kind, &[u8], bool) -> R) -> Option<R> {
        if !self.queue.is_empty() {
            return self.take(|kind, bytes| read(kind, bytes, true));
        }
        let until = self.chunk_end()?;
        let message = self.message.as_mut()?;
        let start = message.start;
        message.start = until;
        message.streamed += until - start;
        let kind = message.kind;
        let range = self.index(start)..self.index(until);
        Some(read(kind, &self.buffer[range], false))
    }

    /// Whether `take_chunk` would give something.
    pub(super) fn has_chunk(&self) -> bool {
        !self.queue.is_empty() || self.chunk_end().is_some()
    }

    /// Up to where the message under assembly can be handed out, if there is anything new of it.
    fn chunk_end(&self) -> Option<u64> {
        let message = self.message.as_ref()?;
        let assembled = self.position(self.assembled);
        let until = if message.kind == Kind::Text { message.validated } else { assembled };
        (until > message.start).then_some(until)
    }

    /// Forgets the newest whole message.
    pub(super) fn drop_newest(&mut self) {
        if let Some(message) = self.queue.pop_back() {
            self.queued_bytes -= message.length + MESSAGE_OVERHEAD;
        }
    }

    /// True while the inbox holds no byte, so that its buffer may serve another connection.
    pub(super) fn is_empty(&self) -> bool {
        self.end == self.live_start()
    }

    pub(super) const fn has_buffer(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Takes an initialised buffer for the bytes to come; only for an inbox without one.
    pub(super) fn lend(&mut self, buffer: Vec<u8>) {
        debug_assert!(self.buffer.is_empty());
        self.buffer = buffer;
    }

    /// Gives the buffer back. Only when `is_empty`.
    pub(super) fn reclaim(&mut self) -> Vec<u8> {
        debug_assert!(self.is_empty());
        self.rewind();
        std::mem::take(&mut self.buffer)
    }

    /// Drops all that is not a whole message: nothing is parsed after the connection has failed.
    pub(super) fn stop(&mut self) {
        self.message = None;
        self.parsed = self.end;
        self.assembled = self.end;
    }

    fn in_data_frame(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.frame.is_some())
    }

    fn control_frame(&mut self, header: Header, size: usize) -> Option<Arrival<'_>> {
        debug_assert!(header.length <= MAX_CONTROL_PAYLOAD as u64);
        let length = usize::try_from(header.length).unwrap_or(MAX_CONTROL_PAYLOAD);
        let start = self.parsed + size;
        if self.end - self.parsed < size + length {
            return None;
        }
        self.parsed = start + length;
        let payload = &self.buffer[start..start + length];
        Some(Arrival { opcode: header.opcode, fin: true, payload })
    }

    /// "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than
    /// 0, followed by zero or more frames with the FIN bit clear and the opcode set to 0, and
    /// terminated by a single frame with the FIN bit set and an opcode of 0" (RFC 6455 5.4).
    fn begin_data_frame(&mut self, header: Header, size: usize) -> Result<(), ProtocolError> {
        let kind = match (header.opcode, &self.message) {
            (Opcode::Continuation, Some(message)) => message.kind,
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (opcode, Some(_)) => return Err(ProtocolError::ExpectedContinuation(opcode)),
            (Opcode::Text, None) => Kind::Text,
            (_, None) => Kind::Binary,
        };
        let before = self.message.as_ref().map_or(0, |message| message.announced);
        if header.length > self.max_size.saturating_sub(before) {
            let length = before.saturating_add(header.length);
            return Err(ProtocolError::MessageTooBig { length, limit: self.max_size });
        }
        self.parsed += size;
        if self.message.is_none() {
            self.assembled = self.parsed;
        }
        let start = self.position(self.assembled);
        let message = self.message.get_or_insert(Assembly {
            kind,
            start,
            validated: start,
            announced: 0,
            streamed: 0,
            frame: None,
        });
        message.announced += header.length;
        message.frame = Some(DataFrame {
            opcode: header.opcode,
            fin: header.fin,
            length: header.length,
            remaining: header.length,
        });
        Ok(())
    }

    fn continue_data_frame(&mut self) -> Result<Option<Arrival<'_>>, ProtocolError> {
        self.assemble();
        self.check_text()?;
        let Some(frame) = self
            .message
            .as_mut()
            .and_then(|message| message.frame.take_if(|frame| frame.remaining == 0))
        else {
            self.settle();
            return Ok(None);
        };
        if frame.fin {
            self.complete_message();
        }
        let length = usize::try_from(frame.length).unwrap_or(usize::MAX).min(self.assembled);
        let payload = &self.buffer[self.assembled - length..self.assembled];
        Ok(Some(Arrival { opcode: frame.opcode, fin: frame.fin, payload }))
    }

    /// Moves the arrived part of the frame's payload up to the payload before it.
    fn assemble(&mut self) {
        let Some(frame) = self.message.as_mut().and_then(|message| message.frame.as_mut()) else {
            return;
        };
        let arrived = self.end - self.parsed;
        let length = usize::try_from(frame.remaining).map_or(arrived, |left| left.min(arrived));
        if self.parsed != self.assembled {
            self.buffer.copy_within(self.parsed..self.parsed + length, self.assembled);
        }
        self.parsed += length;
        self.assembled += length;
        frame.remaining -= length as u64;
    }

    /// Text fails at its first wrong byte, in the middle of a frame if need be (RFC 6455 8.1).
    fn check_text(&mut self) -> Result<(), ProtocolError> {
        let assembled = self.position(self.assembled);
        let Some(message) = self.message.as_mut().filter(|message| message.kind == Kind::Text)
        else {
            return Ok(());
        };
        let from = index(self.origin, message.validated);
        let ends = message.frame.as_ref().is_some_and(|frame| frame.fin && frame.remaining == 0);
        match simdutf8::compat::from_utf8(&self.buffer[from..self.assembled]) {
            Ok(_) => message.validated = assembled,
            Err(error) if error.error_len().is_none() && !ends => {
                message.validated += error.valid_up_to() as u64;
            }
            Err(error) => {
                let valid = message.validated - message.start + error.valid_up_to() as u64;
                return Err(ProtocolError::InvalidText { position: message.streamed + valid });
            }
        }
        Ok(())
    }

    fn complete_message(&mut self) {
        let end = self.position(self.assembled);
        if let Some(message) = self.message.take() {
            let length = index(message.start, end);
            self.queued_bytes += length + MESSAGE_OVERHEAD;
            self.queue.push_back(Queued { kind: message.kind, start: message.start, length });
        }
    }

    /// Where the first byte is that somebody still needs.
    fn live_start(&self) -> usize {
        let first = self.queue.front().map(|message| message.start);
        let first = first.or_else(|| self.message.as_ref().map(|message| message.start));
        first.map_or(self.parsed, |position| self.index(position))
    }

    fn position(&self, index: usize) -> u64 {
        self.origin + index as u64
    }

    fn index(&self, position: u64) -> usize {
        index(self.origin, position)
    }

    /// Takes back, without moving a byte, what no one needs any more.
    fn settle(&mut self) {
        if self.parsed == self.end && self.message.is_some() {
            self.parsed = self.assembled;
            self.end = self.assembled;
        }
        if self.is_empty() && self.message.is_none() {
            self.rewind();
        }
    }

    fn rewind(&mut self) {
        let end = self.end;
        self.origin += end as u64;
        (self.assembled, self.parsed, self.end) = (0, 0, 0);
    }

    /// Compacts when at least as much is dead as alive, grows when not: either way a byte is moved a
    /// constant number of times.
    fn make_room(&mut self) {
        self.close_gap();
        let start = self.live_start();
        if start > 0 && start >= self.end - start {
            self.buffer.copy_within(start..self.end, 0);
            self.origin += start as u64;
            self.assembled = self.assembled.saturating_sub(start);
            self.parsed -= start;
            self.end -= start;
        }
        if self.buffer.len() - self.end < LEAST_SPARE {
            let length = (2 * self.buffer.len()).max(self.end + LEAST_SPARE);
            self.buffer.resize(length, 0);
        }
    }

    /// Moves the unparsed bytes up to the message under assembly: frame headers leave a gap there.
    fn close_gap(&mut self) {
        if self.message.is_some() && self.parsed > self.assembled {
            self.buffer.copy_within(self.parsed..self.end, self.assembled);
            self.end -= self.parsed - self.assembled;
            self.parsed = self.assembled;
        }
    }
}

/// The distance from `origin` to `position`: both lie within one buffer.
fn index(origin: u64, position: u64) -> usize {
    debug_assert!(origin <= position);
    usize::try_from(position - origin).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn feed(inbox: &mut Inbox, bytes: &[u8]) -> Result<usize, ProtocolError> {
        inbox.spare()[..bytes.len()].copy_from_slice(bytes);
        inbox.received(bytes.len());
        let mut frames = 0;
        while inbox.next_frame()?.is_some() {
            frames += 1;
        }
        Ok(frames)
    }

    fn take(inbox: &mut Inbox) -> Option<(Kind, Vec<u8>)> {
        inbox.take(|kind, bytes| (kind, bytes.to_vec()))
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, u8::try_from(payload.len()).unwrap()];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn fragments_with_a_ping_between_become_one_message() {
        let mut inbox = Inbox::new(1024);
        let mut wire = frame(0x01, "hél".as_bytes());
        wire.extend(frame(0x89, b"ping"));
        wire.extend(frame(0x00, b""));
        wire.extend(frame(0x80, b"lo"));
        assert_eq!(feed(&mut inbox, &wire), Ok(4));
        assert_eq!(take(&mut inbox), Some((Kind::Text, "héllo".into())));
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_code_point_may_be_split_over_fragments_and_reads() {
        let mut inbox = Inbox::new(1024);
        let mut wire = frame(0x01, &[0xF0]);
        wire.extend(frame(0x00, &[0x9F, 0x98]));
        wire.extend(frame(0x80, &[0x80]));
        for byte in wire {
            feed(&mut inbox, &[byte]).unwrap();
        }
        assert_eq!(take(&mut inbox), Some((Kind::Text, "😀".into())));
    }

    #[test]
    fn text_fails_at_its_first_wrong_byte_in_the_middle_of_a_frame() {
        let mut inbox = Inbox::new(1024);
        assert_eq!(feed(&mut inbox, &[0x81, 100, b'a', 0xED]), Ok(0));
        assert_eq!(feed(&mut inbox, &[0xA0]), Err(ProtocolError::InvalidText { position: 1 }));
    }

    #[test]
    fn text_that_ends_within_a_code_point_is_invalid() {
        let mut inbox = Inbox::new(1024);
        let error = feed(&mut inbox, &frame(0x81, &[b'a', 0xC3]));
        assert_eq!(error, Err(ProtocolError::InvalidText { position: 1 }));
    }

    #[test]
    fn the_limit_counts_all_fragments_and_is_judged_on_the_header() {
        let mut inbox = Inbox::new(10);
        feed(&mut inbox, &frame(0x02, &[0; 6])).unwrap();
        let error = ProtocolError::MessageTooBig { length: 11, limit: 10 };
        assert_eq!(feed(&mut inbox, &[0x80, 5]), Err(error));
        let mut inbox = Inbox::new(10);
        let huge = [0x82, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255];
        let error = ProtocolError::MessageTooBig { length: i64::MAX as u64, limit: 10 };
        assert_eq!(feed(&mut inbox, &huge), Err(error));
        assert!(inbox.buffer.len() <= LEAST_SPARE);
    }

    #[test]
    fn empty_fragments_take_no_memory() {
        let mut inbox = Inbox::new(1024);
        feed(&mut inbox, &frame(0x02, b"x")).unwrap();
        for _ in 0..10_000 {
            feed(&mut inbox, &[0, 0, 0, 0, 0, 0]).unwrap();
        }
        assert!(inbox.buffer.len() <= 2 * LEAST_SPARE);
        feed(&mut inbox, &frame(0x80, b"y")).unwrap();
        assert_eq!(take(&mut inbox), Some((Kind::Binary, b"xy".into())));
    }

    #[test]
    fn chunks_come_before_the_message_ends_and_cut_text_between_code_points() {
        let mut inbox = Inbox::new(1024);
        let mut chunk = |bytes: &[u8]| {
            feed(&mut inbox, bytes).unwrap();
            inbox.take_chunk(|_, bytes, fin| (String::from_utf8(bytes.to_vec()).unwrap(), fin))
        };
        assert_eq!(chunk(&[0x01, 3, b'a', 0xC3]), Some(("a".into(), false)));
        assert_eq!(chunk(&[]), None);
        assert_eq!(chunk(&[0xA9]), Some(("é".into(), false)));
        assert_eq!(chunk(&[0x80, 1, b'z']), Some(("z".into(), true)));
        assert_eq!(chunk(&[0x81, 0]), Some((String::new(), true)));
    }

    #[test]
    fn a_slow_taker_sees_every_message_while_the_buffer_moves() {
        let mut inbox = Inbox::new(1 << 20);
        let (mut sent, mut taken) = (0u32, 0u32);
        while taken < 20_000 {
            for _ in 0..3 {
                let mut payload = sent.to_be_bytes().to_vec();
                payload.resize(4 + (sent % 100) as usize, 7);
                feed(&mut inbox, &frame(0x82, &payload)).unwrap();
                sent += 1;
            }
            for _ in 0..if sent < 15_000 { 2 } else { 5 } {
                let Some((_, payload)) = take(&mut inbox) else { break };
                assert_eq!(payload[..4], taken.to_be_bytes());
                assert_eq!(payload.len(), 4 + (taken % 100) as usize);
                taken += 1;
            }
        }
    }
}
