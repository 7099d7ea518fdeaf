//! The inbox, fed by hand: layouts of its buffer that whole connections seldom reach.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::deflate::Deflater;
use super::super::no_memory;
use super::*;

/// The room that is offered to one read of an empty inbox.
const READ: usize = 48 * 1024;

fn unbounded() -> Queue {
    Queue::new(usize::MAX, Overflow::Block)
}

fn feed(inbox: &mut Inbox, bytes: &[u8]) -> Result<usize, ProtocolError> {
    inbox.spare()[..bytes.len()].copy_from_slice(bytes);
    inbox.received(bytes.len());
    let mut frames = 0;
    loop {
        match inbox.next_frame() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => return Ok(frames),
            Err(Failure::Protocol(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        }
    }
}

fn take(inbox: &mut Inbox) -> Option<(Kind, Vec<u8>)> {
    inbox.take(|kind, bytes| (kind, bytes.to_vec()))
}

/// All that can be taken in parts.
fn chunks(inbox: &mut Inbox) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| inbox.take_chunk(|_, bytes, _| bytes.to_vec())).collect()
}

fn holds_nothing(inbox: &mut Inbox) -> bool {
    let (held, mut given) = (inbox.buffer.held(), 0);
    inbox.reclaim(|buffer| given += buffer.len());
    held > 0 && given == held
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, u8::try_from(payload.len()).unwrap()];
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn fragments_with_a_ping_between_become_one_message() {
    let mut inbox = Inbox::new(1024, None, unbounded());
    let mut wire = frame(0x01, "hél".as_bytes());
    wire.extend(frame(0x89, b"ping"));
    wire.extend(frame(0x00, b""));
    wire.extend(frame(0x80, b"lo"));
    assert_eq!(feed(&mut inbox, &wire), Ok(4));
    assert_eq!(take(&mut inbox), Some((Kind::Text, "héllo".into())));
    assert!(holds_nothing(&mut inbox));
}

#[test]
fn a_code_point_may_be_split_over_fragments_and_reads() {
    let mut inbox = Inbox::new(1024, None, unbounded());
    let mut wire = frame(0x01, &[0xF0]);
    wire.extend(frame(0x00, &[0x9F, 0x98]));
    wire.extend(frame(0x80, &[0x80]));
    for byte in wire {
        feed(&mut inbox, &[byte]).unwrap();
    }
    assert_eq!(take(&mut inbox), Some((Kind::Text, "😀".into())));
}

#[test]
fn text_fails_at_its_first_wrong_byte_in_the_middle_of_a_frame() {
    let mut inbox = Inbox::new(1024, None, unbounded());
    assert_eq!(feed(&mut inbox, &[0x81, 100, b'a', 0xED]), Ok(0));
    assert_eq!(feed(&mut inbox, &[0xA0]), Err(ProtocolError::InvalidText { position: 1 }));
}

#[test]
fn text_that_ends_within_a_code_point_is_invalid() {
    let mut inbox = Inbox::new(1024, None, unbounded());
    let error = feed(&mut inbox, &frame(0x81, &[b'a', 0xC3]));
    assert_eq!(error, Err(ProtocolError::InvalidText { position: 1 }));
}

#[test]
fn the_limit_counts_all_fragments_and_is_judged_on_the_header() {
    let mut inbox = Inbox::new(10, None, unbounded());
    feed(&mut inbox, &frame(0x02, &[0; 6])).unwrap();
    let error = ProtocolError::MessageTooBig { length: 11, limit: 10 };
    assert_eq!(feed(&mut inbox, &[0x80, 5]), Err(error));
    let mut inbox = Inbox::new(10, None, unbounded());
    let huge = [0x82, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255];
    let error = ProtocolError::MessageTooBig { length: i64::MAX as u64, limit: 10 };
    assert_eq!(feed(&mut inbox, &huge), Err(error));
    assert!(inbox.buffer.held() <= READ);
}

#[test]
fn empty_fragments_take_no_memory() {
    let mut inbox = Inbox::new(1 << 20, None, unbounded());
    feed(&mut inbox, &frame(0x02, b"x")).unwrap();
    for _ in 0..10_000 {
        feed(&mut inbox, &[0, 0, 0, 0, 0, 0]).unwrap();
    }
    assert!(inbox.buffer.held() <= 2 * READ);
    feed(&mut inbox, &frame(0x80, b"y")).unwrap();
    assert_eq!(take(&mut inbox), Some((Kind::Binary, b"xy".into())));
}

