//! The engine by itself, through its own door: masking, parsing, UTF-8, deflate and inflate. What the
//! kernel does for it (filling its buffer) is not counted.

mod clock;
mod compression;
mod masking;
mod parsing;
mod peer;

use clock::TimeAndCycles;
use criterion::Criterion;

fn main() {
    let clock = TimeAndCycles::calibrated();
    println!("{clock}");
    let mut criterion = Criterion::default().with_measurement(clock).configure_from_args();
    masking::benches(&mut criterion);
    parsing::benches(&mut criterion);
    compression::benches(&mut criterion);
    criterion.final_summary();
}
