//! From a Rust future on the lifeline to an asyncio future. What comes of it is handed over by a
//! remote call; where a loop takes none, by pyo3-async-runtimes.

use std::future::Future;
use std::io;
use std::pin::Pin;
#[cfg(unix)]
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit, intern};
use pyo3_async_runtimes::TaskLocals;
use pyo3_async_runtimes::generic::{self, ContextExt, Runtime};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinError};

use super::event_loop::EventLoop;
#[cfg(unix)]
use super::remote_calls::{Call, RemoteCalls};
use crate::drive::{lifeline, panics};
use crate::python::values::{calls as python_calls, errors};

/// Does `work` on the lifeline, so it goes on while Python is busy. The future returned completes with
/// what `finish` makes of it; cancelling the future drops the work.
pub(crate) fn future_of<T: Send + 'static>(
    py: Python<'_>,
    work: impl Future<Output = T> + Send + 'static,
    finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Bound<'_, PyAny>> {
    let handle = lifeline::handle().map_err(|error| errors::cannot_start(py, &error))?;
    #[cfg(unix)]
    {
        let event_loop = EventLoop::running(py)?;
        if let Some(calls) = RemoteCalls::of(py, &event_loop)? {
            return future_by_call(py, &handle, &event_loop, calls, work, finish);
        }
    }
    // Whoever waits for Python does so on another thread than the work.
    let work = handle.spawn(work);
    let abort = AbortOnDrop(work.abort_handle());
    generic::future_into_py::<Patient, _, _>(py, async move {
        let done = work.await;
        drop(abort);
        Python::attach(|py| match done {
            Ok(done) => finish(py, done),
            Err(failed) => Err(bug(py, failed)),
        })
    })
}

#[cfg(unix)]
fn future_by_call<'py, T: Send + 'static>(
    py: Python<'py>,
    handle: &Handle,
    event_loop: &EventLoop,
    calls: Arc<RemoteCalls>,
    work: impl Future<Output = T> + Send + 'static,
    finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    let future = event_loop.object().bind(py).call_method0(intern!(py, "create_future"))?;
    let work = handle.spawn(work);
    let abort = Bound::new(py, Abort(work.abort_handle()))?;
    future.call_method1(intern!(py, "add_done_callback"), (abort,))?;
    let completed = future.clone().unbind();
    handle.spawn(async move {
        let done = work.await;
        if done.as_ref().is_err_and(JoinError::is_cancelled) {
            return;
        }
        calls.call(Box::new(Completion { future: completed, done, finish }));
    });
    Ok(future)
}

#[cfg(unix)]
struct Completion<T, F> {
    future: Py<PyAny>,
    done: Result<T, JoinError>,
    finish: F,
}

#[cfg(unix)]
impl<T, F> Call for Completion<T, F>
where
    T: Send,
    F: FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send,
{
    fn make(self: Box<Self>, py: Python<'_>) -> PyResult<()> {
        let outcome = match self.done {
            Ok(done) => (self.finish)(py, done),
            Err(failed) => Err(bug(py, failed)),
        };
        complete(self.future.bind(py), outcome)
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.future)
    }
}

/// Work that has panicked, or was ended with the lifeline.
fn bug(py: Python<'_>, failed: JoinError) -> PyErr {
    let told = failed.try_into_panic().map(|payload| panics::words(&*payload));
    errors::bug(py, told.as_deref().unwrap_or("the lifeline has ended"))
}

/// A future that has been cancelled meanwhile lets go of what it was to have.
fn complete(future: &Bound<'_, PyAny>, outcome: PyResult<Py<PyAny>>) -> PyResult<()> {
    let py = future.py();
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match outcome {
        Ok(value) => settle(future, intern!(py, "set_result"), value.bind(py)),
        Err(error) => settle(future, intern!(py, "set_exception"), error.value(py)),
    }
}

/// Calls back too, by the loop's call_soon.
fn settle(
    future: &Bound<'_, PyAny>,
    method: &Bound<'_, PyString>,
    outcome: &Bound<'_, PyAny>,
) -> PyResult<()> {
    python_calls::call_method(future, method, [outcome], None).map(drop)
}

/// The callback of a future that is done: its work has ended, or is no longer wanted.
#[pyclass(frozen, module = "aiowebsocket._core")]
struct Abort(AbortHandle);

#[pymethods]
impl Abort {
    fn __call__(&self, future: &Bound<'_, PyAny>) {
        let _ = future;
        self.0.abort();
    }
}

/// Work that is no longer wanted ends.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The lifeline's second thread as the runtime of pyo3-async-runtimes.
struct Patient;

struct JoinFailed(JoinError);

impl generic::JoinError for JoinFailed {
    fn is_panic(&self) -> bool {
        self.0.is_panic()
    }

    fn into_panic(self) -> Box<dyn std::any::Any + Send + 'static> {
        self.0.into_panic()
    }
}

type Joined = Pin<Box<dyn Future<Output = Result<(), JoinFailed>> + Send>>;

impl Runtime for Patient {
    type JoinError = JoinFailed;
    type JoinHandle = Joined;

    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) -> Joined {
        match current() {
            Ok(handle) => joined(handle.spawn(future)),
            Err(_) => Box::pin(std::future::pending()),
        }
    }

    fn spawn_blocking<F: FnOnce() + Send + 'static>(function: F) -> Joined {
        match current() {
            Ok(handle) => joined(handle.spawn_blocking(function)),
            Err(_) => Box::pin(std::future::pending()),
        }
    }
}

/// The thread that this runs on, else the process's. One that has been stopped stays stopped: what
/// is spawned on it is dropped.
fn current() -> io::Result<Handle> {
    Handle::try_current().or_else(|_| lifeline::patient_handle())
}

fn joined(handle: tokio::task::JoinHandle<()>) -> Joined {
    Box::pin(async move { handle.await.map_err(JoinFailed) })
}

tokio::task_local! {
    static LOCALS: TaskLocals;
}

impl ContextExt for Patient {
    fn scope<F, R>(locals: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        Box::pin(LOCALS.scope(locals, future))
    }

    fn get_task_locals() -> Option<TaskLocals> {
        LOCALS.try_with(TaskLocals::clone).ok()
    }
}
