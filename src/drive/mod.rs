//! One open connection and its stream, and who calls it.
//!
//! `Link` joins the protocol engine to a `Stream`; the user's event loop calls it when the socket is
//! ready, and the `lifeline` thread when the time has come or the loop has not (`link/ward`). Knows nothing
//! of Python.
#![forbid(unsafe_code)]

mod address;
mod clock;
mod landing;
pub mod lifeline;
mod link;
mod masks;
mod open;
pub mod panics;
mod per_process;
mod pool;
mod senders;
mod service;
mod stream;
mod threads;
mod waker;

pub use address::Address;
pub use clock::coarse_now;
pub use landing::{Landing, Payload, Read};
pub use link::{Care, Flush, Frame, Line, Link, Sent, Waited};
pub use masks::{forked, forks, fresh_key};
pub use open::{Cause, Ending, Taken, Wants};
pub use per_process::PerProcess;
pub use senders::{Share, Ticket};
pub use stream::{Stream, fault};
pub use threads::spawn as spawn_thread;
pub use waker::Waker;
