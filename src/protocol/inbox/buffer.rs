//! The bytes of one connection: as they came from the wire, and as payload that waits for the user.
//!
//! Without compression both live in one buffer, and a payload stays where the wire put it:
//!
//! ```text
//!   | taken | queued messages | message under assembly | gap | unparsed | spare |
//!           ^ live                           assembled ^     ^ parsed   ^ end
//! ```
//!
//! With it, payloads live apart, since inflating changes their length. Where much waits, the buffer is
//! laid into the backlog, and another goes on. A payload is named by its position in the stream of all
//! payloads, which stays true when bytes are moved. Knows no frame.

use super::backlog::{Backlog, FULL};
use crate::protocol::deflate::{Inflater, Malformed};
use crate::protocol::no_memory::{NoMemory, reserve_exact};
use crate::protocol::work;

/// The least room offered to one read, or to one step of inflating. Three TLS records of plaintext fit: one
/// that is read, and one more for each session, of which there may be two.
const LEAST_SPARE: usize = 48 * 1024;
/// A header before a message, and a little more, is not worth moving the message.
const SMALL_GAP: u64 = 32;
/// From here on the end of a frame limits how far the buffer grows before it.
const LARGE: usize = 256 * 1024;

/// From here on, where one message is so long, moving bytes more often is better than memory that lies
/// idle.
const HUGE: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Buffer {
    wire: Vec<u8>,
    /// The position of `wire[0]`, where payloads live there.
    origin: u64,
    assembled: usize,
    parsed: usize,
    end: usize,
    apart: Option<Box<Store>>,
    /// Few have one.
    backlog: Option<Box<Backlog>>,
    /// What is read where there is no room at all, to be forgotten.
    nowhere: [u8; 8],
}

/// Payloads that live apart from the wire's bytes.
#[derive(Debug, Default)]
struct Store {
    bytes: Vec<u8>,
    origin: u64,
    end: usize,
}

/// From which payload on somebody needs them, and where the message under assembly begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needed {
    pub(super) live: u64,
    pub(super) message: u64,
}

/// Why inflating has ended early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    Malformed,
    /// The message has become longer than it may.
    TooBig,
    NoMemory(NoMemory),
}

impl From<NoMemory> for InflateError {
    fn from(error: NoMemory) -> Self {
        Self::NoMemory(error)
    }
}

impl From<Malformed> for InflateError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Buffer {
    pub(super) fn new(apart: bool) -> Self {
        let apart = apart.then(Box::default);
        Self {
            wire: Vec::new(),
            origin: 0,
            assembled: 0,
            parsed: 0,
            end: 0,
            apart,
            backlog: None,
            nowhere: [0; 8],
        }
    }

    /// Room for the next read; `awaited` is the most that may come of the message under way.
    pub(super) fn provide(&mut self, needed: Option<Needed>, awaited: u64) -> Result<(), NoMemory> {
        if self.wire.len() - self.end >= LEAST_SPARE {
            return Ok(());
        }
        let room = self.make_room(needed, awaited);
        // Little room is enough to go on with.
        if self.has_room() { Ok(()) } else { room }
    }

