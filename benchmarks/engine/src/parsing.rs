//! Frames become messages. Text differs from binary by its validation, so the two side by side show
//! what that costs.

use crate::clock::TimeAndCycles;
use crate::peer::{connection, frames, receive};
use aiowebsocket::protocol::Kind;
use criterion::{BenchmarkId, Criterion, Throughput};
use std::iter::repeat_n;

/// What is on the wire at once, at the least: as much as a read takes in.
const BATCH: usize = 64 << 10;
const MIXED: &str = "Grüße, мир, 世界 and 🌍. ";

pub fn benches(criterion: &mut Criterion<TimeAndCycles>) {
    for (name, kind, text) in [
        ("receive binary", Kind::Binary, "binary"),
        ("receive text, ASCII", Kind::Text, "All of it is plain. "),
        ("receive text, mixed", Kind::Text, MIXED),
    ] {
        let mut group = criterion.benchmark_group(name);
        for size in [32, 256, 4 << 10, 64 << 10, 1 << 20] {
            let payload = payload(text, size);
            let count = (BATCH / size).max(1);
            let wire = frames(kind, repeat_n(payload.as_bytes(), count));
            let (mut connection, mut out) = (connection(false), Vec::new());
            group.throughput(Throughput::Bytes((size * count) as u64));
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter_custom(|rounds| {
                    (0..rounds).map(|_| receive(&mut connection, &wire, &mut out)).sum()
                });
            });
            assert_eq!((out.as_slice(), connection.failure()), (payload.as_bytes(), None));
        }
    }
}

/// `text` over and over, and ASCII where a character would be cut.
fn payload(text: &str, size: usize) -> String {
    let mut payload = text.repeat(size / text.len());
    payload.extend(repeat_n('.', size - payload.len()));
    payload
}
