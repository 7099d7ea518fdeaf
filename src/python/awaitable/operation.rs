//! What `send`, `receive` and their like return: an awaitable that acts like a coroutine.
//!
//! It does nothing before its first step, finishes without suspending when it can, and yields a
//! `Waiter` when it must park. By `__await__`, `send`, `throw` and `close` it is a
//! `collections.abc.Coroutine`, so create_task, gather, wait_for and TaskGroup take it.

use std::cell::Cell;
use std::ffi::CString;

use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit, intern};

use super::command::Command;
use super::exclusive::{Exclusive, is_unshared};
use super::request::{Attempt, Attempted};
use crate::python::asyncio::{Driver, ROUNDS_OF_A_TURN};
use crate::python::values::imports;
use crate::python::waiting::{Place, Waiter};

thread_local! {
    /// An operation that has done its work, for the next one of this thread: making one and taking it
    /// apart would cost as much as the message.
    static SPARE: Cell<Option<Py<Operation>>> = const { Cell::new(None) };
}

/// What one step of an operation comes to.
pub(crate) enum Step {
    Return(Py<PyAny>),
    Yield(Py<PyAny>),
}

/// What send() and receive() return: awaitable once, like a coroutine.
#[pyclass(frozen, module = "aiowebsocket._core")]
pub(crate) struct Operation(Exclusive<Course>);

/// How far an operation has come.
struct Course {
    name: &'static str,
    /// None when it is done.
    work: Option<Work>,
    stage: Stage,
}

struct Work {
    /// The connection as the user holds it: what waits for it keeps it open.
    owner: Py<PyAny>,
    driver: Py<Driver>,
    command: Command,
}

impl Work {
    #[inline]
    fn new(owner: &Bound<'_, PyAny>, driver: &Py<Driver>, command: Command) -> Self {
        Self { owner: owner.clone().unbind(), driver: driver.clone_ref(owner.py()), command }
    }
}

enum Stage {
    New,
    Parked {
        waiter: Py<Waiter>,
        place: Place,
    },
    /// The loop has its turn, of so many rounds still.
    Turning {
        rounds: u8,
        then: Then,
    },
    Done,
}

/// What follows the loop's turn.
enum Then {
    /// This has come of it.
    Finish(Result<Py<PyAny>, Box<PyErr>>),
    /// It goes on from its place, which the waiter has kept.
    GoOn(Py<Waiter>, Place),
}

impl Operation {
    pub(crate) fn new<'py>(
        owner: &Bound<'py, PyAny>,
        driver: &Py<Driver>,
        name: &'static str,
        command: Command,
    ) -> PyResult<Bound<'py, Self>> {
        let py = owner.py();
        if let Some(spare) = SPARE.take().map(|spare| spare.into_bound(py))
            && is_unshared(&spare)
        {
            // Each field where it belongs: put together elsewhere first, they would be moved once more, and
            // the processor waits where what it writes in halves is read as a whole.
            spare.get().with(py, |course| {
                course.name = name;
                course.stage = Stage::New;
                course.work = Some(Work::new(owner, driver, command));
            })?;
            return Ok(spare);
        }
        let work = Some(Work::new(owner, driver, command));
        Bound::new(py, Self(Exclusive::new(Course { name, work, stage: Stage::New })))
    }

    /// Keeps an operation that is done for the next `new`, which takes it if nobody else holds it then.
    pub(crate) fn keep(slf: Bound<'_, Self>) {
        let py = slf.py();
        let before = SPARE.replace(Some(slf.unbind()));
        drop(before.map(|before| before.into_bound(py)));
    }

    pub(crate) fn step(&self, py: Python<'_>) -> PyResult<Step> {
        self.with(py, |course| course.step(py))?
    }

    /// One step after the other: a step that comes back to its own operation is a mistake.
    fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut Course) -> R) -> PyResult<R> {
        let already = || PyRuntimeError::new_err("the operation is being awaited already");
        self.0.with(py, work).ok_or_else(already)
    }
}

impl Course {
    fn step(&mut self, py: Python<'_>) -> PyResult<Step> {
        let Some(Work { driver, command, .. }) = &mut self.work else {
            let message = format!("cannot reuse already awaited {}()", self.name);
            return Err(PyRuntimeError::new_err(message));
        };
        let driver = driver.bind(py);
        let attempt = match &mut self.stage {
            Stage::New => {
                self.stage = Stage::Done;
                command.begin(driver)
            }
            Stage::Parked { waiter, .. } if waiter.get().is_parked() => {
                let message = format!("coroutine '{}' is being awaited already", self.name);
                return Err(PyRuntimeError::new_err(message));
            }
            Stage::Turning { rounds: rounds @ 1.., .. } => {
                *rounds -= 1;
                return Ok(Step::Yield(py.None()));
            }
            stage => go_on(std::mem::replace(stage, Stage::Done), command, driver),
        };
        match attempt {
            Ok(Attempt::Done(value)) => {
                self.let_go(py);
                Ok(Step::Return(value))
            }
            Ok(Attempt::Park(place)) => {
                let waiter = Waiter::new(py, driver.get().event_loop().object().clone_ref(py))?;
                driver.get().enter(place, waiter.clone_ref(py));
                let yielded = waiter.clone_ref(py).into_any();
                self.stage = Stage::Parked { waiter, place };
                Ok(Step::Yield(yielded))
            }
            Ok(Attempt::Pause(place)) => {
                let waiter = Waiter::woken(py, driver.get().event_loop().object().clone_ref(py))?;
                driver.get().enter(place, waiter.clone_ref(py));
                Ok(self.let_the_loop_turn(py, Then::GoOn(waiter, place)))
            }
            Ok(Attempt::Later(outcome)) => Ok(self.let_the_loop_turn(py, Then::Finish(outcome))),
            Err(error) => {
                self.let_go(py);
                Err(*error)
            }
        }
    }

