//! Long messages that are read elsewhere: whatever lands, in any cut, gives what it gives when nothing
//! does.

use std::time::Instant;

use aiowebsocket::protocol::{Config, Connection, Kind, Overflow, Stats};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{frame, keys, pieces, unlimited};

const LONG: usize = 64 * 1024;

/// A user who may have messages land, may take them while they arrive, and may take them in chunks.
struct User {
    engine: Connection,
    place: Vec<u8>,
    decisions: Vec<u8>,
    decided: usize,
    landed: usize,
    messages: Vec<(Kind, Vec<u8>)>,
    chunks: Vec<u8>,
}

impl User {
    fn new(config: &Config, decisions: &[u8]) -> Self {
        Self {
            engine: Connection::new(config, Box::new(keys())),
            place: Vec::new(),
            decisions: decisions.to_vec(),
            decided: 0,
            landed: 0,
            messages: Vec::new(),
            chunks: Vec::new(),
        }
    }

    fn decides_to(&mut self, what: u8) -> bool {
        self.decided += 1;
        let decision = self.decisions.get(self.decided % self.decisions.len().max(1));
        decision.is_some_and(|decision| decision & what != 0)
    }

    fn feed(&mut self, mut bytes: &[u8], now: Instant) {
        while !bytes.is_empty() {
            let elsewhere = self.engine.landing();
            let length = if elsewhere > 0 {
                let length = elsewhere.min(bytes.len());
                self.place.extend(&bytes[..length]);
                self.engine.receive_elsewhere(length, now);
                length
            } else {
                let room = self.engine.receive_buffer();
                let length = room.len().min(bytes.len());
                room[..length].copy_from_slice(&bytes[..length]);
                self.engine.receive_bytes(length, now);
                length
            };
            bytes = &bytes[length..];
            self.land();
        }
    }

    fn land(&mut self) {
        if self.engine.landable().is_some() && self.decides_to(1) {
            let landable = self.engine.landable().unwrap();
            assert!(landable.arrived.len() < landable.length);
            self.place = landable.arrived.to_vec();
            self.engine.land();
            self.landed += 1;
        }
    }

    fn take_chunk(&mut self) {
        if self.engine.has_part_elsewhere() {
            assert_eq!(self.engine.take_chunk_elsewhere(), Some(Kind::Binary));
            self.chunks.append(&mut self.place);
            return;
        }
        assert_eq!(self.engine.take_chunk_elsewhere(), None);
        assert!(self.engine.queued() > 0 || self.engine.landing() == 0);
        if !self.engine.has_landed() {
            let chunks = &mut self.chunks;
            let taken = self.engine.take_chunk(|chunk| {
                chunks.extend(chunk.payload);
                chunk.fin.then_some(chunk.kind)
            });
            if let Some(Some(kind)) = taken {
                self.messages.push((kind, std::mem::take(&mut self.chunks)));
            }
        }
    }

    fn take(&mut self) {
        while self.engine.queued() > 0 {
            let landed = self.engine.has_landed();
            let (kind, here) = self.engine.take(|kind, payload| (kind, payload.to_vec())).unwrap();
            let mut payload = std::mem::take(&mut self.chunks);
            payload.extend(if landed { std::mem::take(&mut self.place) } else { here });
            self.messages.push((kind, payload));
        }
    }
}

/// What a server may send, and the messages of it.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let payload = |length: usize| (0..=250u8).cycle().take(length).collect::<Vec<_>>();
    let frames = prop_oneof![
        3 => (LONG..5 * LONG).prop_map(move |length| frame(0x82, &payload(length))),
        1 => (LONG..2 * LONG).prop_map(move |length| frame(0x81, &vec![b'a'; length])),
        1 => (LONG..2 * LONG, LONG..2 * LONG).prop_map(move |(first, second)| {
            [frame(0x02, &payload(first)), frame(0x80, &payload(second))].concat()
        }),
        2 => (0..300usize).prop_map(move |length| frame(0x82, &payload(length))),
        1 => Just(frame(0x89, b"ping")),
    ];
    vec(frames, 1..6).prop_map(|frames| frames.concat())
}

