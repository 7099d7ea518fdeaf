//! What a parked operation yields to its task: a bell. It carries no message, so cancelling it loses
//! none; the queue keeps the message until the woken task takes it.
//!
//! It speaks the future protocol that `asyncio.Task` requires of what it awaits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, ffi};

use crate::python::values::{calls, imports};

#[pyclass(frozen, module = "aiowebsocket._core")]
pub(crate) struct Waiter {
    event_loop: Py<PyAny>,
    bell: Mutex<Bell>,
}

struct Bell {
    state: State,
    /// `Task` sets and clears it, to see that what it awaits was meant to be awaited.
    blocking: bool,
    callbacks: Vec<Callback>,
}

enum State {
    Silent,
    Rung,
    Cancelled(Option<Py<PyAny>>),
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Waiter {
    pub(crate) fn new(py: Python<'_>, event_loop: Py<PyAny>) -> PyResult<Py<Self>> {
        let bell = Bell { state: State::Silent, blocking: true, callbacks: Vec::with_capacity(1) };
        Py::new(py, Self { event_loop, bell: Mutex::new(bell) })
    }

    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.lock().state, State::Silent)
    }

    /// Wakes whoever waits: at once where `inline`, else in the loop's next iteration. What the woken
    /// task raises for the loop (KeyboardInterrupt, SystemExit) comes out.
    pub(crate) fn ring(slf: &Bound<'_, Self>, inline: bool) -> PyResult<()> {
        let callbacks = {
            let mut bell = slf.get().lock();
            if !matches!(bell.state, State::Silent) {
                return Ok(());
            }
            bell.state = State::Rung;
            std::mem::take(&mut bell.callbacks)
        };
        for callback in callbacks {
            if !(inline && callback.run(slf)?) {
                callback.schedule(slf)?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Bell> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Waiter {
    #[getter(_asyncio_future_blocking)]
    fn blocking(&self) -> bool {
        self.lock().blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.lock().blocking = blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    #[pyo3(signature = (function, /, *, context = None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        function: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let callback = Callback { function, context };
        let mut bell = slf.get().lock();
        if matches!(bell.state, State::Silent) {
            bell.callbacks.push(callback);
            return Ok(());
        }
        drop(bell);
        callback.schedule(slf)
    }

    fn remove_done_callback(&self, py: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        let callbacks = std::mem::take(&mut self.lock().callbacks);
        let before = callbacks.len();
        let mut kept = Vec::with_capacity(before);
        for callback in callbacks {
            if !callback.function.bind(py).eq(function)? {
                kept.push(callback);
            }
        }
        let removed = before - kept.len();
        self.lock().callbacks.extend(kept);
        Ok(removed)
    }

    #[pyo3(signature = (msg = None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let callbacks = {
            let mut bell = slf.get().lock();
            if !matches!(bell.state, State::Silent) {
                return Ok(false);
            }
            bell.state = State::Cancelled(msg);
            std::mem::take(&mut bell.callbacks)
        };
        for callback in callbacks {
            callback.schedule(slf)?;
        }
        Ok(true)
    }

    fn cancelled(&self) -> bool {
        matches!(self.lock().state, State::Cancelled(_))
    }

    fn done(&self) -> bool {
        !self.is_silent()
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &self.lock().state {
            State::Silent => Err(PyRuntimeError::new_err("nothing has happened yet")),
            State::Rung => Ok(()),
            State::Cancelled(message) => Err(cancelled_error(py, message.as_ref())?),
        }
    }

    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.result(py).map(|()| None)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Ok(bell) = self.bell.try_lock() else { return Ok(()) };
        if let State::Cancelled(message) = &bell.state {
            visit.call(message)?;
        }
        for callback in &bell.callbacks {
            visit.call(&callback.function)?;
            visit.call(&callback.context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let callbacks = std::mem::take(&mut self.lock().callbacks);
        drop(callbacks);
    }
}

impl Callback {
    /// Runs in the task's own context; false where that context is already entered.
    fn run(&self, waiter: &Bound<'_, Waiter>) -> PyResult<bool> {
        let py = waiter.py();
        let Some(context) = &self.context else {
            return calls::call(self.function.bind(py), waiter).map(|_| true);
        };
        // SAFETY: `context` is the `contextvars.Context` that Task passed to add_done_callback; for
        // anything else the call fails with an exception. Enter and Exit are paired on this thread.
        if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
            drop(PyErr::take(py));
            return Ok(false);
        }
        let result = calls::call(self.function.bind(py), waiter);
        // SAFETY: entered above, on this thread, and callbacks leave the context as they found it.
        let left = unsafe { ffi::PyContext_Exit(context.as_ptr()) };
        result?;
        if left < 0 { Err(PyErr::fetch(py)) } else { Ok(true) }
    }

    fn schedule(&self, waiter: &Bound<'_, Waiter>) -> PyResult<()> {
        let py = waiter.py();
        let context = self.context.as_ref().map(|context| context.bind(py));
        calls::call_soon(waiter.get().event_loop.bind(py), self.function.bind(py), waiter, context)
    }
}

fn cancelled_error(py: Python<'_>, message: Option<&Py<PyAny>>) -> PyResult<PyErr> {
    let class = imports::CANCELLED_ERROR.get(py)?;
    let error = match message {
        Some(message) => class.call1((message,))?,
        None => class.call0()?,
    };
    Ok(PyErr::from_value(error))
}
