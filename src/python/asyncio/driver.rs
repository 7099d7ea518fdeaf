//! The event loop as a link's driver: the callback of its socket, and the desk where operations wait.
//!
//! Each callback goes one way: let the link change, then `apply` what it now wants. No lock is held over
//! a call into Python.

mod events;
mod waking;
mod watching;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use super::event_loop::{Descriptor, EventLoop};
use super::logger::Logger;
use super::turn::{Due, Turn};
use crate::drive::{Link, Wants};
use crate::protocol::CloseCode;
use crate::python::values::{Outcome, errors, unfinished};
use crate::python::waiting::{Desk, Place, Waiter};
use watching::Watched;

#[pyclass(frozen, weakref, module = "aiowebsocket._core")]
pub(crate) struct Driver {
    link: Arc<Link>,
    event_loop: EventLoop,
    descriptor: Descriptor,
    logger: Logger,
    desk: Mutex<Desk>,
    /// How many stand among the desk's receivers.
    in_line: AtomicUsize,
    watched: Watched,
    /// Messages that are sent in one iteration of the loop leave together.
    pub(crate) coalesces: bool,
    /// How long a receiver reads the socket itself before it parks.
    patience: Duration,
    turn: Turn,
    /// A message has been taken in part: its rest is no message of its own.
    pub(crate) mid_message: AtomicBool,
    /// The application knows that the connection has ended.
    pub(crate) learnt: AtomicBool,
    pub(crate) warned: AtomicBool,
    released: AtomicBool,
    /// Somebody could not be woken, and the loop has been asked to come by for that.
    wakes_again: AtomicBool,
}

/// What its user decides.
pub(crate) struct Options {
    pub(crate) logger: Logger,
    pub(crate) coalesces: bool,
    pub(crate) patience: Duration,
    /// Whether the lifeline is to serve the link; None: where the loop cannot.
    pub(crate) by_lifeline: Option<bool>,
}

impl Driver {
    /// Puts the link under the running loop.
    pub(crate) fn attach(
        py: Python<'_>,
        link: Arc<Link>,
        descriptor: Descriptor,
        options: Options,
    ) -> PyResult<Py<Self>> {
        let Options { logger, coalesces, patience, by_lifeline } = options;
        let driver = Self {
            link,
            event_loop: EventLoop::running(py)?,
            descriptor,
            logger,
            desk: Mutex::default(),
            in_line: AtomicUsize::new(0),
            watched: Watched::default(),
            coalesces,
            patience,
            turn: Turn::default(),
            mid_message: AtomicBool::new(false),
            learnt: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            released: AtomicBool::new(false),
            wakes_again: AtomicBool::new(false),
        };
        let driver = Bound::new(py, driver)?;
        let started = Self::start(&driver, by_lifeline);
        if started.is_err() {
            // Whoever keeps the error, and in its traceback the driver, is not to keep the socket.
            let _watches_nothing = driver.get().forget_descriptor(py);
            driver.get().link.abandon(CloseCode::GOING_AWAY);
        }
        started.map(|()| driver.unbind())
    }

    fn start(slf: &Bound<'_, Self>, by_lifeline: Option<bool>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let by_lifeline = match by_lifeline {
            Some(chosen) => chosen,
            None => !this.event_loop.can_watch(py, this.descriptor)?,
        };
        this.turn.begin();
        this.link.on_wake(Self::waker(slf)?);
        if by_lifeline {
            this.link.give_to_lifeline()?;
            // As it does where it watches the socket: a task that waits is held by nobody else.
            this.event_loop.keep(slf)?;
        } else if this.event_loop.misses_ends() {
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
    pub(crate) fn poll(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let this = slf.get();
        if this.patience.is_zero() || Self::owes_a_turn(slf)? {
            return Ok(false);
        }
        let polled = this.link.poll(this.patience, || this.inflate(slf.py()));
        let Some(wants) = polled else { return Ok(false) };
        this.report(slf.py(), Self::apply(slf, wants, false))?;
        Ok(true)
    }

    /// Whether the loop is to have a turn before the task goes on.
    pub(crate) fn owes_a_turn(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match slf.get().turn.due() {
            Due::Nothing => Ok(false),
            Due::Pause => Ok(true),
            Due::Ask => {
                let turned = slf.getattr(intern!(slf.py(), "turned"))?;
                let none = slf.py().None().into_bound(slf.py());
                let asked = slf.get().event_loop.call_soon(&turned, &none);
                slf.get().report(slf.py(), asked)?;
                Ok(false)
            }
        }
    }

    /// A task goes on that has waited for the loop.
    pub(crate) fn begin_turn(&self) {
        self.turn.begin();
    }

    pub(crate) const fn event_loop(&self) -> &EventLoop {
        &self.event_loop
    }

    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(crate) const fn logger(&self) -> &Logger {
        &self.logger
    }

    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
    }

