//! Connections to measure, and what a server would send them.

use aiowebsocket::protocol::deflate::{Agreed, Deflate};
use aiowebsocket::protocol::{Config, Connection, Kind, Overflow};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// With the faces' own defaults for compression.
pub fn connection(deflate: bool) -> Connection {
    let deflate = deflate.then_some(Deflate {
        agreed: Agreed {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        },
        level: 1,
        mem_level: 5,
        threshold: 0,
    });
    let config = Config {
        max_size: 1 << 30,
        max_buffered: 1 << 30,
        overflow: Overflow::Block,
        ping_interval: None,
        ping_timeout: None,
        close_timeout: None,
        deflate,
        trace: false,
    };
    let mut key = 0_u32;
    let keys = Box::new(move || {
        key = key.wrapping_add(0x9E37_79B9);
        key.to_ne_bytes()
    });
    Connection::new(&config, keys)
}

/// A server's frames with these messages, not compressed.
pub fn frames<'a>(kind: Kind, messages: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut wire = Vec::new();
    for message in messages {
        frame(&mut wire, if kind == Kind::Text { 0x81 } else { 0x82 }, message);
    }
    wire
}

/// Appends one (RFC 6455 5.2).
#[expect(clippy::cast_possible_truncation, reason = "each arm has checked the length it writes")]
pub fn frame(wire: &mut Vec<u8>, first: u8, payload: &[u8]) {
    wire.push(first);
    match payload.len() {
        length @ 0..=125 => wire.push(length as u8),
        length @ 126..=65_535 => {
            wire.push(126);
            wire.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            wire.push(127);
            wire.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    wire.extend_from_slice(payload);
}

/// Has the connection parse what is on the wire and copies each message out, as Python's layer does.
/// Says how long that took, without the copy into its buffer: that is the kernel's.
pub fn receive(connection: &mut Connection, wire: &[u8], out: &mut Vec<u8>) -> Duration {
    let now = Instant::now();
    let mut spent = Duration::ZERO;
    let mut rest = wire;
    while !rest.is_empty() {
        let buffer = connection.receive_buffer();
        let length = buffer.len().min(rest.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        rest = &rest[length..];
        let began = Instant::now();
        connection.receive_bytes(length, now);
        while connection.take(|_, payload| copy(payload, out)).is_some() {}
        spent += began.elapsed();
    }
    spent
}

fn copy(payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(payload);
    black_box(out.as_slice());
}
