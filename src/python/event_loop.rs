//! The event loop as the link's driver sees it: asyncio's public methods and nothing else.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyString, PyTuple};
use pyo3::{IntoPyObjectExt, intern};

use super::calls;
use crate::drive;

/// What the loop watches: a file descriptor, or a socket handle on Windows.
#[cfg(unix)]
pub(super) type Descriptor = std::os::fd::RawFd;
#[cfg(windows)]
pub(super) type Descriptor = u64;

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
pub(super) fn forked() {
    NUMBER.set(THREADS.fetch_add(1, Ordering::Relaxed));
}

pub(super) struct EventLoop {
    object: Py<PyAny>,
    thread: usize,
    forks: u64,
}

impl EventLoop {
    pub(super) fn running(py: Python<'_>) -> PyResult<Self> {
        static GET_RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let object = GET_RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
        Ok(Self { object: object.unbind(), thread: this_thread(), forks: drive::forks() })
    }

    pub(super) const fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    /// A connection belongs to the thread of its loop; anywhere else would be a data race in asyncio.
    pub(super) fn check_thread(&self) -> PyResult<()> {
        if self.is_own_thread() {
            return Ok(());
        }
        self.check_process()?;
        Err(PyRuntimeError::new_err(
            "this connection belongs to an event loop in another thread; \
             use asyncio.run_coroutine_threadsafe()",
        ))
    }

    pub(super) fn check_process(&self) -> PyResult<()> {
        if self.is_another_process() {
            return Err(PyRuntimeError::new_err(
                "this connection belongs to the process that this one was forked from; open another",
            ));
        }
        Ok(())
    }

    pub(super) fn is_another_process(&self) -> bool {
        self.forks != drive::forks()
    }

    pub(super) fn is_own_thread(&self) -> bool {
        this_thread() == self.thread
    }

    pub(super) fn add_reader(
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
    pub(super) fn can_watch(&self, py: Python<'_>, descriptor: Descriptor) -> PyResult<bool> {
        match self.remove_reader(py, descriptor) {
            Ok(()) => Ok(true),
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn add_writer(
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

    pub(super) fn remove_reader(&self, py: Python<'_>, descriptor: Descriptor) -> PyResult<()> {
        let descriptor = descriptor.into_bound_py_any(py)?;
        self.call(intern!(py, "remove_reader"), [&descriptor]).map(drop)
    }

    pub(super) fn remove_writer(&self, py: Python<'_>, descriptor: Descriptor) -> PyResult<()> {
        let descriptor = descriptor.into_bound_py_any(py)?;
        self.call(intern!(py, "remove_writer"), [&descriptor]).map(drop)
    }

    /// Whether the loop may call back once when a socket has an error, and then never more, whatever is
    /// left to read: libuv reports EPOLLERR as EBADF and ends the watch (libuv issue 3796).
    pub(super) fn misses_ends(&self, py: Python<'_>) -> PyResult<bool> {
        if !cfg!(target_os = "linux") {
            return Ok(false);
        }
        let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
        let uvloop = modules.call_method1(intern!(py, "get"), (intern!(py, "uvloop"),))?;
        if uvloop.is_none() {
            return Ok(false);
        }
        self.object.bind(py).is_instance(&uvloop.getattr(intern!(py, "Loop"))?)
    }

    pub(super) fn is_closed(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(intern!(py, "is_closed"), [])?.is_truthy()
    }

    pub(super) fn call_soon(
        &self,
        py: Python<'_>,
        callback: &Bound<'_, PyAny>,
        argument: &Bound<'_, PyAny>,
        context: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        static KEYWORDS: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
        let keywords = KEYWORDS.get_or_try_init(py, || {
            PyTuple::new(py, [intern!(py, "context")]).map(Bound::unbind)
        })?;
        let none = py.None().into_bound(py);
        let arguments = [callback, argument, context.unwrap_or(&none)];
        let (object, name) = (self.object.bind(py), intern!(py, "call_soon"));
        calls::call_method(object, name, arguments, Some(keywords.bind(py))).map(drop)
    }

    pub(super) fn call_soon_threadsafe(
        &self,
        py: Python<'_>,
        callback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.call(intern!(py, "call_soon_threadsafe"), [callback]).map(drop)
    }

    /// Whether a task may be resumed from here: only from a loop callback, where no task is current.
    /// A task woken inside another gets "Cannot enter into task" and hangs for ever.
    pub(super) fn is_between_tasks(&self, py: Python<'_>) -> PyResult<bool> {
        static CURRENT_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let current_task = CURRENT_TASK.import(py, "asyncio", "current_task")?;
        Ok(calls::call(current_task, self.object.bind(py))?.is_none())
    }

    pub(super) fn call<'py, const N: usize>(
        &self,
        name: &Bound<'py, PyString>,
        arguments: [&Bound<'py, PyAny>; N],
    ) -> PyResult<Bound<'py, PyAny>> {
        calls::call_method(self.object.bind(name.py()), name, arguments, None)
    }
}
