//! What an `await` is: an operation, what it is to do, and how its value reaches the interpreter.

mod command;
mod exclusive;
mod operation;
pub(crate) mod receiving;
mod request;
pub(crate) mod sending;
pub(crate) mod slots;
mod stop_iteration;

pub(crate) use command::Command;
pub(crate) use exclusive::Exclusive;
pub(crate) use operation::Operation;
pub(crate) use request::{Amount, Manner, Receive, Send, SendMany, SendStyle, Style};
