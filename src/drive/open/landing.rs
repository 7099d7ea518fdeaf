//! What of a link's input is read to another place. Over TLS the payload comes out of rustls, so nothing
//! lands there.

use rustix::net::RecvFlags;

use super::Open;
use crate::drive::landing::{LONG_SHARE, Landing, Payload};
use crate::drive::stream::{Received, Stream};
use crate::protocol::{Chunk, Kind, Landable};

impl Open {
    /// Reads the rest of the message of that length to this place, if it is still under way.
    pub(in crate::drive) fn land(
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

    pub(in crate::drive) fn landable(&self) -> Option<Landable<'_>> {
        matches!(self.stream, Some(Stream::Plain(_))).then(|| self.engine.landable())?
    }

    /// Reads once to where the message goes.
    pub(in crate::drive) fn read_landing(&mut self) -> Received {
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

    /// A message of which `read` makes nothing is not taken.
    pub(in crate::drive) fn take<R>(
        &mut self,
        read: impl FnOnce(Kind, Payload<'_>) -> Option<R>,
    ) -> Option<R> {
        if self.landing.is_some() && self.engine.has_landed() {
            return self.take_landed(read);
        }
        self.engine.take_where(|kind, payload| read(kind, Payload::Here(payload)))
    }

    #[inline(never)]
    fn take_landed<R>(&mut self, read: impl FnOnce(Kind, Payload<'_>) -> Option<R>) -> Option<R> {
        let landing = self.landing.take()?;
        self.engine.take(|kind, _| read(kind, Payload::Landed(landing)))?
    }

    /// A message that has landed may have been dropped for newer ones.
    pub(in crate::drive) fn clear_landing(&mut self) {
        let engine = &self.engine;
        if self.landing.is_some()
            && !(engine.landing() > 0 || engine.has_part_elsewhere() || engine.has_landed())
        {
            self.landing = None;
        }
    }

    /// Takes a chunk from where it lies. `read` is told whether it ends the message.
    pub(in crate::drive) fn take_chunk<R>(
        &mut self,
        read: impl FnOnce(Kind, Payload<'_>, bool) -> R,
    ) -> Option<R> {
        if self.engine.has_landed() {
            return self.take(|kind, payload| Some(read(kind, payload, true)));
        }
        if let Some(kind) = self.engine.take_chunk_elsewhere() {
            let landing = self.landing.take()?;
            return Some(read(kind, Payload::Here(landing.payload()), false));
        }
        self.engine
            .take_chunk(|Chunk { kind, payload, fin }| read(kind, Payload::Here(payload), fin))
    }
}