    pub(crate) fn explain_end(&self, detail: String) {
        self.desk().detail = Some(detail.into());
    }

    pub(crate) fn closed_error(&self, py: Python<'_>) -> PyErr {
        let detail = self.desk().detail.clone();
        errors::connection_closed(py, &self.link.ending(), detail.as_deref())
    }

    pub(crate) fn enter(&self, place: Place, waiter: Py<Waiter>) {
        let mut desk = self.desk();
        desk.enter(place, waiter);
        self.in_line.store(desk.receivers(), Ordering::Relaxed);
    }

    pub(crate) fn leave(&self, py: Python<'_>, place: Place, waiter: &Py<Waiter>) {
        let mut desk = self.desk();
        let left = desk.leave(place, waiter);
        self.in_line.store(desk.receivers(), Ordering::Relaxed);
        drop(desk);
        drop(left.map(|left| left.into_bound(py)));
    }

    /// How many receivers are waiting.
    pub(crate) fn in_line(&self) -> usize {
        self.in_line.load(Ordering::Relaxed)
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What follows every change of the link. Each step is made whatever becomes of the others; the
    /// first error comes out at the end.
    pub(crate) fn apply(slf: &Bound<'_, Self>, wants: Wants, from_loop: bool) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let mut outcome = Outcome::default();
        outcome.add(this.hand_out_events(py, wants));
        outcome.add(if wants.closed { Self::release(slf) } else { Self::watch(slf, wants) });
        outcome.add(Self::wake_receivers(slf, wants, from_loop));
        outcome.add(Self::wake_others(slf, wants, from_loop));
        if wants.closed {
            outcome.add(this.fail_pings(py));
        }
        outcome.result()
    }

    /// Tells the loop of an error that is nobody's answer, for what was asked for has been done.
    pub(crate) fn report(&self, py: Python<'_>, result: PyResult<()>) -> PyResult<()> {
        let Err(error) = result else { return Ok(()) };
        if !error.is_instance_of::<PyException>(py) {
            return Err(error);
        }
        let context = PyDict::new(py);
        context.set_item(intern!(py, "message"), "an error beside an open connection")?;
        context.set_item(intern!(py, "exception"), error)?;
        let told = intern!(py, "call_exception_handler");
        self.event_loop.call(told, [context.as_any()]).map(drop)
    }
}

#[pymethods]
impl Driver {
    /// The loop's callback: the socket is readable, or writable, or what was kept back is to go.
    #[pyo3(signature = (writable = false, /))]
    fn __call__(slf: &Bound<'_, Self>, writable: bool) -> PyResult<()> {
        errors::guarded(|| {
            let this = slf.get();
            let wants = if writable {
                this.watched.flushes();
                this.link.flush()
            } else {
                this.receive(slf.py())
            };
            let applied = Self::apply(slf, wants, true);
            if wants.messages == 0 {
                unfinished::begin(slf.py(), &this.link);
            }
            applied
        })
    }

    /// The waker's call: the link has changed without the driver.
    fn look(slf: &Bound<'_, Self>) -> PyResult<()> {
        errors::guarded(|| {
            let looked = Self::apply(slf, slf.get().link.look(), true);
            slf.get().wakes_again.store(false, Ordering::Relaxed);
            looked
        })
    }

    /// The loop comes by, as it was asked to.
    fn turned(&self, _nothing: &Bound<'_, PyAny>) {
        self.turn.answered();
    }

    /// Ends the connection without waiting: nobody holds it any more.
    pub(crate) fn abandon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_released() {
            return Ok(());
        }
        if this.event_loop.is_another_process() {
            this.released.store(true, Ordering::Relaxed);
            this.event_loop.let_go(slf)?;
            this.link.disown();
            return Ok(());
        }
        if this.event_loop.is_closed(py)? {
            this.link.abandon(CloseCode::GOING_AWAY);
            return Self::release(slf);
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
        self.logger.traverse(&visit)?;
        self.desk.try_lock().map_or(Ok(()), |desk| desk.traverse(&visit))
    }

    fn __clear__(&self) {
        let desk = std::mem::take(&mut *self.desk());
        self.in_line.store(0, Ordering::Relaxed);
        drop(desk);
    }
}
