//! The engine as a value: any cut of the peer's bytes gives the same messages, events, output and end.

#![allow(clippy::unwrap_used)]

mod chunks;
mod deflate;
mod landing;
mod overflow;
mod time;

use std::time::{Duration, Instant};

use aiowebsocket::protocol::{
    Close, CloseCode, Config, Connection, Event, Failure, Kind, Overflow, Phase, ProtocolError,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn unlimited() -> Config {
    Config {
        max_size: u64::MAX,
        max_buffered: usize::MAX,
        overflow: Overflow::Block,
        ping_interval: None,
        ping_timeout: None,
        close_timeout: None,
        deflate: None,
        trace: false,
    }
}

fn connection() -> Connection {
    let config = Config {
        max_size: 4096,
        close_timeout: Some(Duration::from_secs(10)),
        trace: true,
        ..unlimited()
    };
    Connection::new(&config, Box::new(keys()))
}

fn keys() -> impl FnMut() -> [u8; 4] {
    let mut key = 0u32;
    move || {
        key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        key.to_be_bytes()
    }
}

/// All that a user and a peer can see of a run.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    messages: Vec<(Kind, Vec<u8>)>,
    events: Vec<Event>,
    output: Vec<u8>,
    phase: Option<Phase>,
    received: Option<Close>,
    sent: Option<Close>,
    failure: Option<Failure>,
}

impl Seen {
    fn collect(&mut self, engine: &mut Connection) {
        while let Some(message) = engine.take(|kind, payload| (kind, payload.to_vec())) {
            self.messages.push(message);
        }
        while let Some(event) = engine.poll_event() {
            self.events.push(event);
        }
        let output = engine.poll_output().to_vec();
        engine.output_written(output.len());
        self.output.extend(output);
        self.phase = Some(engine.phase());
        self.received = engine.received_close().cloned();
        self.sent = engine.sent_close().cloned();
        self.failure = engine.failure().cloned();
    }
}

fn feed(engine: &mut Connection, mut bytes: &[u8], now: Instant) {
    while !bytes.is_empty() {
        let room = engine.receive_buffer();
        let length = room.len().min(bytes.len());
        room[..length].copy_from_slice(&bytes[..length]);
        engine.receive_bytes(length, now);
        bytes = &bytes[length..];
    }
}

/// Feeds the pieces and looks at everything after each, or only at the end.
fn run(pieces: &[&[u8]], look_often: bool) -> Seen {
    run_on(connection(), pieces, look_often)
}

fn run_on(mut engine: Connection, pieces: &[&[u8]], look_often: bool) -> Seen {
    let (mut seen, now) = (Seen::default(), Instant::now());
    for piece in pieces {
        feed(&mut engine, piece, now);
        if look_often {
            seen.collect(&mut engine);
        }
    }
    seen.collect(&mut engine);
    seen
}

