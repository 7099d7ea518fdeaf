//! The event loop as the link's driver sees it: asyncio's public methods and nothing else.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PySet, PyString};
use pyo3::{IntoPyObjectExt, intern};

use crate::drive;
use crate::python::values::{calls, imports};

/// What the loop watches: a file descriptor, or a socket handle on Windows.
#[cfg(unix)]
pub(crate) type Descriptor = std::os::fd::RawFd;
#[cfg(windows)]
pub(crate) type Descriptor = u64;

/// A number of this thread's own. `std::thread::current().id()` counts references on the way, which
/// costs more than the question is worth once a message.
fn this_thread() -> usize {
    NUMBER.get()
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static NUMBER: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
}

/// To be called in a child process after a fork: its thread is not the parent's.
pub(crate) fn forked() {
    NUMBER.set(THREADS.fetch_add(1, Ordering::Relaxed));
}

/// The loop's own attribute for what it keeps alive.
const KEPT: &str = "_aiowebsocket_kept";

pub(crate) struct EventLoop {
    object: Py<PyAny>,
    thread: usize,
    forks: u64,
    is_uvloop: bool,
}

impl EventLoop {
    pub(crate) fn running(py: Python<'_>) -> PyResult<Self> {
        let object = imports::GET_RUNNING_LOOP.get(py)?.call0()?;
        let is_uvloop = is_uvloop(&object)?;
        let (thread, forks) = (this_thread(), drive::forks());
        Ok(Self { object: object.unbind(), thread, forks, is_uvloop })
    }

    pub(crate) const fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    /// A connection belongs to the thread of its loop; anywhere else would be a data race in asyncio.
    pub(crate) fn check_thread(&self) -> PyResult<()> {
        if self.is_own_thread() {
            return Ok(());
        }
        self.check_process()?;
        Err(PyRuntimeError::new_err(
            "this connection belongs to an event loop in another thread; \
             use asyncio.run_coroutine_threadsafe()",
        ))
    }

    pub(crate) fn check_process(&self) -> PyResult<()> {
        if self.is_another_process() {
            return Err(PyRuntimeError::new_err(
                "this connection belongs to the process that this one was forked from; open another",
            ));
        }
        Ok(())
    }

    pub(crate) fn is_another_process(&self) -> bool {
        self.forks != drive::forks()
    }

    pub(crate) fn is_own_thread(&self) -> bool {
        this_thread() == self.thread
    }

    pub(crate) fn add_reader(
        &self,
        py: Python<'_>,
        descriptor: Descriptor,
        callback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let descriptor = descriptor.into_bound_py_any(py)?;
        match self.call(intern!(py, "add_reader"), [&descriptor, callback]) {
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => {
                let clear = PyRuntimeError::new_err(
                    "this event loop cannot watch sockets, so driver=\"loop\" cannot be; leave \
                     driver=\"auto\", or run asyncio.SelectorEventLoop",
                );
                clear.set_cause(py, Some(error));
                Err(clear)
            }
            other => other.map(drop),
        }
    }

    /// Whether the loop can watch sockets at all, which Windows' proactor loop cannot.
    pub(crate) fn can_watch(&self, py: Python<'_>, descriptor: Descriptor) -> PyResult<bool> {
        match self.remove_reader(py, descriptor) {
            Ok(()) => Ok(true),
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn add_writer(
        &self,
        py: Python<'_>,
        descriptor: Descriptor,
        callback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let descriptor = descriptor.into_bound_py_any(py)?;
        let is_writer = PyBool::new(py, true);
        let arguments = [&descriptor, callback, is_writer.as_any()];
        self.call(intern!(py, "add_writer"), arguments).map(drop)
    }

    pub(crate) fn remove_reader(&self, py: Python<'_>, descriptor: Descriptor) -> PyResult<()> {
        let descriptor = descriptor.into_bound_py_any(py)?;
        self.call(intern!(py, "remove_reader"), [&descriptor]).map(drop)
    }

    pub(crate) fn remove_writer(&self, py: Python<'_>, descriptor: Descriptor) -> PyResult<()> {
        let descriptor = descriptor.into_bound_py_any(py)?;
        self.call(intern!(py, "remove_writer"), [&descriptor]).map(drop)
    }

    /// Whether the loop may call back once when a socket has an error, and then never more, whatever is
    /// left to read: libuv reports EPOLLERR as EBADF and ends the watch (libuv issue 3796).
    pub(crate) const fn misses_ends(&self) -> bool {
        cfg!(target_os = "linux") && self.is_uvloop
    }

    pub(crate) fn is_closed(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(intern!(py, "is_closed"), [])?.is_truthy()
    }

    pub(crate) fn call_soon(
        &self,
        callback: &Bound<'_, PyAny>,
        argument: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        calls::call_soon(self.object.bind(callback.py()), callback, argument, None)
    }

    pub(crate) fn call_soon_threadsafe(
        &self,
        py: Python<'_>,
        callback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.call(intern!(py, "call_soon_threadsafe"), [callback]).map(drop)
    }

    /// Whether a task may be resumed right here, in the loop's callback. Not inside another task: it gets
    /// "Cannot enter into task" and hangs for ever. And not on a loop that may be run again by the task,
    /// as nest_asyncio and the bridges to other loops have it: our callback is then still entered, and
    /// cannot be called.
    pub(crate) fn may_resume_here(&self, py: Python<'_>) -> PyResult<bool> {
        if !self.runs_once(py)? {
            return Ok(false);
        }
        let current_task = imports::CURRENT_TASK.get(py)?;
        Ok(calls::call(current_task, self.object.bind(py))?.is_none())
    }

    /// Whether the loop runs as asyncio's own do, or uvloop's, which refuse to be run while they run.
    fn runs_once(&self, py: Python<'_>) -> PyResult<bool> {
        if self.is_uvloop {
            return Ok(true);
        }
        let run = self.object.bind(py).get_type().getattr(intern!(py, "run_forever"))?;
        Ok(run.is(imports::RUN_FOREVER.get(py)?))
    }

    /// Has the loop keep this alive until `let_go`.
    pub(crate) fn keep(&self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let event_loop = self.object.bind(object.py());
        if let Some(kept) = self.kept(object.py())? {
            return kept.add(object);
        }
        let kept = PySet::empty(object.py())?;
        event_loop.setattr(intern!(object.py(), KEPT), &kept)?;
        kept.add(object)
    }

    pub(crate) fn let_go(&self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        self.kept(object.py())?.map_or(Ok(()), |kept| kept.discard(object).map(drop))
    }

    fn kept<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PySet>>> {
        let kept = self.object.bind(py).getattr_opt(intern!(py, KEPT))?;
        Ok(kept.map(Bound::cast_into).transpose()?)
    }

    pub(crate) fn call<'py, const N: usize>(
        &self,
        name: &Bound<'py, PyString>,
        arguments: [&Bound<'py, PyAny>; N],
    ) -> PyResult<Bound<'py, PyAny>> {
        calls::call_method(self.object.bind(name.py()), name, arguments, None)
    }
}

fn is_uvloop(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    let uvloop = modules.call_method1(intern!(py, "get"), (intern!(py, "uvloop"),))?;
    if uvloop.is_none() {
        return Ok(false);
    }
    event_loop.is_instance(&uvloop.getattr(intern!(py, "Loop"))?)
}
