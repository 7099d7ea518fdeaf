//! A clock that is asked once a message: it is some milliseconds behind, and costs a fifth of the other.

use std::time::Duration;

/// Since some moment in the past.
#[cfg(target_os = "linux")]
#[must_use]
pub fn coarse_now() -> Duration {
    use nix::time::{ClockId, clock_gettime};

    // Every Linux has this clock.
    clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(Duration::ZERO, Duration::from)
}

/// Since some moment in the past.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn coarse_now() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