    fn let_the_loop_turn(&mut self, py: Python<'_>, then: Then) -> Step {
        self.stage = Stage::Turning { rounds: ROUNDS_OF_A_TURN - 1, then };
        Step::Yield(py.None())
    }

    fn let_go(&mut self, py: Python<'_>) {
        if let Some(Work { owner, driver, command }) = self.work.take() {
            drop(driver.into_bound(py));
            drop(owner.into_bound(py));
            command.let_go(py);
        }
    }

    const fn is_suspended(&self) -> bool {
        matches!(self.stage, Stage::Parked { .. } | Stage::Turning { .. })
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(Work { owner, driver, command }) = &self.work {
            visit.call(owner)?;
            visit.call(driver)?;
            command.traverse(visit)?;
        }
        match &self.stage {
            Stage::Parked { waiter, .. } | Stage::Turning { then: Then::GoOn(waiter, _), .. } => {
                visit.call(waiter)
            }
            Stage::Turning { then: Then::Finish(Ok(value)), .. } => visit.call(value),
            Stage::Turning { then: Then::Finish(Err(_)), .. } | Stage::New | Stage::Done => Ok(()),
        }
    }

    /// Ends the operation before its time. If it has been woken, the next in line is.
    fn abandon(&mut self, py: Python<'_>) -> PyResult<()> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let Some(work) = self.work.take() else { return Ok(()) };
        if let Stage::Parked { waiter, place }
        | Stage::Turning { then: Then::GoOn(waiter, place), .. } = stage
        {
            let driver = work.driver.bind(py);
            driver.get().leave(py, place, &waiter);
            let passed_on = Driver::pass_on(driver, place);
            return driver.get().report(py, passed_on);
        }
        Ok(())
    }
}

/// What comes of an operation whose wait is over.
fn go_on(stage: Stage, command: &mut Command, driver: &Bound<'_, Driver>) -> Attempted {
    match stage {
        Stage::Parked { waiter, place }
        | Stage::Turning { then: Then::GoOn(waiter, place), .. } => {
            driver.get().leave(driver.py(), place, &waiter);
            drop(waiter.into_bound(driver.py()));
            command.resume(driver, place)
        }
        Stage::Turning { then: Then::Finish(outcome), .. } => {
            driver.get().begin_turn();
            outcome.map(Attempt::Done)
        }
        Stage::New | Stage::Done => {
            Err(PyRuntimeError::new_err("the operation has failed already").into())
        }
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
        self.with(py, |course| course.abandon(py))??;
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
        self.with(py, |course| course.abandon(py))?
    }

    /// It is none by its type, but has all that one has.
    #[getter]
    fn __class__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Ok(imports::COROUTINE_TYPE.get(slf.py())?.clone().unbind())
    }

    /// Whether a step is being made.
    #[getter]
    fn cr_running(&self, py: Python<'_>) -> bool {
        self.0.with(py, |_| ()).is_none()
    }

    /// Whether it waits for something.
    #[getter]
    fn cr_suspended(&self, py: Python<'_>) -> bool {
        self.0.with(py, |course| course.is_suspended()).unwrap_or(false)
    }

    /// What it waits for.
    #[getter]
    fn cr_await(&self, py: Python<'_>) -> Option<Py<Waiter>> {
        let waiter = |course: &mut Course| match &course.stage {
            Stage::Parked { waiter, .. } => Some(waiter.clone_ref(py)),
            Stage::New | Stage::Turning { .. } | Stage::Done => None,
        };
        self.0.with(py, waiter).flatten()
    }

    /// A frame that stands where it stands; None when it is done.
    #[getter]
    fn cr_frame<'py>(&self, py: Python<'py>) -> PyResult<Option<&Bound<'py, PyAny>>> {
        let stands = |course: &mut Course| course.work.is_some().then(|| course.is_suspended());
        match self.0.with(py, stands) {
            Some(None) => Ok(None),
            Some(Some(false)) => imports::FRESH_FRAME.get(py).map(Some),
            Some(Some(true)) | None => imports::SUSPENDED_FRAME.get(py).map(Some),
        }
    }

    #[getter]
    fn cr_code<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        imports::FRESH_FRAME.get(py)?.getattr(intern!(py, "f_code"))
    }

    #[getter]
    const fn cr_origin(_slf: &Bound<'_, Self>) -> Option<()> {
        None
    }

    #[getter]
    fn __name__(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.with(py, |course| course.name)
    }

    #[getter]
    fn __qualname__(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.__name__(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<coroutine-like {}()>", self.__name__(py)?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector runs while no other thread has the interpreter.
        let traversed = unsafe { self.0.peek(|course| course.traverse(&visit)) };
        traversed.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        self.0.with(py, |course| (course.work, course.stage) = (None, Stage::Done));
    }
}

impl Drop for Course {
    /// A forgotten `await` is the most common mistake; Python warns of it for its own coroutines.
    fn drop(&mut self) {
        if self.work.is_none() {
            return;
        }
        Python::attach(|py| {
            if matches!(self.stage, Stage::New) {
                warn_never_awaited(py, self.name);
            } else if let Err(error) = self.abandon(py) {
                error.write_unraisable(py, None);
            }
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
