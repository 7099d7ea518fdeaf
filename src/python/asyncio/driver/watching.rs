//! What the loop watches of a link's socket: kept as the link wants it, and forgotten before the
//! descriptor is closed.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::Driver;
use crate::drive::Wants;
use crate::python::values::Outcome;

#[derive(Default)]
pub(super) struct Watched {
    reading: AtomicBool,
    writing: AtomicBool,
    /// The loop will call to flush what was kept back.
    flush_is_due: AtomicBool,
}

impl Watched {
    /// The loop has called for that.
    pub(super) fn flushes(&self) {
        self.flush_is_due.store(false, Ordering::Relaxed);
    }
}

impl Driver {
    /// Tells the loop what to watch, where that has changed. What it does not take it is told again with
    /// the next change.
    pub(crate) fn watch(slf: &Bound<'_, Self>, mut wants: Wants) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let mut outcome = Outcome::default();
        if wants.hung_up {
            // The loop watches such a socket once more only if it is told anew.
            outcome.add(this.forget_descriptor(py));
        }
        if wants.flush {
            let later = Self::flush_later(slf);
            if later.is_err() {
                wants = this.link.flush();
            }
            outcome.add(later);
        }
        if !this.is_released() {
            outcome.add(Self::watch_input(slf, wants.read));
            outcome.add(Self::watch_output(slf, wants.write));
        }
        outcome.result()
    }

    fn flush_later(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.watched.flush_is_due.load(Ordering::Relaxed) {
            return Ok(());
        }
        let writable = PyBool::new(slf.py(), true).to_owned();
        this.event_loop.call_soon(slf, writable.as_any())?;
        this.watched.flush_is_due.store(true, Ordering::Relaxed);
        Ok(())
    }

    #[inline]
    pub(crate) fn watch_input(slf: &Bound<'_, Self>, wanted: bool) -> PyResult<()> {
        let this = slf.get();
        let watches = this.watched.reading.load(Ordering::Relaxed);
        if watches == wanted || this.is_released() {
            Ok(())
        } else {
            Self::change_input(slf, wanted)
        }
    }

    #[cold]
    fn change_input(slf: &Bound<'_, Self>, wanted: bool) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if wanted {
            if this.link.is_stalled() {
                let not_writable = PyBool::new(py, false).to_owned();
                this.event_loop.call_soon(slf, not_writable.as_any())?;
            }
            this.event_loop.add_reader(py, this.descriptor, slf)?;
        } else {
            this.event_loop.remove_reader(py, this.descriptor)?;
        }
        this.watched.reading.store(wanted, Ordering::Relaxed);
        Ok(())
    }

    fn watch_output(slf: &Bound<'_, Self>, wanted: bool) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.watched.writing.load(Ordering::Relaxed) == wanted {
            return Ok(());
        }
        if wanted {
            this.event_loop.add_writer(py, this.descriptor, slf)?;
        } else {
            this.event_loop.remove_writer(py, this.descriptor)?;
        }
        this.watched.writing.store(wanted, Ordering::Relaxed);
        Ok(())
    }

    /// Lets go of the descriptor: the loop forgets it first, for its number may be reused at once.
    pub(super) fn release(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.released.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let mut outcome = Outcome::default();
        outcome.add(this.event_loop.let_go(slf));
        outcome.add(this.forget_descriptor(slf.py()));
        this.link.release();
        outcome.result()
    }

    pub(super) fn forget_descriptor(&self, py: Python<'_>) -> PyResult<()> {
        if self.event_loop.is_closed(py)? {
            return Ok(());
        }
        let Watched { reading, writing, .. } = &self.watched;
        let mut outcome = Outcome::default();
        if reading.swap(false, Ordering::Relaxed) {
            outcome.add(self.event_loop.remove_reader(py, self.descriptor));
        }
        if writing.swap(false, Ordering::Relaxed) {
            outcome.add(self.event_loop.remove_writer(py, self.descriptor));
        }
        outcome.result()
    }
}
