//! What `send`, `receive` and their like return: an awaitable that acts like a coroutine.
//!
//! It does nothing before its first step, finishes without suspending when it can, and yields a
//! `Waiter` when it must park. By `__await__`, `send`, `throw` and `close` it is a
//! `collections.abc.Coroutine`, so create_task, gather, wait_for and TaskGroup take it.

use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use super::driver::Driver;
use super::message::Decode;
use super::waiter::Waiter;
use super::{receiving, sending};

/// What one step of an operation comes to.
pub(super) enum Step {
    Return(Py<PyAny>),
    Yield(Py<PyAny>),
}

/// What an operation is to do.
pub(super) enum Command {
    Receive(Receive),
    Send(Send),
    UntilClosed,
}

#[derive(Clone, Copy)]
pub(super) struct Receive {
    pub(super) decode: Decode,
    pub(super) style: Style,
}

/// How a received message, and the end of the connection, are handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// One receiver at a time; ConnectionClosed at the end.
    Recv,
    /// As `Recv`, but a proper end ends the iteration.
    Iterate,
    /// As `Recv`, but a part of a message as soon as it arrives: `(payload, fin)`.
    Chunk,
    /// The original's: receivers queue, an empty message is None.
    Converse,
    /// As `Converse`, but a proper end ends the iteration.
    ConverseIterate,
}

impl Style {
    /// Whether several receivers may wait, first come, first served: the original's face.
    pub(super) const fn queues(self) -> bool {
        matches!(self, Self::Converse | Self::ConverseIterate)
    }

    /// Whether a proper end of the connection is the end of an iteration.
    pub(super) const fn iterates(self) -> bool {
        matches!(self, Self::Iterate | Self::ConverseIterate)
    }
}

pub(super) struct Send {
    pub(super) message: Py<PyAny>,
    pub(super) text: Option<bool>,
    pub(super) compress: Option<bool>,
    pub(super) fin: bool,
    pub(super) style: SendStyle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SendStyle {
    /// A whole message, which waits for a fragmented one to end.
    Message,
    /// A part of a fragmented message.
    Fragment,
    /// The original's: bytes are TEXT where they can be, and a send into a connection whose end the
    /// application has not learnt of is dropped.
    Converse,
}

/// What send() and receive() return: awaitable once, like a coroutine.
#[pyclass(frozen, freelist = 64, module = "aiowebsocket._core")]
pub(super) struct Operation {
    driver: Py<Driver>,
    /// The connection as the user holds it: a parked operation keeps it open.
    owner: Py<PyAny>,
    name: &'static str,
    command: Command,
    stage: Mutex<Stage>,
}

enum Stage {
    New,
    Parked {
        waiter: Py<Waiter>,
        place: Place,
    },
    /// Has yielded to the loop once, to raise this afterwards.
    Yielded(PyErr),
    Done,
}

/// Where a parked operation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Receivers,
    /// Among the receivers, but content with a part of a message.
    Chunk,
    /// The message is in the output; only room is awaited.
    Room,
    /// Nothing has been sent: a fragmented message is under way.
    Turn,
    Closers,
}

/// What the driver says to an attempt.
pub(super) enum Attempt {
    Done(Py<PyAny>),
    Park(Place),
    /// Raise, but only after the loop has had a turn: a catch-all loop must not starve it.
    RaiseLater(PyErr),
}

impl Operation {
    pub(super) fn new(
        py: Python<'_>,
        driver: &Py<Driver>,
        owner: Py<PyAny>,
        name: &'static str,
        command: Command,
    ) -> PyResult<Py<Self>> {
        let driver = driver.clone_ref(py);
        Py::new(py, Self { driver, owner, name, command, stage: Mutex::new(Stage::New) })
    }

    pub(super) fn step(&self, py: Python<'_>) -> PyResult<Step> {
        let attempt = match self.take_stage() {
            Stage::New => self.begin(py)?,
            Stage::Parked { waiter, place } if waiter.get().is_silent() => {
                let again = waiter.clone_ref(py).into_any();
                self.put_stage(Stage::Parked { waiter, place });
                return Ok(Step::Yield(again));
            }
            Stage::Parked { waiter, place } => self.resume(py, &waiter, place)?,
            Stage::Yielded(error) => return Err(error),
            Stage::Done => {
                let message = format!("cannot reuse already awaited {}()", self.name);
                return Err(PyRuntimeError::new_err(message));
            }
        };
        match attempt {
            Attempt::Done(value) => Ok(Step::Return(value)),
            Attempt::Park(place) => self.park(py, place),
            Attempt::RaiseLater(error) => {
                self.put_stage(Stage::Yielded(error));
                Ok(Step::Yield(py.None()))
            }
        }
    }

