//! What `async for` goes through: the messages of a connection one by one, whose proper end is the end of
//! the iteration. Knows nothing of who overrides what: `aiowebsocket.messages` does.

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::{Converse, Link, receive};
use crate::python::command::{Amount, Style};
use crate::python::exclusive::Exclusive;
use crate::python::message::Decode;
use crate::python::operation::Operation;

/// The native half of `aiowebsocket.messages.Messages`.
#[pyclass(frozen, subclass, module = "aiowebsocket._core")]
pub(in crate::python) struct Messages {
    /// None once the iteration has been ended.
    link: Exclusive<Option<Py<Link>>>,
    is_converse: bool,
}

#[pymethods]
impl Messages {
    #[new]
    fn new(connection: &Bound<'_, Link>) -> Self {
        let is_converse = connection.is_instance_of::<Converse>();
        Self { link: Exclusive::new(Some(connection.clone().unbind())), is_converse }
    }

    const fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Operation>> {
        let link = self.link.with(py, |link| link.as_ref().map(|link| link.clone_ref(py)));
        let Some(link) = link.flatten() else { return Err(PyStopAsyncIteration::new_err(())) };
        let link = link.into_bound(py);
        if self.is_converse {
            let name = "Converse.__anext__";
            return receive(&link, name, Decode::Bytes, Style::ConverseIterate, Amount::One);
        }
        let name = "ClientConnection.__anext__";
        receive(&link, name, Decode::ByKind, Style::Iterate, Amount::One)
    }

    /// Ends the iteration; the connection stays as it is.
    fn _end(&self, py: Python<'_>) {
        drop(self.link.with(py, Option::take));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector runs while no other thread has the interpreter.
        let link = unsafe { self.link.peek(|link| visit.call(link)) };
        link.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.link.with(py, Option::take));
    }
}
