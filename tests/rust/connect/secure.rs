//! The TLS handshake, and the opening handshake inside it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use aiowebsocket::connect::{OpenError, OpenErrorKind, TlsChoice, TlsOptions, TlsVersion};
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::version::TLS12;

use crate::certificates::{
    Authority, File, Identity, TlsStream, shake_hands, tls_peer, tls_peer_sharing,
};
use crate::peer::{Peer, accept, acceptance, opened, options, read_head, wait_for_end};

fn trusting(authority: &Authority) -> TlsOptions {
    TlsOptions { ca_data: Some(authority.certificate.pem().into_bytes()), ..TlsOptions::default() }
}

fn authority_and_server() -> (Authority, Identity) {
    let authority = Authority::new();
    let server = authority.issue(&["localhost", "127.0.0.1"], |_| {});
    (authority, server)
}

fn open_at<T: Send + 'static>(
    peer: &Peer<T>,
    host: &str,
    tls: TlsOptions,
) -> Result<aiowebsocket::connect::Opened, OpenError> {
    let mut options = options(&format!("wss://{host}:{}/", peer.address.port()));
    options.tls = TlsChoice::On(tls);
    opened(options)
}

#[test]
fn the_server_learns_name_and_protocol_and_the_request_comes_through() {
    let (authority, server) = authority_and_server();
    for (host, name) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let mut config = server.server();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let peer = tls_peer(config, |mut stream| {
            let request = accept(&mut stream);
            let connection = stream.conn;
            let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
            (request, connection.server_name().map(str::to_owned), protocol)
        });
        let port = peer.address.port();
        let opened = open_at(&peer, host, trusting(&authority)).unwrap();
        assert!(opened.stream.socket().nodelay().unwrap());
        let (request, sni, protocol) = peer.result();
        assert_eq!((sni.as_deref(), protocol.as_deref()), (name, Some(&b"http/1.1"[..])));
        assert!(request.contains(&format!("\r\nHost: {host}:{port}\r\n")), "{request}");
    }
}

#[test]
fn a_server_for_another_protocol_than_http_1_is_refused() {
    let (authority, server) = authority_and_server();
    let mut config = server.server();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let peer = tls_peer(config, |mut stream| shake_hands(&mut stream));
    let error = open_at(&peer, "localhost", trusting(&authority)).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Tls);
    assert!(error.message.ends_with("the server does not speak HTTP/1.1 here"), "{error}");
}

#[test]
fn tls_can_be_switched_on_for_a_ws_uri() {
    let (authority, server) = authority_and_server();
    let peer = tls_peer(server.server(), |mut stream| accept(&mut stream));
    let mut options = options(&peer.uri());
    options.tls = TlsChoice::On(trusting(&authority));
    assert!(opened(options).is_ok());
}

#[test]
fn frames_behind_the_response_are_kept_in_however_many_records_they_came() {
    let (authority, server) = authority_and_server();
    let peer = tls_peer(server.server(), |mut stream| {
        let request = read_head(&mut stream);
        // Everything in one segment, so that the client decrypts it in one go.
        stream.conn.writer().write_all(acceptance(&request, "").as_bytes()).unwrap();
        for _ in 0..600 {
            stream.conn.writer().write_all(b"\x82\x04\0\x01\x02\x03").unwrap();
        }
        stream.flush().unwrap();
        wait_for_end(&mut stream);
    });
    let opened = open_at(&peer, "localhost", trusting(&authority)).unwrap();
    assert!(!opened.early.is_empty());
    let whole = opened.early.len() / 6 * 6;
    assert_eq!(opened.early[..whole], b"\x82\x04\0\x01\x02\x03".repeat(whole / 6));
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let (authority, server) = authority_and_server();
    let config = Arc::new(server.server());
    let kinds = [(), ()].map(|()| {
        let peer = tls_peer_sharing(&config, |mut stream| {
            accept(&mut stream);
            stream.conn.handshake_kind().unwrap()
        });
        drop(open_at(&peer, "localhost", trusting(&authority)).unwrap());
        peer.result()
    });
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
}

