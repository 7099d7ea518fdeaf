//! A message becomes a masked frame: header, key, and the one copy.

use crate::clock::TimeAndCycles;
use crate::peer::connection;
use aiowebsocket::protocol::Kind;
use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;

pub fn benches(criterion: &mut Criterion<TimeAndCycles>) {
    let mut group = criterion.benchmark_group("send, masked");
    for size in [32, 256, 4 << 10, 64 << 10, 1 << 20] {
        let payload = vec![0x5A; size];
        let mut connection = connection(false);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let sent = connection.send_message(Kind::Binary, true, black_box(&payload), None);
                assert_eq!(sent, Ok(()));
                let length = black_box(connection.poll_output()).len();
                connection.output_written(length);
            });
        });
    }
}
