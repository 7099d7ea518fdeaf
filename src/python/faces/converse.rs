//! What the original's scripts call once a message: the native half of
//! `aiowebsocket.converses.Converse`.

use pyo3::PyClassInitializer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::{Link, receive, receive_many, send, send_many};
use crate::python::awaitable::{Amount, Manner, Operation, SendStyle, Style, sending};
use crate::python::opening::{Most, Opened, Timeout};
use crate::python::values::Decode;

/// The native half of `aiowebsocket.converses.Converse`.
#[pyclass(frozen, subclass, extends = Link, module = "aiowebsocket._core")]
pub(crate) struct Converse;

#[pymethods]
impl Converse {
    #[new]
    fn new(
        opened: &Bound<'_, Opened>,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let link = Link::attach(opened.get(), options)?;
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
    fn send<'py>(
        slf: &Bound<'py, Self>,
        message: Py<PyAny>,
        fin: bool,
        mask: bool,
        text: Option<bool>,
        compress: Option<bool>,
    ) -> PyResult<Bound<'py, Operation>> {
        if !mask {
            return Err(PyValueError::new_err(
                "mask=False: a client must mask every frame (RFC 6455 5.1)",
            ));
        }
        let manner = Manner { text, compress, fin, style: SendStyle::Converse };
        send(slf.as_super(), "Converse.send", message, manner)
    }

    /// Send messages, which leave together: in one system call where the network takes them.
    ///
    /// Args:
    ///     messages: An iterable of str and bytes-like objects, each a message of its own, sent as
    ///         `send` would.
    ///     text: As for `send`, for all of them.
    ///     compress: As for `send`, for all of them.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is known to be closed.
    ///     TypeError: If one of them is neither str nor bytes-like; then none has been sent.
    ///     UnicodeError: If one of them cannot be text; then none has been sent.
    #[pyo3(signature = (messages, *, text = None, compress = None))]
    fn send_many<'py>(
        slf: &Bound<'py, Self>,
        messages: &Bound<'py, PyAny>,
        text: Option<bool>,
        compress: Option<bool>,
    ) -> PyResult<Bound<'py, Operation>> {
        let manner = Manner { text, compress, fin: true, style: SendStyle::Converse };
        send_many(slf.as_super(), "Converse.send_many", messages, manner)
    }

    /// Send a message from any thread, without an event loop.
    ///
    /// Writes it at once, in the calling thread. Blocks, without holding the interpreter, while the
    /// output is full or a message in fragments is under way; the loop need not run meanwhile.
    ///
    /// Args:
    ///     message: A str or bytes-like object, sent as `send` would.
    ///     text: True sends TEXT, False BINARY, whatever the type.
    ///     compress: As for `send`.
    ///     timeout: Seconds to wait for room at most; None waits for ever.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed.
    ///     TimeoutError: If there was no room in time; nothing has been sent.
    ///     TypeError: If the message is neither str nor bytes-like.
    #[pyo3(signature = (message, *, text = None, compress = None, timeout = None))]
    fn send_threadsafe(
        slf: &Bound<'_, Self>,
        message: &Bound<'_, PyAny>,
        text: Option<bool>,
        compress: Option<bool>,
        timeout: Option<Timeout>,
    ) -> PyResult<()> {
        let timeout = timeout.and_then(|Timeout(seconds)| seconds);
        let manner = Manner { text, compress, fin: true, style: SendStyle::Converse };
        sending::threadsafe(slf.as_super().get().driver.get(), message, manner, timeout)
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
    fn receive<'py>(
        slf: &Bound<'py, Self>,
        text: bool,
        mask: bool,
    ) -> PyResult<Bound<'py, Operation>> {
        // The original's flag; a masked frame from the server fails the connection (RFC 6455 5.1).
        let _ = mask;
        let decode = if text { Decode::Str } else { Decode::Bytes };
        receive(slf.as_super(), "Converse.receive", decode, Style::Converse, Amount::One)
    }

    /// Receive all messages that have arrived, one at least, as a list of bytes.
    ///
    /// For floods: one awaitable for all that one read of the socket has brought. An empty message
    /// is None. Where several coroutines receive at once, it leaves a message to each of the others
    /// in line. Cancelling it is safe: no message is lost.
    ///
    /// Args:
    ///     max: The most messages to hand out at once; None is no limit but what has arrived.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed.
    ///     ValueError: If `max` is less than 1.
    #[pyo3(signature = (max = None))]
    fn receive_many<'py>(
        slf: &Bound<'py, Self>,
        max: Option<Most>,
    ) -> PyResult<Bound<'py, Operation>> {
        let name = "Converse.receive_many";
        receive_many(slf.as_super(), name, Decode::Bytes, Style::Converse, max)
    }
}