#[test]
fn a_server_that_does_not_speak_tls_is_recognised() {
    let peer = Peer::start(|mut stream| {
        stream.read_exact(&mut [0; 5]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        wait_for_end(&mut stream);
    });
    let error = open_at(&peer, "localhost", TlsOptions::default()).unwrap_err();
    let address = format!("localhost:{}", peer.address.port());
    let message = format!("{address} did not answer in TLS; its URI may have to be ws://");
    assert_eq!((error.kind, error.message), (OpenErrorKind::Tls, message));
}

#[test]
fn a_server_that_speaks_tls_is_recognised_by_a_ws_uri() {
    let (_, server) = authority_and_server();
    let peer = tls_peer(server.server(), |mut stream| shake_hands(&mut stream));
    let error = opened(options(&peer.uri())).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::InvalidMessage);
    assert!(error.message.ends_with("its URI may have to be wss://"), "{error}");
}

#[test]
fn an_end_in_the_tls_handshake_is_a_fault_of_tls() {
    let peer = Peer::start(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
    });
    let error = open_at(&peer, "localhost", TlsOptions::default()).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Tls);
    assert!(error.message.ends_with("closed the connection during the TLS handshake"), "{error}");
}

#[test]
fn an_end_without_close_notify_is_an_end() {
    let (authority, server) = authority_and_server();
    let peer = tls_peer(server.server(), |mut stream| drop(read_head(&mut stream)));
    let error = open_at(&peer, "localhost", trusting(&authority)).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::InvalidMessage);
    assert!(error.message.contains("closed the connection before it answered"), "{error}");
}

#[test]
fn a_silent_server_is_timed_out_in_the_tls_handshake() {
    let peer = Peer::start(|mut stream| wait_for_end(&mut stream));
    let mut options = options(&format!("wss://localhost:{}", peer.address.port()));
    options.timeout = Some(Duration::from_secs(1));
    let error = opened(options).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Timeout);
    let expected = "timed out after 1 s during the TLS handshake with localhost:";
    assert!(error.message.starts_with(expected), "{error}");
    assert!(error.message.ends_with(" (127.0.0.1)"), "{error}");
}

#[test]
fn a_refusal_inside_tls_is_read_with_its_body() {
    let (authority, server) = authority_and_server();
    let peer = tls_peer(server.server(), |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 403 No\r\n\r\nno entry").unwrap();
    });
    let error = open_at(&peer, "localhost", trusting(&authority)).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::InvalidStatus);
    assert!(error.message.ends_with("HTTP 403 No: no entry"), "{error}");
}

#[test]
fn an_older_version_than_wanted_is_not_spoken() {
    let (authority, server) = authority_and_server();
    let only_12 = || server.server_with(None, &[&TLS12]);
    let peer = tls_peer(only_12(), |mut stream| accept(&mut stream));
    assert!(open_at(&peer, "localhost", trusting(&authority)).is_ok());

    let peer = tls_peer(only_12(), |mut stream| shake_hands(&mut stream));
    let tls = TlsOptions { min_version: Some(TlsVersion::Tls13), ..trusting(&authority) };
    let error = open_at(&peer, "localhost", tls).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Tls);
    assert!(error.message.contains("no version of TLS or cipher suite"), "{error}");
}

#[test]
fn a_server_may_ask_for_a_client_certificate() {
    let (authority, server) = authority_and_server();
    let client = authority.issue(&["client"], |_| {});
    let config = Arc::new(server.server_with(Some(&authority), &[]));
    let start = || {
        tls_peer_sharing(&config, |mut stream: TlsStream| {
            let head = read_head(&mut stream);
            if !head.is_empty() {
                stream.write_all(acceptance(&head, "").as_bytes()).unwrap();
            }
            stream.conn.peer_certificates().is_some()
        })
    };
    let key = client.key.serialize_pem();
    let (chain, key) = (client.certificate.pem(), key.as_str());
    let files =
        [(File::new(&chain), Some(File::new(key))), (File::new(format!("{key}\n{chain}")), None)];
    for (cert_file, key_file) in &files {
        let peer = start();
        let tls = TlsOptions {
            cert_file: Some(cert_file.0.clone()),
            key_file: key_file.as_ref().map(|file| file.0.clone()),
            ..trusting(&authority)
        };
        assert!(open_at(&peer, "localhost", tls).is_ok());
        assert!(peer.result());
    }

    let peer = start();
    let error = open_at(&peer, "localhost", trusting(&authority)).unwrap_err();
    assert_eq!(error.kind, OpenErrorKind::Tls);
    assert!(error.message.contains("asks for a client certificate"), "{error}");
}