    fn begin(&self, py: Python<'_>) -> PyResult<Attempt> {
        let driver = self.driver.bind(py);
        driver.get().event_loop().check_thread()?;
        match &self.command {
            Command::Receive(receive) => receiving::begin(driver, *receive),
            Command::Send(send) => sending::attempt(driver, send),
            Command::UntilClosed => Ok(driver.get().until_closed(py)),
        }
    }

    fn resume(&self, py: Python<'_>, waiter: &Py<Waiter>, place: Place) -> PyResult<Attempt> {
        let driver = self.driver.bind(py);
        driver.get().leave(place, waiter);
        match (&self.command, place) {
            (Command::Receive(receive), _) => receiving::attempt(driver, *receive),
            (Command::Send(send), Place::Turn) => sending::attempt(driver, send),
            (Command::Send(_), _) => sending::await_room(driver.get(), py),
            (Command::UntilClosed, _) => Ok(driver.get().until_closed(py)),
        }
    }

    fn park(&self, py: Python<'_>, place: Place) -> PyResult<Step> {
        let waiter = Waiter::new(py, self.driver.clone_ref(py))?;
        self.driver.get().enter(place, waiter.clone_ref(py));
        let yielded = waiter.clone_ref(py).into_any();
        self.put_stage(Stage::Parked { waiter, place });
        Ok(Step::Yield(yielded))
    }

    /// Ends the operation before its time. A bell that was rung for it goes to the next in line.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        match self.take_stage() {
            Stage::Parked { waiter, place } => {
                self.driver.get().leave(place, &waiter);
                Driver::pass_on(self.driver.bind(py), place)
            }
            _ => Ok(()),
        }
    }

    fn take_stage(&self) -> Stage {
        std::mem::replace(&mut *self.lock_stage(), Stage::Done)
    }

    fn put_stage(&self, stage: Stage) {
        *self.lock_stage() = stage;
    }

    fn lock_stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Operation {
    const fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.send(py, None)
    }

    #[pyo3(signature = (value, /))]
    fn send(&self, py: Python<'_>, value: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        // A task sends None: there is nothing to tell an operation.
        let _ = value;
        match self.step(py)? {
            Step::Yield(value) => Ok(value),
            Step::Return(value) => Err(PyStopIteration::new_err((value,))),
        }
    }

    #[pyo3(signature = (typ, val = None, tb = None, /))]
    fn throw(
        &self,
        py: Python<'_>,
        typ: &Bound<'_, PyAny>,
        val: Option<&Bound<'_, PyAny>>,
        tb: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.abandon(py)?;
        let error = match (typ.cast::<PyType>(), val) {
            (Ok(class), Some(value)) if !value.is_instance(class)? => class.call1((value,))?,
            (Ok(_), Some(value)) => value.clone(),
            (Ok(class), None) => class.call0()?,
            (Err(_), _) => typ.clone(),
        };
        if let Some(traceback) = tb {
            error.setattr("__traceback__", traceback)?;
        }
        Err(PyErr::from_value(error))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.abandon(py)
    }

    #[getter]
    const fn __name__(&self) -> &'static str {
        self.name
    }

    #[getter]
    const fn __qualname__(&self) -> &'static str {
        self.name
    }

    fn __repr__(&self) -> String {
        format!("<coroutine-like {}()>", self.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.driver)?;
        visit.call(&self.owner)?;
        if let Command::Send(send) = &self.command {
            visit.call(&send.message)?;
        }
        let Ok(stage) = self.stage.try_lock() else { return Ok(()) };
        match &*stage {
            Stage::Parked { waiter, .. } => visit.call(waiter),
            Stage::New | Stage::Yielded(_) | Stage::Done => Ok(()),
        }
    }

    fn __clear__(&self) {
        drop(self.take_stage());
    }
}

impl Drop for Operation {
    /// A forgotten `await` is the most common mistake; Python warns of it for its own coroutines.
    fn drop(&mut self) {
        let stage = self.stage.get_mut().unwrap_or_else(PoisonError::into_inner);
        let stage = std::mem::replace(stage, Stage::Done);
        if matches!(stage, Stage::Done) {
            return;
        }
        Python::attach(|py| match stage {
            Stage::New => warn_never_awaited(py, self.name),
            Stage::Parked { waiter, place } => {
                self.driver.get().leave(place, &waiter);
                if let Err(error) = Driver::pass_on(self.driver.bind(py), place) {
                    error.write_unraisable(py, None);
                }
            }
            Stage::Yielded(_) | Stage::Done => {}
        });
    }
}

fn warn_never_awaited(py: Python<'_>, name: &str) {
    // With an exception on its way, the await was interrupted (by Ctrl-C, say), not forgotten.
    if PyErr::occurred(py) {
        return;
    }
    let category = py.get_type::<PyRuntimeWarning>();
    let Ok(message) = CString::new(format!("coroutine '{name}' was never awaited")) else { return };
    if let Err(error) = PyErr::warn(py, &category, &message, 1) {
        error.write_unraisable(py, None);
    }
}
