//! A clock that is asked once a message: it is some milliseconds behind, and costs a fifth of the other.

/// Nanoseconds since some moment in the past.
#[cfg(target_os = "linux")]
#[must_use]
pub fn coarse_now() -> u64 {
    use nix::time::{ClockId, clock_gettime};

    // Every Linux has this clock, which begins with the machine and counts up from zero.
    clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(0, |now| {
        now.tv_sec().cast_unsigned() * 1_000_000_000 + now.tv_nsec().cast_unsigned()
    })
}

/// Nanoseconds since some moment in the past.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn coarse_now() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
