//! Messages are compressed and inflated, with context takeover: ticks of 200 bytes as an exchange
//! sends them, and documents of 64 KiB made of them. Throughput counts what is not compressed.

use crate::clock::TimeAndCycles;
use crate::peer::{connection, frame, receive};
use aiowebsocket::protocol::{Connection, Kind};
use criterion::{BenchmarkId, Criterion, Throughput};
use std::fmt::Write;
use std::hint::black_box;

const BATCH: usize = 256 << 10;
const DOCUMENT: usize = 64 << 10;

pub fn benches(criterion: &mut Criterion<TimeAndCycles>) {
    let ticks = ticks();
    let documents = documents(&ticks);
    for (name, messages) in [("ticks of 200 B", &ticks), ("documents of 64 KiB", &documents)] {
        let bytes: usize = messages.iter().map(String::len).sum();
        let mut group = criterion.benchmark_group("send, compressed");
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let mut connection = connection(true);
            bencher.iter(|| messages.iter().map(|it| compress(&mut connection, it)).sum::<usize>());
        });
        group.finish();
        let wire = compressed(messages);
        let mut group = criterion.benchmark_group("receive, compressed");
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let (mut connection, mut out) = (connection(true), Vec::new());
            bencher.iter_custom(|rounds| {
                (0..rounds).map(|_| receive(&mut connection, &wire, &mut out)).sum()
            });
            assert_eq!(connection.failure(), None);
            assert_eq!(Some(out.as_slice()), messages.last().map(String::as_bytes));
        });
    }
}

fn compress(connection: &mut Connection, message: &str) -> usize {
    let sent = connection.send_message(Kind::Text, true, black_box(message.as_bytes()), Some(true));
    assert_eq!(sent, Ok(()));
    let length = black_box(connection.poll_output()).len();
    connection.output_written(length);
    length
}

/// What a server would send: the same payloads without a mask. The first refers to nothing before
/// it, so the whole can be received again and again.
fn compressed(messages: &[String]) -> Vec<u8> {
    let mut connection = connection(true);
    let mut wire = Vec::new();
    for message in messages {
        assert_eq!(
            connection.send_message(Kind::Text, true, message.as_bytes(), Some(true)),
            Ok(())
        );
        let output = connection.poll_output();
        frame(&mut wire, output[0], &unmasked(output));
        let length = output.len();
        connection.output_written(length);
    }
    wire
}

fn unmasked(frame: &[u8]) -> Vec<u8> {
    let key_at = match frame[1] & 0x7F {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let (key, payload) = frame[key_at..].split_at(4);
    payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

fn ticks() -> Vec<String> {
    let mut chance = 1_u64;
    let mut next = move |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    (0..BATCH as u64 / 200)
        .map(|number| {
            let time = 1_750_000_000_000 + number * 7 + next(7);
            let price = 6_000_000 + next(20_000);
            let mut tick = format!(
                "{{\"e\":\"aggTrade\",\"E\":{time},\"s\":\"BTCUSDT\",\"a\":{},\"p\":\"{}.{:02}000000\"",
                900_000_000 + number,
                price / 100,
                price % 100,
            );
            let quantity = next(100_000_000);
            let maker = next(2) == 0;
            let written = write!(
                tick,
                ",\"q\":\"0.{quantity:08}\",\"f\":{},\"l\":{},\"T\":{},\"m\":{maker},\"M\":true}}",
                number * 2,
                number * 2 + next(4),
                time - next(5),
            );
            assert!(written.is_ok());
            tick
        })
        .collect()
}

fn documents(ticks: &[String]) -> Vec<String> {
    let lines = DOCUMENT / ticks.first().map_or(1, String::len);
    ticks.chunks_exact(lines).map(|chunk| format!("[{}]", chunk.join(","))).collect()
}
