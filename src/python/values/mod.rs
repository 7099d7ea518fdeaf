//! Between Python's values and the engine's: messages, counters, exceptions, what is imported from Python
//! and how it is called. Knows no event loop and no connection's course.

pub(crate) mod calls;
pub(crate) mod errors;
pub(crate) mod handshake;
pub(crate) mod imports;
pub(crate) mod message;
mod outcome;
mod payload;
pub(crate) mod stats;
pub(crate) mod unfinished;

pub(crate) use message::Decode;
pub(crate) use outcome::Outcome;
