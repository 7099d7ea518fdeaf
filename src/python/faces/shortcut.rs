//! The one method that pays as a raw function: receiving without arguments, called once a message.
//!
//! pyo3 takes arguments apart and counts how deep it is in Python, which costs a quarter of what receiving
//! a waiting message of 256 bytes does. The shortcut stands in front of pyo3's function, which still
//! takes every call that has an argument.

use std::ptr;
use std::sync::OnceLock;

use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{Borrowed, ffi};

use super::Link;
use crate::python::awaitable::{Amount, Command, Operation, Receive, Style};
use crate::python::values::{Decode, errors};

type Method = ffi::PyCFunctionFastWithKeywords;

/// What a face calls receiving, and how it does it when nothing is said.
struct Shortcut {
    name: &'static str,
    receive: Receive,
    /// pyo3's own function.
    long: OnceLock<Method>,
}

const fn shortcut(name: &'static str, decode: Decode, style: Style) -> Shortcut {
    let receive = Receive { decode, style, amount: Amount::One };
    Shortcut { name, receive, long: OnceLock::new() }
}

static RECV: Shortcut = shortcut("ClientConnection.recv", Decode::ByKind, Style::Recv);
static RECEIVE: Shortcut = shortcut("Converse.receive", Decode::Bytes, Style::Converse);

/// Puts the shortcuts in front of `ClientConnection.recv` and `Converse.receive`.
pub(crate) fn install(
    connection: &Bound<'_, PyType>,
    converse: &Bound<'_, PyType>,
) -> PyResult<()> {
    put_before(connection, "recv", recv, &RECV)?;
    put_before(converse, "receive", receive, &RECEIVE)
}

fn put_before(
    class: &Bound<'_, PyType>,
    name: &str,
    short: Method,
    shortcut: &Shortcut,
) -> PyResult<()> {
    let descriptor = class.getattr("__dict__")?.get_item(name)?;
    // SAFETY: the type is checked before the cast. The definition is pyo3's for this class of ours; it
    // lives as long as the process and is read at each call, always attached to the interpreter.
    unsafe {
        let method_descriptor = &raw mut ffi::PyMethodDescr_Type;
        if descriptor.get_type_ptr() != method_descriptor {
            return Err(PySystemError::new_err(format!("{name} is no method")));
        }
        let definition = (*descriptor.as_ptr().cast::<ffi::PyMethodDescrObject>()).d_method;
        if (*definition).ml_flags != ffi::METH_FASTCALL | ffi::METH_KEYWORDS {
            return Err(PySystemError::new_err(format!("{name} is called in another way")));
        }
        let _first = shortcut.long.set((*definition).ml_meth.PyCFunctionFastWithKeywords);
        (*definition).ml_meth = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: short };
        ffi::PyType_Modified(class.as_type_ptr());
    }
    Ok(())
}

unsafe extern "C" fn recv(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promises are passed on.
    unsafe { take(&RECV, slf, arguments, count, names) }
}

unsafe extern "C" fn receive(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promises are passed on.
    unsafe { take(&RECEIVE, slf, arguments, count, names) }
}

/// # Safety
/// The interpreter calls a method's function with an instance of its class, attached to this thread.
unsafe fn take(
    shortcut: &'static Shortcut,
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    if (count > 0 || !names.is_null())
        && let Some(long) = shortcut.long.get()
    {
        // SAFETY: the function that was there, with the arguments it was meant to have.
        return unsafe { long(slf, arguments, count, names) };
    }
    // SAFETY: attached, by this function's contract.
    let py = unsafe { Python::assume_attached() };
    let made = errors::guarded(|| {
        // SAFETY: an instance of a face, by this function's contract, and each is a Link.
        let link = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<Link>() };
        let command = Command::Receive(shortcut.receive);
        Operation::new(link.as_any(), link.get().driver(), shortcut.name, command)
    });
    match made {
        Ok(operation) => operation.into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    }
}
