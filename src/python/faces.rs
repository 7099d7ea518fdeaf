//! The native halves of the two faces: what is called once a message. The Python classes of the same
//! names add the rest.

use std::time::Duration;

use pyo3::PyClassInitializer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::driver::Driver;
use super::message::{self, Decode};
use super::opening::{self, Opened};
use super::operation::{Command, Operation, Receive, Send, SendStyle, Style};
use super::{receiving, sending};
use crate::drive;
use crate::protocol::deflate::{Agreed, Deflate};
use crate::protocol::{Config, Phase};

/// One open connection on the running event loop.
#[pyclass(frozen, subclass, module = "aiowebsocket._core")]
pub(super) struct Link {
    driver: Py<Driver>,
}

impl Link {
    fn attach(opened: &Opened, settings: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = settings.py();
        let setting = |name: &str| settings.getattr(name);
        let max_size: Option<u64> = setting("max_size")?.extract()?;
        let close_timeout: Option<f64> = setting("close_timeout")?.extract()?;
        let logger = setting("logger")?;
        let config = Config {
            max_size: max_size.unwrap_or(u64::MAX),
            max_buffered: setting("max_buffered")?.extract()?,
            close_timeout: close_timeout.map(seconds).transpose()?,
            deflate: opened.agreed().map(|agreed| deflate(agreed, settings)).transpose()?,
            trace: logger.call_method1("isEnabledFor", (10,))?.is_truthy()?,
        };
        let write_limit = setting("write_limit")?.extract()?;
        let (stream, early) = opened.take()?;
        let descriptor = opening::descriptor(&stream);
        let link = drive::Link::new(stream, &early, config, write_limit);
        Ok(Self { driver: Driver::attach(py, link, descriptor, logger.unbind())? })
    }
}

/// What was agreed on, and what the caller says of our own messages.
fn deflate(agreed: Agreed, settings: &Bound<'_, PyAny>) -> PyResult<Deflate> {
    let options = settings.getattr("compression")?;
    Ok(Deflate {
        agreed,
        level: options.getattr("level")?.extract()?,
        mem_level: options.getattr("mem_level")?.extract()?,
        threshold: options.getattr("threshold")?.extract()?,
    })
}

/// Makes an operation of `slf`, which is some face of a link.
fn operation(
    slf: &Bound<'_, Link>,
    name: &'static str,
    command: Command,
) -> PyResult<Py<Operation>> {
    let owner = slf.clone().into_any().unbind();
    Operation::new(slf.py(), &slf.get().driver, owner, name, command)
}

fn receive(
    slf: &Bound<'_, Link>,
    name: &'static str,
    decode: Decode,
    style: Style,
) -> PyResult<Py<Operation>> {
    operation(slf, name, Command::Receive(Receive { decode, style }))
}

fn seconds(number: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(number)
        .map_err(|_| PyValueError::new_err(format!("close_timeout is {number}, not a duration")))
}

#[pymethods]
impl Link {
    /// The RFC's state: 1 OPEN, 2 CLOSING, 3 CLOSED.
    #[getter]
    fn _state(&self) -> u8 {
        match self.driver.get().link().phase() {
            Phase::Open => 1,
            Phase::Closing | Phase::Ending => 2,
            Phase::Closed => 3,
        }
    }

    /// The close code (RFC 6455 7.1.5): the one received, or 1006; None while open.
    #[getter]
    fn close_code(&self) -> Option<u16> {
        let link = self.driver.get().link();
        link.wants().over.then(|| link.close_code().0)
    }

