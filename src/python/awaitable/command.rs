//! What an operation is to do, and which attempt does it. Knows nothing of coroutines: an attempt is
//! made again when its waiter has been woken.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::request::{Attempt, Attempted, Receive, Send, SendMany};
use super::{receiving, sending};
use crate::python::asyncio::Driver;
use crate::python::waiting::Place;

pub(crate) enum Command {
    Receive(Receive),
    Send(Send),
    SendMany(Box<SendMany>),
    /// Begins a message in parts: those after it wait until it has ended.
    BeginParts,
    UntilRoom,
    /// Lets the loop have its turn, if that is due.
    UntilTurn,
    UntilClosed,
}

impl Command {
    pub(crate) fn begin(&mut self, driver: &Bound<'_, Driver>) -> Attempted {
        driver.get().event_loop().check_thread()?;
        match self {
            Self::Receive(receive) => receiving::begin(driver, *receive),
            Self::Send(send) => sending::attempt(driver, send, None),
            Self::SendMany(many) => sending::attempt_many(driver, many, None),
            Self::BeginParts => sending::begin_parts(driver, None),
            Self::UntilRoom => sending::until_room(driver),
            Self::UntilTurn => sending::until_turn(driver),
            Self::UntilClosed => Ok(until_closed(driver)),
        }
    }

    /// Goes on where it was parked at `place`.
    pub(crate) fn resume(&mut self, driver: &Bound<'_, Driver>, place: Place) -> Attempted {
        driver.get().begin_turn();
        let ticket = if let Place::Turn(ticket) = place { Some(ticket) } else { None };
        let attempt = match (self, place) {
            (Self::Receive(receive), _) => receiving::attempt(driver, *receive),
            (Self::Send(send), Place::Room) => sending::await_room(driver, send.manner),
            (Self::SendMany(many), Place::Room) => sending::await_room(driver, many.manner),
            (Self::Send(send), _) => sending::attempt(driver, send, ticket),
            (Self::SendMany(many), _) => sending::attempt_many(driver, many, ticket),
            (Self::BeginParts, _) => sending::begin_parts(driver, ticket),
            (Self::UntilRoom, _) => sending::until_room(driver),
            (Self::UntilTurn, _) => sending::until_turn(driver),
            (Self::UntilClosed, _) => Ok(until_closed(driver)),
        };
        if attempt.is_err() && ticket.is_some() {
            // Those behind are not to wait for one that has failed.
            driver.get().report(driver.py(), Driver::pass_on(driver, place))?;
        }
        attempt
    }

    /// Lets go of what was to be sent.
    pub(crate) fn let_go(self, py: Python<'_>) {
        match self {
            Self::Send(send) => drop(send.message.into_bound(py)),
            Self::SendMany(many) => {
                many.messages.into_iter().for_each(|message| drop(message.into_bound(py)));
            }
            Self::Receive(_)
            | Self::BeginParts
            | Self::UntilRoom
            | Self::UntilTurn
            | Self::UntilClosed => {}
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Send(send) => visit.call(&send.message),
            Self::SendMany(many) => {
                many.messages.iter().try_for_each(|message| visit.call(message))
            }
            Self::Receive(_)
            | Self::BeginParts
            | Self::UntilRoom
            | Self::UntilTurn
            | Self::UntilClosed => Ok(()),
        }
    }
}

fn until_closed(driver: &Bound<'_, Driver>) -> Attempt {
    if driver.get().is_released() {
        Attempt::Done(driver.py().None())
    } else {
        Attempt::Park(Place::Closers)
    }
}
