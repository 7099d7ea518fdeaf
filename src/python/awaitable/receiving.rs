//! What a receiving operation asks of its connection: a message, a part of one, or the news of the end.

use std::sync::atomic::Ordering;

use pyo3::exceptions::{PyStopAsyncIteration, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::request::{Amount, Attempt, Receive};
use crate::drive::{Payload, Taken};
use crate::protocol::Kind;
use crate::python::asyncio::Driver;
use crate::python::values::{Copied, errors};
use crate::python::waiting::Place;

/// The first attempt, before which others may be in line.
pub(crate) fn begin(driver: &Bound<'_, Driver>, receive: Receive) -> PyResult<Attempt> {
    let (py, this) = (driver.py(), driver.get());
    let in_line = this.in_line();
    if receive.style.queues() {
        if in_line > 0 && this.link().queued() <= in_line {
            return Ok(Attempt::Park(Place::Receivers));
        }
    } else if in_line > 0 {
        return Err(errors::concurrent_receive(py));
    } else if receive.amount != Amount::Chunk {
        check_between_messages(this, py)?;
    }
    if waits_for_the_loop(driver)? {
        return Ok(Attempt::Pause(place(receive)));
    }
    match attempt(driver, receive) {
        Ok(Attempt::Park(_)) if Driver::poll(driver)? => attempt(driver, receive),
        // A loop that catches everything and calls again must not keep the others from running.
        Err(error) if this.link().wants().over => Ok(Attempt::Later(Err(Box::new(error)))),
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
pub(crate) fn attempt(driver: &Bound<'_, Driver>, receive: Receive) -> PyResult<Attempt> {
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

fn attempt_one(driver: &Bound<'_, Driver>, receive: Receive) -> PyResult<Attempt> {
    let py = driver.py();
    let taken = driver.get().link().take(|kind, payload| object(py, receive, kind, payload));
    match taken.map_err(|error| *error)? {
        Taken::Message(copied, read) => {
            watch_input(driver, read)?;
            match copied {
                Copied::Object(message) => Ok(Attempt::Done(message)),
                copied @ Copied::Undecoded(_) => {
                    Ok(Attempt::Done(finish(driver, receive, copied)?))
                }
            }
        }
        Taken::Nothing { over, read } => nothing_to_take(driver, receive, over, read),
    }
}

fn attempt_many(driver: &Bound<'_, Driver>, receive: Receive, most: usize) -> PyResult<Attempt> {
    let (py, this) = (driver.py(), driver.get());
    let read = |kind, payload: Payload<'_>| object(py, receive, kind, payload);
    // Each of those in line has been promised one of them, and may have been woken for it.
    let most = match this.in_line() {
        0 => most,
        in_line => most.min(this.link().queued().saturating_sub(in_line).max(1)),
    };
    match this.link().take_many(most, read).map_err(|error| *error)? {
        Taken::Message(copied, read) => {
            watch_input(driver, read)?;
            let finished = copied.into_iter().map(|copied| finish(driver, receive, copied));
            let messages = finished.collect::<PyResult<Vec<_>>>()?;
            Ok(Attempt::Done(PyList::new(py, messages)?.into_any().unbind()))
        }
        Taken::Nothing { over, read } => nothing_to_take(driver, receive, over, read),
    }
}

fn attempt_chunk(driver: &Bound<'_, Driver>, receive: Receive) -> PyResult<Attempt> {
    let (py, this) = (driver.py(), driver.get());
    let taken = this
        .link()
        .take_chunk(|kind, payload, fin| (receive.decode.object(py, kind, payload), fin));
    match taken {
        Taken::Message((copied, fin), read) => {
            this.mid_message.store(!fin, Ordering::Relaxed);
            watch_input(driver, read)?;
            let copied = copied.map_err(|error| *error)?;
            let pair = (finish(driver, receive, copied)?, fin).into_pyobject(py)?;
            Ok(Attempt::Done(pair.into_any().unbind()))
        }
        Taken::Nothing { over, read } => nothing_to_take(driver, receive, over, read),
    }
}

/// The message has been taken, and is handed out whatever the loop says to this; who comes next for one
/// that is not there is told.
fn watch_input(driver: &Bound<'_, Driver>, read: bool) -> PyResult<()> {
    let watched = Driver::watch_input(driver, read);
    if watched.is_ok() { watched } else { driver.get().report(driver.py(), watched) }
}

/// To the original's face an empty message is None.
fn object(
    py: Python<'_>,
    receive: Receive,
    kind: Kind,
    payload: Payload<'_>,
) -> Result<Copied, Box<PyErr>> {
    if matches!(payload, Payload::Here([])) && receive.style.queues() {
        return Ok(Copied::Object(py.None()));
    }
    receive.decode.object(py, kind, payload)
}

/// Text that was asked for but is none ends a connection, as in `websockets`; the original's face
/// only says so.
fn finish(driver: &Bound<'_, Driver>, receive: Receive, copied: Copied) -> PyResult<Py<PyAny>> {
    let py = driver.py();
    copied.into_object(py).or_else(|error| {
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
) -> PyResult<Attempt> {
    let this = driver.get();
    if !over {
        Driver::watch_input(driver, read)?;
        return Ok(Attempt::Park(place(receive)));
    }
    this.learnt.store(true, Ordering::Relaxed);
    if receive.style.iterates() && errors::ended_properly(&this.link().ending()) {
        return Err(PyStopAsyncIteration::new_err(()));
    }
    Err(this.closed_error(driver.py()))
}

const fn place(receive: Receive) -> Place {
    match receive.amount {
        Amount::Chunk => Place::Chunk,
        Amount::One | Amount::Many(_) => Place::Receivers,
    }
}
