//! An event loop as a caller: its callback drives the link, and the lifeline reaches it by remote calls.

mod bridge;
mod driver;
mod event_loop;
mod logger;
#[cfg(unix)]
mod remote_calls;
mod turn;

pub(crate) use bridge::future_of;
pub(crate) use driver::{Driver, Options};
pub(crate) use event_loop::{Descriptor, forked};
pub(crate) use logger::Logger;
pub(crate) use turn::ROUNDS_OF_A_TURN;
