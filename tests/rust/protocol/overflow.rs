//! What the queue keeps of messages that nobody takes in time: what a plain model keeps, in any cut of
//! the bytes, whichever policy, compressed or not.

use std::collections::VecDeque;
use std::time::Instant;

use aiowebsocket::protocol::deflate::{Agreed, Deflate};
use aiowebsocket::protocol::{Chunk, Config, Connection, Failure, Overflow};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::deflate::{Server, agreed, message};
use super::{feed, keys, pieces, unlimited};

/// What a message counts beside its payload, at least, and where it has three fragments at most.
const OVERHEAD: usize = 32;
const CUTS: usize = 6;

type Message = (Vec<u8>, bool, Option<(u8, u8)>);

/// The queue as its documentation has it.
struct Model {
    overflow: Overflow,
    bound: usize,
    /// Each payload, and what it counts.
    queue: VecDeque<(Vec<u8>, usize)>,
    dropped: u64,
    failed: bool,
}

impl Model {
    fn new(overflow: Overflow, bound: usize) -> Self {
        Self { overflow, bound, queue: VecDeque::new(), dropped: 0, failed: false }
    }

    fn bytes(&self) -> usize {
        self.queue.iter().map(|(_, counted)| counted).sum()
    }

    fn push(&mut self, payload: Vec<u8>, counted: usize) {
        if self.failed {
            return;
        }
        self.queue.push_back((payload, counted));
        while self.bytes() > self.bound {
            match self.overflow {
                Overflow::DropOldest if self.queue.len() > 1 => drop(self.queue.pop_front()),
                Overflow::DropNewest if self.queue.len() > 1 => drop(self.queue.pop_back()),
                Overflow::Close => {
                    self.failed = true;
                    return;
                }
                _ => return,
            }
            self.dropped += 1;
        }
    }
}

fn engine(overflow: Overflow, bound: usize, agreed: Option<Agreed>) -> Connection {
    let deflate = |agreed| Deflate { agreed, level: 6, mem_level: 8, threshold: 10 };
    let config = Config {
        max_size: 1 << 20,
        max_buffered: bound,
        overflow,
        deflate: agreed.map(deflate),
        ..unlimited()
    };
    Connection::new(&config, Box::new(keys()))
}