fn pieces<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts.iter().cycle() {
        if bytes.is_empty() || cuts.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*cut).clamp(1, bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(u8::try_from(length).unwrap()),
        length @ 126..=0xFFFF => {
            bytes.push(126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    "[a-zé€😀]{0,40}".prop_map(String::into_bytes)
}

/// What a server may send: mostly good frames, so that a run gets far, and some bad ones.
fn wire_frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => text().prop_map(|payload| frame(0x81, &payload)),
        8 => vec(any::<u8>(), 0..300).prop_map(|payload| frame(0x82, &payload)),
        6 => (text(), text(), text(), any::<bool>()).prop_map(|(a, b, c, ping)| {
            let whole = [a, b, c].concat();
            let (first, rest) = whole.split_at(whole.len() / 3);
            let (second, third) = rest.split_at(rest.len() / 2);
            let ping = if ping { frame(0x89, b"between") } else { Vec::new() };
            [frame(0x01, first), frame(0x00, second), ping, frame(0x80, third)].concat()
        }),
        4 => vec(any::<u8>(), 0..126).prop_map(|payload| frame(0x89, &payload)),
        2 => vec(any::<u8>(), 0..126).prop_map(|payload| frame(0x8A, &payload)),
        1 => (1000u16..1004, "[a-z]{0,20}").prop_map(|(code, reason)| {
            frame(0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
        }),
        1 => (any::<u8>(), vec(any::<u8>(), 0..200)).prop_map(|(first, payload)| frame(first, &payload)),
        1 => vec(any::<u8>(), 0..20),
        1 => Just(frame(0x82, &vec![7; 4096])),
        1 => Just(frame(0x81, &vec![b'x'; 4097])),
        1 => Just(frame(0x82, &vec![7; 4097])),
        1 => (text(), 0x80u8..).prop_map(|(before, wrong)| {
            frame(0x81, &[&before[..], &[wrong], b"behind"].concat())
        }),
        1 => text().prop_map(|payload| frame(0x81, &[&payload[..], "€".as_bytes().split_at(2).0].concat())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_cut_of_the_bytes_gives_the_same(
        frames in vec(wire_frame(), 0..20),
        cuts in vec(1usize..40, 1..10),
        look_often: bool,
    ) {
        let bytes = frames.concat();
        let whole = run(&[&bytes], false);
        prop_assert_eq!(&run(&pieces(&bytes, &cuts), look_often), &whole);
        prop_assert_eq!(&run(&pieces(&bytes, &[1]), look_often), &whole);
    }

    #[test]
    fn any_cut_gives_the_same_while_the_peers_close_is_awaited(
        frames in vec(wire_frame(), 0..20),
        cuts in vec(1usize..40, 1..10),
    ) {
        let closing = || {
            let config = Config { max_size: 4096, max_buffered: 500, trace: true, ..unlimited() };
            let mut engine = Connection::new(&config, Box::new(keys()));
            engine.send_close(Close::new(CloseCode(1000), ""), Instant::now()).unwrap();
            engine
        };
        let bytes = frames.concat();
        let whole = run_on(closing(), &[&bytes], false);
        prop_assert_eq!(&run_on(closing(), &pieces(&bytes, &cuts), false), &whole);
        prop_assert_eq!(&run_on(closing(), &pieces(&bytes, &[1]), false), &whole);
    }

    #[test]
    fn any_bytes_at_all_end_in_order_or_in_one_close(bytes in vec(any::<u8>(), 0..2000)) {
        let seen = run(&[&bytes], false);
        if let Some(failure) = seen.failure {
            prop_assert_eq!(seen.phase, Some(Phase::Ending));
            prop_assert_eq!(seen.sent.map(|close| close.code), Some(failure.close().code));
        }
    }
}

#[test]
fn messages_that_arrived_before_a_violation_are_kept() {
    let bytes = [frame(0x81, b"kept"), frame(0x83, b""), frame(0x81, b"never parsed")].concat();
    let seen = run(&[&bytes], false);
    assert_eq!(seen.messages, [(Kind::Text, b"kept".to_vec())]);
    assert_eq!(seen.failure, Some(Failure::Protocol(ProtocolError::ReservedOpcode(3))));
}

#[test]
fn nothing_is_parsed_or_answered_after_a_close() {
    let close = frame(0x88, &1001u16.to_be_bytes());
    let bytes = [close, frame(0x89, b"ping"), frame(0x81, b"late"), vec![0xFF; 9]].concat();
    let seen = run(&[&bytes], false);
    assert_eq!(seen.messages, []);
    assert_eq!(seen.received, Some(Close::new(CloseCode::GOING_AWAY, "")));
    assert_eq!(seen.sent, seen.received);
    assert_eq!(seen.output.len(), 2 + 4 + 2);
}

#[test]
fn reading_pauses_at_the_bound_and_goes_on_at_half_of_it() {
    let config = Config { max_size: 1 << 20, max_buffered: 1000, ..unlimited() };
    let mut engine = Connection::new(&config, Box::new(|| [0; 4]));
    let now = Instant::now();
    for _ in 0..12 {
        feed(&mut engine, &frame(0x82, &[0; 100]), now);
    }
    assert!(!engine.wants_input());
    for _ in 0..8 {
        assert!(!engine.wants_input());
        engine.take(|_, _| ());
    }
    engine.take(|_, _| ());
    assert!(engine.wants_input());
}

#[test]
fn while_the_peers_close_is_awaited_messages_are_drained_within_the_bound() {
    let config = Config { max_size: 1 << 20, max_buffered: 1000, ..unlimited() };
    let mut engine = Connection::new(&config, Box::new(|| [0; 4]));
    let now = Instant::now();
    engine.send_close(Close::new(CloseCode::NORMAL, ""), now).unwrap();
    for _ in 0..10_000 {
        feed(&mut engine, &frame(0x82, &[0; 100]), now);
    }
    assert!(engine.wants_input() && engine.queued() < 10);
    feed(&mut engine, &frame(0x88, &1000u16.to_be_bytes()), now);
    assert_eq!((engine.phase(), engine.close_code()), (Phase::Ending, CloseCode::NORMAL));
}

#[test]
fn a_close_is_answered_with_its_code_and_reason_and_an_empty_one_with_an_empty_one() {
    for body in [&b""[..], b"\x03\xE9", b"\x03\xE9going home", b"\x0F\xA0sp\xC3\xA4t"] {
        let seen = run(&[&frame(0x88, body)], false);
        assert_eq!(seen.sent, seen.received);
        assert_eq!(seen.output.len(), 6 + body.len());
    }
}
