//! Where callers are parked: for a message, for room or their turn to send, for the end, for a Pong.
//! Knows order, not events: the driver says when somebody is to be woken.

use std::collections::{BTreeMap, VecDeque};

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::waiter::Waiter;
use crate::drive::{Ticket, Wants};

/// Where a parked operation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Receivers,
    /// Among the receivers, but content with a part of a message.
    Chunk,
    /// The message is in the output; only room is awaited.
    Room,
    /// Nothing has been sent: others come first, or there is no room.
    Turn(Ticket),
    Closers,
}

/// Who waits for what, in order.
#[derive(Default)]
pub(crate) struct Desk {
    receivers: VecDeque<Py<Waiter>>,
    /// The receiver takes parts of messages as well.
    by_chunk: bool,
    senders: VecDeque<(Ticket, Py<Waiter>)>,
    /// Who waits for room, and after these for the end.
    others: Vec<(Place, Py<Waiter>)>,
    /// Futures, by the numbers of their Pings.
    pub(crate) pings: BTreeMap<u64, Py<PyAny>>,
    pub(crate) detail: Option<Box<str>>,
}

impl Desk {
    pub(crate) fn enter(&mut self, place: Place, waiter: Py<Waiter>) {
        match place {
            Place::Receivers | Place::Chunk => {
                self.by_chunk |= place == Place::Chunk;
                self.receivers.push_back(waiter);
            }
            Place::Turn(ticket) => self.senders.push_back((ticket, waiter)),
            Place::Room | Place::Closers => self.others.push((place, waiter)),
        }
    }

    /// Gives back the place's reference, to be dropped when the desk is free again.
    pub(crate) fn leave(&mut self, place: Place, waiter: &Py<Waiter>) -> Option<Py<Waiter>> {
        match place {
            Place::Receivers | Place::Chunk => {
                self.by_chunk &= place != Place::Chunk;
                let position = self.receivers.iter().position(|waiting| waiting.is(waiter))?;
                self.receivers.remove(position)
            }
            Place::Turn(_) => {
                let position = self.senders.iter().position(|(_, waiting)| waiting.is(waiter))?;
                self.senders.remove(position).map(|(_, waiter)| waiter)
            }
            Place::Room | Place::Closers => {
                let position = self.others.iter().position(|(_, waiting)| waiting.is(waiter))?;
                Some(self.others.swap_remove(position).1)
            }
        }
    }

    pub(crate) fn receivers(&self) -> usize {
        self.receivers.len()
    }

    /// The first receiver that has something to take and has not been woken.
    pub(crate) fn next_receiver(&self, py: Python<'_>, wants: Wants) -> Option<Py<Waiter>> {
        let anyway = wants.over || (self.by_chunk && wants.chunk);
        let served = if anyway { self.receivers.len() } else { wants.messages };
        let mut served = self.receivers.iter().take(served);
        served.find(|waiter| waiter.get().is_parked()).map(|waiter| waiter.clone_ref(py))
    }

    /// Of those who want to send, and of those who wait for the end, the ones to be woken now.
    pub(crate) fn others(&self, py: Python<'_>, wants: Wants) -> Vec<Py<Waiter>> {
        let is_due = |place: Place| wants.closed || (wants.room && place == Place::Room);
        let others = self.others.iter().filter(|(place, _)| is_due(*place));
        let mut due: Vec<_> = others.map(|(_, waiter)| waiter.clone_ref(py)).collect();
        if wants.closed {
            due.extend(self.senders.iter().map(|(_, waiter)| waiter.clone_ref(py)));
        } else if let Some(turn) = wants.turn {
            let next = self.senders.iter().find(|(ticket, _)| *ticket == turn);
            due.extend(next.map(|(_, waiter)| waiter.clone_ref(py)));
        }
        due
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let senders = self.senders.iter().map(|(_, waiter)| waiter);
        let others = self.others.iter().map(|(_, waiter)| waiter);
        for waiter in self.receivers.iter().chain(senders).chain(others) {
            visit.call(waiter)?;
        }
        self.pings.values().try_for_each(|future| visit.call(future))
    }
}
