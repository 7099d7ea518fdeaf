//! Why a command is not carried out: nothing has been sent, and the connection is as it was.

use std::fmt;

use super::no_memory::NoMemory;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    Closed,
    ControlPayloadTooLong(usize),
    PingAlreadyWaiting,
    InvalidCloseCode(i64),
    CloseReasonTooLong(usize),
    /// So many bytes for it could not be had.
    NoMemory(usize),
}

impl From<NoMemory> for SendError {
    fn from(NoMemory(bytes): NoMemory) -> Self {
        Self::NoMemory(bytes)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is closing or closed"),
            Self::ControlPayloadTooLong(length) => {
                write!(f, "a Ping or Pong carries at most 125 bytes, not {length}")
            }
            Self::PingAlreadyWaiting => {
                f.write_str("already waiting for a pong with the same data")
            }
            Self::InvalidCloseCode(code) => write!(
                f,
                "close code {code} may not be sent; use 1000-1003, 1007-1014, or 3000-4999"
            ),
            Self::CloseReasonTooLong(length) => {
                write!(f, "a close reason has at most 123 bytes of UTF-8, not {length}")
            }
            Self::NoMemory(bytes) => write!(f, "no memory for {bytes} bytes to send"),
        }
    }
}

impl std::error::Error for SendError {}
