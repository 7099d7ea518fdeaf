//! The bytes that the engine has moved, read or made. They are counted where a fuzzer is built in, so
//! that time which grows with the square of the input fails there; elsewhere this is nothing at all.

#[cfg(not(fuzzing))]
pub(super) const fn count(_bytes: usize) {}

#[cfg(fuzzing)]
pub(super) fn count(bytes: usize) {
    DONE.set(DONE.get() + bytes);
}

#[cfg(fuzzing)]
pub(super) fn done() -> usize {
    DONE.get()
}

#[cfg(fuzzing)]
thread_local! {
    static DONE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