    /// The room that there is. Where there is none, what is read is forgotten.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.has_room() { &mut self.wire[self.end..] } else { &mut self.nowhere }
    }

    pub(super) const fn received(&mut self, length: usize) {
        if self.has_room() {
            self.end += length;
        }
    }

    const fn has_room(&self) -> bool {
        self.end < self.wire.len()
    }

    pub(super) fn unparsed(&self) -> &[u8] {
        &self.wire[self.parsed..self.end]
    }

    /// Passes over bytes that are no payload to keep, and gives them.
    pub(super) fn pass(&mut self, length: usize) -> &[u8] {
        self.parsed += length;
        &self.wire[self.parsed - length..self.parsed]
    }

    /// The next payload, of so many bytes at first, begins a message. It stays where it is, behind its
    /// header; but not behind much else that is dead, which as payload it would keep alive.
    pub(super) fn begin_message(&mut self, length: u64, live: Option<u64>) {
        let gap = (self.parsed - self.assembled) as u64;
        if self.apart.is_none() && (live.is_none() || gap <= SMALL_GAP + length / 4) {
            self.assembled = self.parsed;
        }
    }

    /// Joins unparsed bytes to the payload before them; `awaited` is the most that may come of the
    /// message after them.
    pub(super) fn append(
        &mut self,
        length: usize,
        needed: Needed,
        awaited: u64,
    ) -> Result<(), NoMemory> {
        work::count(length);
        let bytes = self.parsed..self.parsed + length;
        self.parsed += length;
        if let Some(store) = &mut self.apart {
            return store.append(&self.wire[bytes], needed, awaited, &mut self.backlog);
        }
        if bytes.start != self.assembled {
            self.wire.copy_within(bytes, self.assembled);
        }
        self.assembled += length;
        Ok(())
    }

    /// Inflates unparsed bytes behind the message under assembly, which may grow by `most`.
    pub(super) fn inflate(
        &mut self,
        length: usize,
        inflater: &mut Inflater,
        needed: Needed,
        most: u64,
    ) -> Result<(), InflateError> {
        let mut input = &self.wire[self.parsed..self.parsed + length];
        self.parsed += length;
        let Some(store) = &mut self.apart else { return Err(InflateError::Malformed) };
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        loop {
            // One byte more than is left shows that the message is too big. Room that is there is used,
            // since each step copies its last 32 KiB into the inflater's window.
            let most = left.saturating_add(1);
            store.make_room(most.min(LEAST_SPARE), left, needed, &mut self.backlog)?;
            let room = most.min(store.bytes.len() - store.end).min(LARGE);
            let begin = index(store.origin, needed.message);
            let filled = store.end - begin;
            let message = &mut store.bytes[begin..store.end + room];
            let progress = inflater.inflate(input, message, filled)?;
            work::count(progress.consumed + progress.produced);
            input = &input[progress.consumed..];
            store.end += progress.produced;
            left = left.checked_sub(progress.produced).ok_or(InflateError::TooBig)?;
            if progress.malformed {
                return Err(InflateError::Malformed);
            }
            match (progress.produced < room, input.is_empty(), progress.consumed) {
                (true, true, _) => return Ok(()),
                (true, false, 0) => return Err(InflateError::Malformed),
                _ => {}
            }
        }
    }

    /// Where the next byte of payload will be.
    pub(super) fn payload_end(&self) -> u64 {
        match &self.apart {
            Some(store) => store.origin + store.end as u64,
            None => self.origin + self.assembled as u64,
        }
    }

    #[inline]
    pub(super) fn payload(&self, from: u64, to: u64) -> &[u8] {
        let (bytes, origin) = match &self.apart {
            Some(store) => (&store.bytes, store.origin),
            None => (&self.wire, self.origin),
        };
        if from < origin {
            return self.backlog.as_ref().map_or(&[], |backlog| backlog.payload(from, to));
        }
        &bytes[index(origin, from)..index(origin, to)]
    }

    /// Forgets the payload that begins here, the last one.
    pub(super) fn retract(&mut self, start: u64) {
        match &mut self.apart {
            Some(store) => store.end = index(store.origin, start),
            None => self.assembled = index(self.origin, start),
        }
    }

    /// Drops what is unparsed.
    pub(super) fn stop(&mut self, assembling: bool) {
        if self.apart.is_none() && !assembling {
            self.assembled = self.end;
        }
        self.parsed = if self.apart.is_none() { self.assembled } else { self.end };
        self.end = self.parsed;
    }

    /// Everything before that payload has been taken, or nothing is needed at all.
    #[inline]
    pub(super) fn forget(&mut self, live: impl FnOnce() -> Option<u64>) {
        if let Some(backlog) = &mut self.backlog {
            backlog.forget(live());
        }
    }

    /// Takes back, without moving a byte, what no one needs any more.
    pub(super) fn settle(&mut self, live: Option<u64>, assembling: bool) {
        self.forget(|| live);
        if let Some(store) = &mut self.apart {
            if live.is_none() {
                store.rewind();
            }
            if self.parsed == self.end {
                (self.parsed, self.end) = (0, 0);
            }
            return;
        }
        if self.parsed == self.end && live.is_some() {
            self.parsed = self.assembled;
            self.end = self.assembled;
        }
        if self.end == self.live_start(live) && !assembling {
            self.rewind();
        }
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let apart = self.apart.as_ref().map_or(0, |store| store.bytes.len());
        self.wire.len() + apart + self.backlog.as_ref().map_or(0, |backlog| backlog.held())
    }

    /// Takes initialised buffers for the bytes to come, where it has none.
    pub(super) fn lend(&mut self, buffer: impl Fn() -> Vec<u8>) {
        if self.wire.is_empty() {
            self.wire = buffer();
        }
        if let Some(store) = self.apart.as_mut().filter(|store| store.bytes.is_empty()) {
            store.bytes = buffer();
        }
    }

    /// Gives back the buffers that hold nothing: an idle connection needs none.
    pub(super) fn reclaim(&mut self, live: Option<u64>, mut give: impl FnMut(Vec<u8>)) {
        if let Some(store) = &mut self.apart
            && live.is_none()
            && !store.bytes.is_empty()
        {
            store.rewind();
            give(std::mem::take(&mut store.bytes));
        }
        if !self.wire.is_empty() && self.end == self.live_start(live) {
            self.rewind();
            give(std::mem::take(&mut self.wire));
        }
        self.backlog.take_if(|backlog| backlog.is_empty());
    }

    /// Where the first byte of the wire's buffer is that somebody still needs.
    fn live_start(&self, live: Option<u64>) -> usize {
        match live {
            Some(position) if self.apart.is_none() => within(self.origin, position),
            _ => self.parsed,
        }
    }

    fn rewind(&mut self) {
        self.origin += self.end as u64;
        (self.assembled, self.parsed, self.end) = (0, 0, 0);
    }

    /// Where much waits the buffer is full. Else compacts when at least as much is dead as alive (an
    /// eighth of that, where one message makes it long), and grows when not: in any case a byte is moved
    /// a constant number of times.
    fn make_room(&mut self, needed: Option<Needed>, awaited: u64) -> Result<(), NoMemory> {
        let live = needed.map(|needed| needed.live);
        self.forget(|| live);
        self.close_gap(live);
        let start = self.live_start(live);
        let alive = self.end - start;
        if let Some(needed) = needed.filter(|_| self.apart.is_none())
            && let message = index(self.origin, needed.message)
            && message - start >= FULL
            && self
                .backlog
                .get_or_insert_default()
                .lay(&mut self.wire, self.origin, message, self.end)
                .is_ok()
        {
            self.origin += message as u64;
            self.assembled -= message;
            self.parsed -= message;
            self.end -= message;
        } else if start > 0 && start >= spared(alive, alive) {
            work::count(self.end - start);
            self.wire.copy_within(start..self.end, 0);
            self.origin += start as u64;
            self.assembled = self.assembled.saturating_sub(start);
            self.parsed -= start;
            self.end -= start;
        }
        let awaited = usize::try_from(awaited).unwrap_or(usize::MAX);
        let most = if awaited < LARGE { usize::MAX } else { awaited };
        grow(&mut self.wire, self.end, LEAST_SPARE, most)
    }

    /// Moves the unparsed bytes up to the message under assembly: frame headers leave a gap there.
    fn close_gap(&mut self, live: Option<u64>) {
        if self.apart.is_none() && live.is_some() && self.parsed > self.assembled {
            let assembling = self.assembled;
            work::count(self.end - self.parsed);
            self.wire.copy_within(self.parsed..self.end, assembling);
            self.end -= self.parsed - assembling;
            self.parsed = assembling;
        }
    }
}