    /// The close reason (RFC 6455 7.1.6): the one received, or nothing; None while open.
    #[getter]
    fn close_reason(&self) -> Option<String> {
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
    fn _queued(&self) -> usize {
        self.driver.get().link().queued()
    }

    /// Whether a fragmented message of ours is unfinished.
    #[getter]
    fn _sending_fragments(&self) -> bool {
        self.driver.get().link().sending_fragments()
    }

    /// The last round trip in seconds; 0 before the first.
    #[getter]
    fn _latency(&self) -> f64 {
        self.driver.get().latency()
    }

    /// Sends a Ping; its Pong completes `answered` with the latency.
    fn _ping(&self, py: Python<'_>, payload: &[u8], answered: Py<PyAny>) -> PyResult<()> {
        sending::ping(self.driver.bind(py), payload, answered)
    }

    fn _pong(&self, py: Python<'_>, payload: &[u8]) -> PyResult<()> {
        sending::pong(self.driver.bind(py), payload)
    }

    /// Starts the closing handshake, unless it has been started.
    fn _close(&self, py: Python<'_>, code: i64, reason: &str) -> PyResult<()> {
        sending::close(self.driver.bind(py), code, reason)
    }

    fn _until_closed(slf: &Bound<'_, Self>) -> PyResult<Py<Operation>> {
        operation(slf, "wait_closed", Command::UntilClosed)
    }

    /// Ends the connection without waiting, with Close 1001 if it can be written at once.
    fn _abandon(&self, py: Python<'_>) -> PyResult<()> {
        Driver::abandon(self.driver.bind(py))
    }
}

/// The native half of `aiowebsocket.ClientConnection`.
#[pyclass(frozen, subclass, extends = Link, module = "aiowebsocket._core")]
pub(super) struct ClientConnection;

#[pymethods]
impl ClientConnection {
    #[new]
    fn new(
        opened: &Bound<'_, Opened>,
        settings: &Bound<'_, PyAny>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let link = Link::attach(opened.get(), settings)?;
        Ok(PyClassInitializer::from(link).add_subclass(Self))
    }

    /// Send a message (RFC 6455 5.6).
    ///
    /// A str is sent as TEXT, bytes-like objects as BINARY. An iterable or async iterable of
    /// these is sent as the fragments of one message; other messages wait meanwhile.
    ///
    /// Returns as soon as the message has been handed to the network or to the output buffer,
    /// and waits only while that is above `write_limit`. Cancelling it leaves a whole message
    /// or none on the wire; in the middle of an iterable, it ends the connection with 1011.
    ///
    /// Args:
    ///     message: The message.
    ///     text: True sends TEXT, False BINARY, whatever the type; bytes must then be UTF-8.
    ///     compress: Where compression was agreed on, True and False decide for this message; None
    ///         leaves it to the message's length. Use False for what is compressed already, and for
    ///         secrets beside text that others choose (RFC 7692 8).
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed.
    ///     TypeError: If the message is of another type.
    ///     UnicodeError: If it cannot be text.
    #[pyo3(signature = (message, *, text = None, compress = None))]
    fn send<'py>(
        slf: &Bound<'py, Self>,
        message: &Bound<'py, PyAny>,
        text: Option<bool>,
        compress: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if !message::is_message(message) {
            return slf
                .call_method1(pyo3::intern!(py, "_send_fragments"), (message, text, compress));
        }
        let message = message.clone().unbind();
        let send = Send { message, text, compress, fin: true, style: SendStyle::Message };
        let operation = operation(slf.as_super(), "ClientConnection.send", Command::Send(send))?;
        Ok(operation.into_bound(py).into_any())
    }

    /// Receive the next message.
    ///
    /// Messages that arrived are handed out before the end of the connection is. Cancelling it
    /// is safe: no message is lost.
    ///
    /// Args:
    ///     decode: None gives TEXT as str and BINARY as bytes; True gives str, False bytes for
    ///         both. With True, BINARY that is not UTF-8 ends the connection with 1007.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed.
    ///     ConcurrencyError: If another coroutine is receiving.
    #[pyo3(signature = (decode = None))]
    fn recv(slf: &Bound<'_, Self>, decode: Option<bool>) -> PyResult<Py<Operation>> {
        receive(slf.as_super(), "ClientConnection.recv", decode.into(), Style::Recv)
    }

    const fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(slf: &Bound<'_, Self>) -> PyResult<Py<Operation>> {
        receive(slf.as_super(), "ClientConnection.__anext__", Decode::ByKind, Style::Iterate)
    }

    /// A part of a message and whether it is the last part; `begins` asks for a new message.
    fn _recv_chunk(
        slf: &Bound<'_, Self>,
        decode: Option<bool>,
        begins: bool,
    ) -> PyResult<Py<Operation>> {
        if begins {
            receiving::check_between_messages(slf.as_super().get().driver.get(), slf.py())?;
        }
        receive(slf.as_super(), "ClientConnection.recv_streaming", decode.into(), Style::Chunk)
    }

