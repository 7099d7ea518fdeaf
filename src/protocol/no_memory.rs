//! Room whose size a peer or a user chooses: that there is none is an error, and ends no process.

use std::collections::VecDeque;
use std::hint::black_box;

/// Whoever takes a lot leaves as much as this, or there is none for what is small, whose want ends the
/// process. The allocator asks the system for a mebibyte at a time in the end.
const MARGIN: usize = 2 * 1024 * 1024;

/// So many bytes could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoMemory(pub(super) usize);

/// Makes room for so many bytes more; `reserve` may take more than that, where there is more.
pub(super) fn reserve(bytes: &mut Vec<u8>, more: usize) -> Result<(), NoMemory> {
    if bytes.capacity() - bytes.len() >= more {
        return Ok(());
    }
    let length = bytes.len().saturating_add(more);
    if may_have(length) && bytes.try_reserve(more).is_ok() && leaves_enough(bytes) {
        return Ok(());
    }
    reserve_exact(bytes, more)
}

pub(super) fn reserve_exact(bytes: &mut Vec<u8>, more: usize) -> Result<(), NoMemory> {
    if bytes.capacity() - bytes.len() >= more {
        return Ok(());
    }
    let length = bytes.len().saturating_add(more);
    if may_have(length) && bytes.try_reserve_exact(more).is_ok() && leaves_enough(bytes) {
        return Ok(());
    }
    Err(NoMemory(length))
}

/// Whether there is memory for others beside what has been made room for; if not, that is given back.
fn leaves_enough(bytes: &mut Vec<u8>) -> bool {
    if bytes.capacity() < MARGIN {
        return true;
    }
    let mut margin = Vec::<u8>::new();
    let is_there = margin.try_reserve_exact(MARGIN).is_ok();
    black_box(&margin);
    if !is_there {
        bytes.shrink_to_fit();
    }
    is_there
}

/// Makes room at the end of a queue for so many more.
#[inline]
pub(super) fn make_room<T>(queue: &mut VecDeque<T>, more: usize) -> Result<(), NoMemory> {
    if queue.capacity() - queue.len() >= more { Ok(()) } else { grow(queue, more) }
}

#[cold]
fn grow<T>(queue: &mut VecDeque<T>, more: usize) -> Result<(), NoMemory> {
    let bytes = queue.len().saturating_add(more).saturating_mul(size_of::<T>());
    let has_room = may_have(bytes)
        && (queue.try_reserve(more).is_ok() || queue.try_reserve_exact(more).is_ok());
    if has_room { Ok(()) } else { Err(NoMemory(bytes)) }
}

#[cfg(not(test))]
const fn may_have(_bytes: usize) -> bool {
    true
}

#[cfg(test)]
pub(super) use tests::beyond;
#[cfg(test)]
use tests::may_have;

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static LIMIT: std::cell::Cell<usize> = const { std::cell::Cell::new(usize::MAX) };
    }

    pub(super) fn may_have(bytes: usize) -> bool {
        bytes <= LIMIT.get()
    }

    /// Runs `test` on a machine where no buffer may be longer.
    pub(in crate::protocol) fn beyond<R>(limit: usize, test: impl FnOnce() -> R) -> R {
        LIMIT.set(limit);
        let result = test();
        LIMIT.set(usize::MAX);
        result
    }

    #[test]
    fn what_no_machine_has_is_an_error() {
        let mut bytes = vec![1];
        assert_eq!(reserve(&mut bytes, isize::MAX as usize), Err(NoMemory(1 << 63)));
        assert_eq!(reserve(&mut bytes, 100), Ok(()));
        assert_eq!(bytes, [1]);
    }
}
