//! `Waker`: how the lifeline has a driver look at its link again. Made by the driver; nothing here knows
//! what it rings.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::lifeline;

#[derive(Clone)]
pub struct Waker {
    wake: Arc<dyn Fn() + Send + Sync>,
    /// Whether `wake` may wait for Python.
    waits: bool,
    /// Since when the driver has been told and has not looked: once is enough.
    rung: Arc<Mutex<Option<Instant>>>,
}

impl Waker {
    /// `wake` is called on any thread, with no lock held.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { wake: Arc::new(wake), waits: false, rung: Arc::default() }
    }

    /// The same for a `wake` that waits while Python is busy.
    pub fn waiting(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { waits: true, ..Self::new(wake) }
    }

    /// Whether that was news to the driver.
    pub(super) fn wake(&self) -> bool {
        {
            let mut rung = self.rung();
            if rung.is_some() {
                return false;
            }
            *rung = Some(Instant::now());
        }
        if self.waits {
            let wake = Arc::clone(&self.wake);
            if !lifeline::wait_elsewhere(move || wake()) {
                // Nobody has been told; the next change tries again.
                self.heard();
            }
        } else {
            (self.wake)();
        }
        true
    }

    /// The driver looks now: what comes after this is to wake it again.
    pub(super) fn heard(&self) {
        *self.rung() = None;
    }

    /// When the driver will have known for so long that it should look, and has not.
    pub(super) fn patience(&self, timeout: Duration) -> Option<Instant> {
        self.rung().and_then(|since| since.checked_add(timeout))
    }

    fn rung(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").field("rung", &self.rung).finish_non_exhaustive()
    }
}
