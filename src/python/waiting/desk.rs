//! Where operations wait: for a message, for room or their turn to send, for the end, for a Pong.
//! Knows order, not events: the driver says when a bell is to be rung.

use std::collections::VecDeque;

use pyo3::prelude::*;

use super::waiter::Waiter;
use crate::drive::Wants;

/// Where a parked operation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Receivers,
    /// Among the receivers, but content with a part of a message.
    Chunk,
    /// The message is in the output; only room is awaited.
    Room,
    /// Nothing has been sent: a fragmented message is under way.
    Turn,
    Closers,
}

/// Who waits for what, in order.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) receivers: VecDeque<Py<Waiter>>,
    /// The receiver takes parts of messages as well.
    by_chunk: bool,
    pub(crate) senders: VecDeque<Py<Waiter>>,
    pub(crate) closers: VecDeque<Py<Waiter>>,
    pub(crate) pings: Vec<(u64, Py<PyAny>)>,
    pub(crate) detail: Option<String>,
}

impl Desk {
    pub(crate) fn enter(&mut self, place: Place, waiter: Py<Waiter>) {
        if place == Place::Chunk {
            self.by_chunk = true;
        }
        self.queue(place).push_back(waiter);
    }

    /// Gives back the place's reference, to be dropped when the desk is free again.
    pub(crate) fn leave(&mut self, place: Place, waiter: &Py<Waiter>) -> Option<Py<Waiter>> {
        if place == Place::Chunk {
            self.by_chunk = false;
        }
        let queue = self.queue(place);
        let position = queue.iter().position(|waiting| waiting.is(waiter))?;
        queue.remove(position)
    }

    const fn queue(&mut self, place: Place) -> &mut VecDeque<Py<Waiter>> {
        match place {
            Place::Receivers | Place::Chunk => &mut self.receivers,
            Place::Room | Place::Turn => &mut self.senders,
            Place::Closers => &mut self.closers,
        }
    }

    /// The first receiver that has something to take and has not heard of it.
    pub(crate) fn next_receiver(&self, py: Python<'_>, wants: Wants) -> Option<Py<Waiter>> {
        let anyway = wants.over || (self.by_chunk && wants.chunk);
        let served = if anyway { self.receivers.len() } else { wants.messages };
        let mut served = self.receivers.iter().take(served);
        served.find(|waiter| waiter.get().is_silent()).map(|waiter| waiter.clone_ref(py))
    }
}
