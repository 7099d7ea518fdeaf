//! From the engine's errors to Python's exceptions: the only such place.

use std::io;

use pyo3::call::PyCallArgs;
use pyo3::exceptions::{
    PyBufferError, PyEOFError, PyMemoryError, PyOSError, PyTimeoutError, PyValueError,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::handshake;
use super::imports::{self, Import};
use crate::connect::{OpenError, OpenErrorKind};
use crate::drive::{self, Cause, Ending, panics};
use crate::protocol::{Close, CloseCode, Failure, ProtocolError, SendError, Side};

/// An exception of `aiowebsocket.exceptions`, from its constructor's arguments.
fn exception<'py>(
    py: Python<'py>,
    class: &Import,
    arguments: impl PyCallArgs<'py>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyErr {
    let made = class.get(py).and_then(|class| class.call(arguments, keywords));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// "OK" is a closing handshake in which neither side complained (websockets' definition).
const OK: [CloseCode; 3] = [CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode::NO_STATUS];

/// A panic as an exception: it must not unwind into C, and is nobody's fault but ours.
pub(crate) fn bug(py: Python<'_>, told: &str) -> PyErr {
    exception(py, &imports::ENGINE_ERROR, (told,), None)
}

/// Does what Python has called us for; a panic comes out as an exception.
pub(crate) fn guarded<R>(work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    panics::caught(work).unwrap_or_else(|told| Python::attach(|py| Err(bug(py, &told))))
}

pub(crate) fn connection_closed(py: Python<'_>, ending: &Ending, detail: Option<&str>) -> PyErr {
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
        exception(py, &imports::CONNECTION_CLOSED_OK, arguments, keywords)
    } else {
        exception(py, &imports::CONNECTION_CLOSED_ERROR, arguments, keywords)
    };
    if let Some(cause) = cause(py, ending) {
        error.set_cause(py, Some(cause));
    }
    Ok(error)
}

/// Whether the end is a `ConnectionClosedOK`.
pub(crate) fn ended_properly(ending: &Ending) -> bool {
    let is_ok =
        |close: &Option<Close>| close.as_ref().is_some_and(|close| OK.contains(&close.code));
    is_ok(&ending.received) && is_ok(&ending.sent)
}

fn close_object<'py>(
    py: Python<'py>,
    close: Option<&Close>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let class = imports::CLOSE.get(py)?;
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
        Some(Cause::Stream(None, text)) => Some(exception(py, &imports::TLS_ERROR, (text,), None)),
        Some(Cause::Truncated) => Some(exception(
            py,
            &imports::TLS_ERROR,
            ("the peer ended TCP without TLS's close_notify",),
            None,
        )),
        Some(Cause::TimedOut) => Some(PyTimeoutError::new_err(
            "the closing handshake did not complete within close_timeout",
        )),
        Some(Cause::Bug(told)) => Some(bug(py, told)),
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
            exception(py, &imports::PAYLOAD_TOO_BIG, (message,), Some(&keywords))
        }
        _ => exception(py, &imports::PROTOCOL_ERROR, (message,), Some(&keywords)),
    }
}

/// For every refusal but `SendError::Closed`, whose exception the ending makes.
pub(crate) fn send_error(py: Python<'_>, error: &SendError) -> PyErr {
    match error {
        SendError::PingAlreadyWaiting => {
            exception(py, &imports::CONCURRENCY_ERROR, (error.to_string(),), None)
        }
        SendError::NoMemory(_) => PyMemoryError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

pub(crate) fn concurrent_receive(py: Python<'_>) -> PyErr {
    let message =
        "cannot call recv while another coroutine is already running recv or recv_streaming";
    exception(py, &imports::CONCURRENCY_ERROR, (message,), None)
}

pub(crate) fn waits_for_itself(py: Python<'_>) -> PyErr {
    let message = "cannot call send_threadsafe on the event loop's own thread while a send of the loop \
        is under way: it would wait for itself; await send";
    exception(py, &imports::CONCURRENCY_ERROR, (message,), None)
}

/// Nothing can be opened: the system gives the engine no thread, or no descriptor.
pub(crate) fn cannot_start(py: Python<'_>, error: &io::Error) -> PyErr {
    let message = format!("the engine cannot start: {}", drive::fault(error));
    let keywords = PyDict::new(py);
    match keywords.set_item(intern!(py, "errno"), error.raw_os_error()) {
        Ok(()) => exception(py, &imports::CONNECT_ERROR, (message,), Some(&keywords)),
        Err(error) => error,
    }
}

/// `uri` is what the caller wrote; the exception hides the credentials in it.
pub(crate) fn open_error(py: Python<'_>, uri: &str, error: OpenError) -> PyErr {
    let number = error.os_code.or_else(|| resolver_code(py, &error));
    let redirects = handshake::redirects(py, &error.redirects).ok();
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
    let response = || handshake::response(py, error.response.as_deref());
    Ok(match error.kind {
        Kind::InvalidUri => exception(py, &imports::INVALID_URI, (uri, message), None),
        Kind::InvalidProxy => exception(py, &imports::INVALID_PROXY, (field.0, message), None),
        Kind::Argument => PyValueError::new_err(message),
        Kind::Resolve => exception(py, &imports::RESOLVE_ERROR, (message,), None),
        Kind::Refused => exception(py, &imports::CONNECT_REFUSED, (message,), None),
        Kind::Network => exception(py, &imports::CONNECT_ERROR, (message,), None),
        Kind::Tls => exception(py, &imports::TLS_ERROR, (message,), None),
        Kind::Certificate => exception(py, &imports::CERTIFICATE_ERROR, (message,), None),
        Kind::Timeout => exception(py, &imports::CONNECT_TIMEOUT, (message,), None),
        Kind::InvalidMessage => exception(py, &imports::INVALID_MESSAGE, (message,), None),
        Kind::Negotiation => exception(py, &imports::NEGOTIATION_ERROR, (message,), None),
        Kind::InvalidHeader => exception(py, &imports::INVALID_HEADER, field, Some(&keywords)),
        Kind::InvalidUpgrade => exception(py, &imports::INVALID_UPGRADE, field, Some(&keywords)),
        Kind::InvalidStatus => {
            exception(py, &imports::INVALID_STATUS, (response()?,), Some(&keywords))
        }
        Kind::Redirect => exception(py, &imports::REDIRECT_ERROR, (response()?,), Some(&keywords)),
        Kind::Proxy => exception(py, &imports::PROXY_ERROR, (message,), None),
        Kind::ProxyMessage => exception(py, &imports::INVALID_PROXY_MESSAGE, (message,), None),
        Kind::ProxyStatus => {
            exception(py, &imports::INVALID_PROXY_STATUS, (response()?,), Some(&keywords))
        }
    })
}