fn run(config: &Config, pieces: &[&[u8]], decisions: &[u8]) -> (User, Stats, Vec<u8>) {
    let (mut user, now) = (User::new(config, decisions), Instant::now());
    for piece in pieces {
        user.feed(piece, now);
        if user.decides_to(2) {
            user.take();
        }
        if user.decides_to(4) {
            user.take_chunk();
        }
    }
    user.take();
    let (stats, output) = (user.engine.stats(), user.engine.poll_output().to_vec());
    (user, Stats { last_byte: None, ..stats }, output)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_lands_is_what_would_have_come_the_usual_way(
        bytes in traffic(),
        cuts in vec(1..3 * LONG, 0..20),
        decisions in vec(0..8u8, 1..40),
    ) {
        let pieces = pieces(&bytes, &cuts);
        let (usual, stats, output) = run(&unlimited(), &[&bytes], &[0]);
        let (user, landed_stats, landed_output) = run(&unlimited(), &pieces, &decisions);
        prop_assert_eq!(&user.messages, &usual.messages);
        prop_assert_eq!(landed_stats, stats);
        prop_assert_eq!(landed_output, output);
    }
}

fn half_of(length: usize) -> Vec<u8> {
    frame(0x82, &vec![7; length])[..length / 2].to_vec()
}

#[test]
fn a_long_message_lands_and_leaves_nothing_here() {
    let bytes = frame(0x82, &vec![7; 16 * LONG]);
    let (mut user, now) = (User::new(&unlimited(), &[1]), Instant::now());
    user.feed(&bytes[..1000], now);
    assert_eq!((user.landed, user.engine.landing()), (1, bytes.len() - 1000));
    user.feed(&bytes[1000..], now);
    assert!(user.engine.has_landed());
    assert_eq!(user.engine.stats().queued_bytes, 16 * LONG + 32);
    assert_eq!(user.engine.take(|_, payload| payload.len()), Some(0));
    assert_eq!(user.place, vec![7; 16 * LONG]);
}

#[test]
fn what_has_landed_of_a_message_without_an_end_can_still_be_taken() {
    let (mut user, now) = (User::new(&unlimited(), &[1]), Instant::now());
    user.feed(&half_of(4 * LONG), now);
    user.engine.receive_end();
    assert!(user.engine.has_chunk());
    user.take_chunk();
    assert_eq!(user.chunks, vec![7; 2 * LONG - 10]);
}

#[test]
fn nothing_lands_behind_a_message_that_waits_nor_where_each_frame_is_told() {
    for (config, before) in
        [(unlimited(), frame(0x82, b"waits")), (Config { trace: true, ..unlimited() }, Vec::new())]
    {
        let mut user = User::new(&config, &[1]);
        user.feed(&[before, half_of(4 * LONG)].concat(), Instant::now());
        assert_eq!(user.landed, 0);
    }
}

#[test]
fn a_peer_that_announces_much_and_sends_little_gets_no_room_for_it() {
    let mut user = User::new(&unlimited(), &[1]);
    let mut bytes = frame(0x82, &vec![7; 64 * LONG]);
    bytes.truncate(1000);
    user.feed(&bytes, Instant::now());
    assert_eq!(user.landed, 0);
    user.feed(&vec![7; 8 * LONG], Instant::now());
    assert_eq!(user.landed, 1);
}

#[test]
fn a_landed_message_may_be_dropped_for_newer_ones() {
    let config = Config { max_buffered: 100, overflow: Overflow::DropOldest, ..unlimited() };
    let mut user = User::new(&config, &[1]);
    let bytes = [frame(0x82, &vec![7; 4 * LONG]), frame(0x82, b"newer")].concat();
    user.feed(&bytes[..1000], Instant::now());
    user.feed(&bytes[1000..], Instant::now());
    assert_eq!((user.landed, user.engine.has_landed()), (1, false));
    user.take();
    assert_eq!(user.messages, [(Kind::Binary, b"newer".to_vec())]);
}
