//! The event loop as a link's driver: the callback of its socket, and the desk where operations wait.
//!
//! Each callback goes one way: let the link change, then `apply` what it now wants: events first, then
//! what the loop is to watch, then the bells. No lock is held over a call into Python.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use super::errors;
use super::event_loop::{Descriptor, EventLoop};
use super::message;
use super::operation::{Attempt, Place, Receive, Send, SendStyle, Style};
use super::waiter::Waiter;
use crate::drive::{Link, Wants};
use crate::protocol::{Close, CloseCode, Event, Kind, SendError};

#[pyclass(frozen, module = "aiowebsocket._core")]
pub(super) struct Driver {
    link: Arc<Link>,
    event_loop: EventLoop,
    descriptor: Descriptor,
    logger: Py<PyAny>,
    desk: Mutex<Desk>,
    watched: Watched,
    /// A fragmented message is being sent: whole messages wait for their turn.
    held: AtomicBool,
    /// A message has been taken in part: its rest is no message of its own.
    mid_message: AtomicBool,
    /// The application knows that the connection has ended.
    learnt: AtomicBool,
    warned: AtomicBool,
    released: AtomicBool,
    /// The last round trip in seconds, as the bits of an f64.
    latency: AtomicU64,
}

#[derive(Default)]
struct Watched {
    reading: AtomicBool,
    writing: AtomicBool,
}

/// Who waits for what, in order.
#[derive(Default)]
struct Desk {
    receivers: VecDeque<Py<Waiter>>,
    /// The receiver takes parts of messages as well.
    by_chunk: bool,
    senders: VecDeque<Py<Waiter>>,
    closers: VecDeque<Py<Waiter>>,
    pings: Vec<(u64, Py<PyAny>)>,
    detail: Option<String>,
}

impl Driver {
    /// Puts the link under the running loop.
    pub(super) fn attach(
        py: Python<'_>,
        link: Arc<Link>,
        descriptor: Descriptor,
        logger: Py<PyAny>,
    ) -> PyResult<Py<Self>> {
        let driver = Self {
            link,
            event_loop: EventLoop::running(py)?,
            descriptor,
            logger,
            desk: Mutex::default(),
            watched: Watched::default(),
            held: AtomicBool::new(false),
            mid_message: AtomicBool::new(false),
            learnt: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            released: AtomicBool::new(false),
            latency: AtomicU64::new(0),
        };
        let driver = Bound::new(py, driver)?;
        // The first receive: what TLS has decrypted already raises no readiness.
        let wants = driver.get().link.receive();
        Self::apply(&driver, wants, false)?;
        Ok(driver.unbind())
    }

    pub(super) const fn event_loop(&self) -> &EventLoop {
        &self.event_loop
    }

