//! Where callers park, and what wakes them. Knows order, and no driver: who drives the link says when
//! somebody is to be woken.

mod desk;
mod waiter;

pub(crate) use desk::{Desk, Place};
pub(crate) use waiter::Waiter;
