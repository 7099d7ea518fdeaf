//! The event loop as a link's driver: the callback of its socket, and the desk where operations wait.
//!
//! Each callback goes one way: let the link change, then `apply` what it now wants: events first, then
//! what the loop is to watch, then the bells. No lock is held over a call into Python.

mod waking;
mod watching;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::command::{Attempt, Place};
use super::desk::Desk;
use super::event_loop::{Descriptor, EventLoop};
use super::waiter::Waiter;
use super::{calls, errors, landing};
use crate::drive::{Link, Wants};
use crate::protocol::{CloseCode, Event};
use watching::Watched;

/// So many reads in a row may come from `poll`, before the loop's other tasks have a turn.
const POLLS_IN_A_ROW: usize = 64;
/// So many attempts to receive may be made in a row where the lifeline reads meanwhile.
const ATTEMPTS_IN_A_ROW: usize = 128;

#[pyclass(frozen, weakref, module = "aiowebsocket._core")]
pub(super) struct Driver {
    link: Arc<Link>,
    event_loop: EventLoop,
    descriptor: Descriptor,
    logger: Py<PyAny>,
    desk: Mutex<Desk>,
    /// How many stand among the desk's receivers.
    in_line: AtomicUsize,
    watched: Watched,
    /// Messages that are sent in one iteration of the loop leave together.
    pub(super) coalesces: bool,
    /// The loop will call to flush what was kept back.
    flush_is_due: AtomicBool,
    /// How long a receiver reads the socket itself before it parks.
    patience: Duration,
    polls: AtomicUsize,
    /// A fragmented message is being sent: whole messages wait for their turn.
    pub(super) held: AtomicBool,
    /// A message has been taken in part: its rest is no message of its own.
    pub(super) mid_message: AtomicBool,
    /// The application knows that the connection has ended.
    pub(super) learnt: AtomicBool,
    pub(super) warned: AtomicBool,
    released: AtomicBool,
    /// The lifeline serves the link, so the loop watches nothing.
    is_lifelines: bool,
    attempts: AtomicUsize,
}

/// What its user decides.
pub(super) struct Options {
    pub(super) logger: Py<PyAny>,
    pub(super) coalesces: bool,
    pub(super) patience: Duration,
    /// Whether the lifeline is to serve the link; None: where the loop cannot.
    pub(super) by_lifeline: Option<bool>,
}

impl Driver {
    /// Puts the link under the running loop.
    pub(super) fn attach(
        py: Python<'_>,
        link: Arc<Link>,
        descriptor: Descriptor,
        options: Options,
    ) -> PyResult<Py<Self>> {
        let Options { logger, coalesces, patience, by_lifeline } = options;
        let event_loop = EventLoop::running(py)?;
        let is_lifelines = match by_lifeline {
            Some(chosen) => chosen,
            None => !event_loop.can_watch(py, descriptor)?,
        };
        let driver = Self {
            link,
            event_loop,
            descriptor,
            logger,
            desk: Mutex::default(),
            in_line: AtomicUsize::new(0),
            watched: Watched::default(),
            coalesces,
            flush_is_due: AtomicBool::new(false),
            patience,
            polls: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            mid_message: AtomicBool::new(false),
            learnt: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            released: AtomicBool::new(false),
            is_lifelines,
            attempts: AtomicUsize::new(0),
        };
        let driver = Bound::new(py, driver)?;
        let started = Self::start(&driver);
        if started.is_err() {
            // Whoever keeps the error, and in its traceback the driver, is not to keep the socket.
            let _watches_nothing = driver.get().forget_descriptor(py);
            driver.get().link.abandon(CloseCode::GOING_AWAY);
        }
        started.map(|()| driver.unbind())
    }

    fn start(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.link.on_wake(Self::waker(slf)?);
        if this.is_lifelines {
            this.link.attend()?;
        } else if this.event_loop.misses_ends(py)? {
            this.link.watch()?;
        }
        // The first receive: what TLS has decrypted already raises no readiness.
        let wants = this.receive(py);
        Self::apply(slf, wants, false)
    }

    /// While much is inflated, other threads may have the interpreter.
    fn receive(&self, py: Python<'_>) -> Wants {
        self.link.receive().unwrap_or_else(|| self.inflate(py))
    }

