//! Between Python's values and a message's payload, with one copy each way.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::{errors, payload, unfinished};
use crate::drive::Payload;
use crate::protocol::Kind;

/// What a received message becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decode {
    /// Text becomes str, binary becomes bytes.
    ByKind,
    /// Both become str.
    Str,
    /// Both become bytes.
    Bytes,
}

impl From<Option<bool>> for Decode {
    fn from(decode: Option<bool>) -> Self {
        match decode {
            None => Self::ByKind,
            Some(true) => Self::Str,
            Some(false) => Self::Bytes,
        }
    }
}

impl Decode {
    /// The payload as a Python object, if there is memory for it. Runs no Python code, so the link's lock
    /// may be held: text was validated as it arrived, and neither bytes nor str are tracked by the garbage
    /// collector.
    pub(crate) fn object(
        self,
        py: Python<'_>,
        kind: Kind,
        payload: Payload<'_>,
    ) -> Result<Py<PyAny>, Box<PyErr>> {
        Ok(match payload {
            Payload::Here(payload) if kind == Kind::Text && self != Self::Bytes => {
                payload::text(py, payload)?.into_any().unbind()
            }
            Payload::Here(payload) => payload::bytes(py, payload)?.into_any().unbind(),
            Payload::Landed(landing) => unfinished::end(landing)
                .ok_or_else(|| errors::bug(py, "a message has landed elsewhere"))?
                .into_any(),
        })
    }

    /// What the user gets of it: bytes of which a str is asked for are decoded. To be called without the
    /// link's lock, for that may fail, with an exception which carries the bytes, so that they are not lost.
    #[inline]
    pub(crate) fn finished(self, py: Python<'_>, object: Py<PyAny>) -> PyResult<Py<PyAny>> {
        match object.bind(py).cast::<PyBytes>() {
            Ok(bytes) if self == Self::Str => {
                Ok(payload::text(py, bytes.as_bytes())?.into_any().unbind())
            }
            _ => Ok(object),
        }
    }
}

/// Whether `send` takes this object as one message.
pub(crate) fn is_message(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyString>() || is_bytes_like(object)
}

/// The messages of an iterable, each of which can be sent and will not change before it is.
pub(crate) fn collect(messages: &Bound<'_, PyAny>, text: Option<bool>) -> PyResult<Vec<Py<PyAny>>> {
    if is_message(messages) {
        return Err(PyTypeError::new_err("messages is one message, not an iterable of messages"));
    }
    let checked = messages.try_iter()?.map(|message| {
        let mut message = message?;
        if !message.is_instance_of::<PyString>() && !message.is_instance_of::<PyBytes>() {
            message = copy_of(&message)?.into_any();
        }
        with_payload(&message, text, true, |_| Kind::Binary, |_, _| ())?;
        Ok(message.unbind())
    });
    checked.collect()
}

/// A bytes-like object's bytes of now: its memory may change under our hands.
fn copy_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if !is_bytes_like(object) {
        return Err(wrong_type(object));
    }
    Ok(object.py().get_type::<PyBytes>().call1((object,))?.cast_into::<PyBytes>()?)
}

fn is_bytes_like(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a borrowed reference to a live object; the check only reads its type.
    object.is_instance_of::<PyBytes>()
        || unsafe { pyo3::ffi::PyObject_CheckBuffer(object.as_ptr()) != 0 }
}

/// Hands the payload of a str or bytes-like object to `send`, with its kind.
///
/// `text` decides the kind; without it str is TEXT, and bytes are what `bytes_kind` says. A `whole`
/// message that is to be TEXT must be valid UTF-8.
pub(crate) fn with_payload<R>(
    object: &Bound<'_, PyAny>,
    text: Option<bool>,
    whole: bool,
    bytes_kind: impl FnOnce(&[u8]) -> Kind,
    send: impl FnOnce(Kind, &[u8]) -> R,
) -> PyResult<R> {
    if let Ok(string) = object.cast::<PyString>() {
        let kind = if text == Some(false) { Kind::Binary } else { Kind::Text };
        return Ok(send(kind, string.to_str()?.as_bytes()));
    }
    let copied;
    let bytes = if let Ok(bytes) = object.cast::<PyBytes>() {
        bytes
    } else {
        copied = copy_of(object)?;
        &copied
    };
    let payload = bytes.as_bytes();
    let kind = match text {
        Some(true) => {
            if whole {
                PyString::from_bytes(object.py(), payload)?;
            }
            Kind::Text
        }
        Some(false) => Kind::Binary,
        None => bytes_kind(payload),
    };
    Ok(send(kind, payload))
}

fn wrong_type(object: &Bound<'_, PyAny>) -> PyErr {
    let name = object.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
    PyTypeError::new_err(format!("a message is str or bytes-like, not {name}"))
}