/// All frames, and where each message ends.
fn wire(messages: &[Message], agreed: Option<Agreed>) -> (Vec<u8>, Vec<usize>) {
    let any = Agreed {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let mut server = Server::new(agreed.unwrap_or(any));
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for (payload, compressed, cut) in messages {
        bytes.extend(server.send(&(payload.clone(), *compressed && agreed.is_some(), *cut)));
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// What each message counts in a queue that has room for all.
fn counted(wire: &[u8], ends: &[usize], agreed: Option<Agreed>) -> Vec<usize> {
    let mut engine = engine(Overflow::Block, usize::MAX, agreed);
    let mut start = 0;
    let counted = ends.iter().map(|end| {
        feed(&mut engine, &wire[start..*end], Instant::now());
        start = *end;
        let counted = engine.stats().queued_bytes;
        let payload = take(&mut engine).unwrap();
        let beside = counted - payload.len();
        assert!((OVERHEAD..=OVERHEAD + CUTS).contains(&beside), "{beside}");
        counted
    });
    counted.collect()
}

fn take(engine: &mut Connection) -> Option<Vec<u8>> {
    engine.take(|_, payload| payload.to_vec())
}

/// Messages that can be told from each other.
fn messages() -> impl Strategy<Value = Vec<Message>> {
    vec(message(), 0..16).prop_map(|mut messages| {
        for (number, (payload, ..)) in messages.iter_mut().enumerate() {
            payload.insert(0, u8::try_from(number).unwrap());
        }
        messages
    })
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![Just(Overflow::DropOldest), Just(Overflow::DropNewest), Just(Overflow::Close)]
}

/// Small ones, and some that several of the messages fit in.
fn bound() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..2000, 1usize..80_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_queue_keeps_what_a_plain_model_keeps(
        overflow in overflow(),
        bound in bound(),
        agreed in option::of(agreed()),
        messages in messages(),
        cuts in vec(prop_oneof![1usize..200, 1usize..40_000], 1..10),
        takes in vec(0usize..4, 1..10),
    ) {
        let (wire, ends) = wire(&messages, agreed);
        let (mut engine, mut model) = (engine(overflow, bound, agreed), Model::new(overflow, bound));
        let counted = counted(&wire, &ends, agreed);
        let mut coming = messages.iter().zip(&ends).zip(counted).peekable();
        let (mut fed, mut takes) = (0, takes.iter().cycle());
        for piece in pieces(&wire, &cuts) {
            feed(&mut engine, piece, Instant::now());
            fed += piece.len();
            while let Some((((payload, ..), _), counted)) =
                coming.next_if(|((_, end), _)| **end <= fed)
            {
                model.push(payload.clone(), counted);
            }
            let stats = engine.stats();
            prop_assert_eq!((stats.queued, stats.queued_bytes), (model.queue.len(), model.bytes()));
            prop_assert_eq!(stats.dropped, model.dropped);
            let alone = model.queue.len() == 1;
            prop_assert!(stats.queued_bytes <= bound || alone || model.failed);
            let expected = model.failed.then_some(Failure::QueueFull(bound));
            prop_assert_eq!(engine.failure(), expected.as_ref());
            prop_assert!(engine.wants_input());
            for _ in 0..*takes.next().unwrap() {
                let expected = model.queue.pop_front().map(|(payload, _)| payload);
                prop_assert_eq!(take(&mut engine), expected);
            }
        }
        while let Some((expected, _)) = model.queue.pop_front() {
            prop_assert_eq!(take(&mut engine), Some(expected));
        }
        prop_assert_eq!(take(&mut engine), None);
        prop_assert_eq!(engine.stats().queued_bytes, 0);
    }

    #[test]
    fn who_blocks_keeps_all_within_the_bound(
        bound in bound(),
        agreed in option::of(agreed()),
        messages in messages(),
        cuts in vec(1usize..200, 1..10),
    ) {
        let (wire, _) = wire(&messages, agreed);
        let mut engine = engine(Overflow::Block, bound, agreed);
        let most = messages.iter().map(|(payload, ..)| payload.len() + OVERHEAD + CUTS).max();
        // So many messages may come with one piece, each as small as can be.
        let most = most.unwrap_or(0) + 200 / 3 * (OVERHEAD + 200);
        let mut sent = messages.iter().map(|(payload, ..)| payload.clone());
        for piece in pieces(&wire, &cuts) {
            while !engine.wants_input() {
                prop_assert_eq!(take(&mut engine), sent.next());
                go_on(&mut engine);
            }
            feed(&mut engine, piece, Instant::now());
            prop_assert!(engine.stats().queued_bytes <= bound + most);
        }
        while let Some(taken) = take(&mut engine) {
            prop_assert_eq!(Some(taken), sent.next());
            go_on(&mut engine);
        }
        prop_assert_eq!(sent.next(), None);
        prop_assert_eq!(engine.stats().dropped, 0);
    }

    #[test]
    fn a_message_that_is_taken_in_parts_is_whole_whatever_is_dropped(
        overflow in overflow(),
        bound in bound(),
        agreed in option::of(agreed()),
        messages in messages(),
        cuts in vec(1usize..2000, 1..10),
        takes in vec(0usize..4, 1..10),
    ) {
        let (wire, _) = wire(&messages, agreed);
        let mut engine = engine(overflow, bound, agreed);
        let (mut whole, mut part) = (Vec::new(), Vec::new());
        let mut take_part = |engine: &mut Connection| {
            let take = |chunk: Chunk<'_>| {
                part.extend_from_slice(chunk.payload);
                if chunk.fin {
                    whole.push(std::mem::take(&mut part));
                }
            };
            engine.take_chunk(take).is_some()
        };
        let mut takes = takes.iter().cycle();
        for piece in pieces(&wire, &cuts) {
            feed(&mut engine, piece, Instant::now());
            for _ in 0..*takes.next().unwrap() {
                take_part(&mut engine);
            }
        }
        while take_part(&mut engine) {}
        let mut sent = messages.iter().map(|(payload, ..)| payload);
        for payload in &whole {
            prop_assert!(sent.any(|sent| sent == payload), "torn, twice, or out of order");
        }
        if engine.failure().is_none() {
            prop_assert_eq!(whole.len() as u64 + engine.stats().dropped, messages.len() as u64);
            prop_assert!(part.is_empty());
        }
    }
}

/// What has arrived, and waited for room, is parsed.
fn go_on(engine: &mut Connection) {
    if engine.is_stalled() && engine.wants_input() {
        engine.receive_bytes(0, Instant::now());
    }
}
