//! Servers that send the client on: what reaches the next one, and what stops it.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use aiowebsocket::connect::{OpenErrorKind, Redirect, TlsChoice, TlsOptions};

use crate::certificates::{Authority, File, TlsStream, tls_peer, tls_peer_sharing};
use crate::peer::{Peer, accept, opened, options, read_head, wait_for_end};

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn redirecting(status: u16, location: String) -> Peer<String> {
    Peer::start(move |mut stream| {
        let request = read_head(&mut stream);
        stream.write_all(redirect(status, &location).as_bytes()).unwrap();
        wait_for_end(&mut stream);
        request
    })
}

fn accepting() -> Peer<String> {
    Peer::start(|mut stream| accept(&mut stream))
}

fn key(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap()
}

#[test]
fn each_redirect_is_followed_by_a_new_handshake_with_the_next_server() {
    for status in [301, 302, 303, 307, 308] {
        let last = accepting();
        let middle = redirecting(status, format!("http://{}/last?x=1#top", last.address));
        let first = redirecting(status, format!("//{}/middle", middle.address));
        let addresses = (first.address, middle.address, last.address);

        let opened = opened(options(&first.uri())).unwrap();
        let to = |uri: String| Redirect { status, to: uri };
        let followed = [
            to(format!("ws://{}/middle", addresses.1)),
            to(format!("ws://{}/last?x=1", addresses.2)),
        ];
        assert_eq!(opened.redirects, followed);
        assert_eq!(opened.stream.socket().peer_addr().unwrap(), addresses.2);

        let requests = (first.result(), middle.result(), last.result());
        let line = |resource, address| format!("GET {resource} HTTP/1.1\r\nHost: {address}\r\n");
        assert!(requests.0.starts_with(&line("/", addresses.0)));
        assert!(requests.1.starts_with(&line("/middle", addresses.1)));
        assert!(requests.2.starts_with(&line("/last?x=1", addresses.2)), "{}", requests.2);
        assert_ne!(key(&requests.0), key(&requests.1));
        assert_ne!(key(&requests.1), key(&requests.2));
    }
}

#[test]
fn credentials_of_the_uri_stay_with_its_origin() {
    let last = accepting();
    let first = redirecting(302, last.uri());
    let uri = format!("ws://Aladdin:sesame@{}/", first.address);
    opened(options(&uri)).unwrap();
    assert!(first.result().contains("\r\nAuthorization: Basic "));
    let request = last.result();
    assert!(!request.contains("Authorization"), "{request}");
}

#[test]
fn a_server_that_leads_to_itself_is_asked_anew_with_everything() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut first = listener.accept().unwrap().0;
        let before = read_head(&mut first);
        first.write_all(redirect(307, "/new").as_bytes()).unwrap();
        let mut second = listener.accept().unwrap().0;
        (before, accept(&mut second))
    });
    let mut options = options(&format!("ws://me:pw@{address}/old"));
    options.wanted.fields = vec![("Cookie".into(), "a=1".into())];
    opened(options).unwrap();
    let (before, after) = server.join().unwrap();
    let but_key = |request: &str| -> Vec<String> {
        let lines = request.lines().skip(1).filter(|line| !line.starts_with("Sec-WebSocket-Key"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(but_key(&before), but_key(&after));
    assert_ne!(key(&before), key(&after));
    assert!(after.starts_with("GET /new HTTP/1.1\r\n"), "{after}");
}

#[test]
fn one_redirect_too_many_is_an_error() {
    let last = redirecting(302, "ws://127.0.0.1:9/".into());
    let first = redirecting(302, last.uri());
    let mut options = options(&first.uri());
    options.max_redirects = 1;
    let error = opened(options).unwrap_err();
    let expected = format!(
        "{} sent a redirect that cannot be followed (HTTP 302 Elsewhere): \
         the limit of 1 (max_redirects) is reached (after a redirect from {})",
        last.address, first.address
    );
    assert_eq!((error.kind, error.message), (OpenErrorKind::Redirect, expected));
    assert_eq!(error.redirects, [Redirect { status: 302, to: last.uri() }]);
    assert_eq!(error.response.unwrap().field("location"), Some("ws://127.0.0.1:9/"));
}

#[test]
fn who_follows_none_gets_the_refusal() {
    let peer = redirecting(302, "/".into());
    let mut options = options(&peer.uri());
    options.max_redirects = 0;
    let error = opened(options).unwrap_err();
    assert_eq!((error.kind, error.redirects.len()), (OpenErrorKind::InvalidStatus, 0));
}

#[test]
fn a_socket_that_was_handed_in_is_not_replaced() {
    let peer = redirecting(302, "/again".into());
    let mut options = options(&peer.uri());
    options.socket = Some(TcpStream::connect(peer.address).unwrap());
    let error = opened(options).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Redirect);
    assert!(error.message.ends_with("and a socket was handed in"), "{error}");
}

#[test]
fn the_fault_of_the_next_server_names_who_sent_us_there() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let first = redirecting(302, format!("ws://{nobody}/"));
    let error = opened(options(&first.uri())).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Refused);
    assert!(error.message.starts_with(&format!("could not connect to {nobody}: ")), "{error}");
    assert!(
        error.message.ends_with(&format!(" (after a redirect from {})", first.address)),
        "{error}"
    );
}

