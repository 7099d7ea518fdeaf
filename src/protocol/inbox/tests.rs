//! The inbox, fed by hand: layouts of its buffer that whole connections seldom reach.

#![allow(clippy::unwrap_used)]

use super::*;

fn feed(inbox: &mut Inbox, bytes: &[u8]) -> Result<usize, ProtocolError> {
    inbox.spare()[..bytes.len()].copy_from_slice(bytes);
    inbox.received(bytes.len());
    let mut frames = 0;
    while inbox.next_frame()?.is_some() {
        frames += 1;
    }
    Ok(frames)
}

fn take(inbox: &mut Inbox) -> Option<(Kind, Vec<u8>)> {
    inbox.take(|kind, bytes| (kind, bytes.to_vec()))
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, u8::try_from(payload.len()).unwrap()];
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn fragments_with_a_ping_between_become_one_message() {
    let mut inbox = Inbox::new(1024);
    let mut wire = frame(0x01, "hél".as_bytes());
    wire.extend(frame(0x89, b"ping"));
    wire.extend(frame(0x00, b""));
    wire.extend(frame(0x80, b"lo"));
    assert_eq!(feed(&mut inbox, &wire), Ok(4));
    assert_eq!(take(&mut inbox), Some((Kind::Text, "héllo".into())));
    assert!(inbox.is_empty());
}

#[test]
fn a_code_point_may_be_split_over_fragments_and_reads() {
    let mut inbox = Inbox::new(1024);
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
    let mut inbox = Inbox::new(1024);
    assert_eq!(feed(&mut inbox, &[0x81, 100, b'a', 0xED]), Ok(0));
    assert_eq!(feed(&mut inbox, &[0xA0]), Err(ProtocolError::InvalidText { position: 1 }));
}

#[test]
fn text_that_ends_within_a_code_point_is_invalid() {
    let mut inbox = Inbox::new(1024);
    let error = feed(&mut inbox, &frame(0x81, &[b'a', 0xC3]));
    assert_eq!(error, Err(ProtocolError::InvalidText { position: 1 }));
}

#[test]
fn the_limit_counts_all_fragments_and_is_judged_on_the_header() {
    let mut inbox = Inbox::new(10);
    feed(&mut inbox, &frame(0x02, &[0; 6])).unwrap();
    let error = ProtocolError::MessageTooBig { length: 11, limit: 10 };
    assert_eq!(feed(&mut inbox, &[0x80, 5]), Err(error));
    let mut inbox = Inbox::new(10);
    let huge = [0x82, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255];
    let error = ProtocolError::MessageTooBig { length: i64::MAX as u64, limit: 10 };
    assert_eq!(feed(&mut inbox, &huge), Err(error));
    assert!(inbox.buffer.len() <= LEAST_SPARE);
}

#[test]
fn empty_fragments_take_no_memory() {
    let mut inbox = Inbox::new(1 << 20);
    feed(&mut inbox, &frame(0x02, b"x")).unwrap();
    for _ in 0..10_000 {
        feed(&mut inbox, &[0, 0, 0, 0, 0, 0]).unwrap();
    }
    assert!(inbox.buffer.len() <= 2 * LEAST_SPARE);
    feed(&mut inbox, &frame(0x80, b"y")).unwrap();
    assert_eq!(take(&mut inbox), Some((Kind::Binary, b"xy".into())));
}

#[test]
fn chunks_come_before_the_message_ends_and_cut_text_between_code_points() {
    let mut inbox = Inbox::new(1024);
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
fn a_slow_taker_sees_every_message_while_the_buffer_moves() {
    let mut inbox = Inbox::new(1 << 20);
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
    let mut inbox = Inbox::new(10);
    feed(&mut inbox, &frame(0x02, b"")).unwrap();
    let limit = FEW_FRAGMENTS + 1;
    for _ in 1..limit {
        feed(&mut inbox, &frame(0x00, b"")).unwrap();
    }
    let error = feed(&mut inbox, &frame(0x00, b""));
    assert_eq!(error, Err(ProtocolError::TooManyFragments { limit }));
}
