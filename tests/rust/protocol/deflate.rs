//! permessage-deflate, both ways: whatever is compressed comes out as it was, in any cut; and whatever
//! is not, fails the same way in any cut.

use aiowebsocket::protocol::deflate::{Agreed, Deflate};
use aiowebsocket::protocol::{Config, Connection, Kind};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Instant;
use zlib_rs::{DeflateFlush, Inflate, InflateFlush};

use super::{feed, frame, keys, pieces, run_on, unlimited};

pub(super) fn agreed() -> impl Strategy<Value = Agreed> {
    (any::<bool>(), any::<bool>(), 8u8..=15, 8u8..=15).prop_map(|(server, client, theirs, ours)| {
        Agreed {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: theirs,
            client_max_window_bits: ours,
        }
    })
}

fn connection(agreed: Agreed, max_size: u64) -> Connection {
    let deflate = Deflate { agreed, level: 6, mem_level: 8, threshold: 10 };
    let config = Config { max_size, deflate: Some(deflate), trace: true, ..unlimited() };
    Connection::new(&config, Box::new(keys()))
}

/// The server's compressor, as RFC 7692 7.2.1 has it.
pub(super) struct Server {
    stream: zlib_rs::Deflate,
    forgets: bool,
    /// Whether it ends a message by a last block, in place of a flush (RFC 7692 7.2.3.4).
    finishes: bool,
    opcode: u8,
}

impl Server {
    pub(super) fn new(agreed: Agreed) -> Self {
        let bits = agreed.server_max_window_bits.max(9);
        let stream = zlib_rs::Deflate::new(6, false, bits);
        Self { stream, forgets: agreed.server_no_context_takeover, finishes: false, opcode: 2 }
    }

    fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let mut output = vec![0; message.len() * 2 + 100];
        let before = self.stream.total_out();
        let flush = if self.finishes { DeflateFlush::Finish } else { DeflateFlush::SyncFlush };
        self.stream.compress(message, &mut output, flush).unwrap();
        output.truncate(usize::try_from(self.stream.total_out() - before).unwrap());
        if self.finishes {
            self.stream.reset();
            output.push(0);
            return output;
        }
        if output.is_empty() {
            return vec![0]; // zlib does not flush twice
        }
        assert_eq!(output.split_off(output.len() - 4), [0, 0, 0xFF, 0xFF]);
        if self.forgets {
            self.stream.reset();
        }
        output
    }

    /// A message as frames: compressed or not, whole or in three fragments.
    pub(super) fn send(
        &mut self,
        (message, compressed, cut): &(Vec<u8>, bool, Option<(u8, u8)>),
    ) -> Vec<u8> {
        let payload = if *compressed { self.compress(message) } else { message.clone() };
        let first = if *compressed { 0x40 | self.opcode } else { self.opcode };
        let Some((one, two)) = cut else { return frame(first | 0x80, &payload) };
        let one = usize::from(*one) * payload.len() / 256;
        let two = one + usize::from(*two) * (payload.len() - one) / 256;
        [
            frame(first, &payload[..one]),
            frame(0x89, b"between"),
            frame(0x00, &payload[one..two]),
            frame(0x80, &payload[two..]),
        ]
        .concat()
    }
}

pub(super) fn message() -> impl Strategy<Value = (Vec<u8>, bool, Option<(u8, u8)>)> {
    let payload = prop_oneof![
        vec(any::<u8>(), 0..400),
        vec(0u8..4, 0..3000),
        "[a-c]{0,40}".prop_map(|text| text.repeat(20).into_bytes()),
        // About as long as what is inflated in one step.
        (0usize..16).prop_map(|more| vec![0; (1 << 15) - 8 + more]),
    ];
    (payload, any::<bool>(), proptest::option::of(any::<(u8, u8)>()))
}