    pub(super) const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) fn latency(&self) -> f64 {
        f64::from_bits(self.latency.load(Ordering::Relaxed))
    }

    pub(super) fn explain_end(&self, detail: String) {
        self.desk().detail = Some(detail);
    }

    pub(super) fn closed_error(&self, py: Python<'_>) -> PyErr {
        let detail = self.desk().detail.clone();
        errors::connection_closed(py, &self.link.ending(), detail.as_deref())
    }

    // Receiving.

    pub(super) fn begin_receive(slf: &Bound<'_, Self>, receive: Receive) -> PyResult<Attempt> {
        let this = slf.get();
        let in_line = this.desk().receivers.len();
        if in_line > 0 {
            return match receive.style {
                Style::Converse | Style::ConverseIterate if this.link.queued() <= in_line => {
                    Ok(Attempt::Park(Place::Receivers))
                }
                Style::Converse | Style::ConverseIterate => Self::receive(slf, receive),
                Style::Recv | Style::Iterate | Style::Chunk => {
                    Err(errors::concurrent_receive(slf.py()))
                }
            };
        }
        if receive.style != Style::Chunk {
            this.check_between_messages(slf.py())?;
        }
        // A loop that catches everything and calls again must not keep the others from running.
        Self::receive(slf, receive).or_else(|error| {
            if this.link.wants().over { Ok(Attempt::RaiseLater(error)) } else { Err(error) }
        })
    }

    pub(super) fn check_between_messages(&self, py: Python<'_>) -> PyResult<()> {
        if self.mid_message.load(Ordering::Relaxed) {
            return Err(errors::concurrent_receive(py));
        }
        Ok(())
    }

    pub(super) fn receive(slf: &Bound<'_, Self>, receive: Receive) -> PyResult<Attempt> {
        let (py, link, decode) = (slf.py(), &slf.get().link, receive.decode);
        if receive.style == Style::Chunk {
            return Self::receive_chunk(slf, receive);
        }
        let none_if_empty = matches!(receive.style, Style::Converse | Style::ConverseIterate);
        let taken = link.take(|kind, payload| {
            let empty = none_if_empty && payload.is_empty();
            (!empty).then(|| decode.copy(py, kind, payload))
        });
        match taken {
            Some((copied, wants)) => {
                Self::watch(slf, wants)?;
                let value = copied.map(|copied| copied.into_object(py)).transpose()?;
                Ok(Attempt::Done(value.unwrap_or_else(|| py.None())))
            }
            None => slf.get().nothing_to_take(py, receive),
        }
    }

    fn receive_chunk(slf: &Bound<'_, Self>, receive: Receive) -> PyResult<Attempt> {
        let py = slf.py();
        let taken = slf
            .get()
            .link
            .take_chunk(|chunk| (receive.decode.copy(py, chunk.kind, chunk.payload), chunk.fin));
        match taken {
            Some(((copied, fin), wants)) => {
                slf.get().mid_message.store(!fin, Ordering::Relaxed);
                Self::watch(slf, wants)?;
                let pair = (copied.into_object(py)?, fin).into_pyobject(py)?;
                Ok(Attempt::Done(pair.cast_into::<PyTuple>()?.into_any().unbind()))
            }
            None => slf.get().nothing_to_take(py, receive),
        }
    }

    fn nothing_to_take(&self, py: Python<'_>, receive: Receive) -> PyResult<Attempt> {
        if !self.link.wants().over {
            let by_chunk = receive.style == Style::Chunk;
            return Ok(Attempt::Park(if by_chunk { Place::Chunk } else { Place::Receivers }));
        }
        self.learnt.store(true, Ordering::Relaxed);
        let iterates = matches!(receive.style, Style::Iterate | Style::ConverseIterate);
        if iterates && errors::ended_properly(&self.link.ending()) {
            return Err(PyStopAsyncIteration::new_err(()));
        }
        Err(self.closed_error(py))
    }

    // Sending.

    pub(super) fn send(slf: &Bound<'_, Self>, send: &Send) -> PyResult<Attempt> {
        let (py, this) = (slf.py(), slf.get());
        if send.style == SendStyle::Message && this.held.load(Ordering::Relaxed) {
            return Ok(Attempt::Park(Place::Turn));
        }
        let bytes_kind = |payload: &[u8]| match send.style {
            SendStyle::Converse => Kind::of_bytes(payload, send.fin),
            SendStyle::Message | SendStyle::Fragment => Kind::Binary,
        };
        let message = send.message.bind(py);
        let sent =
            message::with_payload(message, send.text, send.fin, bytes_kind, |kind, payload| {
                this.link.send(kind, send.fin, payload)
            })?;
        match sent {
            Ok(wants) => {
                this.dispatch_events(py, wants)?;
                Self::watch(slf, wants)?;
                Ok(if wants.room { Attempt::Done(py.None()) } else { Attempt::Park(Place::Room) })
            }
            Err(SendError::Closed) if send.style == SendStyle::Converse => this.drop_unsent(py),
            Err(SendError::Closed) => Err(this.closed_error(py)),
            Err(error) => Err(errors::send_error(py, &error)),
        }
    }

    pub(super) fn await_room(&self, py: Python<'_>) -> PyResult<Attempt> {
        let wants = self.link.wants();
        if wants.closed {
            return Err(self.closed_error(py));
        }
        Ok(if wants.room { Attempt::Done(py.None()) } else { Attempt::Park(Place::Room) })
    }

    /// As on a socket whose peer is gone: the end is an event in the received stream, and until the
    /// application has learnt of it a send is accepted and lost.
    fn drop_unsent(&self, py: Python<'_>) -> PyResult<Attempt> {
        if self.learnt.load(Ordering::Relaxed) {
            return Err(self.closed_error(py));
        }
        if !self.warned.swap(true, Ordering::Relaxed) {
            let warning =
                "the connection has ended; messages sent are dropped until receive() is told";
            self.logger.call_method1(py, intern!(py, "warning"), (warning,))?;
        }
        Ok(Attempt::Done(py.None()))
    }

    /// Keeps whole messages from going between the parts of a fragmented one, or lets them go on.
    pub(super) fn hold(slf: &Bound<'_, Self>, hold: bool) -> PyResult<()> {
        slf.get().held.store(hold, Ordering::Relaxed);
        if hold { Ok(()) } else { Self::ring_all(slf, |desk| &desk.senders, false) }
    }

    pub(super) fn ping(slf: &Bound<'_, Self>, payload: &[u8], answered: Py<PyAny>) -> PyResult<()> {
        let (id, wants) = slf.get().carry_out(slf.py(), |link| link.ping(payload))?;
        slf.get().desk().pings.push((id, answered));
        Self::apply(slf, wants, false)
    }

    pub(super) fn pong(slf: &Bound<'_, Self>, payload: &[u8]) -> PyResult<()> {
        let wants = slf.get().carry_out(slf.py(), |link| link.pong(payload))?;
        Self::apply(slf, wants, false)
    }

    fn carry_out<T>(
        &self,
        py: Python<'_>,
        command: impl FnOnce(&Arc<Link>) -> Result<T, SendError>,
    ) -> PyResult<T> {
        self.event_loop.check_thread()?;
        command(&self.link).map_err(|error| match error {
            SendError::Closed => self.closed_error(py),
            error => errors::send_error(py, &error),
        })
    }

    // Closing.

    pub(super) fn close(slf: &Bound<'_, Self>, code: u16, reason: &str) -> PyResult<()> {
        let close = Close::new(CloseCode(code), reason);
        let wants = slf.get().carry_out(slf.py(), |link| link.close(close))?;
        slf.get().learnt.store(true, Ordering::Relaxed);
        Self::apply(slf, wants, false)
    }

    pub(super) fn until_closed(&self, py: Python<'_>) -> Attempt {
        if self.released.load(Ordering::Relaxed) {
            Attempt::Done(py.None())
        } else {
            Attempt::Park(Place::Closers)
        }
    }

    // The desk.

    pub(super) fn enter(&self, py: Python<'_>, place: Place, waiter: &Py<Waiter>) {
        let mut desk = self.desk();
        if place == Place::Chunk {
            desk.by_chunk = true;
        }
        desk.queue(place).push_back(waiter.clone_ref(py));
    }

    pub(super) fn leave(&self, place: Place, waiter: &Py<Waiter>) {
        let mut desk = self.desk();
        if place == Place::Chunk {
            desk.by_chunk = false;
        }
        let queue = desk.queue(place);
        let position = queue.iter().position(|waiting| waiting.is(waiter));
        let left = position.and_then(|position| queue.remove(position));
        drop(desk);
        drop(left);
    }

    /// Someone has left whose bell may have been rung: the next in line is to hear it.
    pub(super) fn pass_on(slf: &Bound<'_, Self>, place: Place) -> PyResult<()> {
        if matches!(place, Place::Receivers | Place::Chunk) {
            return Self::ring_receivers(slf, false);
        }
        Ok(())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The loop's side.

    /// What follows every change of the link, in this order.
    fn apply(slf: &Bound<'_, Self>, wants: Wants, from_loop: bool) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.dispatch_events(py, wants)?;
        if wants.closed {
            this.release(py)?;
        } else {
            Self::watch(slf, wants)?;
        }
        let received = Self::ring_receivers(slf, from_loop);
        let sent = if wants.room || wants.closed {
            Self::ring_all(slf, |desk| &desk.senders, from_loop)
        } else {
            Ok(())
        };
        let closed = if wants.closed {
            this.fail_pings(py).and(Self::ring_all(slf, |desk| &desk.closers, from_loop))
        } else {
            Ok(())
        };
        received.and(sent).and(closed)
    }

    /// Tells the loop what to watch, where that has changed.
    fn watch(slf: &Bound<'_, Self>, wants: Wants) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let Watched { reading, writing } = &this.watched;
        if wants.read != reading.load(Ordering::Relaxed) && !this.released.load(Ordering::Relaxed) {
            reading.store(wants.read, Ordering::Relaxed);
            if wants.read {
                this.event_loop.add_reader(py, this.descriptor, slf)?;
            } else {
                this.event_loop.remove_reader(py, this.descriptor)?;
            }
        }
        if wants.write != writing.load(Ordering::Relaxed) && !this.released.load(Ordering::Relaxed)
        {
            writing.store(wants.write, Ordering::Relaxed);
            if wants.write {
                this.event_loop.add_writer(py, this.descriptor, slf)?;
            } else {
                this.event_loop.remove_writer(py, this.descriptor)?;
            }
        }
        Ok(())
    }

    /// Lets go of the descriptor: the loop forgets it first, for its number may be reused at once.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        if self.released.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let forgotten = self.forget_descriptor(py);
        self.link.release();
        forgotten
    }

    fn forget_descriptor(&self, py: Python<'_>) -> PyResult<()> {
        if self.event_loop.is_closed(py)? {
            return Ok(());
        }
        let Watched { reading, writing } = &self.watched;
        if reading.swap(false, Ordering::Relaxed) {
            self.event_loop.remove_reader(py, self.descriptor)?;
        }
        if writing.swap(false, Ordering::Relaxed) {
            self.event_loop.remove_writer(py, self.descriptor)?;
        }
        Ok(())
    }

    /// Rings a bell for each message that waits; all of them when no message will come.
    fn ring_receivers(slf: &Bound<'_, Self>, from_loop: bool) -> PyResult<()> {
        if slf.get().desk().receivers.is_empty() {
            return Ok(());
        }
        let py = slf.py();
        let inline = from_loop && slf.get().event_loop.is_between_tasks(py)?;
        let mut result = Ok(());
        loop {
            let wants = slf.get().link.wants();
            let next = slf.get().desk().next_receiver(py, wants);
            let Some(waiter) = next else { return result };
            result = result.and(Waiter::ring(waiter.bind(py), inline));
        }
    }

    fn ring_all(
        slf: &Bound<'_, Self>,
        queue: fn(&Desk) -> &VecDeque<Py<Waiter>>,
        from_loop: bool,
    ) -> PyResult<()> {
        let py = slf.py();
        let waiting: Vec<_> =
            queue(&slf.get().desk()).iter().map(|waiter| waiter.clone_ref(py)).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let inline = from_loop && slf.get().event_loop.is_between_tasks(py)?;
        let mut result = Ok(());
        for waiter in waiting {
            result = result.and(Waiter::ring(waiter.bind(py), inline));
        }
        result
    }

    fn dispatch_events(&self, py: Python<'_>, wants: Wants) -> PyResult<()> {
        if !wants.events {
            return Ok(());
        }
        for event in self.link.events() {
            match event {
                Event::Frame(record) => {
                    let arguments = ("%s", record.to_string());
                    self.logger.call_method1(py, intern!(py, "debug"), arguments)?;
                }
                Event::Pong { id, latency } => self.answer_ping(py, id, latency)?,
            }
        }
        Ok(())
    }

    fn answer_ping(&self, py: Python<'_>, id: u64, latency: Duration) -> PyResult<()> {
        let latency = latency.as_secs_f64();
        self.latency.store(latency.to_bits(), Ordering::Relaxed);
        let answered = {
            let pings = &mut self.desk().pings;
            let position = pings.iter().position(|(waiting, _)| *waiting == id);
            position.map(|position| pings.remove(position).1)
        };
        if let Some(future) = answered
            && !future.call_method0(py, intern!(py, "done"))?.is_truthy(py)?
        {
            future.call_method1(py, intern!(py, "set_result"), (latency,))?;
        }
        Ok(())
    }

    fn fail_pings(&self, py: Python<'_>) -> PyResult<()> {
        let pings = std::mem::take(&mut self.desk().pings);
        for (_, future) in pings {
            if !future.call_method0(py, intern!(py, "done"))?.is_truthy(py)? {
                let error = self.closed_error(py);
                future.call_method1(py, intern!(py, "set_exception"), (error,))?;
                // Done already, so this only says that nobody has to look at the exception.
                future.call_method0(py, intern!(py, "cancel"))?;
            }
        }
        Ok(())
    }
}

