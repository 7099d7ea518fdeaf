//! A value that one caller at a time may change, for what is passed once a message: under the GIL that takes
//! a flag, where a lock, or pyo3's own count of borrows, takes an atomic exchange.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

pub(crate) struct Exclusive<T> {
    busy: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by `with` and `peek` alone, one caller at a time, and may be used on any thread.
unsafe impl<T: Send> Sync for Exclusive<T> {}

struct Busy<'a>(&'a AtomicBool);

impl<T> Exclusive<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { busy: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Does something with the value; None while somebody else does.
    pub(crate) fn with<R>(&self, _: Python<'_>, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.raise() {
            return None;
        }
        let _busy = Busy(&self.busy);
        // SAFETY: the flag was down and is up now, so this is the only reference until it is down again.
        Some(work(unsafe { &mut *self.value.get() }))
    }

    /// Looks at the value, unless somebody changes it.
    ///
    /// # Safety
    /// Nobody else calls a method of this meanwhile.
    pub(crate) unsafe fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        // SAFETY: the flag is down, and by this function's contract stays down.
        (!self.busy.load(Ordering::Acquire)).then(|| look(unsafe { &*self.value.get() }))
    }

    /// Raises the flag; whether it was up. The GIL keeps others from coming between the two steps.
    #[cfg(not(Py_GIL_DISABLED))]
    fn raise(&self) -> bool {
        let was_up = self.busy.load(Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        was_up
    }

    #[cfg(Py_GIL_DISABLED)]
    fn raise(&self) -> bool {
        self.busy.swap(true, Ordering::Acquire)
    }
}

/// Whether the caller's is the only reference.
pub(crate) fn is_unshared<T>(object: &Bound<'_, T>) -> bool {
    // SAFETY: a live object; the count is only read.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
