//! The opening handshake as Python sees it: request, response, redirects, addresses.

use std::net::SocketAddr;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::imports;
use crate::connect::Redirect;
use crate::drive::Address;
use crate::protocol::handshake::{Fields, Response};

/// An `aiowebsocket.handshake.Request`.
pub(crate) fn request<'py>(
    py: Python<'py>,
    resource: &str,
    fields: &Fields,
) -> PyResult<Bound<'py, PyAny>> {
    imports::REQUEST.get(py)?.call1((resource, headers(py, latin1(fields))?))
}

/// What a header value looks like as bytes on the wire, each byte as the character of its number.
fn latin1(fields: &Fields) -> Fields {
    let as_sent = |value: &str| value.bytes().map(char::from).collect();
    fields.iter().map(|(name, value)| (name.clone(), as_sent(value))).collect()
}

fn headers(py: Python<'_>, fields: Fields) -> PyResult<Bound<'_, PyAny>> {
    imports::HEADERS.get(py)?.call1((fields,))
}

pub(crate) fn response<'py>(
    py: Python<'py>,
    response: Option<&Response>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(response) = response else { return Ok(py.None().into_bound(py)) };
    let headers = headers(py, response.fields.clone())?;
    let body = PyBytes::new(py, &response.body);
    imports::RESPONSE.get(py)?.call1((response.status, &response.reason, headers, body))
}

pub(crate) fn redirects<'py>(
    py: Python<'py>,
    redirects: &[Redirect],
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, redirects.iter().map(|redirect| (redirect.status, &redirect.to)))
}

/// As the socket module writes it: of a Unix socket the path as str, an abstract name as bytes.
pub(crate) fn address(py: Python<'_>, address: Option<&Address>) -> PyResult<Py<PyAny>> {
    let object = match address {
        None => return Ok(py.None()),
        Some(Address::Ip(SocketAddr::V4(v4))) => {
            (v4.ip().to_string(), v4.port()).into_pyobject(py)?.into_any()
        }
        Some(Address::Ip(SocketAddr::V6(v6))) => {
            let parts = (v6.ip().to_string(), v6.port(), v6.flowinfo(), v6.scope_id());
            parts.into_pyobject(py)?.into_any()
        }
        Some(Address::Unix(name)) if name.first() == Some(&0) => PyBytes::new(py, name).into_any(),
        Some(Address::Unix(path)) => imports::FSDECODE.get(py)?.call1((PyBytes::new(py, path),))?,
    };
    Ok(object.unbind())
}
