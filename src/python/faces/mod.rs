//! The native halves of the two faces, and what they share. The Python classes of the same names add the
//! rest.

mod client_connection;
mod converse;
pub(crate) mod coroutine_method;
mod messages;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::drive;
use crate::protocol::{CloseCode, Phase};
use crate::python::asyncio::Driver;
use crate::python::awaitable::{
    Amount, Command, Manner, Operation, Receive, Send, SendMany, Style, sending,
};
use crate::python::opening::{self, Most, Opened, Settings};
use crate::python::values::{Decode, message, stats};

pub(crate) use client_connection::ClientConnection;
pub(crate) use converse::Converse;
pub(crate) use messages::Messages;

/// One open connection on the running event loop.
#[pyclass(frozen, subclass, module = "aiowebsocket._core")]
pub(crate) struct Link {
    driver: Py<Driver>,
}

impl Link {
    fn attach(opened: &Opened, options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let settings: Settings<'_> = options.extract()?;
        let (config, care) = (settings.config(opened.agreed())?, settings.care());
        let (stream, early) = opened.take()?;
        let descriptor = opening::descriptor(&stream);
        let link = drive::Link::new(stream, &early, &config, care);
        Ok(Self { driver: Driver::attach(options.py(), link, descriptor, settings.driver())? })
    }

    /// The connection of a process that has been forked is none of its child's: the child may not even
    /// ask it, since a thread may have locked it that the child does not have.
    fn is_another_process(&self) -> bool {
        self.driver.get().event_loop().is_another_process()
    }

    fn link(&self) -> PyResult<&drive::Link> {
        self.driver.get().event_loop().check_process()?;
        Ok(self.driver.get().link())
    }

    pub(crate) const fn driver(&self) -> &Py<Driver> {
        &self.driver
    }
}

fn operation<'py>(
    slf: &Bound<'py, Link>,
    name: &'static str,
    command: Command,
) -> PyResult<Bound<'py, Operation>> {
    Operation::new(slf.as_any(), slf.get().driver(), name, command)
}

fn receive<'py>(
    slf: &Bound<'py, Link>,
    name: &'static str,
    decode: Decode,
    style: Style,
    amount: Amount,
) -> PyResult<Bound<'py, Operation>> {
    operation(slf, name, Command::Receive(Receive { decode, style, amount }))
}

fn receive_many<'py>(
    slf: &Bound<'py, Link>,
    name: &'static str,
    decode: Decode,
    style: Style,
    max: Option<Most>,
) -> PyResult<Bound<'py, Operation>> {
    let most = max.map_or(usize::MAX, |Most(most)| most);
    receive(slf, name, decode, style, Amount::Many(most))
}

fn send<'py>(
    slf: &Bound<'py, Link>,
    name: &'static str,
    message: Py<PyAny>,
    manner: Manner,
) -> PyResult<Bound<'py, Operation>> {
    operation(slf, name, Command::Send(Send { message, manner }))
}

fn send_many<'py>(
    slf: &Bound<'py, Link>,
    name: &'static str,
    messages: &Bound<'py, PyAny>,
    manner: Manner,
) -> PyResult<Bound<'py, Operation>> {
    let messages = message::collect(messages, manner.text)?;
    let many = Box::new(SendMany { messages, next: 0, manner });
    operation(slf, name, Command::SendMany(many))
}

#[pymethods]
impl Link {
    /// The RFC's state: 1 OPEN, 2 CLOSING, 3 CLOSED.
    #[getter]
    fn _state(&self) -> u8 {
        if self.is_another_process() {
            return 3;
        }
        match self.driver.get().link().phase() {
            Phase::Open => 1,
            Phase::Closing | Phase::Ending => 2,
            Phase::Closed => 3,
        }
    }

    /// The close code (RFC 6455 7.1.5): the one received, or 1006; None while open.
    #[getter]
    fn close_code(&self) -> Option<u16> {
        if self.is_another_process() {
            return Some(CloseCode::ABNORMAL.0);
        }
        let link = self.driver.get().link();
        link.wants().over.then(|| link.close_code().0)
    }

    /// The close reason (RFC 6455 7.1.6): the one received, or nothing; None while open.
    #[getter]
    fn close_reason(&self) -> Option<String> {
        if self.is_another_process() {
            return Some(String::new());
        }
        let link = self.driver.get().link();
        let reason = || link.ending().received.map_or_else(String::new, |close| close.reason);
        link.wants().over.then(reason)
    }

    /// The exception that says how the connection ended.
    fn _closed_error<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.driver.get().closed_error(py).into_value(py).into_bound(py).into_any()
    }

    /// Adds a sentence to every ConnectionClosed from here on.
    fn _explain_end(&self, detail: String) {
        self.driver.get().explain_end(detail);
    }

    /// Whole messages that wait to be received.
    #[getter]
    fn _queued(&self) -> PyResult<usize> {
        Ok(self.link()?.queued())
    }

    /// Whether a fragmented message of ours is unfinished.
    #[getter]
    fn _sending_fragments(&self) -> PyResult<bool> {
        Ok(self.link()?.sending_fragments())
    }

    /// The last round trip in seconds; 0 before the first.
    #[getter]
    fn _latency(&self) -> PyResult<f64> {
        Ok(self.link()?.latency().unwrap_or_default().as_secs_f64())
    }

    /// When the message arrived that was handed out last, in seconds of `time.monotonic()`.
    ///
    /// Taken as its last byte was read from the socket, so `time.monotonic() - last_received_at` is
    /// how long it waited for its receiver. None before the first.
    #[getter]
    fn last_received_at(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        stats::last_received_at(py, self.link()?)
    }

    /// The connection's counters, as they are now: a `Stats`.
    #[getter]
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        stats::snapshot(py, self.link()?)
    }

    /// Sends a Ping; its Pong completes `answered` with the latency.
    fn _ping(&self, py: Python<'_>, payload: Option<&[u8]>, answered: Py<PyAny>) -> PyResult<()> {
        sending::ping(self.driver.bind(py), payload, answered)
    }

    fn _pong(&self, py: Python<'_>, payload: &[u8]) -> PyResult<()> {
        sending::pong(self.driver.bind(py), payload)
    }

    /// Starts the closing handshake, unless it has been started.
    fn _close(&self, py: Python<'_>, code: i64, reason: &str) -> PyResult<()> {
        sending::close(self.driver.bind(py), code, reason)
    }

    fn _until_closed<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Operation>> {
        operation(slf, "wait_closed", Command::UntilClosed)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.driver)
    }

    /// Waits until there is room in the output.
    fn _until_room<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Operation>> {
        operation(slf, "drain", Command::UntilRoom)
    }

    fn _until_turn<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Operation>> {
        operation(slf, "send", Command::UntilTurn)
    }

    /// Ends the connection without waiting, with Close 1001 if it can be written at once.
    fn _abandon(&self, py: Python<'_>) -> PyResult<()> {
        Driver::abandon(self.driver.bind(py))
    }
}
