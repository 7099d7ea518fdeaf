//! What a connection counts, as Python sees it.

use std::time::{Duration, Instant};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::imports;
use crate::drive::Link;

/// An `aiowebsocket.Stats`, whose fields these are, in their order.
pub(crate) fn snapshot<'py>(py: Python<'py>, link: &Link) -> PyResult<Bound<'py, PyAny>> {
    let (stats, takeovers) = link.stats();
    let (received, sent, trips) = (stats.received, stats.sent, stats.round_trips);
    let seconds = |trip: Option<Duration>| trip.unwrap_or_default().as_secs_f64();
    let idle = stats.last_byte.map(|at| Instant::now().saturating_duration_since(at).as_secs_f64());
    let fields = [
        received.messages.into_py_any(py)?,
        sent.messages.into_py_any(py)?,
        received.bytes.into_py_any(py)?,
        sent.bytes.into_py_any(py)?,
        received.wire.into_py_any(py)?,
        sent.wire.into_py_any(py)?,
        received.compression_ratio().into_py_any(py)?,
        sent.compression_ratio().into_py_any(py)?,
        stats.queued.into_py_any(py)?,
        stats.queued_bytes.into_py_any(py)?,
        stats.dropped.into_py_any(py)?,
        stats.unsent.into_py_any(py)?,
        seconds(trips.last).into_py_any(py)?,
        seconds(trips.least).into_py_any(py)?,
        seconds(trips.mean()).into_py_any(py)?,
        idle.into_py_any(py)?,
        takeovers.into_py_any(py)?,
    ];
    imports::STATS.get(py)?.call1(PyTuple::new(py, fields)?)
}

pub(crate) fn last_received_at(py: Python<'_>, link: &Link) -> PyResult<Option<f64>> {
    let Some(at) = link.taken_at() else { return Ok(None) };
    let now: f64 = imports::MONOTONIC.get(py)?.call0()?.extract()?;
    Ok(Some(now - at.elapsed().as_secs_f64()))
}
