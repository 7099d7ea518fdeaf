//! What the loop watches of a link's socket: kept as the link wants it, and forgotten before the
//! descriptor is closed. Where the lifeline serves the link, the loop watches nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::Driver;
use crate::drive::Wants;

#[derive(Default)]
pub(crate) struct Watched {
    reading: AtomicBool,
    writing: AtomicBool,
}

impl Driver {
    /// Tells the loop what to watch, where that has changed.
    pub(crate) fn watch(slf: &Bound<'_, Self>, wants: Wants) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if wants.hung_up {
            // The loop watches such a socket once more only if it is told anew.
            this.forget_descriptor(py)?;
        }
        if wants.flush && !this.flush_is_due.swap(true, Ordering::Relaxed) {
            let writable = PyBool::new(py, true).to_owned();
            this.event_loop.call_soon(slf, writable.as_any())?;
        }
        if this.is_lifelines || this.is_released() {
            return Ok(());
        }
        Self::watch_input(slf, wants.read)?;
        if this.watched.writing.load(Ordering::Relaxed) == wants.write {
            return Ok(());
        }
        this.watched.writing.store(wants.write, Ordering::Relaxed);
        if wants.write {
            this.event_loop.add_writer(py, this.descriptor, slf)
        } else {
            this.event_loop.remove_writer(py, this.descriptor)
        }
    }

    pub(crate) fn watch_input(slf: &Bound<'_, Self>, wanted: bool) -> PyResult<()> {
        let this = slf.get();
        let watches = this.watched.reading.load(Ordering::Relaxed);
        if watches == wanted || this.is_lifelines || this.is_released() {
            return Ok(());
        }
        Self::change_input(slf, wanted)
    }

    fn change_input(slf: &Bound<'_, Self>, wanted: bool) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.watched.reading.store(wanted, Ordering::Relaxed);
        if wanted {
            if this.link.is_stalled() {
                let not_writable = PyBool::new(py, false).to_owned();
                this.event_loop.call_soon(slf, not_writable.as_any())?;
            }
            this.event_loop.add_reader(py, this.descriptor, slf)
        } else {
            this.event_loop.remove_reader(py, this.descriptor)
        }
    }

    /// Lets go of the descriptor: the loop forgets it first, for its number may be reused at once.
    pub(crate) fn release(&self, py: Python<'_>) -> PyResult<()> {
        if self.released.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let forgotten = self.forget_descriptor(py);
        self.link.release();
        forgotten
    }

    pub(crate) fn forget_descriptor(&self, py: Python<'_>) -> PyResult<()> {
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
}
