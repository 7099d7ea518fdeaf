//! From a URI to an open connection, blocking; with as little of RFC 6455 4.1 as our own server needs.

use crate::wire::Wire;
use base64::{Engine, engine::general_purpose::STANDARD};
use bench_server::Tls;
use bench_server::stream::Stream;
use rand::RngExt;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

pub struct Peer {
    authority: String,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

impl Peer {
    pub fn new(uri: &str, ca: &Path) -> io::Result<Self> {
        let (scheme, authority) = uri.split_once("://").unwrap_or(("ws", uri));
        let authority = authority.trim_end_matches('/').to_owned();
        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
        let tls = if scheme == "wss" {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            Some((name, trusting(ca).map_err(io::Error::other)?))
        } else {
            None
        };
        Ok(Self { authority, tls })
    }

    pub fn connect(&self, resource: &str) -> io::Result<Wire> {
        let socket = TcpStream::connect(&self.authority)?;
        socket.set_nodelay(true)?;
        let mut stream = match &self.tls {
            None => Stream::Plain(socket),
            Some((name, config)) => {
                let session = ClientConnection::new(config.clone(), name.clone());
                Stream::Tls(Box::new(Tls::new(session.map_err(io::Error::other)?, socket)))
            }
        };
        let key = STANDARD.encode(rand::rng().random::<[u8; 16]>());
        let request = format!(
            "GET {resource} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            self.authority
        );
        stream.send(request.as_bytes())?;
        expect_upgrade(&mut stream)?;
        Wire::new(stream)
    }
}

fn trusting(ca: &Path) -> Result<Arc<ClientConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The server sends nothing behind its response before it is asked to.
fn expect_upgrade(stream: &mut Stream) -> io::Result<()> {
    let (mut response, mut wire) = (Vec::new(), Vec::new());
    while !response.ends_with(b"\r\n\r\n") {
        stream.flush()?;
        if !stream.receive(&mut response, &mut wire)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    if !response.starts_with(b"HTTP/1.1 101 ") {
        let line = response.split(|byte| *byte == b'\r').next().unwrap_or_default();
        return Err(io::Error::other(String::from_utf8_lossy(line).into_owned()));
    }
    Ok(())
}
