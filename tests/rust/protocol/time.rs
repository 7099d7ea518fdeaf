//! What a connection does as time passes, by a clock that the test makes up.

use std::time::{Duration, Instant};

use aiowebsocket::protocol::{Close, CloseCode, Config, Connection, Event, Failure, Phase};

use super::{feed, frame, keys, unlimited};

const S: Duration = Duration::from_secs(1);

fn opened(config: &Config, start: Instant) -> Connection {
    let mut engine = Connection::new(config, Box::new(keys()));
    engine.handle_timeout(start);
    engine
}

fn write_all(engine: &mut Connection) {
    let length = engine.poll_output().len();
    engine.output_written(length);
}

fn closing(close_timeout: Option<Duration>, start: Instant) -> Connection {
    let mut engine = opened(&Config { close_timeout, ..unlimited() }, start);
    engine.send_close(Close::new(CloseCode::NORMAL, ""), start).unwrap();
    feed(&mut engine, &frame(0x88, &1000u16.to_be_bytes()), start + S);
    engine
}

#[test]
fn the_end_of_tcp_is_asked_for_two_seconds_after_the_second_close() {
    let start = Instant::now();
    let mut engine = closing(Some(10 * S), start);
    assert_eq!(engine.poll_timeout(), Some(start + 3 * S));
    engine.handle_timeout(start + 2 * S);
    write_all(&mut engine);
    assert!(!engine.wants_shutdown());
    engine.handle_timeout(start + 3 * S);
    assert!(engine.wants_shutdown());
    assert_eq!((engine.phase(), engine.poll_timeout()), (Phase::Ending, Some(start + 10 * S)));
    engine.handle_timeout(start + 10 * S);
    assert!(engine.timed_out() && !engine.wants_shutdown());
    assert_eq!((engine.phase(), engine.poll_timeout()), (Phase::Closed, None));
}

#[test]
fn our_end_of_tcp_comes_behind_our_close() {
    let start = Instant::now();
    let mut engine = closing(None, start);
    engine.handle_timeout(start + 3 * S);
    assert!(engine.unsent() > 0 && !engine.wants_shutdown());
    write_all(&mut engine);
    assert!(engine.wants_shutdown());
    assert_eq!(engine.poll_timeout(), None);
}

#[test]
fn no_more_time_than_closing_has_is_waited_for_the_peers_end() {
    let start = Instant::now();
    let mut engine = closing(Some(2 * S), start);
    assert_eq!(engine.poll_timeout(), Some(start + 2 * S));
    engine.handle_timeout(start + 9 * S);
    assert!(engine.timed_out() && engine.phase() == Phase::Closed);
}

#[test]
fn a_connection_that_closes_neither_pings_nor_misses_a_pong() {
    let start = Instant::now();
    let config = Config {
        close_timeout: Some(100 * S),
        ping_interval: Some(10 * S),
        ping_timeout: Some(5 * S),
        ..unlimited()
    };
    let mut engine = opened(&config, start);
    engine.handle_timeout(start + 10 * S);
    assert!(engine.unsent() > 0 && engine.poll_timeout() == Some(start + 15 * S));
    engine.send_close(Close::new(CloseCode::NORMAL, ""), start + 11 * S).unwrap();
    write_all(&mut engine);
    for second in 12..100 {
        feed(&mut engine, &frame(0x82, b"late"), start + second * S);
        engine.excuse_pong(start + second * S);
        engine.handle_timeout(start + second * S);
        assert!(!engine.is_overdue(start + second * S));
        assert_eq!(engine.poll_timeout(), Some(start + 111 * S));
    }
    assert_eq!((engine.phase(), engine.unsent()), (Phase::Closing, 0));
}

#[test]
fn an_application_that_does_not_look_is_given_up_unless_it_does_in_time() {
    let start = Instant::now();
    let mut engine = opened(&Config { ping_interval: Some(100 * S), ..unlimited() }, start);
    engine.arm_stall(Some((start + 7 * S, 5 * S)));
    assert_eq!(engine.poll_timeout(), Some(start + 7 * S));
    engine.arm_stall(None);
    assert_eq!(engine.poll_timeout(), Some(start + 100 * S));
    engine.handle_timeout(start + 7 * S);
    assert_eq!(engine.phase(), Phase::Open);
    engine.arm_stall(Some((start + 9 * S, 5 * S)));
    engine.handle_timeout(start + 9 * S);
    assert_eq!(engine.failure(), Some(&Failure::Stalled(5 * S)));
    assert_eq!(engine.sent_close().unwrap().code, CloseCode::GOING_AWAY);
    engine.arm_stall(Some((start + 9 * S, 5 * S)));
    assert_eq!(engine.poll_timeout(), None);
}

#[test]
fn pings_without_a_payload_are_told_apart_though_the_random_numbers_are_equal() {
    let start = Instant::now();
    let mut engine = Connection::new(&unlimited(), Box::new(|| [7; 4]));
    let ids = [1, 2, 3].map(|_| engine.send_ping(None, start).unwrap());
    let sent = engine.poll_output().to_vec();
    let payloads: Vec<_> =
        sent.chunks(10).map(|ping| [0, 1, 2, 3].map(|n| ping[6 + n] ^ 7)).collect();
    for payload in &payloads[..2] {
        feed(&mut engine, &frame(0x8A, payload), start + S);
    }
    let answered = std::iter::from_fn(|| engine.poll_event()).filter_map(|event| match event {
        Event::Pong { id, .. } => Some(id),
        _ => None,
    });
    assert_eq!(answered.collect::<Vec<_>>(), ids[..2]);
}
