//! Time as criterion measures it, told in bytes a cycle too. It knows nothing of what is measured.
//!
//! A cycle here is one of the core's clock, not of the time stamp counter, which ticks at another
//! rate whenever the core is faster or slower than its nominal clock. The core's clock is timed by a
//! chain of instructions that each wait for the one before: what such a chain takes in cycles is known,
//! and no permission or counter is needed. It is taken once, so on a machine whose clock wanders, or
//! whose shifts and exclusive ors take other than one cycle each, bytes a cycle are an estimate.

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 1_000_000;
/// Three shifts and three exclusive ors, none of which can begin before the last has ended.
const CYCLES_A_ROUND: u32 = 6;
const ATTEMPTS: usize = 50;

pub struct TimeAndCycles(Formatter);

struct Formatter {
    gigahertz: f64,
}

impl TimeAndCycles {
    /// The fastest attempt is the one that nothing has interrupted.
    pub fn calibrated() -> Self {
        let times = (0..ATTEMPTS).map(|_| time_of_a_chain());
        let fastest = times.min().unwrap_or_default();
        let nanoseconds = fastest.as_secs_f64() * 1e9;
        Self(Formatter { gigahertz: f64::from(ROUNDS * CYCLES_A_ROUND) / nanoseconds })
    }
}

impl fmt::Display for TimeAndCycles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The core's clock, by a chain of known length: {:.2} GHz.", self.0.gigahertz)
    }
}

fn time_of_a_chain() -> Duration {
    let mut state = black_box(1_u64);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
    began.elapsed()
}

impl Measurement for TimeAndCycles {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        WallTime.start()
    }

    fn end(&self, began: Instant) -> Duration {
        WallTime.end(began)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        WallTime.add(one, other)
    }

    fn zero(&self) -> Duration {
        WallTime.zero()
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &self.0
    }
}

impl ValueFormatter for Formatter {
    /// `value` is in nanoseconds, as all of `WallTime`'s are.
    fn format_throughput(&self, throughput: &Throughput, value: f64) -> String {
        let by_time = WallTime.formatter().format_throughput(throughput, value);
        if let Throughput::Bytes(bytes) = throughput {
            #[expect(clippy::cast_precision_loss, reason = "no batch has 2^52 bytes")]
            let by_cycle = *bytes as f64 / (value * self.gigahertz);
            format!("{by_time} = {by_cycle:.3} B/cycle")
        } else {
            by_time
        }
    }

    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(
        &self,
        typical: f64,
        throughput: &Throughput,
        values: &mut [f64],
    ) -> &'static str {
        WallTime.formatter().scale_throughputs(typical, throughput, values)
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}
