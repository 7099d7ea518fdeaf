//! Who is woken: tasks that are parked, by the driver; and the driver by the lifeline, which has it look at
//! its link by way of the loop.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit, intern};

use super::Driver;
use crate::drive::{Waker, Wants};
#[cfg(unix)]
use crate::python::asyncio::remote_calls::{Call, RemoteCalls};
use crate::python::values::Outcome;
use crate::python::waiting::{Place, Waiter};

/// Held weakly, and by all such calls together.
#[cfg(unix)]
struct Look(Arc<Py<PyWeakrefReference>>);

#[cfg(unix)]
impl Call for Look {
    fn make(self: Box<Self>, py: Python<'_>) -> PyResult<()> {
        match self.0.bind(py).upgrade_as::<Driver>()? {
            Some(driver) => Driver::look(&driver),
            None => Ok(()),
        }
    }

    fn traverse(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

impl Driver {
    /// Wakes a receiver for each message that waits; all of them when no message will come. Who comes
    /// back into the line meanwhile waits for the next time.
    pub(super) fn wake_receivers(
        slf: &Bound<'_, Self>,
        mut wants: Wants,
        from_loop: bool,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let waiting = this.in_line();
        let mut outcome = Outcome::default();
        for woken in 0..waiting {
            if woken > 0 {
                // Whoever was woken at once may have taken more than one.
                wants = this.link.wants();
            }
            let next = this.desk().next_receiver(py, wants);
            let Some(waiter) = next else { break };
            outcome.add(this.wake(waiter.bind(py), from_loop));
        }
        outcome.result()
    }

    /// Wakes those who may send now, and at the end those who wait for that.
    pub(crate) fn wake_others(
        slf: &Bound<'_, Self>,
        wants: Wants,
        from_loop: bool,
    ) -> PyResult<()> {
        if !wants.room && !wants.closed {
            return Ok(());
        }
        let mut outcome = Outcome::default();
        let due = slf.get().desk().others(slf.py(), wants);
        for waiter in due {
            outcome.add(slf.get().wake(waiter.bind(slf.py()), from_loop));
        }
        outcome.result()
    }

    /// In the middle of the loop's callback at once, unless it is not safe there.
    fn wake(&self, waiter: &Bound<'_, Waiter>, from_loop: bool) -> PyResult<()> {
        let inline = from_loop && self.event_loop.may_resume_here(waiter.py())?;
        let woken = Waiter::wake(waiter, inline);
        if waiter.get().is_parked() && !self.wakes_again.swap(true, Ordering::Relaxed) {
            self.link.wake();
        }
        woken
    }

    /// Someone has left who may have been woken: the next in line is to be.
    pub(crate) fn pass_on(slf: &Bound<'_, Self>, place: Place) -> PyResult<()> {
        let link = &slf.get().link;
        match place {
            Place::Receivers | Place::Chunk => Self::wake_receivers(slf, link.wants(), false),
            Place::Turn(ticket) => Self::wake_others(slf, link.leave_line(ticket), false),
            Place::Room | Place::Closers => Ok(()),
        }
    }

    /// Calls `look` by way of the loop, for as long as the driver lives: the link, which keeps this, is
    /// the driver's own.
    pub(super) fn waker(slf: &Bound<'_, Self>) -> PyResult<Waker> {
        let driver = Arc::new(PyWeakrefReference::new(slf)?.unbind());
        #[cfg(unix)]
        if let Some(calls) = RemoteCalls::of(slf.py(), &slf.get().event_loop)? {
            return Ok(Waker::new(move || {
                let driver = Arc::clone(&driver);
                calls.call(Box::new(Look(driver)));
            }));
        }
        Ok(Waker::waiting(move || {
            // None while the interpreter ends, and every loop with it.
            let _ending = Python::try_attach(|py| {
                if let Ok(Some(driver)) = driver.bind(py).upgrade_as::<Self>()
                    && let Err(error) = Self::look_soon(&driver)
                {
                    error.write_unraisable(py, Some(&driver));
                }
            });
        }))
    }

    fn look_soon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, event_loop) = (slf.py(), &slf.get().event_loop);
        match event_loop.call_soon_threadsafe(py, &slf.getattr(intern!(py, "look"))?) {
            // Nobody is left who could wait.
            Err(_) if event_loop.is_closed(py)? => Ok(()),
            result => result,
        }
    }
}