/// The payload of each message that a client's frames carry, fragments joined.
fn messages_of_a_client(mut wire: &[u8], agreed: Agreed) -> Vec<Vec<u8>> {
    let mut stream = Inflate::new(false, agreed.client_max_window_bits.max(9));
    let (mut messages, mut message, mut compressed) = (Vec::new(), Vec::new(), false);
    while let [first, second, rest @ ..] = wire {
        let (length, rest) = match second & 0x7F {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            length => (usize::from(length), rest),
        };
        let (key, payload) = rest[..4 + length].split_at(4);
        message.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        compressed |= first & 0x40 != 0;
        assert_eq!(first & 0x30, 0);
        wire = &rest[4 + length..];
        if first & 0x80 != 0 {
            if compressed {
                message.extend([0, 0, 0xFF, 0xFF]);
                let mut inflated = vec![0; 1 << 16];
                let before = stream.total_out();
                stream.decompress(&message, &mut inflated, InflateFlush::NoFlush).unwrap();
                inflated.truncate(usize::try_from(stream.total_out() - before).unwrap());
                message = inflated;
                if agreed.client_no_context_takeover {
                    stream = Inflate::new(false, agreed.client_max_window_bits.max(9));
                }
            }
            messages.push(std::mem::take(&mut message));
            compressed = false;
        }
    }
    messages
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_a_server_compresses_comes_out_as_it_was_in_any_cut(
        agreed in agreed(),
        messages in vec(message(), 0..12),
        cuts in vec(1usize..200, 1..10),
        (look_often, finishes) in any::<(bool, bool)>(),
    ) {
        let mut server = Server { finishes, ..Server::new(agreed) };
        let wire: Vec<u8> = messages.iter().flat_map(|message| server.send(message)).collect();
        let sent: Vec<_> =
            messages.into_iter().map(|(payload, ..)| (Kind::Binary, payload)).collect();
        let whole = run_on(connection(agreed, 1 << 20), &[&wire], false);
        prop_assert_eq!(&whole.failure, &None);
        prop_assert_eq!(&whole.messages, &sent);
        let cut = run_on(connection(agreed, 1 << 20), &pieces(&wire, &cuts), look_often);
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn a_flipped_bit_or_a_small_limit_ends_the_same_way_in_any_cut(
        agreed in agreed(),
        messages in vec(message(), 1..8),
        flip in any::<(prop::sample::Index, u8)>(),
        cuts in vec(1usize..200, 1..10),
        opcode in 1u8..=2,
    ) {
        let mut server = Server { opcode, ..Server::new(agreed) };
        let mut wire: Vec<u8> = messages.iter().flat_map(|message| server.send(message)).collect();
        let at = flip.0.index(wire.len());
        wire[at] ^= 1 << (flip.1 % 8);
        let whole = run_on(connection(agreed, 1000), &[&wire], false);
        let cut = run_on(connection(agreed, 1000), &pieces(&wire, &cuts), true);
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn what_a_client_sends_inflates_to_what_was_sent(
        agreed in agreed(),
        messages in vec((message(), proptest::option::of(any::<bool>())), 0..12),
    ) {
        let mut engine = connection(agreed, 1 << 20);
        for ((payload, _, cut), compress) in &messages {
            let cut = cut.map_or(0, |(one, _)| usize::from(one) * payload.len() / 256);
            if cut > 0 {
                engine.send_message(Kind::Binary, false, &payload[..cut], *compress).unwrap();
            }
            engine.send_message(Kind::Binary, true, &payload[cut..], *compress).unwrap();
        }
        let sent: Vec<_> = messages.into_iter().map(|((payload, ..), _)| payload).collect();
        prop_assert_eq!(messages_of_a_client(engine.poll_output(), agreed), sent);
    }
}

#[test]
fn inflating_waits_while_the_queue_is_full_and_goes_on_when_it_is_not() {
    let deflate = Deflate {
        agreed: Agreed {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        },
        level: 6,
        mem_level: 8,
        threshold: 0,
    };
    let config = Config {
        max_size: 1 << 20,
        max_buffered: 250_000,
        deflate: Some(deflate.clone()),
        ..unlimited()
    };
    let mut engine = Connection::new(&config, Box::new(keys()));
    let mut server = Server::new(deflate.agreed);
    let wire: Vec<u8> = (0..100u8)
        .flat_map(|n| frame(0xC2, &server.compress(&vec![n; 100_000])))
        .chain(frame(0x89, b"last"))
        .collect();
    let now = Instant::now();
    feed(&mut engine, &wire, now);
    assert!(engine.queued() <= 3, "{}", engine.queued());
    assert!(engine.is_stalled() && !engine.wants_input());
    for n in 0..100u8 {
        let taken = engine.take(|_, payload| payload.to_vec()).unwrap();
        assert_eq!(taken, vec![n; 100_000]);
        if engine.wants_input() {
            engine.receive_bytes(0, now);
        }
        assert!(engine.queued() <= 3);
    }
    assert!(!engine.is_stalled());
    assert!(engine.poll_output().len() == 2 + 4 + 4, "the ping behind them is answered");
}
