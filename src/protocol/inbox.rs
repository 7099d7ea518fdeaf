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

/// Fragments that a message may have however small `max_size` is.
const FEW_FRAGMENTS: u64 = 4096;

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
    fragments: u64,
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

    /// Drops what is unparsed: nothing is parsed after the end of the connection. Of a message that
    /// lacks its end, what has arrived may still be taken as a chunk.
    pub(super) fn stop(&mut self) {
        match &mut self.message {
            Some(message) => message.frame = None,
            None => self.assembled = self.end,
        }
        self.parsed = self.assembled;
        self.end = self.assembled;
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
            fragments: 0,
            streamed: 0,
            frame: None,
        });
        message.announced += header.length;
        message.fragments += 1;
        // One for each byte allowed, and an empty one at the end: more only keep us busy.
        let limit = self.max_size.max(FEW_FRAGMENTS).saturating_add(1);
        if message.fragments > limit {
            return Err(ProtocolError::TooManyFragments { limit });
        }
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
mod tests;
