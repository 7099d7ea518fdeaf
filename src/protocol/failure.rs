//! Why we fail a connection, each reason with its Close frame (RFC 6455 7.1.7): the peer has broken a
//! rule, or does not answer, or our own user does not take what arrives.

use std::fmt;
use std::time::Duration;

use super::close::Close;
use super::close_code::CloseCode;
use super::error::ProtocolError;
use super::no_memory::NoMemory;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Protocol(ProtocolError),
    /// No Pong within this time.
    PongOverdue(Duration),
    /// More than this many bytes of messages wait to be taken, and that is to end the connection.
    QueueFull(usize),
    /// There is no room for what the peer sends: so many bytes could not be had.
    NoMemory(usize),
    /// The application has not looked at what arrived for so long.
    Stalled(Duration),
}

impl Failure {
    /// The Close frame that says so to the peer.
    #[must_use]
    pub fn close(&self) -> Close {
        match self {
            Self::Protocol(error) => Close::new(error.close_code(), error.to_string()),
            Self::PongOverdue(_) => Close::new(CloseCode::INTERNAL_ERROR, "keepalive ping timeout"),
            Self::QueueFull(_) => Close::new(CloseCode::POLICY_VIOLATION, self.to_string()),
            Self::NoMemory(_) => Close::new(CloseCode::MESSAGE_TOO_BIG, "out of memory"),
            Self::Stalled(_) => Close::new(CloseCode::GOING_AWAY, self.to_string()),
        }
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<NoMemory> for Failure {
    fn from(NoMemory(bytes): NoMemory) -> Self {
        Self::NoMemory(bytes)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::PongOverdue(timeout) => {
                write!(f, "no pong came within ping_timeout of {} s", timeout.as_secs_f64())
            }
            Self::QueueFull(limit) => {
                write!(f, "more than max_buffered of {limit} bytes wait to be received")
            }
            Self::NoMemory(bytes) => write!(f, "no memory for {bytes} bytes that are received"),
            Self::Stalled(timeout) => {
                write!(
                    f,
                    "the event loop did not run for app_stall_timeout of {} s",
                    timeout.as_secs_f64()
                )
            }
        }
    }
}
