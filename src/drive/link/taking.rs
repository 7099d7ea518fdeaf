//! What comes in: messages that have arrived, whole or in parts, and where a long one is read to.
//!
//! A message is taken without the net of `Link::enter`, which each would pay for: who takes is told of a
//! bug by the door he came through, and whoever comes next finds the connection failed.

use super::Link;
use crate::drive::landing::{Landing, Payload};
use crate::drive::open::Taken;
use crate::protocol::Kind;

impl Link {
    /// Takes the oldest message: `read` makes the one copy of its payload. Where it makes none, nothing has
    /// been taken.
    pub fn take<R>(&self, read: impl FnOnce(Kind, Payload<'_>) -> Option<R>) -> Taken<R> {
        let mut open = self.lock();
        let taken = open.take(read);
        open.taken(taken)
    }

    /// Takes the oldest messages, `most` at most; those before the first of which `read` makes nothing.
    pub fn take_many<R>(
        &self,
        most: usize,
        mut read: impl FnMut(Kind, Payload<'_>) -> Option<R>,
    ) -> Taken<Vec<R>> {
        let mut open = self.lock();
        let count = open.engine.queued().min(most);
        let mut messages = Vec::with_capacity(count);
        while messages.len() < count
            && let Some(message) = open.take(&mut read)
        {
            messages.push(message);
        }
        open.taken((!messages.is_empty()).then_some(messages))
    }

    /// Takes what has arrived of the oldest message, whole or not; `read` is told whether that is its end.
    pub fn take_chunk<R>(&self, read: impl FnOnce(Kind, Payload<'_>, bool) -> R) -> Taken<R> {
        let mut open = self.lock();
        let taken = open.take_chunk(read);
        open.taken(taken)
    }

    /// How long the message is whose rest may be read to another place.
    pub fn landable(&self) -> Option<usize> {
        self.enter(|open| open.landable().map(|landable| landable.length))
    }

    /// Reads the rest of the message of that length to this place, which is given back if the message is
    /// no longer the one under way.
    pub fn land(&self, length: usize, landing: Box<dyn Landing>) -> Option<Box<dyn Landing>> {
        let mut landing = Some(landing);
        self.enter(|open| match landing.take() {
            Some(landing) => open.land(length, landing),
            None => None,
        })
    }
}
