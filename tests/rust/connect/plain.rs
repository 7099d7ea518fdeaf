//! Without TLS: what goes out, what comes back, and the ways it can go wrong before a status.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use aiowebsocket::connect::{OpenErrorKind, Plan, TlsChoice, open};
use aiowebsocket::drive::Stream;

use crate::peer::{
    Peer, accept, acceptance, at_once, opened, options, read_head, run, wait_for_end,
};

type Script = fn(TcpStream);

fn socket(stream: &Stream) -> TcpStream {
    stream.socket().try_clone().unwrap()
}

#[test]
fn an_accepted_handshake_gives_a_non_blocking_socket_without_delay() {
    let peer = Peer::start(|mut stream| {
        let request = accept(&mut stream);
        wait_for_end(&mut stream);
        request
    });
    let uri = format!("{}chat?room=1", peer.uri());
    let result = opened(options(&uri)).unwrap();
    let subprotocol = result.agreement.subprotocol;
    assert_eq!((result.response.status, subprotocol, result.early), (101, None, vec![]));

    let mut socket = socket(&result.stream);
    assert!(socket.nodelay().unwrap());
    assert_eq!(socket.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop((socket, result.stream));
    let address = peer.address;
    let request = peer.result();
    assert_eq!(request.as_bytes(), result.request.encode());
    assert!(request.starts_with(&format!("GET /chat?room=1 HTTP/1.1\r\nHost: {address}\r\n")));
}

#[test]
fn each_connection_has_a_key_of_its_own() {
    let key = || {
        let peer = Peer::start(|mut stream| accept(&mut stream));
        let result = opened(options(&peer.uri())).unwrap();
        result.request.field("Sec-WebSocket-Key").unwrap().to_owned()
    };
    let (first, second) = (key(), key());
    assert_ne!(first, second);
    assert_eq!((first.len(), second.len()), (24, 24));
}

#[test]
fn bytes_behind_the_response_head_are_kept() {
    let peer = Peer::start(|mut stream| {
        let request = read_head(&mut stream);
        let mut bytes = acceptance(&request, "").into_bytes();
        bytes.extend_from_slice(b"\x81\x05hello\x89\0");
        stream.write_all(&bytes).unwrap();
    });
    assert_eq!(opened(options(&peer.uri())).unwrap().early, b"\x81\x05hello\x89\0");
}

#[test]
fn the_subprotocol_is_the_one_the_server_chose() {
    let peer = Peer::start(|mut stream| {
        let request = read_head(&mut stream);
        let response = acceptance(&request, "Sec-WebSocket-Protocol: two\r\n");
        stream.write_all(response.as_bytes()).unwrap();
    });
    let mut options = options(&peer.uri());
    options.wanted.subprotocols = vec!["one".into(), "two".into()];
    assert_eq!(opened(options).unwrap().agreement.subprotocol.as_deref(), Some("two"));
}

#[test]
fn a_response_in_single_bytes_is_put_together() {
    let peer = Peer::start(|mut stream| {
        let request = read_head(&mut stream);
        stream.set_nodelay(true).unwrap();
        for byte in acceptance(&request, "").bytes() {
            stream.write_all(&[byte]).unwrap();
        }
        wait_for_end(&mut stream);
    });
    assert!(opened(options(&peer.uri())).is_ok());
}

#[test]
fn an_ipv6_literal_is_bracketed_in_the_host_field() {
    let peer = Peer::start_on("[::1]:0", |mut stream| accept(&mut stream));
    let port = peer.address.port();
    let result = opened(options(&format!("ws://[::1]:{port}"))).unwrap();
    assert_eq!(result.request.field("host"), Some(format!("[::1]:{port}").as_str()));
}

#[test]
fn a_name_is_looked_up() {
    let peer = Peer::start(|mut stream| accept(&mut stream));
    let uri = format!("ws://localhost:{}", peer.address.port());
    assert!(opened(options(&uri)).is_ok());
}

#[test]
fn a_connected_socket_is_used_as_it_is() {
    let peer = Peer::start(|mut stream| accept(&mut stream));
    let socket = TcpStream::connect(peer.address).unwrap();
    let local = socket.local_addr().unwrap();
    let mut options = options("ws://name.invalid/x");
    options.socket = Some(socket);
    let result = opened(options).unwrap();
    assert_eq!(result.stream.socket().local_addr().unwrap(), local);
    assert!(peer.result().contains("\r\nHost: name.invalid\r\n"));
}

#[test]
fn user_and_password_go_out_as_basic_credentials_and_nowhere_else() {
    let peer = Peer::start(|mut stream| read_head(&mut stream));
    let uri = format!("ws://Aladdin:open%20sesame@{}/", peer.address);
    let error = opened(options(&uri)).unwrap_err();
    assert!(!format!("{error:?}").contains("sesame"), "{error:?}");
    let request = peer.result();
    assert!(request.contains("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    assert!(!request.contains("sesame"), "{request}");
}

#[test]
fn a_port_nobody_listens_on_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = opened(options(&format!("ws://{address}"))).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Refused);
    let reason = io::Error::from_raw_os_error(error.os_code.unwrap());
    assert_eq!(reason.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.message.starts_with(&format!("could not connect to {address}: ")), "{error}");
    assert!(!error.message.contains("os error"), "{error}");
}

#[test]
fn a_name_that_does_not_exist_is_a_fault_of_resolving() {
    let error = opened(options("ws://name.invalid/")).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Resolve);
    assert!(error.message.starts_with("could not resolve name.invalid: "), "{error}");
    assert!(!error.message.contains("failed to lookup"), "{error}");
}

