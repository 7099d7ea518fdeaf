//! What a sending operation asks of its connection, and the commands that never wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyTimeoutError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::request::{Attempt, Attempted, Manner, Send, SendMany, SendStyle};
use crate::drive::{Flush, Frame, Line, Link, Sent, Share, Ticket, Waited, Wants};
use crate::protocol::{Close, CloseCode, Kind, SendError};
use crate::python::asyncio::Driver;
use crate::python::values::{Outcome, errors, message};
use crate::python::waiting::Place;

/// Writes the message at once, as far as the network takes it, or with the others of this iteration of
/// the loop; says where to wait, if need be: before it is sent for its turn, after it for room.
pub(crate) fn attempt(
    driver: &Bound<'_, Driver>,
    send: &Send,
    ticket: Option<Ticket>,
) -> Attempted {
    let flush = if driver.get().coalesces { Flush::Later } else { Flush::Now };
    let share = if send.manner.style == SendStyle::Fragment { Share::Part } else { Share::Whole };
    let line = Line { ticket, share, more: false };
    match write(driver, send.message.bind(driver.py()), send.manner, line, flush)? {
        Written::Yes(wants) => sent(driver, wants),
        Written::Waits(place) => Ok(Attempt::Park(place)),
        Written::Nothing => Ok(Attempt::Done(driver.py().None())),
    }
}

/// Writes the messages that are left together.
pub(crate) fn attempt_many(
    driver: &Bound<'_, Driver>,
    many: &mut SendMany,
    ticket: Option<Ticket>,
) -> Attempted {
    let (py, this) = (driver.py(), driver.get());
    let mut ticket = ticket;
    loop {
        let written = write_each(driver, many, ticket);
        let wants = if this.coalesces { this.link().wants() } else { this.link().flush() };
        match written? {
            Written::Yes(_) => return sent(driver, wants),
            // The network has taken so much since that there is nothing to wait for.
            Written::Waits(Place::Turn(own)) if wants.turn == Some(own) => ticket = Some(own),
            Written::Waits(place) => {
                this.report(py, Driver::watch(driver, wants))?;
                return Ok(Attempt::Park(place));
            }
            Written::Nothing => return Ok(Attempt::Done(py.None())),
        }
    }
}

fn write_each(
    driver: &Bound<'_, Driver>,
    many: &mut SendMany,
    ticket: Option<Ticket>,
) -> PyResult<Written> {
    let mut written = Written::Nothing;
    while let Some(message) = many.messages.get(many.next) {
        let more = many.next + 1 < many.messages.len();
        let line = Line { ticket, share: Share::Whole, more };
        let message = message.bind(driver.py());
        written = write(driver, message, many.manner, line, Flush::Later)?;
        if matches!(written, Written::Waits(_)) {
            break;
        }
        many.next += 1;
    }
    Ok(written)
}

/// Begins a message in parts, in its turn.
pub(crate) fn begin_parts(driver: &Bound<'_, Driver>, ticket: Option<Ticket>) -> Attempted {
    match driver.get().link().begin_parts(ticket) {
        Ok(Sent::Yes(_)) => Ok(Attempt::Done(driver.py().None())),
        Ok(Sent::Waits(ticket)) => Ok(Attempt::Park(Place::Turn(ticket))),
        Err(_) => Ok(Attempt::Park(wait_for_the_end(driver)?)),
    }
}

/// The message in parts has ended, or was given up.
pub(crate) fn end_parts(driver: &Bound<'_, Driver>) -> PyResult<()> {
    let wants = driver.get().link().end_parts();
    driver.get().report(driver.py(), Driver::apply(driver, wants, false))
}

/// The message is in the output. What else comes of that cannot undo it.
fn sent(driver: &Bound<'_, Driver>, wants: Wants) -> Attempted {
    let (py, this) = (driver.py(), driver.get());
    let mut outcome = Outcome::default();
    outcome.add(Driver::watch(driver, wants));
    if wants.turn.is_some() {
        outcome.add(Driver::wake_others(driver, wants, false));
    }
    this.report(py, outcome.result())?;
    if !wants.room {
        return Ok(Attempt::Park(Place::Room));
    }
    until_turn(driver)
}

/// What was sent is on its way. A task that never has to wait yields to the loop once, where that is due.
pub(crate) fn until_turn(driver: &Bound<'_, Driver>) -> Attempted {
    let none = driver.py().None();
    Ok(if Driver::owes_a_turn(driver)? { Attempt::Later(Ok(none)) } else { Attempt::Done(none) })
}

enum Written {
    Yes(Wants),
    /// Nothing has been sent; it is to come again from there.
    Waits(Place),
    /// There was none, or it has been dropped: there is nothing to wait for.
    Nothing,
}

fn write(
    driver: &Bound<'_, Driver>,
    message: &Bound<'_, PyAny>,
    manner: Manner,
    line: Line,
    flush: Flush,
) -> PyResult<Written> {
    let (py, this) = (driver.py(), driver.get());
    let Manner { text, compress, fin, style } = manner;
    let bytes_kind = |payload: &[u8]| kind_of_bytes(manner, payload);
    // A part of a message may end within a code point, and the next begin there.
    let whole = fin && !(text == Some(true) && this.link().sending_fragments());
    let sent = message::with_payload(message, text, whole, bytes_kind, |kind, payload| {
        let send = || this.link().send(Frame { kind, fin, payload, compress }, line, flush);
        if this.link().has_much_to_deflate(payload.len()) { py.detach(send) } else { send() }
    })?;
    match sent {
        Ok(Sent::Waits(ticket)) => Ok(Written::Waits(Place::Turn(ticket))),
        Ok(Sent::Yes(wants)) => {
            if wants.events {
                this.report(py, this.hand_out_events(py, wants))?;
            }
            Ok(Written::Yes(wants))
        }
        Err(SendError::Closed) if style == SendStyle::Converse => drop_unsent(driver),
        Err(SendError::Closed) => wait_for_the_end(driver).map(Written::Waits),
        Err(error) => Err(errors::send_error(py, &error)),
    }
}

