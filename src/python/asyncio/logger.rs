//! Where frames and warnings are logged. The connection's face holds the logger; the driver, which the loop
//! holds, does not, for a logger may know its client: nobody would let go of the two.

use pyo3::prelude::*;
use pyo3::types::{PyString, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};

use crate::python::values::calls;

pub(crate) enum Logger {
    Weak(Py<PyWeakrefReference>),
    /// One that cannot be held otherwise.
    Strong(Py<PyAny>),
}

impl Logger {
    pub(crate) fn new(logger: &Bound<'_, PyAny>) -> Self {
        PyWeakrefReference::new(logger).map_or_else(
            |_| Self::Strong(logger.clone().unbind()),
            |weak| Self::Weak(weak.unbind()),
        )
    }

    /// Has it log this at that level, unless it is gone.
    pub(crate) fn log(
        &self,
        level: &Bound<'_, PyString>,
        format: &Bound<'_, PyString>,
        argument: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = level.py();
        let logger = match self {
            Self::Weak(weak) => weak.bind(py).upgrade(),
            Self::Strong(logger) => Some(logger.bind(py).clone()),
        };
        let Some(logger) = logger else { return Ok(()) };
        match argument {
            None => calls::call_method(&logger, level, [format.as_any()], None),
            Some(argument) => calls::call_method(&logger, level, [format.as_any(), argument], None),
        }
        .map(drop)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Weak(_) => Ok(()),
            Self::Strong(logger) => visit.call(logger),
        }
    }
}
