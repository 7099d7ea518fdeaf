//! `Waker`: how the lifeline has a driver look at its link again, where the driver's loop alone might
//! not notice. Made by the driver; nothing here knows what it rings.

use std::fmt;

pub struct Waker(Box<dyn Fn() + Send + Sync>);

impl Waker {
    /// `wake` is called on any thread, with no lock held, and may block.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(wake))
    }

    pub(super) fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}
