//! A value that a forked child has its own of: a thread that the child does not have may have locked its
//! parent's, or still owe it something.

use std::fmt;
use std::sync::OnceLock;

use super::forks;

pub struct PerProcess<T: 'static> {
    value: T,
    make: fn() -> T,
    childs: OnceLock<Box<Self>>,
}

impl<T> PerProcess<T> {
    #[must_use]
    pub const fn new(value: T, make: fn() -> T) -> Self {
        Self { value, make, childs: OnceLock::new() }
    }

    /// This process's own.
    pub fn get(&self) -> &T {
        let mut place = self;
        for _ in 0..forks() {
            place = place.childs.get_or_init(|| Box::new(Self::new((place.make)(), place.make)));
        }
        &place.value
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::forked;
    use super::*;

    #[test]
    fn a_child_has_its_own() {
        static LIST: PerProcess<Mutex<Vec<u8>>> = PerProcess::new(empty(), empty);
        const fn empty() -> Mutex<Vec<u8>> {
            Mutex::new(Vec::new())
        }
        // As if another thread had it when the process forked.
        let parents = LIST.get().lock();
        forked();
        assert!(LIST.get().try_lock().is_ok_and(|list| list.is_empty()));
        drop(parents);
    }
}
