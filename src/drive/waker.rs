//! `Waker`: how the lifeline has a driver look at its link again. Made by the driver; nothing here knows
//! what it rings.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lifeline;

#[derive(Clone)]
pub struct Waker {
    wake: Arc<dyn Fn() + Send + Sync>,
    /// Whether `wake` may wait for Python.
    waits: bool,
    /// Woken, and not yet heard: once is enough.
    rung: Arc<AtomicBool>,
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

    pub(super) fn wake(&self) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
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
    }

    /// The driver looks now: what comes after this is to wake it again.
    pub(super) fn heard(&self) {
        self.rung.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").field("rung", &self.rung).finish_non_exhaustive()
    }
}