#[test]
fn an_end_or_a_reset_instead_of_a_response_fails_at_once() {
    let scripts: [(&str, Script); 4] = [
        ("closed the connection before it answered", |mut stream| drop(read_head(&mut stream))),
        ("closed the connection in the middle of its answer", |mut stream| {
            read_head(&mut stream);
            stream.write_all(b"HTTP/1.1 101 Switching Proto").unwrap();
        }),
        ("failed: Connection reset by peer", |mut stream| {
            stream.read_exact(&mut [0]).unwrap();
        }),
        ("failed: Connection reset by peer", |mut stream| {
            read_head(&mut stream);
            let socket = socket2::SockRef::from(&stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }),
    ];
    for (expected, script) in scripts {
        at_once(|| {
            let peer = Peer::start(script);
            let error = opened(options(&peer.uri())).unwrap_err();
            assert_eq!(error.kind, OpenErrorKind::InvalidMessage, "{error}");
            assert!(error.message.contains(expected), "{error}");
            assert!(error.message.contains(&peer.address.to_string()), "{error}");
        });
    }
}

#[test]
fn another_protocol_is_recognised_from_its_first_bytes() {
    let rows: [(&[u8], &str); 3] = [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it starts with \"SSH-2.0-OpenSSH_9.2\""),
        (b"\x15\x03\x01\0\x02\x02\x0a", "its URI may have to be wss://"),
        (b"\0\xff\x7f", "the answer is not HTTP/1.1"),
    ];
    for (banner, expected) in rows {
        at_once(|| {
            let peer = Peer::start(move |mut stream| {
                stream.write_all(banner).unwrap();
                wait_for_end(&mut stream);
            });
            let error = opened(options(&peer.uri())).unwrap_err();
            assert_eq!(error.kind, OpenErrorKind::InvalidMessage);
            assert!(error.message.contains(expected), "{error}");
        });
    }
}

#[test]
fn a_header_without_end_is_cut_off() {
    let peer = Peer::start(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ").unwrap();
        let mut written = 0;
        while stream.write_all(&[b'x'; 8192]).is_ok() {
            written += 8192;
        }
        written
    });
    let error = opened(options(&peer.uri())).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::InvalidMessage);
    assert!(error.message.ends_with("has more than 65536 bytes"), "{error}");
    assert!(peer.result() < 16 * 1024 * 1024);
}

