//! RFC 6455 as a value: bytes, commands and the time go in; messages, events and bytes come out.
//!
//! Knows nothing of sockets, clocks, randomness, threads or Python. `connection` is the engine and the
//! door; `inbox` turns wire bytes into messages, `outbox` turns commands into wire bytes, `closing` is
//! the closing handshake as a state table, `timers` the deadlines as one, `handshake` is the opening one, `deflate` compression.
#![forbid(unsafe_code)]

mod close;
mod close_code;
mod closing;
mod config;
mod connection;
pub mod deflate;
mod error;
mod event;
mod events;
mod failure;
mod frame;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod handshake;
mod inbox;
mod keepalive;
mod mask;
mod no_memory;
mod opcode;
mod outbox;
mod pings;
mod send_error;
mod stats;
mod timers;
mod work;

pub use close::Close;
pub use close_code::CloseCode;
pub use closing::{Phase, Side};
pub use config::Config;
pub use connection::Connection;
pub use error::ProtocolError;
pub use event::{Chunk, Event};
pub use failure::Failure;
pub use frame::FrameRecord;
pub use inbox::{Landable, Overflow};
pub use opcode::{Kind, Opcode};
pub use outbox::MaskKeys;
pub use send_error::SendError;
pub use stats::{RoundTrips, Stats, Traffic};
