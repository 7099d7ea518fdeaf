//! What comes out of the engine beside whole messages.

use std::time::Duration;

use super::frame::FrameRecord;
use super::opcode::Kind;

#[derive(Debug, PartialEq)]
pub enum Event {
    /// The Ping that `send_ping` numbered so has been answered.
    Pong {
        id: u64,
        latency: Duration,
    },
    Frame(FrameRecord),
    /// So many frames are not told of, since too many wait to be.
    Omitted(u64),
}

/// A part of a message, in order; `fin` marks the last.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    pub kind: Kind,
    pub payload: &'a [u8],
    pub fin: bool,
}
