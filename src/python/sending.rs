//! What a sending operation asks of its connection, and the commands that never wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyTimeoutError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::command::{Attempt, Manner, Place, Send, SendMany, SendStyle};
use super::driver::Driver;
use super::{calls, errors, message};
use crate::drive::{Flush, Link, Wants};
use crate::protocol::{Close, CloseCode, Kind, SendError};

/// Writes the message at once, as far as the network takes it, or with the others of this iteration of
/// the loop; says where to wait, if need be: before it is sent for its turn, after it for room.
pub(super) fn attempt(driver: &Bound<'_, Driver>, send: &Send) -> PyResult<Attempt> {
    let flush = if driver.get().coalesces { Flush::Later } else { Flush::Now };
    match write(driver, send.message.bind(driver.py()), send.manner, flush)? {
        Written::Yes(wants) => {
            Driver::watch(driver, wants)?;
            Ok(done_or_park(driver.py(), wants))
        }
        Written::NotYet => Ok(Attempt::Park(Place::Turn)),
        Written::Nothing => Ok(Attempt::Done(driver.py().None())),
    }
}

/// Writes the messages that are left together.
pub(super) fn attempt_many(driver: &Bound<'_, Driver>, many: &mut SendMany) -> PyResult<Attempt> {
    let (py, this) = (driver.py(), driver.get());
    loop {
        let written = write_each(driver, many);
        let wants = if this.coalesces { this.link().wants() } else { this.link().flush() };
        Driver::watch(driver, wants)?;
        match written? {
            Written::Yes(_) => return Ok(done_or_park(py, wants)),
            // The network has taken so much since that there is nothing to wait for.
            Written::NotYet if wants.room && !this.held.load(Ordering::Relaxed) => {}
            Written::NotYet => return Ok(Attempt::Park(Place::Turn)),
            Written::Nothing => return Ok(Attempt::Done(py.None())),
        }
    }
}

fn write_each(driver: &Bound<'_, Driver>, many: &mut SendMany) -> PyResult<Written> {
    let mut written = Written::Nothing;
    while let Some(message) = many.messages.get(many.next) {
        written = write(driver, message.bind(driver.py()), many.manner, Flush::Later)?;
        if matches!(written, Written::NotYet) {
            break;
        }
        many.next += 1;
    }
    Ok(written)
}

enum Written {
    Yes(Wants),
    /// It is not its turn, or there is no room.
    NotYet,
    /// There was none, or it has been dropped: there is nothing to wait for.
    Nothing,
}

fn write(
    driver: &Bound<'_, Driver>,
    message: &Bound<'_, PyAny>,
    manner: Manner,
    flush: Flush,
) -> PyResult<Written> {
    let (py, this) = (driver.py(), driver.get());
    let Manner { text, compress, fin, style } = manner;
    if style == SendStyle::Message && this.held.load(Ordering::Relaxed) {
        return Ok(Written::NotYet);
    }
    let bytes_kind = |payload: &[u8]| kind_of_bytes(manner, payload);
    // A part of a message may end within a code point, and the next begin there.
    let whole = fin && !(text == Some(true) && this.link().sending_fragments());
    let sent = message::with_payload(message, text, whole, bytes_kind, |kind, payload| {
        let send = || this.link().send(kind, fin, payload, compress, flush);
        if this.link().has_much_to_deflate(payload.len()) { py.detach(send) } else { send() }
    })?;
    match sent {
        Ok(None) => Ok(Written::NotYet),
        Ok(Some(wants)) => {
            this.dispatch_events(py, wants)?;
            Ok(Written::Yes(wants))
        }
        Err(SendError::Closed) if style == SendStyle::Converse => drop_unsent(this, py),
        Err(SendError::Closed) => Err(this.closed_error(py)),
        Err(error) => Err(errors::send_error(py, &error)),
    }
}

fn kind_of_bytes(manner: Manner, payload: &[u8]) -> Kind {
    match manner.style {
        SendStyle::Converse => Kind::of_bytes(payload, manner.fin),
        SendStyle::Message | SendStyle::Fragment => Kind::Binary,
    }
}

