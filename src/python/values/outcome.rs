//! What comes of several steps of which each is to be made, whatever becomes of the others.

use pyo3::prelude::*;

/// The first error among them.
#[derive(Default)]
pub(crate) struct Outcome(Option<PyErr>);

impl Outcome {
    pub(crate) fn add(&mut self, step: PyResult<()>) {
        if let Err(error) = step {
            self.0.get_or_insert(error);
        }
    }

    pub(crate) fn result(self) -> PyResult<()> {
        self.0.map_or(Ok(()), Err)
    }
}