#[pymethods]
impl Driver {
    /// The loop's callback: the socket is readable, or writable.
    #[pyo3(signature = (writable = false, /))]
    fn __call__(slf: &Bound<'_, Self>, writable: bool) -> PyResult<()> {
        let link = &slf.get().link;
        let wants = if writable { link.flush() } else { link.receive() };
        Self::apply(slf, wants, true)
    }

    /// Ends the connection without waiting: nobody holds it any more.
    pub(super) fn abandon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.released.load(Ordering::Relaxed) {
            return Ok(());
        }
        if this.event_loop.is_closed(py)? {
            this.link.abandon(CloseCode::GOING_AWAY);
            return this.release(py);
        }
        if !this.event_loop.is_own_thread() {
            return this.event_loop.call_soon_threadsafe(py, &slf.getattr("abandon")?);
        }
        this.forget_descriptor(py)?;
        this.link.abandon(CloseCode::GOING_AWAY);
        Self::apply(slf, this.link.wants(), false)
    }

    fn __repr__(&self) -> String {
        format!("<aiowebsocket driver of descriptor {}>", self.descriptor)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.event_loop.object())?;
        visit.call(&self.logger)?;
        let Ok(desk) = self.desk.try_lock() else { return Ok(()) };
        for queue in [&desk.receivers, &desk.senders, &desk.closers] {
            for waiter in queue {
                visit.call(waiter)?;
            }
        }
        for (_, future) in &desk.pings {
            visit.call(future)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let desk = std::mem::take(&mut *self.desk());
        drop(desk);
    }
}

impl Desk {
    const fn queue(&mut self, place: Place) -> &mut VecDeque<Py<Waiter>> {
        match place {
            Place::Receivers | Place::Chunk => &mut self.receivers,
            Place::Room | Place::Turn => &mut self.senders,
            Place::Closers => &mut self.closers,
        }
    }

    /// The first receiver that has something to take and has not heard of it.
    fn next_receiver(&self, py: Python<'_>, wants: Wants) -> Option<Py<Waiter>> {
        let anyway = wants.over || (self.by_chunk && wants.chunk);
        let served = if anyway { self.receivers.len() } else { wants.messages };
        let mut served = self.receivers.iter().take(served);
        served.find(|waiter| waiter.get().is_silent()).map(|waiter| waiter.clone_ref(py))
    }
}
