//! What an operation is to do, and which attempt does it. Knows nothing of coroutines: an attempt is
//! made again when its waiter has been woken.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::{receiving, sending};
use crate::python::asyncio::Driver;
use crate::python::values::Decode;
use crate::python::waiting::Place;

pub(crate) enum Command {
    Receive(Receive),
    Send(Send),
    SendMany(Box<SendMany>),
    /// Begins a message in parts: those after it wait until it has ended.
    BeginParts,
    UntilRoom,
    UntilClosed,
}

#[derive(Clone, Copy)]
pub(crate) struct Receive {
    pub(crate) decode: Decode,
    pub(crate) style: Style,
    pub(crate) amount: Amount,
}

/// How much a receiving operation takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// One message.
    One,
    /// A part of a message as soon as it arrives: `(payload, fin)`.
    Chunk,
    /// All messages that have arrived, but no more than this: a list.
    Many(usize),
}

/// How a received message, and the end of the connection, are handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// One receiver at a time; ConnectionClosed at the end.
    Recv,
    /// As `Recv`, but a proper end ends the iteration.
    Iterate,
    /// The original's: receivers queue, an empty message is None.
    Converse,
    /// As `Converse`, but a proper end ends the iteration.
    ConverseIterate,
}

impl Style {
    /// Whether several receivers may wait, first come, first served: the original's face.
    pub(crate) const fn queues(self) -> bool {
        matches!(self, Self::Converse | Self::ConverseIterate)
    }

    /// Whether a proper end of the connection is the end of an iteration.
    pub(crate) const fn iterates(self) -> bool {
        matches!(self, Self::Iterate | Self::ConverseIterate)
    }
}

pub(crate) struct Send {
    pub(crate) message: Py<PyAny>,
    pub(crate) manner: Manner,
}

/// Whole messages, in order; `next` is the first that has not been sent.
pub(crate) struct SendMany {
    pub(crate) messages: Vec<Py<PyAny>>,
    pub(crate) next: usize,
    pub(crate) manner: Manner,
}

/// How a message, or a part of one, is sent.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// True sends TEXT, False BINARY, whatever the type.
    pub(crate) text: Option<bool>,
    pub(crate) compress: Option<bool>,
    pub(crate) fin: bool,
    pub(crate) style: SendStyle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendStyle {
    /// A whole message, which waits for a fragmented one to end.
    Message,
    /// A part of a fragmented message.
    Fragment,
    /// The original's: bytes are TEXT where they can be, and a send into a connection whose end the
    /// application has not learnt of is dropped.
    Converse,
}

/// What comes of an attempt.
pub(crate) enum Attempt {
    Done(Py<PyAny>),
    Park(Place),
    /// The loop is to have a turn; then it goes on from that place.
    Pause(Place),
    /// This has come of it, and the loop is to have a turn before it is told: whoever does nothing else
    /// must not starve it.
    Later(Result<Py<PyAny>, Box<PyErr>>),
}

impl Command {
    pub(crate) fn begin(&mut self, driver: &Bound<'_, Driver>) -> PyResult<Attempt> {
        driver.get().event_loop().check_thread()?;
        match self {
            Self::Receive(receive) => receiving::begin(driver, *receive),
            Self::Send(send) => sending::attempt(driver, send, None),
            Self::SendMany(many) => sending::attempt_many(driver, many, None),
            Self::BeginParts => sending::begin_parts(driver, None),
            Self::UntilRoom => sending::until_room(driver),
            Self::UntilClosed => Ok(until_closed(driver)),
        }
    }

    /// Goes on where it was parked at `place`.
    pub(crate) fn resume(&mut self, driver: &Bound<'_, Driver>, place: Place) -> PyResult<Attempt> {
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
            Self::Receive(_) | Self::BeginParts | Self::UntilRoom | Self::UntilClosed => {}
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Send(send) => visit.call(&send.message),
            Self::SendMany(many) => {
                many.messages.iter().try_for_each(|message| visit.call(message))
            }
            Self::Receive(_) | Self::BeginParts | Self::UntilRoom | Self::UntilClosed => Ok(()),
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
