//! A long message read straight into the object that its user gets: no copy of it is made.
//!
//! What that object is, whoever lends it knows; when it is read there, `open` does.

use std::any::Any;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;

/// After a long message the next one may be as long: so much is read to see that.
pub(super) const FIRST_READ: usize = 16 * 1024;
/// Of one long frame this much is read at once, for nobody has work to do before its end.
pub(super) const LONG_SHARE: usize = 1024 * 1024;

/// Where a message is read to.
pub trait Landing: Any + Send + fmt::Debug {
    /// Itself, for whoever knows what it is.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;

    /// Takes what has arrived already.
    fn put(&mut self, payload: &[u8]);

    /// Has `read` write to the room that is left, from its beginning; it returns what it wrote.
    fn fill(&mut self, read: &mut Read<'_>) -> io::Result<usize>;

    /// What is in it.
    fn payload(&self) -> &[u8];
}

pub type Read<'a> = dyn for<'b> FnMut(&'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]> + 'a;

/// The payload of a message that is taken.
#[derive(Debug)]
pub enum Payload<'a> {
    /// To be copied to where it goes.
    Here(&'a [u8]),
    Landed(Box<dyn Landing>),
}