#[test]
fn chunks_come_before_the_message_ends_and_cut_text_between_code_points() {
    let mut inbox = Inbox::new(1024, None, unbounded());
    let mut chunk = |bytes: &[u8]| {
        feed(&mut inbox, bytes).unwrap();
        inbox.take_chunk(|_, bytes, fin| (String::from_utf8(bytes.to_vec()).unwrap(), fin))
    };
    assert_eq!(chunk(&[0x01, 3, b'a', 0xC3]), Some(("a".into(), false)));
    assert_eq!(chunk(&[]), None);
    assert_eq!(chunk(&[0xA9]), Some(("é".into(), false)));
    assert_eq!(chunk(&[0x80, 1, b'z']), Some(("z".into(), true)));
    assert_eq!(chunk(&[0x81, 0]), Some((String::new(), true)));
}

#[test]
fn a_queued_message_is_taken_fragment_by_fragment_and_counts_what_is_left() {
    let mut inbox = Inbox::new(1 << 20, None, unbounded());
    let long = [7; 125];
    let mut wire = frame(0x02, b"ab");
    for payload in [&b""[..], b"c", &long, &long, &long] {
        wire.extend(frame(0x00, payload));
    }
    wire.extend([frame(0x80, b""), frame(0x82, b"next")].concat());
    feed(&mut inbox, &wire).unwrap();
    let mut next = || {
        let counted = inbox.queue().bytes();
        let chunk = inbox.take_chunk(|_, bytes, fin| (bytes.len(), fin)).unwrap();
        (counted, chunk)
    };
    // The ends of five fragments take a byte each, and the next message counts 36.
    let left = 32 + 36 + 2 + 1 + 3 * 125 + 5;
    assert_eq!(next(), (left, (2, false)));
    assert_eq!(next(), (left - 3, (1, false)));
    assert_eq!(next(), (left - 3 - 2, (125, false)));
    assert_eq!(next(), (left - 3 - 2 - 126, (125, false)));
    assert_eq!(next(), (left - 3 - 2 - 2 * 126, (125, true)));
    assert_eq!(next(), (36, (4, true)));
    assert_eq!(inbox.queue().bytes(), 0);
    assert!(holds_nothing(&mut inbox));
}

#[test]
fn fragments_that_came_together_with_the_beginning_of_another_come_one_by_one() {
    let mut inbox = Inbox::new(1024, None, unbounded());
    let mut wire = [frame(0x01, b"a"), frame(0x00, "é".as_bytes()), frame(0x00, b"b\xC3")].concat();
    wire.extend([0x00, 4, 0xA9, b'c']);
    feed(&mut inbox, &wire).unwrap();
    assert_eq!(chunks(&mut inbox), [&b"a"[..], "é".as_bytes(), b"b", "éc".as_bytes()]);
    feed(&mut inbox, &[&b"de"[..], &frame(0x80, b"f")].concat()).unwrap();
    assert_eq!(chunks(&mut inbox), [b"de", &b"f"[..]]);
    assert!(holds_nothing(&mut inbox));
}

#[test]
fn a_message_that_is_dropped_takes_the_ends_of_its_fragments_along() {
    let message = |first: &[u8]| [frame(0x02, first), frame(0x80, b"end")].concat();
    for (overflow, kept) in [(Overflow::DropOldest, [3, 4]), (Overflow::DropNewest, [1, 2])] {
        let mut inbox = Inbox::new(1024, None, Queue::new(100, overflow));
        for length in 1..=4 {
            feed(&mut inbox, &message(&vec![b'x'; length])).unwrap();
        }
        let lengths = chunks(&mut inbox).into_iter().map(|chunk| chunk.len());
        assert_eq!(lengths.collect::<Vec<_>>(), [kept[0], 3, kept[1], 3]);
        assert_eq!(inbox.queue().bytes(), 0);
    }
}

#[test]
fn without_memory_for_the_ends_of_fragments_the_connection_fails_and_nothing_is_lost() {
    let mut inbox = Inbox::new(1 << 20, None, unbounded());
    let wire = [frame(0x02, b"a"), frame(0x00, b"b").repeat(1000)].concat();
    inbox.spare()[..wire.len()].copy_from_slice(&wire);
    inbox.received(wire.len());
    let failure = no_memory::beyond(500, || {
        loop {
            match inbox.next_frame() {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(failure) => return Some(failure),
            }
        }
    });
    assert!(matches!(failure, Some(Failure::NoMemory(_))), "{failure:?}");
    inbox.stop();
    assert!(chunks(&mut inbox).concat().starts_with(b"abbbbb"));
}

