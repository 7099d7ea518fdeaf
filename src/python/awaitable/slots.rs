//! The three raw slots that pay: how an awaitable hands its value to the interpreter.
//!
//! Through pyo3 a finished awaitable costs a StopIteration made, raised and taken apart, several times
//! the price of the message. `am_send` returns the value itself (CPython 3.10 and 3.11 ask for it, as
//! does every version's asyncio.Task); where the interpreter insists on StopIteration, it gets one that
//! has been used before.
//! `am_await` gives the operation itself without a call into Rust.

use std::ptr;

use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{Borrowed, ffi};

use super::operation::{Operation, Step};
use super::stop_iteration;
use crate::python::values::errors;

/// Puts the raw functions into the type's slots.
pub(crate) fn install(class: &Bound<'_, PyType>) -> PyResult<()> {
    let class = class.as_type_ptr();
    // SAFETY: `class` is Operation's own heap type: pyo3 has made it and nobody has an instance yet.
    // It has `__await__`, so tp_as_async points to the PyAsyncMethods inside the heap type.
    unsafe {
        let Some(methods) = (*class).tp_as_async.as_mut() else {
            return Err(PySystemError::new_err("Operation is not awaitable"));
        };
        methods.am_await = Some(ffi::PyObject_SelfIter);
        methods.am_send = Some(send);
        (*class).tp_iternext = Some(next);
        ffi::PyType_Modified(class);
    }
    Ok(())
}

/// `am_send`: PYGEN_RETURN with the value, PYGEN_NEXT with what is yielded, or PYGEN_ERROR.
unsafe extern "C" fn send(
    slf: *mut ffi::PyObject,
    _value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: the interpreter calls a type's slot with an instance of it, attached to this thread.
    let (status, value) = match unsafe { step(slf) } {
        Ok(Step::Return(value)) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
        Ok(Step::Yield(value)) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
        Err(()) => (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut()),
    };
    // SAFETY: `result` is the caller's variable for the value, which becomes a reference of its own.
    unsafe { *result = value };
    status
}

/// `tp_iternext`: a yielded value, or NULL with StopIteration; NULL alone means StopIteration(None).
unsafe extern "C" fn next(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as in `send`.
    match unsafe { step(slf) } {
        Ok(Step::Yield(value)) => value.into_ptr(),
        // SAFETY: attached to the interpreter, as whoever calls a slot is.
        Ok(Step::Return(value)) => unsafe { stop_iteration::raise(value) },
        Err(()) => ptr::null_mut(),
    }
}

/// Makes one step; an error is left as the interpreter's current exception. A panic must not unwind
/// into C: it becomes an exception, as in every function that pyo3 wraps.
///
/// # Safety
/// `slf` is an Operation and this thread is attached to the interpreter.
unsafe fn step(slf: *mut ffi::PyObject) -> Result<Step, ()> {
    // SAFETY: attached, by this function's contract. pyo3 does not take note of it here, which would
    // cost four thread-local lookups: what is dropped on the way of a message is dropped as `Bound`.
    let py = unsafe { Python::assume_attached() };
    let stepped = errors::guarded(|| {
        // SAFETY: an Operation, by this function's contract; the caller's reference outlives it.
        let operation = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<Operation>() };
        let stepped = operation.get().step(py);
        if let Ok(Step::Return(_)) = &stepped {
            Operation::keep(operation.to_owned());
        }
        // Raised in here: an error is large, and would be moved with every message.
        Ok(stepped.map_err(|error| error.restore(py)))
    });
    stepped.map_err(|error| error.restore(py))?
}
