//! A long message read straight into the object that its user gets: no copy of it is made.
//!
//! What that object is, whoever lends it knows. Over TLS the payload comes out of rustls, so nothing
//! lands there.

use std::any::Any;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;

use rustix::net::RecvFlags;

use super::open::{LONG_SHARE, Open};
use super::stream::{Received, Stream};
use crate::protocol::{Chunk, Kind, Landable};

/// After a long message the next one may be as long: so much is read to see that.
pub(super) const FIRST_READ: usize = 16 * 1024;

/// Where a message is read to.
pub trait Landing: Any + Send + fmt::Debug {
    /// Itself, for whoever knows what it is.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;

    /// Takes what has arrived already.
    fn put(&mut self, payload: &[u8]);

    /// Has `read` write to the room that is left, from its beginning; it returns what it wrote.
    fn fill(&mut self, read: &mut Read<'_>) -> io::Result<usize>;

    /// What is in it.
    fn payload(&self) -> &[u8];
}

pub type Read<'a> = dyn for<'b> FnMut(&'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]> + 'a;

/// The payload of a message that is taken.
#[derive(Debug)]
pub enum Payload<'a> {
    /// To be copied to where it goes.
    Here(&'a [u8]),
    Landed(Box<dyn Landing>),
}

impl Open {
    /// Reads the rest of the message of that length to this place, if it is still under way.
    pub(super) fn land(
        &mut self,
        length: usize,
        mut landing: Box<dyn Landing>,
    ) -> Option<Box<dyn Landing>> {
        let Some(landable) = self.landable().filter(|landable| landable.length == length) else {
            return Some(landing);
        };
        landing.put(landable.arrived);
        self.engine.land();
        self.expects_long = true;
        self.landing.replace(landing)
    }

    pub(super) fn landable(&self) -> Option<Landable<'_>> {
        matches!(self.stream, Some(Stream::Plain(_))).then(|| self.engine.landable())?
    }

    /// Reads once to where the message goes.
    pub(super) fn read_landing(&mut self) -> Received {
        let (Some(stream), Some(landing)) = (&self.stream, &mut self.landing) else {
            return Received::default();
        };
        Received::of(landing.fill(&mut |room| {
            let share = room.len().min(LONG_SHARE);
            let room = &mut room[..share];
            let ((read, _), _) = rustix::net::recv(stream.socket(), room, RecvFlags::empty())?;
            Ok(read)
        }))
    }

    pub(super) fn take<R>(&mut self, read: impl FnOnce(Kind, Payload<'_>) -> R) -> Option<R> {
        let has_landed = self.landing.is_some() && self.engine.has_landed();
        let landed = if has_landed { self.landing.take() } else { None };
        self.engine.take(|kind, payload| match landed {
            Some(landing) => read(kind, Payload::Landed(landing)),
            None => read(kind, Payload::Here(payload)),
        })
    }

    /// A message that has landed may have been dropped for newer ones.
    pub(super) fn clear_landing(&mut self) {
        let engine = &self.engine;
        if self.landing.is_some()
            && !(engine.landing() > 0 || engine.has_part_elsewhere() || engine.has_landed())
        {
            self.landing = None;
        }
    }

    /// Takes a chunk from where it lies. `read` is told whether it ends the message.
    pub(super) fn take_chunk<R>(
        &mut self,
        read: impl FnOnce(Kind, Payload<'_>, bool) -> R,
    ) -> Option<R> {
        if self.engine.has_landed() {
            return self.take(|kind, payload| read(kind, payload, true));
        }
        if let Some(kind) = self.engine.take_chunk_elsewhere() {
            let landing = self.landing.take()?;
            return Some(read(kind, Payload::Here(landing.payload()), false));
        }
        self.engine
            .take_chunk(|Chunk { kind, payload, fin }| read(kind, Payload::Here(payload), fin))
    }
}