#[test]
fn all_hops_share_one_deadline() {
    // Each hop by itself is in time, and the last would be refused.
    let mut next = "ws://127.0.0.1:1/".to_owned();
    let mut hops = Vec::new();
    for _ in 0..4 {
        let hop = Peer::start(move |mut stream| {
            read_head(&mut stream);
            thread::sleep(Duration::from_millis(300));
            // The client may have given up.
            let _ = stream.write_all(redirect(302, &next).as_bytes());
        });
        next = hop.uri();
        hops.push(hop);
    }
    let mut options = options(&next);
    options.timeout = Some(Duration::from_secs(1));
    let started = Instant::now();
    let error = opened(options).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Timeout, "{error}");
    assert!(error.message.starts_with("timed out after 1 s "), "{error}");
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[test]
fn a_client_certificate_is_shown_to_its_own_origin_only() {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"], |_| {});
    let client = authority.issue(&["client"], |_| {});
    let (chain, client_key) = (client.certificate.pem(), client.key.serialize_pem());
    let file = File::new(format!("{client_key}\n{chain}"));
    let config = Arc::new(server.server_with(Some(&authority), &[]));

    let stranger = tls_peer_sharing(&config, |mut stream: TlsStream| {
        read_head(&mut stream);
        stream.conn.peer_certificates().is_some()
    });
    let location = format!("wss://localhost:{}/", stranger.address.port());
    let first = tls_peer_sharing(&config, move |mut stream: TlsStream| {
        read_head(&mut stream);
        stream.write_all(redirect(302, &location).as_bytes()).unwrap();
        stream.conn.peer_certificates().is_some()
    });
    let mut options = options(&format!("wss://localhost:{}/", first.address.port()));
    options.tls = TlsChoice::On(TlsOptions {
        ca_data: Some(authority.certificate.pem().into_bytes()),
        cert_file: Some(file.0.clone()),
        ..TlsOptions::default()
    });
    let error = opened(options).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Tls, "{error}");
    assert!(error.message.contains("asks for a client certificate"), "{error}");
    assert_eq!((first.result(), stranger.result()), (true, false));
}

#[test]
fn tls_is_not_left_for_a_plain_uri() {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"], |_| {});
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    let location = format!("ws://{}/", plain.local_addr().unwrap());
    let peer = tls_peer(server.server(), move |mut stream| {
        read_head(&mut stream);
        stream.write_all(redirect(302, &location).as_bytes()).unwrap();
    });
    let port = peer.address.port();
    let mut options = options(&format!("wss://localhost:{port}/"));
    options.tls = TlsChoice::On(TlsOptions {
        ca_data: Some(authority.certificate.pem().into_bytes()),
        ..TlsOptions::default()
    });
    let error = opened(options).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Redirect);
    let address = plain.local_addr().unwrap();
    let expected =
        format!("it leads from wss://localhost:{port} to ws://{address}, which has no TLS");
    assert!(error.message.ends_with(&expected), "{error}");
    assert_eq!(plain.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
