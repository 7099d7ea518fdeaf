//! Methods that answer like those of an `async def` and are called like those in C.
//!
//! `inspect` and `asyncio` know a coroutine function by its code, mocks and schedulers ask them, and a
//! method of pyo3's has none. This descriptor stands in its place in the class: what it is asked that a
//! function of Python's would know, a model knows (`aiowebsocket.coroutine_functions`). Receiving without
//! arguments, called once a message, passes pyo3's taking apart of them by, which costs a quarter of what
//! receiving a waiting message of 256 bytes does.

use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;

use pyo3::exceptions::{PyAttributeError, PySystemError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use pyo3::{Borrowed, ffi};

use super::Link;
use crate::python::awaitable::{Amount, Command, Operation, Receive, Style};
use crate::python::values::imports::{self, Import};
use crate::python::values::{Decode, errors};

unsafe extern "C" {
    /// A bound method: of the public C API, and not declared by pyo3.
    fn PyMethod_New(function: *mut ffi::PyObject, object: *mut ffi::PyObject)
    -> *mut ffi::PyObject;
}

/// What a face calls receiving, and how it does it when nothing is said.
struct Short {
    name: &'static str,
    receive: Receive,
}

static RECV: Short = Short {
    name: "ClientConnection.recv",
    receive: Receive { decode: Decode::ByKind, style: Style::Recv, amount: Amount::One },
};
static RECEIVE: Short = Short {
    name: "Converse.receive",
    receive: Receive { decode: Decode::Bytes, style: Style::Converse, amount: Amount::One },
};

#[repr(C)]
struct CoroutineMethod {
    object: ffi::PyObject,
    vectorcall: Option<ffi::vectorcallfunc>,
    /// pyo3's own method, and the function in it.
    descriptor: *mut ffi::PyObject,
    function: ffi::PyCFunctionFastWithKeywords,
    short: Option<&'static Short>,
    model: &'static Import,
}

/// Puts them into the classes of both faces.
pub(crate) fn install(
    connection: &Bound<'_, PyType>,
    converse: &Bound<'_, PyType>,
) -> PyResult<()> {
    let class = class(connection.py())?;
    for (face, name, short, model) in [
        (connection, "recv", Some(&RECV), &imports::MODEL_RECV),
        (connection, "recv_many", None, &imports::MODEL_RECV_MANY),
        (connection, "send", None, &imports::MODEL_SEND),
        (connection, "send_many", None, &imports::MODEL_SEND_MANY),
        (converse, "receive", Some(&RECEIVE), &imports::MODEL_CONVERSE_RECEIVE),
        (converse, "receive_many", None, &imports::MODEL_CONVERSE_RECEIVE_MANY),
        (converse, "send", None, &imports::MODEL_CONVERSE_SEND),
        (converse, "send_many", None, &imports::MODEL_CONVERSE_SEND_MANY),
    ] {
        face.setattr(name, new(&class, face, name, short, model)?)?;
    }
    Ok(())
}

fn new<'py>(
    class: &Bound<'py, PyType>,
    face: &Bound<'py, PyType>,
    name: &str,
    short: Option<&'static Short>,
    model: &'static Import,
) -> PyResult<Bound<'py, PyAny>> {
    let descriptor = face.getattr("__dict__")?.get_item(name)?;
    // SAFETY: the type is checked before the cast. The definition is pyo3's for this class of ours, and
    // lives as long as the process.
    let function = unsafe {
        if descriptor.get_type_ptr() != &raw mut ffi::PyMethodDescr_Type {
            return Err(PySystemError::new_err(format!("{name} is no method")));
        }
        let definition = (*descriptor.as_ptr().cast::<ffi::PyMethodDescrObject>()).d_method;
        if (*definition).ml_flags != ffi::METH_FASTCALL | ffi::METH_KEYWORDS {
            return Err(PySystemError::new_err(format!("{name} is called in another way")));
        }
        (*definition).ml_meth.PyCFunctionFastWithKeywords
    };
    // SAFETY: the class is ours and its instances are CoroutineMethods, whose fields are all set here,
    // before anybody else sees it.
    unsafe {
        let made = ffi::PyType_GenericAlloc(class.as_type_ptr(), 0);
        let made = Bound::from_owned_ptr_or_err(class.py(), made)?;
        let method = made.as_ptr().cast::<CoroutineMethod>();
        (&raw mut (*method).vectorcall).write(Some(vectorcall));
        (&raw mut (*method).descriptor).write(descriptor.into_ptr());
        (&raw mut (*method).function).write(function);
        (&raw mut (*method).short).write(short);
        (&raw mut (*method).model).write(model);
        Ok(made)
    }
}