/// Sends from any thread, without the loop: waits for room here, and not in the interpreter.
pub(super) fn threadsafe(
    driver: &Driver,
    message: &Bound<'_, PyAny>,
    manner: Manner,
    timeout: Option<f64>,
) -> PyResult<()> {
    let (py, link) = (message.py(), driver.link());
    driver.event_loop().check_process()?;
    let deadline = timeout.map(deadline).transpose()?;
    let bytes_kind = |payload: &[u8]| kind_of_bytes(manner, payload);
    let sent = message::with_payload(message, manner.text, true, bytes_kind, |kind, payload| {
        py.detach(|| link.send_waiting(kind, payload, manner.compress, deadline))
    })?;
    match sent {
        Ok(Some(())) => Ok(()),
        Ok(None) => {
            let seconds = timeout.unwrap_or_default();
            let message = format!("there was no room to send within {seconds} s; nothing was sent");
            Err(PyTimeoutError::new_err(message))
        }
        Err(SendError::Closed) => Err(driver.closed_error(py)),
        Err(error) => Err(errors::send_error(py, &error)),
    }
}

fn deadline(seconds: f64) -> PyResult<Instant> {
    let timeout = Duration::try_from_secs_f64(seconds).ok();
    timeout.and_then(|timeout| Instant::now().checked_add(timeout)).ok_or_else(|| {
        PyValueError::new_err(format!("timeout is {seconds}, not a number of seconds to wait"))
    })
}

/// The message is in the output already; waits until that is below its limit.
pub(super) fn await_room(driver: &Bound<'_, Driver>, manner: Manner) -> PyResult<Attempt> {
    let (py, this) = (driver.py(), driver.get());
    let wants = this.link().wants();
    if !wants.closed {
        return Ok(done_or_park(py, wants));
    }
    if manner.style == SendStyle::Converse {
        drop_unsent(this, py)?;
        return Ok(Attempt::Done(py.None()));
    }
    Err(this.closed_error(py))
}

/// Waits for room with nothing to send. Until the application has learnt of the end there always is.
pub(super) fn until_room(driver: &Bound<'_, Driver>) -> PyResult<Attempt> {
    let (py, this) = (driver.py(), driver.get());
    let wants = this.link().wants();
    match (wants.closed, this.learnt.load(Ordering::Relaxed)) {
        (false, _) => Ok(done_or_park(py, wants)),
        (true, false) => Ok(Attempt::Done(py.None())),
        (true, true) => Err(this.closed_error(py)),
    }
}

fn done_or_park(py: Python<'_>, wants: Wants) -> Attempt {
    if wants.room { Attempt::Done(py.None()) } else { Attempt::Park(Place::Room) }
}

/// As on a socket whose peer is gone: the end is an event in the received stream, and until the
/// application has learnt of it a send is accepted and lost.
fn drop_unsent(driver: &Driver, py: Python<'_>) -> PyResult<Written> {
    if driver.learnt.load(Ordering::Relaxed) {
        return Err(driver.closed_error(py));
    }
    if !driver.warned.swap(true, Ordering::Relaxed) {
        let warning =
            "the connection has ended; what is sent is dropped until receive() has told so";
        let warning = PyString::new(py, warning);
        let logger = driver.logger().bind(py);
        calls::call_method(logger, intern!(py, "warning"), [warning.as_any()], None)?;
    }
    Ok(Written::Nothing)
}

/// Keeps whole messages from going between the parts of a fragmented one, or lets them go on.
pub(super) fn hold(driver: &Bound<'_, Driver>, hold: bool) -> PyResult<()> {
    driver.get().held.store(hold, Ordering::Relaxed);
    if hold { Ok(()) } else { Driver::ring_senders(driver, false) }
}

pub(super) fn ping(
    driver: &Bound<'_, Driver>,
    payload: &[u8],
    answered: Py<PyAny>,
) -> PyResult<()> {
    let (id, wants) = command(driver, |link| link.ping(payload))?;
    driver.get().desk().pings.push((id, answered));
    Driver::apply(driver, wants, false)
}

pub(super) fn pong(driver: &Bound<'_, Driver>, payload: &[u8]) -> PyResult<()> {
    let wants = command(driver, |link| link.pong(payload))?;
    Driver::apply(driver, wants, false)
}

pub(super) fn close(driver: &Bound<'_, Driver>, code: i64, reason: &str) -> PyResult<()> {
    let wants = command(driver, |link| {
        let code = u16::try_from(code).map_err(|_| SendError::InvalidCloseCode(code))?;
        link.close(Close::new(CloseCode(code), reason))
    })?;
    driver.get().learnt.store(true, Ordering::Relaxed);
    Driver::apply(driver, wants, false)
}

fn command<T>(
    driver: &Bound<'_, Driver>,
    command: impl FnOnce(&Arc<Link>) -> Result<T, SendError>,
) -> PyResult<T> {
    let (py, this) = (driver.py(), driver.get());
    this.event_loop().check_thread()?;
    command(this.link()).map_err(|error| match error {
        SendError::Closed => this.closed_error(py),
        error => errors::send_error(py, &error),
    })
}
