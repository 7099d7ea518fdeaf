//! What an operation is to do, and which attempt does it. Knows nothing of coroutines: an attempt is
//! made again when a bell has rung.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::driver::Driver;
use super::message::Decode;
use super::{receiving, sending};

pub(super) enum Command {
    Receive(Receive),
    Send(Send),
    SendMany(Box<SendMany>),
    UntilRoom,
    UntilClosed,
}

#[derive(Clone, Copy)]
pub(super) struct Receive {
    pub(super) decode: Decode,
    pub(super) style: Style,
    pub(super) amount: Amount,
}

/// How much a receiving operation takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// One message.
    One,
    /// A part of a message as soon as it arrives: `(payload, fin)`.
    Chunk,
    /// All messages that have arrived, but no more than this: a list.
    Many(usize),
}

/// How a received message, and the end of the connection, are handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
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
    pub(super) const fn queues(self) -> bool {
        matches!(self, Self::Converse | Self::ConverseIterate)
    }

    /// Whether a proper end of the connection is the end of an iteration.
    pub(super) const fn iterates(self) -> bool {
        matches!(self, Self::Iterate | Self::ConverseIterate)
    }
}

pub(super) struct Send {
    pub(super) message: Py<PyAny>,
    pub(super) manner: Manner,
}

/// Whole messages, in order; `next` is the first that has not been sent.
pub(super) struct SendMany {
    pub(super) messages: Vec<Py<PyAny>>,
    pub(super) next: usize,
    pub(super) manner: Manner,
}

/// How a message, or a part of one, is sent.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    /// True sends TEXT, False BINARY, whatever the type.
    pub(super) text: Option<bool>,
    pub(super) compress: Option<bool>,
    pub(super) fin: bool,
    pub(super) style: SendStyle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SendStyle {
    /// A whole message, which waits for a fragmented one to end.
    Message,
    /// A part of a fragmented message.
    Fragment,
    /// The original's: bytes are TEXT where they can be, and a send into a connection whose end the
    /// application has not learnt of is dropped.
    Converse,
}

/// Where a parked operation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Receivers,
    /// Among the receivers, but content with a part of a message.
    Chunk,
    /// The message is in the output; only room is awaited.
    Room,
    /// Nothing has been sent: a fragmented message is under way.
    Turn,
    Closers,
}

/// What the driver says to an attempt.
pub(super) enum Attempt {
    Done(Py<PyAny>),
    Park(Place),
    /// Raise, but only after the loop has had a turn: a catch-all loop must not starve it.
    RaiseLater(Box<PyErr>),
}

impl Command {
    pub(super) fn begin(&mut self, driver: &Bound<'_, Driver>) -> PyResult<Attempt> {
        driver.get().event_loop().check_thread()?;
        match self {
            Self::Receive(receive) => receiving::begin(driver, *receive),
            Self::Send(send) => sending::attempt(driver, send),
            Self::SendMany(many) => sending::attempt_many(driver, many),
            Self::UntilRoom => sending::until_room(driver),
            Self::UntilClosed => Ok(driver.get().until_closed(driver.py())),
        }
    }

    /// Goes on where it was parked at `place`.
    pub(super) fn resume(&mut self, driver: &Bound<'_, Driver>, place: Place) -> PyResult<Attempt> {
        match (self, place) {
            (Self::Receive(receive), _) => receiving::attempt(driver, *receive),
            (Self::Send(send), Place::Turn) => sending::attempt(driver, send),
            (Self::SendMany(many), Place::Turn) => sending::attempt_many(driver, many),
            (Self::Send(send), _) => sending::await_room(driver, send.manner),
            (Self::SendMany(many), _) => sending::await_room(driver, many.manner),
            (Self::UntilRoom, _) => sending::until_room(driver),
            (Self::UntilClosed, _) => Ok(driver.get().until_closed(driver.py())),
        }
    }

    /// Lets go of what was to be sent.
    pub(super) fn let_go(self, py: Python<'_>) {
        match self {
            Self::Send(send) => drop(send.message.into_bound(py)),
            Self::SendMany(many) => {
                many.messages.into_iter().for_each(|message| drop(message.into_bound(py)));
            }
            Self::Receive(_) | Self::UntilRoom | Self::UntilClosed => {}
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Send(send) => visit.call(&send.message),
            Self::SendMany(many) => {
                many.messages.iter().try_for_each(|message| visit.call(message))
            }
            Self::Receive(_) | Self::UntilRoom | Self::UntilClosed => Ok(()),
        }
    }
}
