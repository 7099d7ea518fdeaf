//! One open connection and its stream, and who calls it.
//!
//! `Link` joins the protocol engine to a `Stream`; the user's event loop calls it when the socket is
//! ready, and the `lifeline` thread when the time has come or the loop has not (`care`). Knows nothing
//! of Python.
#![forbid(unsafe_code)]

mod care;
mod landing;
pub mod lifeline;
mod link;
mod masks;
mod open;
mod per_process;
mod pool;
mod stream;
pub mod threads;
mod waker;

pub use care::Care;
pub use landing::{Landing, Payload, Read};
pub use link::{Flush, Link};
pub use masks::{forked, forks, fresh_key};
pub use open::{Cause, Ending, Wants};
pub use per_process::PerProcess;
pub use stream::{Stream, fault};
pub use threads::spawn as spawn_thread;
pub use waker::Waker;