    /// Sends a part of a message.
    fn _send_fragment(
        slf: &Bound<'_, Self>,
        message: Py<PyAny>,
        text: Option<bool>,
        compress: Option<bool>,
        fin: bool,
    ) -> PyResult<Py<Operation>> {
        let send = Send { message, text, compress, fin, style: SendStyle::Fragment };
        operation(slf.as_super(), "ClientConnection.send", Command::Send(send))
    }

    /// Makes whole messages wait while a fragmented one is sent.
    fn _hold(slf: &Bound<'_, Self>, hold: bool) -> PyResult<()> {
        sending::hold(slf.as_super().get().driver.bind(slf.py()), hold)
    }
}

/// The native half of `aiowebsocket.converses.Converse`.
#[pyclass(frozen, subclass, extends = Link, module = "aiowebsocket._core")]
pub(super) struct Converse;

#[pymethods]
impl Converse {
    #[new]
    fn new(
        opened: &Bound<'_, Opened>,
        settings: &Bound<'_, PyAny>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let link = Link::attach(opened.get(), settings)?;
        Ok(PyClassInitializer::from(link).add_subclass(Self))
    }

    /// Send a message.
    ///
    /// A str is sent as TEXT; bytes-like objects are sent as TEXT where they are valid UTF-8,
    /// as the original did, and as BINARY where not.
    ///
    /// Waits only while too much output is waiting for the network. After the end of the
    /// connection, messages are dropped, with one warning in the log, until `receive` has told
    /// of the end; from then on they raise.
    ///
    /// Args:
    ///     message: The message.
    ///     fin: False sends a fragment: the next `send` continues the message (RFC 6455 5.4).
    ///     mask: True; a client must mask (RFC 6455 5.1).
    ///     text: True sends TEXT, False BINARY, whatever the type.
    ///     compress: Where compression was agreed on, True and False decide for this message; None
    ///         leaves it to the message's length.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is known to be closed.
    ///     TypeError: If the message is neither str nor bytes-like.
    ///     ValueError: If `mask` is False, or `text` is True and the bytes are not UTF-8.
    #[pyo3(signature = (message, fin = true, mask = true, *, text = None, compress = None))]
    fn send(
        slf: &Bound<'_, Self>,
        message: Py<PyAny>,
        fin: bool,
        mask: bool,
        text: Option<bool>,
        compress: Option<bool>,
    ) -> PyResult<Py<Operation>> {
        if !mask {
            return Err(PyValueError::new_err(
                "mask=False: a client must mask every frame (RFC 6455 5.1)",
            ));
        }
        let send = Send { message, text, compress, fin, style: SendStyle::Converse };
        operation(slf.as_super(), "Converse.send", Command::Send(send))
    }

    /// Receive the next message, as bytes; an empty message is None.
    ///
    /// Pings are answered without this. Several coroutines may receive at once: first come,
    /// first served. Cancelling it is safe: no message is lost.
    ///
    /// Args:
    ///     text: True gives a str. If a BINARY message is not UTF-8, UnicodeDecodeError is
    ///         raised, which has its bytes, and the connection stays open.
    ///     mask: Accepted and ignored.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed; it is an asyncio.IncompleteReadError
    ///         and a ConnectionResetError as well. Messages that arrived come first.
    #[pyo3(signature = (text = false, mask = false))]
    fn receive(slf: &Bound<'_, Self>, text: bool, mask: bool) -> PyResult<Py<Operation>> {
        // The original's flag; a masked frame from the server fails the connection (RFC 6455 5.1).
        let _ = mask;
        let decode = if text { Decode::Str } else { Decode::Bytes };
        receive(slf.as_super(), "Converse.receive", decode, Style::Converse)
    }

    const fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(slf: &Bound<'_, Self>) -> PyResult<Py<Operation>> {
        receive(slf.as_super(), "Converse.__anext__", Decode::Bytes, Style::ConverseIterate)
    }
}
