//! From the engine's errors to Python's exceptions: the only such place.

use std::io;

use pyo3::exceptions::{
    PyBufferError, PyEOFError, PyMemoryError, PyOSError, PyTimeoutError, PyValueError,
};
use pyo3::intern;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::opening;
use crate::connect::{OpenError, OpenErrorKind};
use crate::drive::{self, Cause, Ending};
use crate::protocol::{Close, CloseCode, Failure, ProtocolError, SendError, Side};

/// Makes `class` an exception of `aiowebsocket.exceptions`, from its constructor's arguments.
macro_rules! exception {
    ($py:expr, $class:literal, $arguments:expr) => {
        exception!($py, $class, $arguments, None)
    };
    ($py:expr, $class:literal, $arguments:expr, $keywords:expr) => {{
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLASS
            .import($py, "aiowebsocket.exceptions", $class)
            .and_then(|class| class.call($arguments, $keywords))
            .map_or_else(|error| error, PyErr::from_value)
    }};
}

/// "OK" is a closing handshake in which neither side complained (websockets' definition).
const OK: [CloseCode; 3] = [CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode::NO_STATUS];

/// A panic as an exception: it must not unwind into C, and is nobody's fault but ours.
pub(super) fn bug() -> PyErr {
    PanicException::new_err("bug in aiowebsocket's engine")
}

pub(super) fn connection_closed(py: Python<'_>, ending: &Ending, detail: Option<&str>) -> PyErr {
    match build_connection_closed(py, ending, detail) {
        Ok(error) | Err(error) => error,
    }
}

fn build_connection_closed(
    py: Python<'_>,
    ending: &Ending,
    detail: Option<&str>,
) -> PyResult<PyErr> {
    let arguments = (
        close_object(py, ending.received.as_ref())?,
        close_object(py, ending.sent.as_ref())?,
        ending.first.map(|first| first == Side::Peer),
    );
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "detail"), detail)?;
    let keywords = Some(&keywords);
    let error = if ended_properly(ending) {
        exception!(py, "ConnectionClosedOK", arguments, keywords)
    } else {
        exception!(py, "ConnectionClosedError", arguments, keywords)
    };
    if let Some(cause) = cause(py, ending) {
        error.set_cause(py, Some(cause));
    }
    Ok(error)
}

/// Whether the end is a `ConnectionClosedOK`.
pub(super) fn ended_properly(ending: &Ending) -> bool {
    let is_ok =
        |close: &Option<Close>| close.as_ref().is_some_and(|close| OK.contains(&close.code));
    is_ok(&ending.received) && is_ok(&ending.sent)
}

fn close_object<'py>(
    py: Python<'py>,
    close: Option<&Close>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    static CLOSE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLOSE.import(py, "aiowebsocket.frames", "Close")?;
    close.map(|close| class.call1((close.code.0, close.reason.as_str()))).transpose()
}

fn cause(py: Python<'_>, ending: &Ending) -> Option<PyErr> {
    match &ending.cause {
        Some(Cause::Failed(Failure::Protocol(error))) => Some(protocol_error(py, error)),
        Some(Cause::Failed(failure @ Failure::QueueFull(_))) => {
            Some(PyBufferError::new_err(failure.to_string()))
        }
        Some(Cause::Failed(failure @ Failure::NoMemory(_))) => {
            Some(PyMemoryError::new_err(failure.to_string()))
        }
        Some(Cause::Failed(failure)) => Some(PyTimeoutError::new_err(failure.to_string())),
        Some(Cause::Stream(Some(number), text)) => {
            Some(PyOSError::new_err((*number, text.clone())))
        }
        Some(Cause::Stream(None, text)) => Some(exception!(py, "TLSError", (text,))),
        Some(Cause::Truncated) => {
            Some(exception!(py, "TLSError", ("the peer ended TCP without TLS's close_notify",)))
        }
        Some(Cause::TimedOut) => Some(PyTimeoutError::new_err(
            "the closing handshake did not complete within close_timeout",
        )),
        None if ending.received.is_none() => {
            Some(PyEOFError::new_err("the peer ended TCP without a Close frame"))
        }
        None => None,
    }
}

