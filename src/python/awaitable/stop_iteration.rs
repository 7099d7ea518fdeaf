//! A value handed out by StopIteration, as the interpreter asks for it from 3.12 on where one coroutine
//! awaits another object.
//!
//! Making the exception costs several times what a message of 256 bytes does, and the interpreter throws
//! it away at once: from 3.12 on, when an exception is one object, it can be used again. It keeps the last
//! value until then, if that is short.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

/// For `tp_iternext`: gives NULL, with a StopIteration set that carries the value; none is needed for None.
///
/// # Safety
/// This thread is attached to the interpreter, and no exception is set.
pub(crate) unsafe fn raise(value: Py<PyAny>) -> *mut ffi::PyObject {
    // SAFETY: attached, by this function's contract.
    let value = value.into_bound(unsafe { Python::assume_attached() });
    if value.is_none() {
        return ptr::null_mut();
    }
    #[cfg(Py_3_12)]
    if used::may_carry(&value) {
        // SAFETY: by this function's contract.
        return unsafe { used::raise(value) };
    }
    // SAFETY: attached; the exception takes a reference of its own. A tuple is wrapped, lest it be taken
    // for the exception's arguments.
    unsafe {
        if ffi::PyTuple_Check(value.as_ptr()) == 0 {
            ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value.as_ptr());
        } else {
            let arguments = ffi::PyTuple_Pack(1, value.as_ptr());
            ffi::PyErr_SetObject(ffi::PyExc_StopIteration, arguments);
            ffi::Py_XDECREF(arguments);
        }
    }
    ptr::null_mut()
}

#[cfg(Py_3_12)]
mod used {
    use std::cell::Cell;

    use pyo3::types::{PyBytes, PyString};

    use super::{Bound, Py, PyAny, PyAnyMethods, ffi, ptr};
    use crate::python::awaitable::exclusive::is_unshared;

    /// In bytes or characters: a longer message is not kept alive by an exception that waits for its next use.
    const LONGEST: usize = 4096;

    thread_local! {
        static USED: Cell<Option<Py<PyAny>>> = const { Cell::new(None) };
    }

    /// What it has gathered where it was caught: a traceback, a context.
    ///
    /// # Safety
    /// An exception, and this thread is attached.
    unsafe fn forget_its_ways(exception: *mut ffi::PyObject) {
        // SAFETY: by this function's contract; each place may be empty.
        unsafe {
            let base = exception.cast::<ffi::PyBaseExceptionObject>();
            for place in [&raw mut (*base).traceback, &raw mut (*base).context] {
                let before = std::mem::replace(&mut *place, ptr::null_mut());
                ffi::Py_XDECREF(before);
            }
        }
    }

    pub(crate) fn may_carry(value: &Bound<'_, PyAny>) -> bool {
        let message =
            value.is_exact_instance_of::<PyBytes>() || value.is_exact_instance_of::<PyString>();
        message && value.len().is_ok_and(|length| length <= LONGEST)
    }

    /// # Safety
    /// As for `super::raise`.
    pub(crate) unsafe fn raise(value: Bound<'_, PyAny>) -> *mut ffi::PyObject {
        let py = value.py();
        let used = USED.take().map(|used| used.into_bound(py));
        // SAFETY: attached. The exception is one made here, and nobody else has it: its value is replaced,
        // its other fields are as they were made.
        unsafe {
            let exception = match used {
                Some(used) if is_unshared(&used) => used,
                _ => {
                    let made = ffi::PyObject_CallNoArgs(ffi::PyExc_StopIteration);
                    if made.is_null() {
                        return ptr::null_mut();
                    }
                    Bound::from_owned_ptr(py, made)
                }
            };
            let carrier = exception.as_ptr().cast::<ffi::PyStopIterationObject>();
            let before = std::mem::replace(&mut (*carrier).value, value.into_ptr());
            ffi::Py_XDECREF(before);
            forget_its_ways(exception.as_ptr());
            USED.set(Some(exception.clone().unbind()));
            ffi::PyErr_SetRaisedException(exception.into_ptr());
        }
        ptr::null_mut()
    }
}