#[test]
fn without_memory_for_one_message_more_the_connection_fails_and_those_before_are_kept() {
    for first in [0x82, 0xC2] {
        let mut inbox =
            if first == 0x82 { Inbox::new(1024, None, unbounded()) } else { inflating(1024) };
        let payload = deflater().compress(b"message", true).unwrap().to_vec();
        let wire = frame(first, &payload).repeat(1000);
        inbox.spare()[..wire.len()].copy_from_slice(&wire);
        inbox.received(wire.len());
        let failure = no_memory::beyond(4000, || {
            inbox.queue_whole_messages();
            loop {
                match inbox.next_frame() {
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(failure) => return Some(failure),
                }
            }
        });
        assert!(matches!(failure, Some(Failure::NoMemory(_))), "{failure:?}");
        inbox.stop();
        let queued = inbox.queued();
        assert!((50..1000).contains(&queued), "{queued}");
        assert_eq!(std::iter::from_fn(|| take(&mut inbox)).count(), queued);
    }
}

#[test]
fn what_comes_before_a_wrong_byte_can_be_taken_however_text_was_cut() {
    for cut in 1..8 {
        let mut inbox = Inbox::new(1024, None, unbounded());
        let mut pieces = b"\x81\x06ab\xC3\xA9\xFFz".chunks(cut);
        let error = pieces.find_map(|piece| feed(&mut inbox, piece).err());
        assert_eq!(error, Some(ProtocolError::InvalidText { position: 4 }));
        inbox.stop();
        let chunk = inbox.take_chunk(|_, bytes, fin| (bytes.to_vec(), fin));
        assert_eq!(chunk, Some(("abé".into(), false)), "{cut}");
    }
}

#[test]
fn a_slow_taker_sees_every_message_while_the_buffer_moves() {
    let mut inbox = Inbox::new(1 << 20, None, unbounded());
    let (mut sent, mut taken) = (0u32, 0u32);
    while taken < 20_000 {
        for _ in 0..3 {
            let mut payload = sent.to_be_bytes().to_vec();
            payload.resize(4 + (sent % 100) as usize, 7);
            feed(&mut inbox, &frame(0x82, &payload)).unwrap();
            sent += 1;
        }
        for _ in 0..if sent < 15_000 { 2 } else { 5 } {
            let Some((_, payload)) = take(&mut inbox) else { break };
            assert_eq!(payload[..4], taken.to_be_bytes());
            assert_eq!(payload.len(), 4 + (taken % 100) as usize);
            taken += 1;
        }
    }
}

#[test]
fn fragments_without_end_are_bounded_however_small() {
    let mut inbox = Inbox::new(10, None, unbounded());
    feed(&mut inbox, &frame(0x02, b"")).unwrap();
    let limit = FEW_FRAGMENTS + 1;
    for _ in 1..limit {
        feed(&mut inbox, &frame(0x00, b"")).unwrap();
    }
    let error = feed(&mut inbox, &frame(0x00, b""));
    assert_eq!(error, Err(ProtocolError::TooManyFragments { limit }));
}

fn inflating(max_size: u64) -> Inbox {
    Inbox::new(max_size, Some(Inflater::new(false)), unbounded())
}

fn deflater() -> Deflater {
    Deflater::new(15, false, 6, 8)
}

#[test]
fn compressed_and_plain_messages_come_out_in_their_order() {
    let (mut inbox, mut deflater) = (inflating(1 << 20), deflater());
    let mut wire = Vec::new();
    for n in 0..100u8 {
        let payload = [b'a' + n % 26; 40];
        if n % 3 == 0 {
            wire.extend(frame(0x81, &payload));
        } else {
            wire.extend(frame(0xC1, deflater.compress(&payload, true).unwrap()));
        }
    }
    feed(&mut inbox, &wire).unwrap();
    for n in 0..100u8 {
        assert_eq!(take(&mut inbox), Some((Kind::Text, vec![b'a' + n % 26; 40])));
    }
    assert!(holds_nothing(&mut inbox));
}

