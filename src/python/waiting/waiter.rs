//! What a parked operation yields to its task. It carries no message, so cancelling it loses none; the
//! queue keeps the message until the woken task takes it.
//!
//! It speaks the future protocol that `asyncio.Task` requires of what it awaits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, ffi};

use crate::python::values::{Outcome, calls, imports};

#[pyclass(frozen, module = "aiowebsocket._core")]
pub(crate) struct Waiter {
    event_loop: Py<PyAny>,
    parking: Mutex<Parking>,
}

struct Parking {
    state: State,
    /// `Task` sets and clears it, to see that what it awaits was meant to be awaited.
    blocking: bool,
    callbacks: Vec<Callback>,
}

enum State {
    Parked,
    Woken,
    Cancelled(Option<Py<PyAny>>),
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Waiter {
    pub(crate) fn new(py: Python<'_>, event_loop: Py<PyAny>) -> PyResult<Py<Self>> {
        Self::in_state(py, event_loop, State::Parked)
    }

    /// One that has been woken already, and need not be woken again.
    pub(crate) fn woken(py: Python<'_>, event_loop: Py<PyAny>) -> PyResult<Py<Self>> {
        Self::in_state(py, event_loop, State::Woken)
    }

    fn in_state(py: Python<'_>, event_loop: Py<PyAny>, state: State) -> PyResult<Py<Self>> {
        let parking = Parking { state, blocking: true, callbacks: Vec::with_capacity(1) };
        Py::new(py, Self { event_loop, parking: Mutex::new(parking) })
    }

    pub(crate) fn is_parked(&self) -> bool {
        matches!(self.lock().state, State::Parked)
    }

    /// Wakes whoever waits: at once where `inline`, else in the loop's next iteration. What the woken
    /// task raises for the loop (KeyboardInterrupt, SystemExit) comes out. Whom the loop does not take
    /// stays parked, and can be woken again.
    pub(crate) fn wake(slf: &Bound<'_, Self>, inline: bool) -> PyResult<()> {
        let Some(callbacks) = slf.get().set(State::Woken) else { return Ok(()) };
        let mut outcome = Outcome::default();
        for callback in callbacks {
            match if inline { callback.run(slf) } else { Ok(false) } {
                Ok(true) => {}
                Ok(false) => {
                    let scheduled = callback.schedule(slf);
                    if scheduled.is_err() {
                        slf.get().park_again(callback);
                    }
                    outcome.add(scheduled);
                }
                Err(error) => outcome.add(Err(error)),
            }
        }
        outcome.result()
    }

    fn park_again(&self, callback: Callback) {
        let mut parking = self.lock();
        parking.state = State::Parked;
        parking.callbacks.push(callback);
    }

    /// Ends the parking in this state, and gives those to be told; None where it has ended already.
    fn set(&self, state: State) -> Option<Vec<Callback>> {
        let mut parking = self.lock();
        if !matches!(parking.state, State::Parked) {
            return None;
        }
        parking.state = state;
        Some(std::mem::take(&mut parking.callbacks))
    }

    fn lock(&self) -> MutexGuard<'_, Parking> {
        self.parking.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut parking = slf.get().lock();
        if matches!(parking.state, State::Parked) {
            parking.callbacks.push(callback);
            return Ok(());
        }
        drop(parking);
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
        let Some(callbacks) = slf.get().set(State::Cancelled(msg)) else { return Ok(false) };
        let mut outcome = Outcome::default();
        for callback in callbacks {
            outcome.add(callback.schedule(slf));
        }
        outcome.result().map(|()| true)
    }

    fn cancelled(&self) -> bool {
        matches!(self.lock().state, State::Cancelled(_))
    }

    fn done(&self) -> bool {
        !self.is_parked()
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        // Made with nothing locked, for making it may run Python code.
        let message = match &self.lock().state {
            State::Parked => return Err(PyRuntimeError::new_err("nothing has happened yet")),
            State::Woken => return Ok(()),
            State::Cancelled(message) => message.as_ref().map(|message| message.clone_ref(py)),
        };
        Err(cancelled_error(py, message)?)
    }

    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.result(py).map(|()| None)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Ok(parking) = self.parking.try_lock() else { return Ok(()) };
        if let State::Cancelled(message) = &parking.state {
            visit.call(message)?;
        }
        for callback in &parking.callbacks {
            visit.call(&callback.function)?;
            visit.call(&callback.context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let mut parking = self.lock();
        let callbacks = std::mem::take(&mut parking.callbacks);
        let state = std::mem::replace(&mut parking.state, State::Woken);
        drop(parking);
        drop((callbacks, state));
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

fn cancelled_error(py: Python<'_>, message: Option<Py<PyAny>>) -> PyResult<PyErr> {
    let class = imports::CANCELLED_ERROR.get(py)?;
    let error = match message {
        Some(message) => class.call1((message,))?,
        None => class.call0()?,
    };
    Ok(PyErr::from_value(error))
}
