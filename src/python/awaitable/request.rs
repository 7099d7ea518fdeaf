//! What a receiving or a sending operation is asked for, and what comes of an attempt at it.

use pyo3::prelude::*;

use crate::python::values::Decode;
use crate::python::waiting::Place;

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

/// An error is boxed, for it is large, and what comes of an attempt is handed on with every message.
pub(crate) type Attempted = Result<Attempt, Box<PyErr>>;
