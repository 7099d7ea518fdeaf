//! How the lifeline has a loop do something without waiting for Python: a pair of sockets, of which the
//! loop watches one, and a list of what is to be done. One a loop, for as long as the loop lives.
//!
//! `call_soon_threadsafe` would need the interpreter on the lifeline's side: a thread to wait for it,
//! three switches of threads, and a thread state made and taken apart each time.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyo3::{IntoPyObjectExt, intern};

use super::event_loop::EventLoop;
use crate::drive;
use crate::python::values::errors;

/// What the loop is to do, between its tasks.
pub(crate) type Call = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

thread_local! {
    /// The loops of this thread that have one.
    static HUNG: RefCell<Vec<Hung>> = const { RefCell::new(Vec::new()) };
}

struct Hung {
    event_loop: Py<PyWeakrefReference>,
    forks: u64,
    rope: Arc<Rope>,
}

/// The end that anyone may pull, on any thread, with or without Python.
pub(crate) struct Rope {
    calls: Mutex<Vec<Call>>,
    ringer: UnixStream,
}

/// The end that the loop hears; the loop owns it.
#[pyclass(frozen, module = "aiowebsocket._core")]
struct Bell {
    rope: Arc<Rope>,
    clapper: UnixStream,
}

impl Rope {
    /// The rope of the loop's bell, which is hung if there is none. None where the loop can watch no
    /// socket, or cannot be told from another that will lie at its address.
    pub(crate) fn of(py: Python<'_>, event_loop: &EventLoop) -> PyResult<Option<Arc<Self>>> {
        let object = event_loop.object().bind(py);
        let found = HUNG.with_borrow_mut(|hung| {
            hung.retain(|bell| bell.event_loop.bind(py).upgrade().is_some());
            let own = hung.iter().find(|bell| {
                let event_loop = bell.event_loop.bind(py).upgrade();
                bell.forks == drive::forks() && event_loop.is_some_and(|found| found.is(object))
            });
            own.map(|bell| Arc::clone(&bell.rope))
        });
        if found.is_some() {
            return Ok(found);
        }
        let Ok(weak) = PyWeakrefReference::new(object) else { return Ok(None) };
        let Some(rope) = Bell::hang(py, event_loop)? else { return Ok(None) };
        let bell =
            Hung { event_loop: weak.unbind(), forks: drive::forks(), rope: Arc::clone(&rope) };
        HUNG.with_borrow_mut(|hung| hung.push(bell));
        Ok(Some(rope))
    }

    /// Has the loop make this call. A loop that has been closed hears nothing.
    pub(crate) fn pull(&self, call: Call) {
        let is_first = {
            let mut calls = self.calls();
            calls.push(call);
            calls.len() == 1
        };
        // The first is heard for all; with the list free, or the loop would wake only to wait for it.
        if is_first && (&self.ringer).write(&[1]).is_err() {
            // A loop that is gone leaves nobody to hear any.
            let unheard = std::mem::take(&mut *self.calls());
            drop(unheard);
        }
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    fn hang(py: Python<'_>, event_loop: &EventLoop) -> PyResult<Option<Arc<Rope>>> {
        let (clapper, ringer) =
            UnixStream::pair().map_err(|error| errors::cannot_start(py, &error))?;
        clapper.set_nonblocking(true)?;
        ringer.set_nonblocking(true)?;
        let rope = Arc::new(Rope { calls: Mutex::default(), ringer });
        let descriptor = clapper.as_raw_fd();
        let bell = Bound::new(py, Self { rope: Arc::clone(&rope), clapper })?;
        let descriptor = descriptor.into_bound_py_any(py)?;
        let added = event_loop.call(intern!(py, "add_reader"), [&descriptor, bell.as_any()]);
        match added {
            Ok(_) => Ok(Some(rope)),
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[pymethods]
impl Bell {
    /// The loop's callback: makes the calls. One that fails keeps none from being made.
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let _silent_already = (&self.clapper).read(&mut [0; 8]);
        let calls = std::mem::take(&mut *self.rope.calls());
        let mut result = Ok(());
        for call in calls {
            result = result.and(call(py));
        }
        result
    }

    fn __repr__(&self) -> String {
        format!("<aiowebsocket bell of descriptor {}>", self.clapper.as_raw_fd())
    }
}
