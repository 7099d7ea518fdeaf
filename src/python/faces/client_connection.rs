//! What new code calls once a message: the native half of `aiowebsocket.ClientConnection`.

use pyo3::PyClassInitializer;
use pyo3::prelude::*;

use super::{Link, operation, receive, receive_many, send, send_many};
use crate::python::awaitable::{
    Amount, Command, Manner, Operation, SendStyle, Style, receiving, sending,
};
use crate::python::opening::{Most, Opened, Timeout};
use crate::python::values::{Decode, message};

/// The native half of `aiowebsocket.ClientConnection`.
#[pyclass(frozen, subclass, extends = Link, module = "aiowebsocket._core")]
pub(crate) struct ClientConnection;

#[pymethods]
impl ClientConnection {
    #[new]
    fn new(
        opened: &Bound<'_, Opened>,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let link = Link::attach(opened.get(), options)?;
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
        let manner = Manner { text, compress, fin: true, style: SendStyle::Message };
        let name = "ClientConnection.send";
        Ok(send(slf.as_super(), name, message.clone().unbind(), manner)?.into_any())
    }

    /// Send messages, which leave together: in one system call where the network takes them.
    ///
    /// For a batch that is at hand. Waits as `send` does. Cancelling it leaves whole messages on
    /// the wire, the first of them.
    ///
    /// Args:
    ///     messages: An iterable of str and bytes-like objects, each a message of its own.
    ///     text: As for `send`, for all of them.
    ///     compress: As for `send`, for all of them.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed.
    ///     TypeError: If one of them is of another type; then none has been sent.
    ///     UnicodeError: If one of them cannot be text; then none has been sent.
    #[pyo3(signature = (messages, *, text = None, compress = None))]
    fn send_many<'py>(
        slf: &Bound<'py, Self>,
        messages: &Bound<'py, PyAny>,
        text: Option<bool>,
        compress: Option<bool>,
    ) -> PyResult<Bound<'py, Operation>> {
        let manner = Manner { text, compress, fin: true, style: SendStyle::Message };
        send_many(slf.as_super(), "ClientConnection.send_many", messages, manner)
    }

    /// Send a message from any thread, without an event loop.
    ///
    /// Writes it at once, in the calling thread. Blocks, without holding the interpreter, while the
    /// output is above `write_limit` or a message in fragments is under way; the loop need not run
    /// for that to end. Messages of one thread keep their order.
    ///
    /// Args:
    ///     message: A str, sent as TEXT, or a bytes-like object, sent as BINARY.
    ///     text: True sends TEXT, False BINARY, whatever the type; bytes must then be UTF-8.
    ///     compress: As for `send`.
    ///     timeout: Seconds to wait for room at most; None waits for ever.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed.
    ///     TimeoutError: If there was no room in time; nothing has been sent.
    ///     TypeError: If the message is of another type, or `timeout` is no number.
    ///     UnicodeError: If it cannot be text.
    #[pyo3(signature = (message, *, text = None, compress = None, timeout = None))]
    fn send_threadsafe(
        slf: &Bound<'_, Self>,
        message: &Bound<'_, PyAny>,
        text: Option<bool>,
        compress: Option<bool>,
        timeout: Option<Timeout>,
    ) -> PyResult<()> {
        let timeout = timeout.and_then(|Timeout(seconds)| seconds);
        let manner = Manner { text, compress, fin: true, style: SendStyle::Message };
        sending::threadsafe(slf.as_super().get().driver.get(), message, manner, timeout)
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
    fn recv<'py>(slf: &Bound<'py, Self>, decode: Option<bool>) -> PyResult<Bound<'py, Operation>> {
        let name = "ClientConnection.recv";
        receive(slf.as_super(), name, decode.into(), Style::Recv, Amount::One)
    }

    /// Receive all messages that have arrived, one at least, as a list.
    ///
    /// For floods: one awaitable for all that one read of the socket has brought. TEXT is str,
    /// BINARY is bytes. Cancelling it is safe: no message is lost.
    ///
    /// Args:
    ///     max: The most messages to hand out at once; None is no limit but `max_buffered`, which
    ///         bounds what waits.
    ///
    /// Raises:
    ///     ConnectionClosed: When the connection is closed.
    ///     ConcurrencyError: If another coroutine is receiving.
    ///     ValueError: If `max` is less than 1.
    #[pyo3(signature = (max = None))]
    fn recv_many<'py>(
        slf: &Bound<'py, Self>,
        max: Option<Most>,
    ) -> PyResult<Bound<'py, Operation>> {
        let name = "ClientConnection.recv_many";
        receive_many(slf.as_super(), name, Decode::ByKind, Style::Recv, max)
    }

    /// A part of a message and whether it is the last part; `begins` asks for a new message.
    fn _recv_chunk<'py>(
        slf: &Bound<'py, Self>,
        decode: Option<bool>,
        begins: bool,
    ) -> PyResult<Bound<'py, Operation>> {
        if begins {
            receiving::check_between_messages(slf.as_super().get().driver.get(), slf.py())?;
        }
        let name = "ClientConnection.recv_streaming";
        receive(slf.as_super(), name, decode.into(), Style::Recv, Amount::Chunk)
    }

    /// Sends a part of a message.
    fn _send_fragment<'py>(
        slf: &Bound<'py, Self>,
        message: Py<PyAny>,
        text: Option<bool>,
        compress: Option<bool>,
        fin: bool,
    ) -> PyResult<Bound<'py, Operation>> {
        let manner = Manner { text, compress, fin, style: SendStyle::Fragment };
        send(slf.as_super(), "ClientConnection.send", message, manner)
    }

    /// Begins a message in parts, in its turn: whole messages wait until it has ended.
    fn _begin_parts<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Operation>> {
        operation(slf.as_super(), "ClientConnection.send", Command::BeginParts)
    }

    fn _end_parts(slf: &Bound<'_, Self>) -> PyResult<()> {
        sending::end_parts(slf.as_super().get().driver.bind(slf.py()))
    }
}
