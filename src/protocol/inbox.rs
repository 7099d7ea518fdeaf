//! From wire bytes to whole messages: fragments joined, text validated, compression undone, and the size
//! limit kept while the bytes arrive.
//!
//! The payloads of a message's frames are moved together as they arrive, so a message is one slice of
//! the buffer until the user takes it, and a fragment costs no object of its own. Knows nothing of
//! control frames' meaning, of closing or of time.

mod backlog;
mod buffer;
mod cuts;
mod landing;
mod queue;
mod taking;
#[cfg(test)]
mod tests;

use std::time::Instant;

use super::deflate::Inflater;
use super::error::ProtocolError;
use super::failure::Failure;
use super::frame::{Header, MAX_CONTROL_PAYLOAD};
use super::no_memory::NoMemory;
use super::opcode::{Kind, Opcode};
use super::stats::Traffic;
use super::work;
use buffer::{Buffer, InflateError, Needed};
pub use landing::Landable;
pub use queue::Overflow;
pub(super) use queue::Queue;
use queue::Queued;

/// Fragments that a message may have however small `max_size` is.
const FEW_FRAGMENTS: u64 = 4096;

/// A frame that has arrived whole. Data payloads are in the queue already; the slice is for the log.
#[derive(Debug, PartialEq)]
pub(super) struct Arrival<'a> {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) compressed: bool,
    pub(super) payload: &'a [u8],
}

/// The data message whose last frame has not arrived.
#[derive(Debug)]
struct Assembly {
    kind: Kind,
    compressed: bool,
    /// Where the bytes that nobody has taken begin, and up to where text is known to be valid.
    start: u64,
    validated: u64,
    /// Payload announced by all frames so far: what the limit is held against at each header.
    announced: u64,
    fragments: u64,
    /// Payload the user has taken as chunks before the end of the message.
    streamed: u64,
    /// Up to where the ends of its fragments are known, and how many bytes the queue's record of those has
    /// that are not taken.
    cut_at: u64,
    cuts: usize,
    /// So much lies where the user gets it from, and the rest is read there: see `landing`.
    landed: Option<u64>,
    frame: Option<DataFrame>,
}

impl Assembly {
    /// The most that may still come of it.
    fn awaited(&self, max_size: u64) -> u64 {
        let left = max_size.saturating_sub(self.announced);
        match &self.frame {
            Some(frame) if frame.fin => frame.remaining,
            Some(frame) => left.saturating_add(frame.remaining),
            None => left,
        }
    }
}

#[derive(Debug)]
struct DataFrame {
    opcode: Opcode,
    fin: bool,
    /// Where its payload begins.
    start: u64,
    remaining: u64,
}

#[derive(Debug)]
pub(super) struct Inbox {
    buffer: Buffer,
    queue: Queue,
    message: Option<Assembly>,
    max_size: u64,
    /// With permessage-deflate, which also makes RSV1 meaningful.
    inflater: Option<Box<Inflater>>,
    /// Data is passed over: a message has been dropped already, and none may be missing before another.
    discarding: bool,
    /// When the bytes of the message came that was taken last.
    taken_at: Option<Instant>,
    traffic: Traffic,
    /// There was no room to read into.
    exhausted: Option<NoMemory>,
}

impl Inbox {
    pub(super) fn new(max_size: u64, inflater: Option<Inflater>, queue: Queue) -> Self {
        Self {
            buffer: Buffer::new(inflater.is_some()),
            queue,
            message: None,
            max_size,
            inflater: inflater.map(Box::new),
            discarding: false,
            taken_at: None,
            traffic: Traffic::default(),
            exhausted: None,
        }
    }

