//! Contenders by turns: what the machine does meanwhile hits all alike. CPU time, not wall-clock:
//! the core may be shared.

/// One thing to measure: does its work once and says how many bytes (or messages) that was.
pub type Contender<'a> = Box<dyn FnMut() -> usize + 'a>;

/// Seconds of CPU per unit, one row a contender and one column a round.
pub struct Seconds(Vec<Vec<f64>>);

/// Every contender once a round, in an order that rotates, after a round that only warms up.
pub fn measure(rounds: usize, mut contenders: Vec<Contender<'_>>) -> Seconds {
    let mut seconds = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for place in 0..contenders.len() {
            let one = (place + round) % contenders.len();
            let began = cpu_seconds();
            let units = contenders[one]();
            let elapsed = cpu_seconds() - began;
            if round > 0 {
                #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
                seconds[one].push(elapsed / units as f64);
            }
        }
    }
    Seconds(seconds)
}

impl Seconds {
    pub fn of(&self, contender: usize) -> f64 {
        median(self.0[contender].clone())
    }

    /// Megabytes a second, where a unit is a byte.
    pub fn megabytes(&self, contender: usize) -> f64 {
        1e-6 / self.of(contender)
    }

    /// How many times as fast as another of the same round; 1 is the same.
    pub fn speed_to(&self, contender: usize, other: usize) -> f64 {
        let pairs = self.0[contender].iter().zip(&self.0[other]);
        median(pairs.map(|(mine, its)| its / mine).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one process")]
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(code, 0, "there is no clock of this thread's CPU time");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
