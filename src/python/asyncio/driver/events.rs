//! What the engine tells beside messages: frames for the log, and Pongs for whoever waits for them.

use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyString};

use super::Driver;
use crate::drive::Wants;
use crate::protocol::Event;
use crate::python::values::{Outcome, calls};

impl Driver {
    pub(crate) fn hand_out_events(&self, py: Python<'_>, wants: Wants) -> PyResult<()> {
        if !wants.events {
            return Ok(());
        }
        let mut outcome = Outcome::default();
        for event in self.link.events() {
            outcome.add(match event {
                Event::Frame(record) => {
                    let record = PyString::new(py, &record.to_string());
                    self.debug(intern!(py, "%s"), record.as_any())
                }
                Event::Omitted(count) => {
                    let format = intern!(py, "%d frames are not logged: too many came at once");
                    self.debug(format, PyInt::new(py, count).as_any())
                }
                Event::Pong { id, latency } => self.answer_ping(py, id, latency),
            });
        }
        outcome.result()
    }

    fn debug(&self, format: &Bound<'_, PyString>, argument: &Bound<'_, PyAny>) -> PyResult<()> {
        self.logger.log(intern!(format.py(), "debug"), format, Some(argument))
    }

    fn answer_ping(&self, py: Python<'_>, id: u64, latency: Duration) -> PyResult<()> {
        let answered = self.desk().pings.remove(&id);
        if let Some(future) = answered
            && !is_done(py, &future)?
        {
            let latency = PyFloat::new(py, latency.as_secs_f64());
            let set_result = intern!(py, "set_result");
            calls::call_method(future.bind(py), set_result, [latency.as_any()], None)?;
        }
        Ok(())
    }

    /// No Pong will come any more.
    pub(super) fn fail_pings(&self, py: Python<'_>) -> PyResult<()> {
        let pings = std::mem::take(&mut self.desk().pings);
        let mut outcome = Outcome::default();
        for future in pings.into_values() {
            outcome.add(self.fail_ping(py, &future));
        }
        outcome.result()
    }

    fn fail_ping(&self, py: Python<'_>, future: &Py<PyAny>) -> PyResult<()> {
        if is_done(py, future)? {
            return Ok(());
        }
        let error = self.closed_error(py).into_value(py).into_bound(py).into_any();
        let set_exception = intern!(py, "set_exception");
        calls::call_method(future.bind(py), set_exception, [&error], None)?;
        // Done already, so this only says that nobody has to look at the exception.
        future.call_method0(py, intern!(py, "cancel")).map(drop)
    }
}

fn is_done(py: Python<'_>, future: &Py<PyAny>) -> PyResult<bool> {
    future.call_method0(py, intern!(py, "done"))?.is_truthy(py)
}