#[test]
fn a_compressed_message_may_be_cut_into_frames_anywhere() {
    let text = "the quick brown fox jumps over the lazy dog; ".repeat(20);
    let compressed = deflater().compress(text.as_bytes(), true).unwrap().to_vec();
    let mut inbox = inflating(1 << 20);
    let mut wire = frame(0x41, b"");
    for byte in &compressed {
        wire.extend(frame(0x00, &[*byte]));
        wire.extend(frame(0x89, b""));
    }
    wire.extend(frame(0x80, b""));
    feed(&mut inbox, &wire).unwrap();
    assert_eq!(take(&mut inbox), Some((Kind::Text, text.into_bytes())));
}

#[test]
fn inflating_stops_at_the_limit_and_holds_little_more() {
    let bomb = deflater().compress(&vec![0; 8 << 20], true).unwrap().to_vec();
    let mut wire = vec![0xC2, 126];
    wire.extend(u16::try_from(bomb.len()).unwrap().to_be_bytes());
    wire.extend(bomb);
    let mut inbox = inflating(100_000);
    let error = ProtocolError::MessageTooBig { length: 100_001, limit: 100_000 };
    assert_eq!(feed(&mut inbox, &wire), Err(error));
    assert!(inbox.buffer.held() <= 5 * READ, "{}", inbox.buffer.held());
    let exact = deflater().compress(&vec![0; 100_000], true).unwrap().to_vec();
    let mut inbox = inflating(100_000);
    assert_eq!(feed(&mut inbox, &frame(0xC2, &exact)), Ok(1));
    assert_eq!(take(&mut inbox).unwrap().1.len(), 100_000);
}

#[test]
fn what_inflates_to_nothing_is_bounded_on_the_wire() {
    let mut inbox = inflating(1000);
    let empty_block = [0, 0, 0, 0xFF, 0xFF];
    let mut wire = frame(0x42, &empty_block);
    for _ in 0..((2 * 1000 + 1024) / 5 - 1) {
        wire.extend(frame(0x00, &empty_block));
    }
    feed(&mut inbox, &wire).unwrap();
    let error = feed(&mut inbox, &frame(0x00, &empty_block));
    assert_eq!(error, Err(ProtocolError::MessageTooBig { length: 3025, limit: 1000 }));
}

#[test]
fn inflated_text_must_be_valid() {
    let bytes = deflater().compress(b"valid \xC3\xA9, not: \xED\xA0\x80", true).unwrap().to_vec();
    let error = ProtocolError::InvalidText { position: 15 };
    assert_eq!(feed(&mut inflating(1000), &frame(0xC1, &bytes)), Err(error));
}

#[test]
fn malformed_deflate_fails_at_once_or_at_the_end_of_the_message() {
    let error = Err(ProtocolError::MalformedDeflate);
    assert_eq!(feed(&mut inflating(1000), &frame(0xC2, &[0xFF; 10])), error);
    let whole = deflater().compress(b"Hello, hello, hello", true).unwrap().to_vec();
    let cut = frame(0xC2, &whole[..whole.len() - 3]);
    assert_eq!(feed(&mut inflating(1000), &cut), Err(ProtocolError::MalformedDeflate));
}

#[test]
fn what_comes_behind_an_unread_message_leaves_nothing_behind() {
    for between in [frame(0x89, &[7; 125]), frame(0x8A, b""), frame(0x8A, &[7; 100])] {
        let mut inbox = Inbox::new(1 << 20, None, unbounded());
        feed(&mut inbox, &frame(0x82, b"unread")).unwrap();
        for cut in [1, between.len() - 1, between.len()] {
            for _ in 0..20_000 {
                feed(&mut inbox, &between[..cut]).unwrap();
                feed(&mut inbox, &between[cut..]).unwrap();
            }
        }
        assert!(inbox.buffer.held() <= 2 * READ, "{}", inbox.buffer.held());
        assert_eq!(take(&mut inbox), Some((Kind::Binary, b"unread".into())));
    }
}

#[test]
fn unread_messages_hold_little_more_than_they_count() {
    let mut wire = frame(0x02, b"x");
    wire.extend([0, 0].repeat(1000));
    wire.extend(frame(0x89, &[7; 100]));
    wire.extend([0x80, 0]);
    let mut inbox = Inbox::new(1 << 20, None, unbounded());
    for _ in 0..5000 {
        feed(&mut inbox, &wire).unwrap();
    }
    let held = inbox.buffer.held();
    assert!(held <= 3 * inbox.queue().bytes() + READ, "{held} of {}", inbox.queue().bytes());
    for _ in 0..5000 {
        assert_eq!(take(&mut inbox), Some((Kind::Binary, b"x".into())));
    }
}

