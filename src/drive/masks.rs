//! Masking keys: "derived from a strong source of entropy", fresh for each frame (RFC 6455 5.3).
//!
//! `rand`'s thread generator is a CSPRNG seeded and reseeded by the operating system; it must be told
//! of a fork, else parent and child would use the same keys.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::Rng;

static FORKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static FORKS_SEEN: Cell<u64> = const { Cell::new(0) };
}

/// A fresh, unpredictable masking key.
///
/// # Panics
/// If the operating system gives no randomness: a predictable key would be worse.
#[must_use]
pub fn fresh_key() -> [u8; 4] {
    let mut rng = rand::rng();
    let forks = forks();
    if FORKS_SEEN.get() != forks {
        FORKS_SEEN.set(forks);
        #[expect(clippy::panic, reason = "a predictable key would be worse")]
        if let Err(error) = rng.reseed() {
            panic!("the operating system gave no randomness for masking keys: {error}");
        }
    }
    rng.next_u32().to_ne_bytes()
}

/// To be called in a child process after a fork.
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How many forks lie between this process and the one that loaded the library.
#[must_use]
pub fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_from_frame_to_frame_and_after_a_fork() {
        let first: Vec<_> = (0..100).map(|_| fresh_key()).collect();
        forked();
        let second: Vec<_> = (0..100).map(|_| fresh_key()).collect();
        let mut all = [first, second].concat();
        all.sort_unstable();
        all.dedup();
        assert!(all.len() > 195);
    }
}