fn protocol_error(py: Python<'_>, error: &ProtocolError) -> PyErr {
    let message = error.to_string();
    let keywords = PyDict::new(py);
    if let Err(error) = keywords.set_item(intern!(py, "code"), error.close_code().0) {
        return error;
    }
    match error {
        ProtocolError::MessageTooBig { .. } | ProtocolError::TooManyFragments { .. } => {
            exception!(py, "PayloadTooBig", (message,), Some(&keywords))
        }
        _ => exception!(py, "ProtocolError", (message,), Some(&keywords)),
    }
}

/// For every refusal but `SendError::Closed`, whose exception the ending makes.
pub(super) fn send_error(py: Python<'_>, error: &SendError) -> PyErr {
    match error {
        SendError::PingAlreadyWaiting => exception!(py, "ConcurrencyError", (error.to_string(),)),
        SendError::NoMemory(_) => PyMemoryError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

pub(super) fn concurrent_receive(py: Python<'_>) -> PyErr {
    let message =
        "cannot call recv while another coroutine is already running recv or recv_streaming";
    exception!(py, "ConcurrencyError", (message,))
}

/// Nothing can be opened: the system gives the engine no thread, or no descriptor.
pub(super) fn cannot_start(py: Python<'_>, error: &io::Error) -> PyErr {
    let message = format!("the engine cannot start: {}", drive::fault(error));
    let keywords = PyDict::new(py);
    match keywords.set_item(intern!(py, "errno"), error.raw_os_error()) {
        Ok(()) => exception!(py, "ConnectError", (message,), Some(&keywords)),
        Err(error) => error,
    }
}

/// `uri` is what the caller wrote; the exception hides the credentials in it.
pub(super) fn open_error(py: Python<'_>, uri: &str, error: OpenError) -> PyErr {
    let number = error.os_code.or_else(|| resolver_code(py, &error));
    let redirects = opening::redirects_object(py, &error.redirects).ok();
    match build_open_error(py, uri, error) {
        Ok(built) => {
            if let Some(redirects) = redirects.filter(|redirects| !redirects.is_empty()) {
                let _unknown_class = built.value(py).setattr(intern!(py, "redirects"), redirects);
            }
            if let Some(number) = number {
                let _no_errno = built.value(py).setattr(intern!(py, "errno"), number);
            }
            built
        }
        Err(error) => error,
    }
}

/// The `EAI_` number of a failed name lookup, which the standard library keeps to itself.
fn resolver_code(py: Python<'_>, error: &OpenError) -> Option<i32> {
    if error.kind != OpenErrorKind::Resolve {
        return None;
    }
    let for_now = error.message.contains("emporary failure");
    let name = if for_now { "EAI_AGAIN" } else { "EAI_NONAME" };
    py.import("socket").and_then(|socket| socket.getattr(name)?.extract()).ok()
}

fn build_open_error(py: Python<'_>, uri: &str, error: OpenError) -> PyResult<PyErr> {
    use OpenErrorKind as Kind;
    let message = error.message;
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "message"), &message)?;
    let field = error.field.unwrap_or_default();
    Ok(match error.kind {
        Kind::InvalidUri => exception!(py, "InvalidURI", (uri, message)),
        Kind::Argument => PyValueError::new_err(message),
        Kind::Resolve => exception!(py, "ResolveError", (message,)),
        Kind::Refused => exception!(py, "ConnectRefused", (message,)),
        Kind::Network => exception!(py, "ConnectError", (message,)),
        Kind::Tls => exception!(py, "TLSError", (message,)),
        Kind::Certificate => exception!(py, "CertificateError", (message,)),
        Kind::Timeout => exception!(py, "ConnectTimeout", (message,)),
        Kind::InvalidMessage => exception!(py, "InvalidMessage", (message,)),
        Kind::Negotiation => exception!(py, "NegotiationError", (message,)),
        Kind::InvalidHeader => exception!(py, "InvalidHeader", field, Some(&keywords)),
        Kind::InvalidUpgrade => exception!(py, "InvalidUpgrade", field, Some(&keywords)),
        Kind::InvalidStatus => {
            let response = opening::response_object(py, error.response.as_deref())?;
            exception!(py, "InvalidStatus", (response,), Some(&keywords))
        }
        Kind::Redirect => {
            let response = opening::response_object(py, error.response.as_deref())?;
            exception!(py, "RedirectError", (response,), Some(&keywords))
        }
    })
}