    fn inflate(&self, py: Python<'_>) -> Wants {
        py.detach(|| self.link.inflate())
    }

    /// Reads the socket itself for a while, where the user has bought that. Whether anything arrived.
    pub(super) fn poll(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let this = slf.get();
        let polls = this.polls.load(Ordering::Relaxed);
        if this.patience.is_zero() || polls == POLLS_IN_A_ROW {
            return Ok(false);
        }
        this.polls.store(polls + 1, Ordering::Relaxed);
        let polled = this.link.poll(this.patience, || this.inflate(slf.py()));
        let Some(wants) = polled else { return Ok(false) };
        Self::apply(slf, wants, false)?;
        Ok(true)
    }

    /// Whether a receiver is to wait though there may be messages: whoever receives what another thread
    /// reads would never let the loop's other tasks run.
    ///
    /// A batch counts as many attempts, since it may be all that may wait.
    pub(super) fn owes_a_turn(&self, batch: bool) -> bool {
        let count = if batch { ATTEMPTS_IN_A_ROW } else { 1 };
        let in_a_row = || self.attempts.fetch_add(count, Ordering::Relaxed);
        if !self.is_lifelines || in_a_row() < ATTEMPTS_IN_A_ROW {
            return false;
        }
        self.link.wake();
        true
    }

    pub(super) const fn event_loop(&self) -> &EventLoop {
        &self.event_loop
    }

