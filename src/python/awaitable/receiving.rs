//! What a receiving operation asks of its connection: a message, a part of one, or the news of the end.

use std::sync::atomic::Ordering;

use pyo3::exceptions::{PyStopAsyncIteration, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::request::{Amount, Attempt, Attempted, Receive};
use crate::drive::{Payload, Taken};
use crate::protocol::Kind;
use crate::python::asyncio::Driver;
use crate::python::values::{Decode, errors};
use crate::python::waiting::Place;

/// The first attempt, before which others may be in line.
pub(crate) fn begin(driver: &Bound<'_, Driver>, receive: Receive) -> Attempted {
    let (py, this) = (driver.py(), driver.get());
    let in_line = this.in_line();
    if receive.style.queues() {
        if in_line > 0 && this.link().queued() <= in_line {
            return Ok(Attempt::Park(Place::Receivers));
        }
    } else if in_line > 0 {
        return Err(errors::concurrent_receive(py).into());
    } else if receive.amount != Amount::Chunk {
        check_between_messages(this, py)?;
    }
    if waits_for_the_loop(driver)? {
        return Ok(Attempt::Pause(place(receive)));
    }
    match attempt(driver, receive) {
        Ok(Attempt::Done(message)) => Ok(Attempt::Done(message)),
        Ok(Attempt::Park(_)) if Driver::poll(driver)? => attempt(driver, receive),
        // A loop that catches everything and calls again must not keep the others from running.
        Err(error) if this.link().wants().over => Ok(Attempt::Later(Err(error))),
        result => result,
    }
}

/// Whether there is something to take, and the loop is to have a turn before.
fn waits_for_the_loop(driver: &Bound<'_, Driver>) -> PyResult<bool> {
    if !Driver::owes_a_turn(driver)? {
        return Ok(false);
    }
    let wants = driver.get().link().wants();
    Ok(wants.messages > 0 || wants.chunk)
}

/// Takes what has arrived, or says where to wait for it. A woken operation comes here too: its waiter
/// carried nothing.
pub(crate) fn attempt(driver: &Bound<'_, Driver>, receive: Receive) -> Attempted {
    match receive.amount {
        Amount::One => attempt_one(driver, receive),
        Amount::Many(most) => attempt_many(driver, receive, most),
        Amount::Chunk => attempt_chunk(driver, receive),
    }
}

/// The rest of a message that was taken in part is no message of its own.
pub(crate) fn check_between_messages(driver: &Driver, py: Python<'_>) -> PyResult<()> {
    if driver.mid_message.load(Ordering::Relaxed) {
        return Err(errors::concurrent_receive(py));
    }
    Ok(())
}

fn attempt_one(driver: &Bound<'_, Driver>, receive: Receive) -> Attempted {
    let (py, mut failed) = (driver.py(), None);
    let read = |kind, payload: Payload<'_>| object(py, receive, kind, payload, &mut failed);
    let taken = driver.get().link().take(read);
    if let Some(error) = failed {
        return Err(error);
    }
    match taken {
        Taken::Message(message, read) => {
            watch_input(driver, read)?;
            if receive.decode != Decode::Str {
                return Ok(Attempt::Done(message));
            }
            Ok(Attempt::Done(finish(driver, receive, message)?))
        }
        Taken::Nothing { over, read } => nothing_to_take(driver, receive, over, read),
    }
}

fn attempt_many(driver: &Bound<'_, Driver>, receive: Receive, most: usize) -> Attempted {
    let (py, this, mut failed) = (driver.py(), driver.get(), None);
    let read = |kind, payload: Payload<'_>| object(py, receive, kind, payload, &mut failed);
    // Each of those in line has been promised one of them, and may have been woken for it.
    let most = match this.in_line() {
        0 => most,
        in_line => most.min(this.link().queued().saturating_sub(in_line).max(1)),
    };
    match this.link().take_many(most, read) {
        Taken::Message(mut messages, read) => {
            watch_input(driver, read)?;
            if receive.decode == Decode::Str {
                let finished = messages.into_iter().map(|message| finish(driver, receive, message));
                messages = finished.collect::<PyResult<_>>()?;
            }
            Ok(Attempt::Done(PyList::new(py, messages)?.into_any().unbind()))
        }
        Taken::Nothing { over, read } => match failed {
            Some(error) => Err(error),
            None => nothing_to_take(driver, receive, over, read),
        },
    }
}

fn attempt_chunk(driver: &Bound<'_, Driver>, receive: Receive) -> Attempted {
    let (py, this) = (driver.py(), driver.get());
    let taken = this
        .link()
        .take_chunk(|kind, payload, fin| (receive.decode.object(py, kind, payload), fin));
    match taken {
        Taken::Message((part, fin), read) => {
            this.mid_message.store(!fin, Ordering::Relaxed);
            watch_input(driver, read)?;
            let part = part.map_err(|error| *error)?;
            let pair = (finish(driver, receive, part)?, fin).into_pyobject(py)?;
            Ok(Attempt::Done(pair.into_any().unbind()))
        }
        Taken::Nothing { over, read } => nothing_to_take(driver, receive, over, read),
    }
}

/// The message has been taken, and is handed out whatever the loop says to this; who comes next for one
/// that is not there is told.
fn watch_input(driver: &Bound<'_, Driver>, read: bool) -> PyResult<()> {
    match Driver::watch_input(driver, read) {
        Ok(()) => Ok(()),
        refused => driver.get().report(driver.py(), refused),
    }
}

/// None where there is none, and why in `failed`: a word is handed on faster than a result of two. To the
/// original's face an empty message is None.
fn object(
    py: Python<'_>,
    receive: Receive,
    kind: Kind,
    payload: Payload<'_>,
    failed: &mut Option<Box<PyErr>>,
) -> Option<Py<PyAny>> {
    if matches!(payload, Payload::Here([])) && receive.style.queues() {
        return Some(py.None());
    }
    match receive.decode.object(py, kind, payload) {
        Ok(object) => Some(object),
        Err(error) => {
            *failed = Some(error);
            None
        }
    }
}

/// Text that was asked for but is none ends a connection, as in `websockets`; the original's face
/// only says so.
fn finish(driver: &Bound<'_, Driver>, receive: Receive, object: Py<PyAny>) -> PyResult<Py<PyAny>> {
    if receive.decode != Decode::Str {
        return Ok(object);
    }
    let py = driver.py();
    receive.decode.finished(py, object).or_else(|error| {
        if receive.style.queues() || !error.is_instance_of::<PyUnicodeDecodeError>(py) {
            return Err(error);
        }
        let position = error.value(py).getattr("start")?.extract()?;
        let refused = driver.get().link().refuse_text(position);
        driver.get().report(py, Driver::apply(driver, refused, false))?;
        let closed = driver.get().closed_error(py);
        closed.set_cause(py, Some(error));
        Err(closed)
    })
}

fn nothing_to_take(
    driver: &Bound<'_, Driver>,
    receive: Receive,
    over: bool,
    read: bool,
) -> Attempted {
    let this = driver.get();
    if !over {
        Driver::watch_input(driver, read)?;
        return Ok(Attempt::Park(place(receive)));
    }
    this.learnt.store(true, Ordering::Relaxed);
    if receive.style.iterates() && errors::ended_properly(&this.link().ending()) {
        return Err(PyStopAsyncIteration::new_err(()).into());
    }
    Err(this.closed_error(driver.py()).into())
}

const fn place(receive: Receive) -> Place {
    match receive.amount {
        Amount::Chunk => Place::Chunk,
        Amount::One | Amount::Many(_) => Place::Receivers,
    }
}