impl Store {
    fn append(
        &mut self,
        payload: &[u8],
        needed: Needed,
        awaited: u64,
        backlog: &mut Option<Box<Backlog>>,
    ) -> Result<(), NoMemory> {
        let awaited = usize::try_from(awaited).unwrap_or(usize::MAX);
        self.make_room(payload.len(), awaited.max(LARGE), needed, backlog)?;
        self.bytes[self.end..self.end + payload.len()].copy_from_slice(payload);
        self.end += payload.len();
        Ok(())
    }

    fn make_room(
        &mut self,
        least: usize,
        most: usize,
        needed: Needed,
        backlog: &mut Option<Box<Backlog>>,
    ) -> Result<(), NoMemory> {
        if self.bytes.len() - self.end >= least {
            return Ok(());
        }
        if let Some(backlog) = backlog {
            backlog.forget(Some(needed.live));
        }
        let start = within(self.origin, needed.live);
        let message = index(self.origin, needed.message);
        if message - start >= FULL
            && backlog
                .get_or_insert_default()
                .lay(&mut self.bytes, self.origin, message, self.end)
                .is_ok()
        {
            self.origin += message as u64;
            self.end -= message;
        } else if start > 0 && start >= self.end - start {
            work::count(self.end - start);
            self.bytes.copy_within(start..self.end, 0);
            self.origin += start as u64;
            self.end -= start;
        }
        grow(&mut self.bytes, self.end, least, most)
    }

    fn rewind(&mut self) {
        self.origin += self.end as u64;
        self.end = 0;
    }
}

/// Makes `bytes` longer by half, and from `HUGE` on by an eighth, so that growing costs little
/// altogether; but by no more than `most` beyond `end` where the end of what comes is known.
fn grow(bytes: &mut Vec<u8>, end: usize, least: usize, most: usize) -> Result<(), NoMemory> {
    if bytes.len() - end < least {
        let ample = bytes.len() + spared(bytes.len(), bytes.len() / 2);
        let length = ample.min(end.saturating_add(most).saturating_add(least));
        let (least, mut length) = (end + least, length.max(end + least));
        if reserve_exact(bytes, length - bytes.len()).is_err() {
            length = least;
            reserve_exact(bytes, length - bytes.len())?;
        }
        bytes.resize(length, 0);
    }
    Ok(())
}

/// How much may lie idle beside so many bytes that do not.
const fn spared(bytes: usize, ample: usize) -> usize {
    if bytes < HUGE { ample } else { bytes / 8 }
}

/// The distance from `origin` to `position`: both lie within one buffer.
fn index(origin: u64, position: u64) -> usize {
    debug_assert!(origin <= position);
    usize::try_from(position - origin).unwrap_or(usize::MAX)
}

/// The distance from `origin` to `position`, which may lie in the backlog.
fn within(origin: u64, position: u64) -> usize {
    usize::try_from(position.saturating_sub(origin)).unwrap_or(usize::MAX)
}
