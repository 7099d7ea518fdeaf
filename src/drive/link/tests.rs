//! A link on a socket of the loopback interface, called as a driver calls it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::drive::landing::Payload;
use crate::drive::open::{Cause, Taken};
use crate::drive::senders::Share;
use crate::protocol::{Kind, Overflow};

const CARE: Care =
    Care { write_limit: 1024, sweep: lifeline::LONGEST_SWEEP, app_stall_timeout: None };
const FIRST: Line = Line { ticket: None, share: Share::Whole, more: false };

fn link() -> (Arc<Link>, TcpStream) {
    link_with(CARE)
}

fn link_with(care: Care) -> (Arc<Link>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    let (peer, _) = listener.accept().unwrap();
    let config = Config {
        max_size: 1 << 20,
        max_buffered: 1 << 20,
        overflow: Overflow::Block,
        close_timeout: None,
        ping_interval: None,
        ping_timeout: None,
        deflate: None,
        trace: false,
    };
    (Link::new(Stream::new(ours, Vec::new()), &[], &config, care), peer)
}

fn frame(payload: &[u8]) -> Frame<'_> {
    Frame { kind: Kind::Binary, fin: true, payload, compress: None }
}

/// Reads until there is a message.
fn receive(link: &Link) {
    while link.queued() == 0 {
        link.receive();
        thread::yield_now();
    }
}

/// Sends until there is no room any more.
fn fill(link: &Link) {
    while matches!(link.send(frame(&[0; 4096]), FIRST, Flush::Now), Ok(Sent::Yes(wants)) if wants.room)
    {
    }
}

#[test]
fn a_bug_behind_the_door_fails_the_connection_and_is_told() {
    panics::silence();
    let (link, mut peer) = link();
    peer.write_all(b"\x82\x01a\x82\x01b").unwrap();
    receive(&link);
    let taking = || link.take(|_, _| -> Option<u8> { panic!("of the test") });
    let told = panics::caught(taking).unwrap_err();
    assert!(told.starts_with("of the test") && told.contains("tests.rs"), "{told}");
    assert_eq!(link.take(|_, _| Some(0)), Taken::Nothing { over: true, read: false });
    assert!(link.wants().closed);
    assert!(matches!(link.ending().cause, Some(Cause::Bug(cause)) if cause == told));
    assert_eq!(link.send(frame(b"x"), FIRST, Flush::Now), Err(SendError::Closed));
    link.release();
    // Aborted: what it reads is an error, or the end.
    assert!(!peer.read(&mut [0; 8]).is_ok_and(|length| length > 0));
}

#[test]
fn what_the_driver_does_is_done_with_a_connection_that_a_bug_has_ended() {
    panics::silence();
    let (link, _peer) = link();
    let mut is_first = true;
    let wants = link.enter(|open| {
        assert!(!std::mem::take(&mut is_first), "of the test");
        open.wants()
    });
    assert!(wants.closed);
    let Some(Cause::Bug(told)) = link.ending().cause else { unreachable!() };
    assert!(told.starts_with("of the test"), "{told}");
}

#[test]
fn a_message_that_cannot_be_copied_is_not_taken() {
    let (link, mut peer) = link();
    peer.write_all(b"\x82\x01a\x82\x01b").unwrap();
    while link.queued() < 2 {
        link.receive();
    }
    let first = |_, payload: Payload<'_>| match payload {
        Payload::Here(payload) => Some(payload[0]),
        Payload::Landed(_) => None,
    };
    assert_eq!(link.take(|_, _| None::<u8>), Taken::Nothing { over: false, read: true });
    assert_eq!(link.take(first), Taken::Message(b'a', true));
    assert_eq!(link.take_many(9, first), Taken::Message(vec![b'b'], true));
}

#[test]
fn a_later_send_does_not_overtake_one_that_waits() {
    let (link, mut peer) = link();
    fill(&link);
    let Ok(Sent::Waits(first)) = link.send(frame(b"first"), FIRST, Flush::Now) else {
        unreachable!();
    };
    let drained = thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).map(|_| all)
    });
    while !link.flush().room {
        thread::yield_now();
    }
    assert_eq!(link.wants().turn, Some(first));
    let Ok(Sent::Waits(second)) = link.send(frame(b"second"), FIRST, Flush::Now) else {
        unreachable!();
    };
    let again = Line { ticket: Some(first), ..FIRST };
    let Ok(Sent::Yes(wants)) = link.send(frame(b"first"), again, Flush::Now) else {
        unreachable!()
    };
    assert_eq!(wants.turn, Some(second));
    assert_eq!(link.leave_line(second).turn, None);
    link.abandon(CloseCode::GOING_AWAY);
    drained.join().unwrap().unwrap();
}

#[test]
fn one_flush_has_its_share_however_fast_the_peer_reads() {
    let (link, mut peer) = link_with(Care { write_limit: usize::MAX, ..CARE });
    let message = vec![0; 1 << 20];
    for _ in 0..64 {
        link.send(frame(&message), FIRST, Flush::Later).unwrap();
    }
    let drained = thread::spawn(move || io::copy(&mut peer, &mut io::sink()));
    let mut unsent = link.lock().engine.unsent();
    while unsent > 0 {
        link.flush();
        let left = link.lock().engine.unsent();
        assert!(unsent - left <= 4 << 20, "{unsent} to {left}");
        unsent = left;
    }
    link.abandon(CloseCode::GOING_AWAY);
    assert!(drained.join().unwrap().unwrap() > 64 << 20);
}
