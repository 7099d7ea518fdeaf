//! A payload as bytes or as a str, each with one copy; that there is no memory for it is an exception. What
//! is ASCII, as most text is, needs no decoder.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// The greatest character of the str whose bytes are those of ASCII.
const ASCII: ffi::Py_UCS4 = 0x7F;

pub(crate) fn bytes<'py>(py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let length = ffi::Py_ssize_t::try_from(payload.len())?;
    // SAFETY: so many bytes are there to be copied; the function gives a new bytes object, or null with an
    // exception set.
    unsafe {
        let bytes = ffi::PyBytes_FromStringAndSize(payload.as_ptr().cast(), length);
        Ok(Bound::from_owned_ptr_or_err(py, bytes)?.cast_into_unchecked::<PyBytes>())
    }
}

pub(crate) fn text<'py>(py: Python<'py>, utf8: &[u8]) -> PyResult<Bound<'py, PyString>> {
    // Of one character there is one str, which the decoder knows.
    if utf8.len() < 2 || !utf8.is_ascii() {
        return PyString::from_bytes(py, utf8);
    }
    let length = ffi::Py_ssize_t::try_from(utf8.len())?;
    // SAFETY: the function makes a str of so many characters, each of them a byte, which its only owner
    // may write to; or it returns null and sets an exception.
    unsafe {
        let text = ffi::PyUnicode_New(length, ASCII);
        let text = Bound::from_owned_ptr_or_err(py, text)?.cast_into_unchecked::<PyString>();
        let room = ffi::PyUnicode_DATA(text.as_ptr()).cast::<u8>();
        room.copy_from_nonoverlapping(utf8.as_ptr(), utf8.len());
        Ok(text)
    }
}