fn class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
    let members = Box::leak(Box::new([
        ffi::PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: offset_of!(CoroutineMethod, vectorcall).cast_signed(),
            flags: ffi::Py_READONLY,
            doc: ptr::null(),
        },
        ffi::PyMemberDef::default(),
    ]));
    let mut slots = [
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        slot(ffi::Py_tp_descr_get, bind as *mut c_void),
        slot(ffi::Py_tp_getattro, getattr as *mut c_void),
        slot(ffi::Py_tp_repr, repr as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse as *mut c_void),
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(0, ptr::null_mut()),
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT
        | ffi::Py_TPFLAGS_HAVE_GC
        | ffi::Py_TPFLAGS_HAVE_VECTORCALL
        | ffi::Py_TPFLAGS_IMMUTABLETYPE
        | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR;
    let mut spec = ffi::PyType_Spec {
        name: c"aiowebsocket._core.coroutine_method".as_ptr(),
        basicsize: c_int::try_from(size_of::<CoroutineMethod>()).unwrap_or(0),
        itemsize: 0,
        flags: u32::try_from(flags).unwrap_or(0),
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: a new reference or null with an exception set; the functions fit their slots, and what the
    // type keeps of the specification lives as long as the process.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut spec))? };
    Ok(class.cast_into::<PyType>()?)
}

/// Calls it, with the object it is a method of first.
unsafe extern "C" fn vectorcall(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls it with an instance, attached to this thread.
    let (py, method) = unsafe { (Python::assume_attached(), &*slf.cast::<CoroutineMethod>()) };
    // SAFETY: the flag in it says whose the place before the arguments is.
    let count = unsafe { ffi::PyVectorcall_NARGS(count) };
    // SAFETY: so many arguments are there; the descriptor is pyo3's and knows its class.
    let called = unsafe {
        if count > 0 && method.is_for(*arguments) { Some((*arguments, count - 1)) } else { None }
    };
    let Some((object, count)) = called else {
        PyTypeError::new_err("it is a method, and called on its object").restore(py);
        return ptr::null_mut();
    };
    match method.short {
        // SAFETY: an instance of a face, as has been checked, and each is a Link.
        Some(short) if count == 0 && names.is_null() => unsafe { receive(py, object, short) },
        // SAFETY: pyo3's own function, with the arguments it was meant to have.
        _ => unsafe { (method.function)(object, arguments.add(1), count, names) },
    }
}

impl CoroutineMethod {
    /// # Safety
    /// `object` is alive, and this thread attached.
    unsafe fn is_for(&self, object: *mut ffi::PyObject) -> bool {
        // SAFETY: the descriptor's type has been checked when this was made.
        unsafe {
            let class = (*self.descriptor.cast::<ffi::PyMethodDescrObject>()).d_common.d_type;
            ffi::PyObject_TypeCheck(object, class) != 0
        }
    }
}

/// # Safety
/// `object` is an instance of a face.
unsafe fn receive(
    py: Python<'_>,
    object: *mut ffi::PyObject,
    short: &'static Short,
) -> *mut ffi::PyObject {
    let made = errors::guarded(|| {
        // SAFETY: an instance of a face, by this function's contract, and each is a Link.
        let link = unsafe { Borrowed::from_ptr(py, object).cast_unchecked::<Link>() };
        let command = Command::Receive(short.receive);
        Operation::new(link.as_any(), link.get().driver(), short.name, command)
    });
    give(py, made.map(Bound::into_any))
}

fn give(py: Python<'_>, made: PyResult<Bound<'_, PyAny>>) -> *mut ffi::PyObject {
    match made {
        Ok(made) => made.into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    }
}

unsafe extern "C" fn bind(
    slf: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: live objects, attached to this thread; each way gives a new reference.
    unsafe {
        if object.is_null() || ffi::Py_IsNone(object) != 0 {
            return ffi::Py_NewRef(slf);
        }
        PyMethod_New(slf, object)
    }
}

/// What pyo3's method knows of itself, what any object does, and else what the model knows.
unsafe extern "C" fn getattr(
    slf: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: an instance and a str, both alive, attached to this thread.
    let (py, method, name) = unsafe {
        let py = Python::assume_attached();
        let name = Borrowed::from_ptr(py, name);
        (py, &*slf.cast::<CoroutineMethod>(), name.cast_unchecked::<PyString>())
    };
    let found = errors::guarded(|| {
        if matches!(name.to_str()?, "__doc__" | "__text_signature__" | "__objclass__") {
            // SAFETY: owned by the instance.
            let descriptor = unsafe { Borrowed::from_ptr(py, method.descriptor) };
            return descriptor.getattr(&*name);
        }
        // SAFETY: a new reference, or null with an exception set.
        let found = unsafe {
            let found = ffi::PyObject_GenericGetAttr(slf, name.as_ptr());
            Bound::from_owned_ptr_or_err(py, found)
        };
        match found {
            Err(error) if error.is_instance_of::<PyAttributeError>(py) => {
                method.model.get(py)?.getattr(&*name)
            }
            found => found,
        }
    });
    give(py, found)
}

unsafe extern "C" fn repr(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: an instance, attached to this thread.
    let (py, method) = unsafe { (Python::assume_attached(), &*slf.cast::<CoroutineMethod>()) };
    let shown = errors::guarded(|| {
        let name = method.model.get(py)?.getattr("__qualname__")?;
        Ok(PyString::new(py, &format!("<coroutine method {name}>")).into_any())
    });
    give(py, shown)
}

unsafe extern "C" fn traverse(
    slf: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: an instance; the descriptor is its own, or null while it is made.
    unsafe {
        let class = ffi::Py_TYPE(slf).cast::<ffi::PyObject>();
        for held in [class, (*slf.cast::<CoroutineMethod>()).descriptor] {
            if !held.is_null() {
                let stop = visit(held, argument);
                if stop != 0 {
                    return stop;
                }
            }
        }
    }
    0
}

unsafe extern "C" fn dealloc(slf: *mut ffi::PyObject) {
    // SAFETY: nobody has a reference any more; the class counts its instances.
    unsafe {
        let class = ffi::Py_TYPE(slf);
        ffi::PyObject_GC_UnTrack(slf.cast());
        ffi::Py_XDECREF((*slf.cast::<CoroutineMethod>()).descriptor);
        ffi::PyObject_GC_Del(slf.cast());
        ffi::Py_DECREF(class.cast());
    }
}
