//! An event loop as a caller: its callback drives the link, and the lifeline reaches it by way of its bell.

#[cfg(unix)]
mod bell;
mod bridge;
mod driver;
mod event_loop;

pub(crate) use bridge::future_of;
pub(crate) use driver::{Driver, Options};
pub(crate) use event_loop::{Descriptor, forked};
