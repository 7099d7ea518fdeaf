//! The server answers with another status than 101, and with whatever body.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use aiowebsocket::connect::{OpenError, OpenErrorKind};

use crate::peer::{Peer, at_once, opened, options, read_head, wait_for_end};

fn refused(timeout: Duration, script: impl FnOnce(&mut TcpStream) + Send + 'static) -> OpenError {
    let peer = Peer::start(|mut stream| {
        read_head(&mut stream);
        script(&mut stream);
    });
    let mut options = options(&peer.uri());
    options.timeout = Some(timeout);
    options.max_redirects = 0;
    let error = opened(options).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::InvalidStatus, "{error}");
    error
}

fn body(error: OpenError) -> Vec<u8> {
    error.response.unwrap().body
}

const LONG: Duration = Duration::from_secs(10);

#[test]
fn the_message_names_address_status_and_the_start_of_the_body() {
    let peer = Peer::start(|mut stream| {
        read_head(&mut stream);
        let head = b"HTTP/1.1 403 Forbidden\r\nX-Why: token\r\nContent-Length: 26\r\n\r\n";
        stream.write_all(head).unwrap();
        stream.write_all(b"{\"error\":\r\n \"token\x1b expired\"}").unwrap();
        wait_for_end(&mut stream);
    });
    let error = opened(options(&peer.uri())).unwrap_err();
    let expected = format!(
        "{} rejected the opening handshake: HTTP 403 Forbidden: {{\"error\": \"token expire",
        peer.address
    );
    assert_eq!((error.kind, error.message), (OpenErrorKind::InvalidStatus, expected));
    let response = error.response.unwrap();
    assert_eq!((response.status, response.field("x-why")), (403, Some("token")));
    assert_eq!(response.body.len(), 26);
}

#[test]
fn a_body_that_ends_is_read_at_once_whatever_its_framing() {
    let rows: [&[u8]; 4] = [
        b"HTTP/1.1 503 Later\r\nContent-Length: 5\r\n\r\nlater",
        b"HTTP/1.1 401 Who\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nla\r\n3;x=y\r\nter\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 5\r\n\r\nlater",
        b"HTTP/1.0 426 Upgrade Required\nContent-Length: 5\n\nlater",
    ];
    for bytes in rows {
        at_once(|| {
            let error = refused(LONG, move |stream| {
                stream.write_all(bytes).unwrap();
                wait_for_end(stream);
            });
            assert_eq!(body(error), b"later");
        });
    }
    let until_close = refused(LONG, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nlat").unwrap();
        stream.write_all(b"er").unwrap();
    });
    assert_eq!(body(until_close), b"later");
}

#[test]
fn a_body_that_does_not_end_costs_neither_the_whole_timeout_nor_the_answer() {
    let rows: [&[u8]; 3] = [
        b"HTTP/1.1 403 No\r\n\r\npart",
        b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\npart",
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nff\r\npart",
    ];
    let check = |bytes: &'static [u8], timeout, at_least| {
        let started = Instant::now();
        let error = refused(timeout, move |stream| {
            stream.write_all(bytes).unwrap();
            wait_for_end(stream);
        });
        assert_eq!(body(error), b"part");
        let elapsed = started.elapsed().as_millis();
        assert!((at_least..LONG.as_millis()).contains(&elapsed), "{elapsed} ms");
    };
    std::thread::scope(|scope| {
        for bytes in rows {
            scope.spawn(move || check(bytes, LONG, 2000));
            scope.spawn(move || check(bytes, Duration::from_secs(1), 1000));
        }
    });
}

#[test]
fn an_endless_body_is_cut_at_64_kib() {
    at_once(|| {
        let error = refused(LONG, |stream| {
            stream.write_all(b"HTTP/1.1 500 Oops\r\n\r\n").unwrap();
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        });
        assert!(error.message.ends_with(&format!(": {}…", "x".repeat(200))), "{error}");
        assert_eq!(body(error).len(), 64 * 1024);
    });
}
