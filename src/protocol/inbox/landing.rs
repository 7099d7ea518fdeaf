//! A long message that is read straight to where its user gets it from: the inbox counts its bytes and
//! does not see them. Knows nothing of where that is.

use super::{Assembly, Inbox, Kind};

/// Less is not worth a place of its own.
const LEAST: usize = 64 * 1024;
/// Of a message that is longer a part has to be here first, so that a peer who only announces one gets no
/// room for it.
const UNSEEN: usize = 2 * 1024 * 1024;
const PART: usize = 32;

/// A message that may land: how long it is in all, and what has arrived of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Landable<'a> {
    pub length: usize,
    pub arrived: &'a [u8],
}

impl Inbox {
    /// The message under way, if the rest of it may be read elsewhere: binary data as they are, in one
    /// frame, with nothing that waits before them.
    pub(in crate::protocol) fn landable(&self) -> Option<Landable<'_>> {
        let message = self.message.as_ref()?;
        if !message.may_land() || self.discarding || !self.queue.is_empty() {
            return None;
        }
        let length = usize::try_from(message.announced).ok()?;
        let arrived = self.buffer.payload(message.start, self.buffer.payload_end());
        let missing = length.checked_sub(arrived.len())?;
        let is_worth_it = missing >= LEAST && (length <= UNSEEN || arrived.len() >= length / PART);
        is_worth_it.then_some(Landable { length, arrived })
    }

    /// It is read elsewhere from here on, and what has arrived is there.
    pub(in crate::protocol) fn land(&mut self) {
        let Some(message) = &mut self.message else { return };
        let arrived = self.buffer.payload_end() - message.start;
        message.landed = Some(arrived);
        self.buffer.retract(message.start);
        self.settle();
    }

    /// How much is still to be read there.
    pub(in crate::protocol) fn landing(&self) -> usize {
        let landing = self.message.as_ref().filter(|message| message.landed.is_some());
        if landing.is_some() { self.awaited() } else { 0 }
    }

    pub(in crate::protocol) fn received_elsewhere(&mut self, length: usize) {
        self.traffic.wire += length as u64;
        let Some(message) = &mut self.message else { return };
        if let (Some(landed), Some(frame)) = (&mut message.landed, &mut message.frame) {
            *landed += length as u64;
            frame.remaining -= length as u64;
        }
    }

    /// Whether a part of a message lies elsewhere, and its end has not come.
    pub(in crate::protocol) fn has_part_elsewhere(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.landed.is_some_and(|landed| landed > 0))
    }

    /// The part that lies elsewhere is taken there as a chunk, and the rest will come here.
    pub(in crate::protocol) fn take_chunk_elsewhere(&mut self) -> Option<Kind> {
        let message = self.message.as_mut()?;
        message.streamed += message.landed.take_if(|landed| *landed > 0)?;
        self.taken_at = self.queue.arriving_at();
        Some(message.kind)
    }

    /// Whether the oldest message lies elsewhere; `take` then shows nothing of it.
    pub(in crate::protocol) fn has_landed(&self) -> bool {
        self.queue.front().is_some_and(|message| message.landed)
    }
}

impl Assembly {
    fn may_land(&self) -> bool {
        let in_one_frame =
            self.fragments == 1 && self.frame.as_ref().is_some_and(|frame| frame.fin);
        let as_it_is = self.kind == Kind::Binary && !self.compressed;
        in_one_frame && as_it_is && self.streamed == 0 && self.landed.is_none()
    }
}