    pub(super) const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) const fn logger(&self) -> &Py<PyAny> {
        &self.logger
    }

    pub(super) fn until_closed(&self, py: Python<'_>) -> Attempt {
        if self.is_released() { Attempt::Done(py.None()) } else { Attempt::Park(Place::Closers) }
    }

    pub(super) fn explain_end(&self, detail: String) {
        self.desk().detail = Some(detail);
    }

    pub(super) fn closed_error(&self, py: Python<'_>) -> PyErr {
        let detail = self.desk().detail.clone();
        errors::connection_closed(py, &self.link.ending(), detail.as_deref())
    }

    pub(super) fn enter(&self, place: Place, waiter: Py<Waiter>) {
        let mut desk = self.desk();
        desk.enter(place, waiter);
        self.in_line.store(desk.receivers.len(), Ordering::Relaxed);
    }

    pub(super) fn leave(&self, py: Python<'_>, place: Place, waiter: &Py<Waiter>) {
        let mut desk = self.desk();
        let left = desk.leave(place, waiter);
        self.in_line.store(desk.receivers.len(), Ordering::Relaxed);
        drop(desk);
        drop(left.map(|left| left.into_bound(py)));
    }

    /// How many receivers are waiting.
    pub(super) fn in_line(&self) -> usize {
        self.in_line.load(Ordering::Relaxed)
    }

    /// Someone has left whose bell may have been rung: the next in line is to hear it.
    pub(super) fn pass_on(slf: &Bound<'_, Self>, place: Place) -> PyResult<()> {
        if matches!(place, Place::Receivers | Place::Chunk) {
            return Self::ring_receivers(slf, false);
        }
        Ok(())
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What follows every change of the link, in this order.
    pub(super) fn apply(slf: &Bound<'_, Self>, wants: Wants, from_loop: bool) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.dispatch_events(py, wants)?;
        if wants.closed {
            this.release(py)?;
        } else {
            Self::watch(slf, wants)?;
        }
        let received = Self::ring_receivers(slf, from_loop);
        let sent =
            if wants.room || wants.closed { Self::ring_senders(slf, from_loop) } else { Ok(()) };
        let closed = if wants.closed {
            this.fail_pings(py).and(Self::ring_all(slf, |desk| &desk.closers, from_loop))
        } else {
            Ok(())
        };
        received.and(sent).and(closed)
    }

    fn is_released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
    }

    /// Rings a bell for each message that waits; all of them when no message will come. Who comes back
    /// into the line meanwhile waits for the next time.
    fn ring_receivers(slf: &Bound<'_, Self>, from_loop: bool) -> PyResult<()> {
        let waiting = slf.get().in_line();
        if waiting == 0 {
            return Ok(());
        }
        let py = slf.py();
        let inline = from_loop && slf.get().event_loop.is_between_tasks(py)?;
        let mut result = Ok(());
        for _ in 0..waiting {
            let wants = slf.get().link.wants();
            let next = slf.get().desk().next_receiver(py, wants);
            let Some(waiter) = next else { break };
            result = result.and(Waiter::ring(waiter.bind(py), inline));
        }
        result
    }

    pub(super) fn ring_senders(slf: &Bound<'_, Self>, from_loop: bool) -> PyResult<()> {
        Self::ring_all(slf, |desk| &desk.senders, from_loop)
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

    pub(super) fn dispatch_events(&self, py: Python<'_>, wants: Wants) -> PyResult<()> {
        if !wants.events {
            return Ok(());
        }
        for event in self.link.events() {
            match event {
                Event::Frame(record) => {
                    let record = PyString::new(py, &record.to_string());
                    self.debug(intern!(py, "%s"), record.as_any())?;
                }
                Event::Omitted(count) => {
                    let format = intern!(py, "%d frames are not logged: too many came at once");
                    self.debug(format, count.into_pyobject(py)?.as_any())?;
                }
                Event::Pong { id, latency } => self.answer_ping(py, id, latency)?,
            }
        }
        Ok(())
    }

    fn debug(&self, format: &Bound<'_, PyString>, argument: &Bound<'_, PyAny>) -> PyResult<()> {
        let logger = self.logger.bind(format.py());
        let arguments = [format.as_any(), argument];
        calls::call_method(logger, intern!(format.py(), "debug"), arguments, None).map(|_| ())
    }

    fn answer_ping(&self, py: Python<'_>, id: u64, latency: Duration) -> PyResult<()> {
        let latency = latency.as_secs_f64();
        let answered = {
            let pings = &mut self.desk().pings;
            let position = pings.iter().position(|(waiting, _)| *waiting == id);
            position.map(|position| pings.remove(position).1)
        };
        if let Some(future) = answered
            && !future.call_method0(py, intern!(py, "done"))?.is_truthy(py)?
        {
            let latency = PyFloat::new(py, latency);
            let set_result = intern!(py, "set_result");
            calls::call_method(future.bind(py), set_result, [latency.as_any()], None)?;
        }
        Ok(())
    }

    fn fail_pings(&self, py: Python<'_>) -> PyResult<()> {
        let pings = std::mem::take(&mut self.desk().pings);
        for (_, future) in pings {
            if !future.call_method0(py, intern!(py, "done"))?.is_truthy(py)? {
                let error = self.closed_error(py);
                let set_exception = intern!(py, "set_exception");
                let error = error.into_value(py).into_bound(py).into_any();
                calls::call_method(future.bind(py), set_exception, [&error], None)?;
                // Done already, so this only says that nobody has to look at the exception.
                future.call_method0(py, intern!(py, "cancel"))?;
            }
        }
        Ok(())
    }
}

#[pymethods]
impl Driver {
    /// The loop's callback: the socket is readable, or writable, or what was kept back is to go.
    #[pyo3(signature = (writable = false, /))]
    fn __call__(slf: &Bound<'_, Self>, writable: bool) -> PyResult<()> {
        let this = slf.get();
        this.polls.store(0, Ordering::Relaxed);
        let wants = if writable {
            this.flush_is_due.store(false, Ordering::Relaxed);
            this.link.flush()
        } else {
            this.receive(slf.py())
        };
        Self::apply(slf, wants, true)?;
        if wants.messages == 0 {
            landing::begin(slf.py(), &this.link);
        }
        Ok(())
    }

    /// The waker's call: the link has changed without the driver.
    fn look(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().attempts.store(0, Ordering::Relaxed);
        Self::apply(slf, slf.get().link.look(), true)
    }

    /// Ends the connection without waiting: nobody holds it any more.
    pub(super) fn abandon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_released() {
            return Ok(());
        }
        if this.event_loop.is_another_process() {
            this.released.store(true, Ordering::Relaxed);
            this.link.disown();
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
        self.in_line.store(0, Ordering::Relaxed);
        drop(desk);
    }
}
