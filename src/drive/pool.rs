//! Buffers that idle connections do not keep: a few a thread, lent while bytes are under way. One that a
//! long message has made long is among them, so that the next one need not be made room for again.

use std::cell::RefCell;

/// What one read may bring. Larger buffers gain nothing on loopback and leave the cache.
pub(super) const INPUT_SIZE: usize = 256 * 1024;
/// The length that a buffer is kept at: the largest message of `connect` and what else is on its way.
const LARGEST: usize = 2 * 1024 * 1024;
/// A buffer longer than this is long, and one of them a thread is enough.
const LONG: usize = INPUT_SIZE;
const MOST_KEPT: usize = 4;

thread_local! {
    static INPUT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An initialised buffer to read into.
pub(super) fn input() -> Vec<u8> {
    INPUT.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; INPUT_SIZE])
}

/// An empty buffer to write into.
pub(super) fn output() -> Vec<u8> {
    OUTPUT.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(1024))
}

pub(super) fn give_input(buffer: Vec<u8>) {
    if buffer.len() >= INPUT_SIZE {
        INPUT.with_borrow_mut(|kept| keep(kept, buffer));
    }
}

pub(super) fn give_output(buffer: Vec<u8>) {
    OUTPUT.with_borrow_mut(|kept| keep(kept, buffer));
}

fn keep(kept: &mut Vec<Vec<u8>>, buffer: Vec<u8>) {
    let length = buffer.capacity();
    let one_too_long = length > LONG && kept.iter().any(|other| other.capacity() > LONG);
    if kept.len() < MOST_KEPT && length <= LARGEST && !one_too_long {
        kept.push(buffer);
    }
}
