//! Room whose size a peer or a user chooses: that there is none is an error, and ends no process.

use std::collections::VecDeque;

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
    // As a vector grows by itself.
    let ample = more.max(bytes.capacity().saturating_mul(2).saturating_sub(bytes.len()));
    reserve_exact(bytes, ample).or_else(|_| reserve_exact(bytes, more))
}

pub(super) fn reserve_exact(bytes: &mut Vec<u8>, more: usize) -> Result<(), NoMemory> {
    if bytes.capacity() - bytes.len() >= more {
        return Ok(());
    }
    let length = bytes.len().saturating_add(more);
    if !may_have(length) {
        return Err(NoMemory(length));
    }
    let is_there = bytes.try_reserve_exact(more.saturating_add(margin_of(length))).is_ok();
    bytes.shrink_to(length);
    if is_there { Ok(()) } else { Err(NoMemory(length)) }
}

/// Makes room at the end of a queue for so many more.
#[inline]
pub(super) fn make_room<T>(queue: &mut VecDeque<T>, more: usize) -> Result<(), NoMemory> {
    if queue.capacity() - queue.len() >= more { Ok(()) } else { grow(queue, more) }
}

#[cold]
fn grow<T>(queue: &mut VecDeque<T>, more: usize) -> Result<(), NoMemory> {
    let ample = more.max(queue.capacity()).max(4);
    grow_exact(queue, ample).or_else(|_| grow_exact(queue, more))
}

fn grow_exact<T>(queue: &mut VecDeque<T>, more: usize) -> Result<(), NoMemory> {
    let length = queue.len().saturating_add(more);
    let bytes = length.saturating_mul(size_of::<T>());
    if !may_have(bytes) {
        return Err(NoMemory(bytes));
    }
    let margin = margin_of(bytes).div_ceil(size_of::<T>());
    let is_there = queue.try_reserve_exact(more.saturating_add(margin)).is_ok();
    queue.shrink_to(length);
    if is_there { Ok(()) } else { Err(NoMemory(bytes)) }
}

/// What is asked for together with so many bytes, and given back at once: in one piece, so that the system
/// has it, and not only the place where this thread takes small pieces from.
const fn margin_of(bytes: usize) -> usize {
    if bytes < MARGIN { 0 } else { MARGIN }
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
