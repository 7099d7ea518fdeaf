//! Calls of Python code from which this thread may not come back: where the interpreter ends
//! meanwhile, Python before 3.14 ends every other thread that wants the GIL by unwinding its stack
//! (`pthread_exit`), and a Rust frame on that stack aborts the process. It does not know what is called.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};
use pyo3::{ffi, intern};

/// Stops a thread that is unwound, for good: what Python itself does from 3.14 on.
struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// `PyObject_VectorcallDict` and `PyObject_VectorcallMethod`, and that they may unwind. pyo3 declares them
/// as if they never did, so there would be no landing pad to stop at. (Python 3.10 has no function
/// `PyObject_Vectorcall`: there it is a macro.)
type Vectorcall = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

type DeclaredVectorcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// An object and the arguments of its method, at most.
const PLACES: usize = 4;

/// Calls a function with one argument.
pub(crate) fn call<'py>(
    function: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // A bound method puts its object into the free place, and copies nothing.
    let mut places = [std::ptr::null_mut(), argument.as_ptr()];
    // SAFETY: one argument, behind a place that is the callee's to use while it is called.
    unsafe {
        let arguments = places.as_mut_ptr().add(1);
        let count = 1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        vectorcall(ffi::PyObject_VectorcallDict, function, arguments, count, None)
    }
}

/// Calls an object's method; the last arguments go by the names in `keywords`, if there are any.
pub(crate) fn call_method<'py, const N: usize>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    arguments: [&Bound<'py, PyAny>; N],
    keywords: Option<&Bound<'py, PyTuple>>,
) -> PyResult<Bound<'py, PyAny>> {
    const { assert!(N < PLACES) };
    let mut places = [std::ptr::null_mut(); PLACES];
    places[0] = object.as_ptr();
    for (place, argument) in places[1..].iter_mut().zip(arguments) {
        *place = argument.as_ptr();
    }
    let count = 1 + N - keywords.map_or(0, PyTupleMethods::len);
    // SAFETY: the object, its arguments, and of these the last for the keywords.
    unsafe {
        vectorcall(ffi::PyObject_VectorcallMethod, name, places.as_mut_ptr(), count, keywords)
    }
}

/// Has an event loop call this in its next iteration, in that context or in a copy of the current one.
pub(crate) fn call_soon(
    event_loop: &Bound<'_, PyAny>,
    callback: &Bound<'_, PyAny>,
    argument: &Bound<'_, PyAny>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    static KEYWORDS: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let py = event_loop.py();
    let keywords = KEYWORDS
        .get_or_try_init(py, || PyTuple::new(py, [intern!(py, "context")]).map(Bound::unbind))?;
    let none = py.None().into_bound(py);
    let arguments = [callback, argument, context.unwrap_or(&none)];
    let name = intern!(py, "call_soon");
    call_method(event_loop, name, arguments, Some(keywords.bind(py))).map(drop)
}

/// # Safety
///
/// `arguments` are `count` live objects and one more for each keyword, as vectorcall has them.
unsafe fn vectorcall<'py>(
    declared: DeclaredVectorcall,
    callee: &Bound<'py, PyAny>,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    keywords: Option<&Bound<'py, PyTuple>>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the ABI is the same but for the leave to unwind, which is what these functions do.
    let vectorcall: Vectorcall = unsafe { std::mem::transmute(declared) };
    // Behind the box the compiler cannot find the function, nor what pyo3 declared it to be.
    let vectorcall = std::hint::black_box(vectorcall);
    let keywords = keywords.map_or(std::ptr::null_mut(), Bound::as_ptr);
    let hang = Hang;
    // SAFETY: the GIL is held, and the caller vouches for the arguments.
    let result = unsafe { vectorcall(callee.as_ptr(), arguments, count, keywords) };
    std::mem::forget(hang);
    // SAFETY: a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(callee.py(), result) }
}
