//! The bytes object of a long message, made before its payload has arrived, which then is read into it.

use std::any::Any;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::drive::{Landing, Link, Read};

/// A bytes object of which only the first `filled` bytes have been written. Nobody else has it before it
/// is full.
#[derive(Debug)]
struct Unfinished {
    bytes: Py<PyBytes>,
    room: NonNull<u8>,
    length: usize,
    filled: usize,
}

// SAFETY: `room` is the inside of `bytes`, which lives as long, may be held by any thread, and has no
// other owner who could look at it or write to it.
unsafe impl Send for Unfinished {}

/// Has the rest of a long message, if one is under way, read into its bytes object.
pub(crate) fn begin(py: Python<'_>, link: &Link) {
    let Some(length) = link.landable() else { return };
    // Without memory for it the message goes the way of others, and whoever takes it is told.
    if let Ok(unfinished) = Unfinished::new(py, length) {
        drop(link.land(length, Box::new(unfinished)));
    }
}

/// The bytes object of a message that has arrived; None if it was to be read to something else.
pub(crate) fn end(landing: Box<dyn Landing>) -> Option<Py<PyBytes>> {
    landing.into_any().downcast::<Unfinished>().ok().map(|finished| finished.bytes)
}

impl Unfinished {
    fn new(py: Python<'_>, length: usize) -> PyResult<Self> {
        let size = ffi::Py_ssize_t::try_from(length)?;
        // SAFETY: without a source the function makes an object with room for `size` bytes, which its
        // only owner may write to; or it returns null and sets an exception.
        let bytes = unsafe {
            let bytes = ffi::PyBytes_FromStringAndSize(std::ptr::null(), size);
            Bound::from_owned_ptr_or_err(py, bytes)?.cast_into_unchecked::<PyBytes>()
        };
        // SAFETY: this is a bytes object, whose inside is never null.
        let room = unsafe { NonNull::new_unchecked(ffi::PyBytes_AsString(bytes.as_ptr())) };
        Ok(Self { bytes: bytes.unbind(), room: room.cast(), length, filled: 0 })
    }

    fn left(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: `length` bytes belong to the object from `room` on, `filled` is at most as many, and
        // `self` is borrowed for as long as they are.
        unsafe {
            let left = self.room.add(self.filled).cast();
            slice::from_raw_parts_mut(left.as_ptr(), self.length - self.filled)
        }
    }
}

impl Landing for Unfinished {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn put(&mut self, payload: &[u8]) {
        let left = self.left();
        let length = payload.len().min(left.len());
        for (to, from) in left[..length].iter_mut().zip(payload) {
            to.write(*from);
        }
        self.filled += length;
    }

    fn fill(&mut self, read: &mut Read<'_>) -> io::Result<usize> {
        let left = self.left();
        let (begin, most) = (left.as_ptr().cast::<u8>(), left.len());
        let read = read(left)?;
        // What `read` gives is initialised, and this says that it is ours.
        let is_ours = read.as_ptr() == begin && read.len() <= most;
        let length = if is_ours { read.len() } else { 0 };
        self.filled += length;
        Ok(length)
    }

    fn payload(&self) -> &[u8] {
        // SAFETY: so many bytes have been written.
        unsafe { slice::from_raw_parts(self.room.as_ptr(), self.filled) }
    }
}
