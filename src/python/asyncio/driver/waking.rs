//! How the lifeline has a driver look at its link: by the loop's bell, or as any other thread would.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::Driver;
use crate::drive::Waker;
#[cfg(unix)]
use crate::python::asyncio::bell::Rope;

impl Driver {
    /// Calls `look` by way of the loop, for as long as the driver lives: the link, which keeps this, is
    /// the driver's own.
    pub(crate) fn waker(slf: &Bound<'_, Self>) -> PyResult<Waker> {
        let driver = Arc::new(PyWeakrefReference::new(slf)?.unbind());
        #[cfg(unix)]
        if let Some(rope) = Rope::of(slf.py(), &slf.get().event_loop)? {
            return Ok(Waker::new(move || {
                let driver = Arc::clone(&driver);
                rope.pull(Box::new(move |py| match driver.bind(py).upgrade_as::<Self>()? {
                    Some(driver) => Self::look(&driver),
                    None => Ok(()),
                }));
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
