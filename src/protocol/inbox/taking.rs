//! What leaves the inbox: the oldest message, whole or in parts. A part ends where the peer's fragment did,
//! or where what has arrived of it does, and within text between two code points.

use super::{Assembly, Inbox, Kind};
use crate::protocol::no_memory::NoMemory;

impl Inbox {
    /// Takes the oldest whole message. The slice lives in the buffer: copy it once, to where it goes. Of a
    /// message that has landed nothing is here.
    pub(in crate::protocol) fn take<R>(
        &mut self,
        read: impl FnOnce(Kind, &[u8]) -> R,
    ) -> Option<R> {
        self.take_where(|kind, payload| Some(read(kind, payload)))
    }

    /// `take`, but a message of which `read` makes nothing stays where it is.
    pub(in crate::protocol) fn take_where<R>(
        &mut self,
        read: impl FnOnce(Kind, &[u8]) -> Option<R>,
    ) -> Option<R> {
        let message = self.queue.front()?;
        let here = if message.landed { 0 } else { message.length };
        let end = message.start + here as u64;
        let taken = read(message.kind, self.buffer.payload(message.start, end))?;
        self.taken_at = self.queue.pass_oldest();
        if self.queue.is_empty() {
            self.settle();
        } else {
            self.buffer.forget(|| self.queue.first());
        }
        Some(taken)
    }

    /// Takes the next part of the oldest message; the flag says whether that ends it.
    pub(in crate::protocol) fn take_chunk<R>(
        &mut self,
        read: impl FnOnce(Kind, &[u8], bool) -> R,
    ) -> Option<R> {
        if self.queue.is_empty() {
            return self.take_chunk_of_assembly(read);
        }
        let Some((part, at)) = self.queue.take_part() else {
            return self.take(|kind, bytes| read(kind, bytes, true));
        };
        self.taken_at = at;
        let end = part.start + part.length as u64;
        Some(read(part.kind, self.buffer.payload(part.start, end), false))
    }

    /// Whether `take_chunk` would give something, or a part lies elsewhere.
    pub(in crate::protocol) fn has_chunk(&self) -> bool {
        !self.queue.is_empty() || self.has_part_elsewhere() || self.chunk_end().is_some()
    }

    fn take_chunk_of_assembly<R>(
        &mut self,
        read: impl FnOnce(Kind, &[u8], bool) -> R,
    ) -> Option<R> {
        let until = self.chunk_end()?;
        let message = self.message.as_mut()?;
        let start = message.start;
        message.start = until;
        message.streamed += until - start;
        message.cut_at = message.cut_at.max(until);
        if message.cuts > 0 {
            message.cuts -= self.queue.pass_cut();
        }
        self.taken_at = self.queue.arriving_at();
        Some(read(message.kind, self.buffer.payload(start, until), false))
    }

    /// Up to where the message under assembly can be handed out next, if there is anything new of it.
    fn chunk_end(&self) -> Option<u64> {
        let message = self.message.as_ref()?;
        let cut = if message.cuts > 0 { self.queue.first_cut() } else { None };
        let until = cut.map_or_else(|| self.known(message), |cut| message.start + cut);
        (until > message.start).then_some(until)
    }

    /// Up to where what has arrived of a message may be handed out: text between two code points.
    fn known(&self, message: &Assembly) -> u64 {
        if message.kind == Kind::Text { message.validated } else { self.buffer.payload_end() }
    }

    /// A fragment has ended, and another one of the message is to come.
    pub(super) fn cut(&mut self) -> Result<(), NoMemory> {
        let Some(message) = self.message.as_ref().filter(|_| !self.discarding) else {
            return Ok(());
        };
        let until = self.known(message);
        let Some(message) = &mut self.message else { return Ok(()) };
        if until > message.cut_at {
            message.cuts += self.queue.cut(until - message.cut_at)?;
            message.cut_at = until;
        }
        Ok(())
    }
}