    /// Room for the next read; `received` says how much of it was filled.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        let awaited = self.message.as_ref().map_or(0, |message| message.awaited(self.max_size));
        if let Err(error) = self.buffer.provide(self.needed(), awaited) {
            self.exhausted = Some(error);
            self.stop();
        }
        self.buffer.spare()
    }

    pub(super) const fn received(&mut self, length: usize) {
        self.traffic.wire += length as u64;
        self.buffer.received(length);
    }

    /// What ends the connection, since nothing more can be read.
    pub(super) fn exhausted(&mut self) -> Option<Failure> {
        self.exhausted.take().map(Failure::from)
    }

    /// The time of the messages that are parsed from here on.
    pub(super) fn arrived_at(&mut self, now: Instant) {
        self.queue.arrive(now);
    }

    /// How many bytes are missing of the frame under way.
    pub(super) fn awaited(&self) -> usize {
        let frame = self.message.as_ref().and_then(|message| message.frame.as_ref());
        frame.map_or(0, |frame| usize::try_from(frame.remaining).unwrap_or(usize::MAX))
    }

    /// The next frame that has arrived whole; `None` when the rest must be waited for.
    pub(super) fn next_frame(&mut self) -> Result<Option<Arrival<'_>>, Failure> {
        loop {
            if self.in_data_frame() {
                return self.continue_data_frame();
            }
            let parsed = Header::parse(self.buffer.unparsed(), self.inflater.is_some())?;
            work::count(1);
            let Some((header, size)) = parsed else {
                self.settle();
                return Ok(None);
            };
            if header.opcode.is_control() {
                return Ok(self.control_frame(header, size));
            }
            self.begin_data_frame(header, size)?;
        }
    }

    /// Queues the messages that have arrived whole, each in one frame, up to the first that needs more
    /// care: what `next_frame` does, without assembling anything.
    pub(super) fn queue_whole_messages(&mut self) {
        if self.inflates() || self.discarding || self.message.is_some() {
            return;
        }
        while !self.queue.ends_all()
            && let Some((kind, size, length)) = self.whole_message()
        {
            // Where there is no room, `next_frame` says so.
            if self.queue.provide().is_err() {
                return;
            }
            let live = self.live();
            self.buffer.pass(size);
            self.buffer.begin_message(length as u64, live);
            let start = self.buffer.payload_end();
            // It stays where it is.
            let needed = Needed { live: live.unwrap_or(start), message: start };
            if self.buffer.append(length, needed, 0).is_err() {
                return;
            }
            self.traffic.payload += length as u64;
            self.enqueue(Queued { kind, start, length, cuts: 0, begun: false, landed: false }, 0);
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) const fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// When the message arrived that was taken last.
    pub(super) const fn taken_at(&self) -> Option<Instant> {
        self.taken_at
    }

    /// Whether messages are inflated, so that a few bytes may become many.
    pub(super) const fn inflates(&self) -> bool {
        self.inflater.is_some()
    }

    pub(super) fn unparsed(&self) -> usize {
        self.buffer.unparsed().len()
    }

    /// Forgets the newest whole message, and passes over all that come after it.
    pub(super) fn drop_newest(&mut self) {
        self.discarding = true;
        self.queue.drop_newest();
    }

    /// Takes initialised buffers for the bytes to come, where it has none.
    pub(super) fn lend(&mut self, buffer: impl Fn() -> Vec<u8>) {
        self.buffer.lend(buffer);
    }

    /// Gives back the buffers that hold nothing: an idle connection needs none.
    pub(super) fn reclaim(&mut self, give: impl FnMut(Vec<u8>)) {
        self.buffer.reclaim(self.live(), give);
    }

    /// Drops what is unparsed: nothing is parsed after the end of the connection. Of a message that
    /// lacks its end, what has arrived may still be taken as a chunk.
    pub(super) fn stop(&mut self) {
        if let Some(message) = &mut self.message {
            message.frame = None;
        }
        self.buffer.stop(self.message.is_some());
    }

    fn in_data_frame(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.frame.is_some())
    }

    fn control_frame(&mut self, header: Header, size: usize) -> Option<Arrival<'_>> {
        debug_assert!(header.length <= MAX_CONTROL_PAYLOAD as u64);
        let length = usize::try_from(header.length).unwrap_or(MAX_CONTROL_PAYLOAD);
        if self.unparsed() < size + length {
            return None;
        }
        let payload = &self.buffer.pass(size + length)[size..];
        Some(Arrival { opcode: header.opcode, fin: true, compressed: false, payload })
    }

    /// Where the message ends that is at the start of what has arrived, if it is there whole, in one frame,
    /// with nothing to inflate and nothing wrong.
    fn whole_message(&self) -> Option<(Kind, usize, usize)> {
        let unparsed = self.buffer.unparsed();
        let Ok(Some((header, size))) = Header::parse(unparsed, false) else { return None };
        work::count(1);
        let kind = match header.opcode {
            Opcode::Text => Kind::Text,
            Opcode::Binary => Kind::Binary,
            _ => return None,
        };
        if !header.fin || header.length > self.max_size {
            return None;
        }
        let length = usize::try_from(header.length).ok()?;
        let payload = unparsed.get(size..size.checked_add(length)?)?;
        if kind == Kind::Text {
            work::count(length);
            simdutf8::basic::from_utf8(payload).ok()?;
        }
        Some((kind, size, length))
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
        let compressed = self.message.as_ref().map_or(header.compressed, |m| m.compressed);
        let limit = if compressed { wire_limit(self.max_size) } else { self.max_size };
        if header.length > limit.saturating_sub(before) {
            let length = before.saturating_add(header.length);
            return Err(ProtocolError::MessageTooBig { length, limit: self.max_size });
        }
        self.buffer.pass(size);
        if self.message.is_none() && !self.discarding {
            self.buffer.begin_message(header.length, self.live());
        }
        let start = self.buffer.payload_end();
        let message = self.message.get_or_insert(Assembly {
            kind,
            compressed,
            start,
            validated: start,
            announced: 0,
            fragments: 0,
            streamed: 0,
            cut_at: start,
            cuts: 0,
            landed: None,
            frame: None,
        });
        message.announced += header.length;
        message.fragments += 1;
        // One for each byte allowed, and an empty one at the end: more only keep us busy.
        let limit = self.max_size.max(FEW_FRAGMENTS).saturating_add(1);
        if message.fragments > limit {
            return Err(ProtocolError::TooManyFragments { limit });
        }
        let (opcode, fin, remaining) = (header.opcode, header.fin, header.length);
        message.frame = Some(DataFrame { opcode, fin, start, remaining });
        Ok(())
    }

    fn continue_data_frame(&mut self) -> Result<Option<Arrival<'_>>, Failure> {
        // Also what came before a fault is looked at, so that the first one is named in any cut.
        let assembled = self.assemble();
        self.check_text(assembled.is_ok())?;
        assembled?;
        let Some((frame, start, compressed)) = self.message.as_mut().and_then(|message| {
            let frame = message.frame.take_if(|frame| frame.remaining == 0)?;
            let start = frame.start.max(message.start);
            Some((frame, start, message.compressed))
        }) else {
            self.settle();
            return Ok(None);
        };
        let end = self.buffer.payload_end();
        if frame.fin {
            self.queue.provide()?;
            self.complete_message();
        } else {
            self.cut()?;
        }
        let payload = self.buffer.payload(start, end);
        Ok(Some(Arrival { opcode: frame.opcode, fin: frame.fin, compressed, payload }))
    }

    /// Joins the arrived part of the frame's payload to the payload before it.
    fn assemble(&mut self) -> Result<(), Failure> {
        let needed = self.needed();
        let arrived = self.buffer.unparsed().len();
        let (Some(message), Some(needed)) = (&mut self.message, needed) else { return Ok(()) };
        let Some(frame) = &mut message.frame else { return Ok(()) };
        let length = usize::try_from(frame.remaining).map_or(arrived, |left| left.min(arrived));
        frame.remaining -= length as u64;
        let ends = frame.fin && frame.remaining == 0;
        let awaited = message.awaited(self.max_size);
        match &mut self.inflater {
            _ if self.discarding => {
                self.buffer.pass(length);
            }
            Some(inflater) if message.compressed => {
                let size = self.buffer.payload_end() - message.start + message.streamed;
                let most = self.max_size.saturating_sub(size);
                let outcome = self.buffer.inflate(length, inflater, needed, most);
                outcome.map_err(|error| match error {
                    InflateError::Malformed => ProtocolError::MalformedDeflate.into(),
                    InflateError::TooBig => Failure::from(ProtocolError::MessageTooBig {
                        length: self.max_size.saturating_add(1),
                        limit: self.max_size,
                    }),
                    InflateError::NoMemory(error) => error.into(),
                })?;
                if ends {
                    inflater.finish().map_err(|_| ProtocolError::MalformedDeflate)?;
                }
            }
            _ => self.buffer.append(length, needed, awaited)?,
        }
        Ok(())
    }

    /// Text fails at its first wrong byte, in the middle of a frame if need be (RFC 6455 8.1).
    fn check_text(&mut self, may_end: bool) -> Result<(), ProtocolError> {
        let end = self.buffer.payload_end();
        let Some(message) = self.message.as_mut().filter(|message| message.kind == Kind::Text)
        else {
            return Ok(());
        };
        let frame_ends = |frame: &DataFrame| frame.fin && frame.remaining == 0;
        let ends = may_end && message.frame.as_ref().is_some_and(frame_ends);
        let unknown = self.buffer.payload(message.validated, end);
        work::count(unknown.len());
        match simdutf8::compat::from_utf8(unknown) {
            Ok(_) => message.validated = end,
            Err(error) => {
                message.validated += error.valid_up_to() as u64;
                if error.error_len().is_some() || ends {
                    let valid = message.validated - message.start;
                    return Err(ProtocolError::InvalidText { position: message.streamed + valid });
                }
            }
        }
        Ok(())
    }

    fn complete_message(&mut self) {
        let end = self.buffer.payload_end();
        if let Some(message) = self.message.take().filter(|_| !self.discarding) {
            self.traffic.payload += message.announced;
            let Assembly { kind, start, streamed, cuts, landed, .. } = message;
            let length = usize::try_from(landed.unwrap_or(end - start)).unwrap_or(usize::MAX);
            let (begun, landed) = (streamed > 0, landed.is_some());
            self.enqueue(Queued { kind, start, length, cuts, begun, landed }, streamed);
        }
    }

    /// `streamed` bytes of it have been taken before its end.
    #[inline]
    fn enqueue(&mut self, message: Queued, streamed: u64) {
        self.traffic.messages += 1;
        self.traffic.bytes += message.length as u64 + streamed;
        if let Some(refused) = self.queue.push(message) {
            self.buffer.retract(refused.start);
        }
    }

    /// The position of the first payload that somebody still needs.
    fn live(&self) -> Option<u64> {
        self.queue.first().or_else(|| self.message.as_ref().map(|message| message.start))
    }

    fn needed(&self) -> Option<Needed> {
        let message = self.message.as_ref().map(|message| message.start);
        let message = message.unwrap_or_else(|| self.buffer.payload_end());
        self.live().map(|live| Needed { live, message })
    }

    fn settle(&mut self) {
        self.buffer.settle(self.live(), self.message.is_some());
    }
}

/// What a compressed message may have on the wire: an honest compressor makes none much longer, and
/// what inflates to nothing is to end as well.
const fn wire_limit(max_size: u64) -> u64 {
    max_size.saturating_mul(2).saturating_add(1024)
}