#[test]
fn a_response_that_does_not_agree_names_what_is_wrong() {
    let rows = [
        (OpenErrorKind::InvalidUpgrade, "Upgrade: websocket\r\n", "", "Upgrade"),
        (OpenErrorKind::InvalidUpgrade, "Connection: Upgrade", "Connection: close", "Connection"),
        (OpenErrorKind::InvalidHeader, "Accept: ", "Accept: x", "Sec-WebSocket-Accept"),
        (OpenErrorKind::Negotiation, "Upgrade\r\n", "Upgrade\r\nSec-WebSocket-Protocol: x\r\n", ""),
        (
            OpenErrorKind::Negotiation,
            "Upgrade\r\n",
            "Upgrade\r\nSec-WebSocket-Extensions: x\r\n",
            "",
        ),
        (OpenErrorKind::InvalidMessage, "HTTP/1.1", "HTTP/1.0", ""),
    ];
    for (kind, good, bad, field) in rows {
        let peer = Peer::start(move |mut stream| {
            let request = read_head(&mut stream);
            let response = acceptance(&request, "").replacen(good, bad, 1);
            stream.write_all(response.as_bytes()).unwrap();
            wait_for_end(&mut stream);
        });
        let error = opened(options(&peer.uri())).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.field.unwrap_or_default().0, field);
        assert_eq!(error.response.is_some(), kind != OpenErrorKind::InvalidMessage);
    }
}

#[test]
fn the_deadline_is_over_the_whole_and_its_message_names_the_step() {
    let scripts: [Script; 2] = [
        |mut stream| wait_for_end(&mut stream),
        |mut stream| {
            let request = read_head(&mut stream);
            for byte in acceptance(&request, "").bytes() {
                thread::sleep(Duration::from_millis(50));
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
            }
        },
    ];
    for script in scripts {
        let peer = Peer::start(script);
        let mut options = options(&peer.uri());
        options.timeout = Some(Duration::from_secs(1));
        let started = Instant::now();
        let error = opened(options).unwrap_err();
        assert_eq!(error.kind, OpenErrorKind::Timeout);
        let expected =
            format!("timed out after 1 s during the opening handshake with {}", peer.address);
        assert_eq!(error.message, expected);
        assert!((1000..6000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    }
}

#[test]
fn dropping_the_future_closes_the_socket() {
    let peer = Peer::start(|mut stream| {
        read_head(&mut stream);
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.read(&mut [0]).unwrap()
    });
    let mut options = options(&peer.uri());
    options.timeout = None;
    run(async {
        let opening =
            tokio::time::timeout(Duration::from_secs(1), open(Plan::new(options).unwrap()));
        assert!(opening.await.is_err());
        assert_eq!(peer.result(), 0);
    });
}

#[test]
fn what_may_not_be_sent_is_refused_before_a_socket_is_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let attempt = |uri: &str, change: fn(&mut aiowebsocket::connect::Options)| {
        let mut options = options(&format!("{uri}{address}/"));
        change(&mut options);
        let error = opened(options).unwrap_err();
        assert_eq!(error.kind, OpenErrorKind::Argument, "{error}");
        error.message
    };
    let header = |options: &mut aiowebsocket::connect::Options| {
        options.wanted.fields = vec![("X".into(), "a\r\nCookie: secret".into())];
    };
    let message = attempt("ws://", header);
    assert_eq!(message, "the value of header X contains a carriage return (CR)");
    attempt("ws://", |options| options.wanted.subprotocols = vec!["a,b".into()]);
    attempt("ws://a%3Ab:c@", |_| {});
    attempt("wss://", |options| options.tls = TlsChoice::Off);
    attempt("wss://", |options| options.server_hostname = Some("a b".into()));
    attempt("ws://", |options| options.server_hostname = Some("example.org".into()));
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}
