//! How other threads have a loop do something without waiting for Python: a pair of sockets, of which the
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
use pyo3::{IntoPyObjectExt, PyTraverseError, PyVisit, intern};

use super::event_loop::EventLoop;
use crate::drive;
use crate::python::values::{Outcome, errors};

/// What the loop is to do, between its tasks.
pub(crate) trait Call: Send {
    fn make(self: Box<Self>, py: Python<'_>) -> PyResult<()>;

    /// For the garbage collector: what only this call holds.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

thread_local! {
    /// The loops of this thread that have one.
    static REGISTERED: RefCell<Vec<Registered>> = const { RefCell::new(Vec::new()) };
}

struct Registered {
    event_loop: Py<PyWeakrefReference>,
    forks: u64,
    calls: Arc<RemoteCalls>,
}

/// The end that anyone may use, on any thread, with or without Python.
pub(crate) struct RemoteCalls {
    waiting: Mutex<Vec<Box<dyn Call>>>,
    signal: UnixStream,
}

/// The end that the loop hears; the loop owns it.
#[pyclass(frozen, module = "aiowebsocket._core")]
struct Listener {
    calls: Arc<RemoteCalls>,
    signals: UnixStream,
}

impl RemoteCalls {
    /// The loop's own, which is registered if there is none. None where the loop can watch no
    /// socket, or cannot be told from another that will lie at its address.
    pub(crate) fn of(py: Python<'_>, event_loop: &EventLoop) -> PyResult<Option<Arc<Self>>> {
        let object = event_loop.object().bind(py);
        let found = REGISTERED.with_borrow_mut(|registered| {
            registered.retain(|one| one.event_loop.bind(py).upgrade().is_some());
            let own = registered.iter().find(|one| {
                let event_loop = one.event_loop.bind(py).upgrade();
                one.forks == drive::forks() && event_loop.is_some_and(|found| found.is(object))
            });
            own.map(|one| Arc::clone(&one.calls))
        });
        if found.is_some() {
            return Ok(found);
        }
        let Ok(weak) = PyWeakrefReference::new(object) else { return Ok(None) };
        let Some(calls) = Listener::register(py, event_loop)? else { return Ok(None) };
        let one = Registered {
            event_loop: weak.unbind(),
            forks: drive::forks(),
            calls: Arc::clone(&calls),
        };
        REGISTERED.with_borrow_mut(|registered| registered.push(one));
        Ok(Some(calls))
    }

    /// Has the loop make this call. A loop that has been closed hears nothing.
    pub(crate) fn call(&self, call: Box<dyn Call>) {
        let is_first = {
            let mut waiting = self.waiting();
            waiting.push(call);
            waiting.len() == 1
        };
        // The first is heard for all; with the list free, or the loop would wake only to wait for it.
        if is_first && (&self.signal).write(&[1]).is_err() {
            // A loop that is gone leaves nobody to hear any.
            let unheard = std::mem::take(&mut *self.waiting());
            drop(unheard);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Box<dyn Call>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    fn register(py: Python<'_>, event_loop: &EventLoop) -> PyResult<Option<Arc<RemoteCalls>>> {
        let (signals, signal) =
            UnixStream::pair().map_err(|error| errors::cannot_start(py, &error))?;
        signals.set_nonblocking(true)?;
        signal.set_nonblocking(true)?;
        let calls = Arc::new(RemoteCalls { waiting: Mutex::default(), signal });
        let descriptor = signals.as_raw_fd();
        let listener = Bound::new(py, Self { calls: Arc::clone(&calls), signals })?;
        let descriptor = descriptor.into_bound_py_any(py)?;
        let added = event_loop.call(intern!(py, "add_reader"), [&descriptor, listener.as_any()]);
        match added {
            Ok(_) => Ok(Some(calls)),
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[pymethods]
impl Listener {
    /// The loop's callback: makes the calls. One that fails keeps none from being made.
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let _silent_already = (&self.signals).read(&mut [0; 8]);
        let calls = std::mem::take(&mut *self.calls.waiting());
        let mut outcome = Outcome::default();
        for call in calls {
            outcome.add(call.make(py));
        }
        outcome.result()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(waiting) = self.calls.waiting.try_lock() else { return Ok(()) };
        waiting.iter().try_for_each(|call| call.traverse(&visit))
    }

    fn __clear__(&self) {
        let waiting = std::mem::take(&mut *self.calls.waiting());
        drop(waiting);
    }

    fn __repr__(&self) -> String {
        format!("<aiowebsocket listener of descriptor {}>", self.signals.as_raw_fd())
    }
}