#[test]
fn messages_that_are_passed_over_hold_no_memory() {
    let mut inbox = Inbox::new(1 << 20, None, unbounded());
    feed(&mut inbox, &[frame(0x82, b"kept"), frame(0x82, b"dropped")].concat()).unwrap();
    inbox.drop_newest();
    for _ in 0..100_000 {
        feed(&mut inbox, &frame(0x82, b"x")).unwrap();
    }
    assert!(inbox.buffer.held() <= 2 * READ, "{}", inbox.buffer.held());
    assert_eq!(take(&mut inbox), Some((Kind::Binary, b"kept".into())));
    assert_eq!(take(&mut inbox), None);
}

#[test]
fn what_comes_before_malformed_data_can_be_taken_however_it_was_cut() {
    let wire = [0x41, 3, 0xF2, 0x48, 0xCD, 0x80, 4, 0xC9, 0x00, 0x11, 0x00];
    for cut in 1..=wire.len() {
        let mut inbox = inflating(1024);
        let error = wire.chunks(cut).find_map(|piece| feed(&mut inbox, piece).err());
        assert_eq!(error, Some(ProtocolError::MalformedDeflate));
        inbox.stop();
        assert_eq!(chunks(&mut inbox).concat(), b"Helh", "{cut}");
    }
}

#[test]
fn a_frame_that_only_announces_itself_gets_no_room() {
    let mut inbox = Inbox::new(u64::MAX, None, unbounded());
    let mut wire = vec![0x82, 127];
    wire.extend((1u64 << 62).to_be_bytes());
    assert_eq!(feed(&mut inbox, &wire), Ok(0));
    inbox.spare();
    assert!(inbox.buffer.held() <= 2 * READ, "{}", inbox.buffer.held());
}

#[test]
fn without_memory_the_connection_fails_and_what_arrived_before_is_kept() {
    let mut inbox = Inbox::new(u64::MAX, None, unbounded());
    let mut wire = frame(0x82, b"kept");
    wire.extend([0x82, 127]);
    wire.extend((1u64 << 30).to_be_bytes());
    let failure = no_memory::beyond(8 * READ, || {
        for _ in 0..100 {
            let room = inbox.spare();
            assert!(!room.is_empty());
            let length = wire.len().min(room.len());
            room[..length].copy_from_slice(&wire[..length]);
            inbox.received(length);
            if let Some(failure) = inbox.exhausted() {
                inbox.stop();
                return Some(failure);
            }
            while inbox.next_frame().unwrap().is_some() {}
            wire = vec![0; READ];
        }
        None
    });
    assert!(matches!(failure, Some(Failure::NoMemory(_))), "{failure:?}");
    for _ in 0..100 {
        let length = no_memory::beyond(0, || inbox.spare().len());
        assert!(length > 0);
        inbox.received(length);
        inbox.stop();
    }
    assert_eq!(take(&mut inbox), Some((Kind::Binary, b"kept".into())));
}

#[test]
fn without_memory_to_inflate_the_connection_fails() {
    let mut inbox = inflating(u64::MAX);
    let bomb = deflater().compress(&vec![0; 8 << 20], true).unwrap().to_vec();
    let mut wire = vec![0xC2, 126];
    wire.extend(u16::try_from(bomb.len()).unwrap().to_be_bytes());
    wire.extend(&bomb);
    inbox.spare()[..wire.len()].copy_from_slice(&wire);
    inbox.received(wire.len());
    let outcome = no_memory::beyond(8 * READ, || inbox.next_frame().map(|_| ()));
    assert!(matches!(outcome, Err(Failure::NoMemory(_))), "{outcome:?}");
}

#[test]
fn a_message_that_cannot_be_read_stays_the_oldest() {
    let mut inbox = Inbox::new(1024, None, unbounded());
    feed(&mut inbox, &[frame(0x82, b"first"), frame(0x82, b"second")].concat()).unwrap();
    assert_eq!(inbox.take_where(|_, _| None::<()>), None);
    assert_eq!((inbox.queued(), inbox.queue().bytes()), (2, 2 * 32 + 11));
    assert_eq!(take(&mut inbox), Some((Kind::Binary, b"first".into())));
    assert_eq!(take(&mut inbox), Some((Kind::Binary, b"second".into())));
}