/// What the close has become is known, and told, at its end.
fn wait_for_the_end(driver: &Bound<'_, Driver>) -> PyResult<Place> {
    if driver.get().is_released() {
        return Err(driver.get().closed_error(driver.py()));
    }
    Ok(Place::Closers)
}

fn kind_of_bytes(manner: Manner, payload: &[u8]) -> Kind {
    match manner.style {
        SendStyle::Converse => Kind::of_bytes(payload, manner.fin),
        SendStyle::Message | SendStyle::Fragment => Kind::Binary,
    }
}

/// Sends from any thread, without the loop: waits for its turn and for room here, and not in the
/// interpreter.
pub(crate) fn threadsafe(
    driver: &Driver,
    message: &Bound<'_, PyAny>,
    manner: Manner,
    timeout: Option<f64>,
) -> PyResult<()> {
    let (py, link) = (message.py(), driver.link());
    driver.event_loop().check_process()?;
    let deadline = timeout.map(deadline).transpose()?;
    let on_loop = driver.event_loop().is_own_thread();
    let bytes_kind = |payload: &[u8]| kind_of_bytes(manner, payload);
    let sent = message::with_payload(message, manner.text, true, bytes_kind, |kind, payload| {
        let frame = Frame { kind, fin: true, payload, compress: manner.compress };
        py.detach(|| link.send_waiting(frame, deadline, on_loop))
    })?;
    match sent {
        Ok(Waited::Sent) => Ok(()),
        Ok(Waited::TooLong) => {
            let seconds = timeout.unwrap_or_default();
            let message = format!("there was no room to send within {seconds} s; nothing was sent");
            Err(PyTimeoutError::new_err(message))
        }
        Ok(Waited::ForItself) => Err(errors::waits_for_itself(py)),
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
pub(crate) fn await_room(driver: &Bound<'_, Driver>, manner: Manner) -> Attempted {
    let (py, this) = (driver.py(), driver.get());
    let wants = this.link().wants();
    if !wants.closed {
        return Ok(done_or_park(py, wants));
    }
    if manner.style == SendStyle::Converse {
        drop_unsent(driver)?;
        return Ok(Attempt::Done(py.None()));
    }
    Err(this.closed_error(py).into())
}

/// Waits for room with nothing to send. Until the application has learnt of the end there always is.
pub(crate) fn until_room(driver: &Bound<'_, Driver>) -> Attempted {
    let (py, this) = (driver.py(), driver.get());
    let wants = this.link().wants();
    match (wants.closed, this.learnt.load(Ordering::Relaxed)) {
        (false, _) => Ok(done_or_park(py, wants)),
        (true, false) => Ok(Attempt::Done(py.None())),
        (true, true) => Err(this.closed_error(py).into()),
    }
}

fn done_or_park(py: Python<'_>, wants: Wants) -> Attempt {
    if wants.room { Attempt::Done(py.None()) } else { Attempt::Park(Place::Room) }
}

/// As on a socket whose peer is gone: the end is an event in the received stream, and until the
/// application has learnt of it a send is accepted and lost.
fn drop_unsent(driver: &Bound<'_, Driver>) -> PyResult<Written> {
    let (py, this) = (driver.py(), driver.get());
    if this.learnt.load(Ordering::Relaxed) {
        return wait_for_the_end(driver).map(Written::Waits);
    }
    if !this.warned.swap(true, Ordering::Relaxed) {
        let warning =
            "the connection has ended; what is sent is dropped until receive() has told so";
        let warning = PyString::new(py, warning);
        this.report(py, this.logger().log(intern!(py, "warning"), &warning, None))?;
    }
    Ok(Written::Nothing)
}

pub(crate) fn ping(
    driver: &Bound<'_, Driver>,
    payload: Option<&[u8]>,
    answered: Py<PyAny>,
) -> PyResult<()> {
    let (id, wants) = command(driver, |link| link.ping(payload))?;
    driver.get().desk().pings.insert(id, answered);
    driver.get().report(driver.py(), Driver::apply(driver, wants, false))
}

pub(crate) fn pong(driver: &Bound<'_, Driver>, payload: &[u8]) -> PyResult<()> {
    let wants = command(driver, |link| link.pong(payload))?;
    driver.get().report(driver.py(), Driver::apply(driver, wants, false))
}

pub(crate) fn close(driver: &Bound<'_, Driver>, code: i64, reason: &str) -> PyResult<()> {
    let wants = command(driver, |link| {
        let code = u16::try_from(code).map_err(|_| SendError::InvalidCloseCode(code))?;
        link.close(&Close::new(CloseCode(code), reason))
    })?;
    driver.get().learnt.store(true, Ordering::Relaxed);
    driver.get().report(driver.py(), Driver::apply(driver, wants, false))
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
