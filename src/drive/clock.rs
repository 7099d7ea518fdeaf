//! A clock that is asked once a message: it is some milliseconds behind, and costs a fifth of the other.

use std::time::Duration;

/// Since some moment in the past.
#[cfg(target_os = "linux")]
#[must_use]
pub fn coarse_now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let now = clock_gettime(ClockId::MonotonicCoarse);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), nanoseconds)
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
