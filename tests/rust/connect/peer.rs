//! A server on a thread of its own that follows a script, and the client's side of a test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use aiowebsocket::connect::{
    Dialling, Endpoint, OpenError, Opened, Options, Plan, ProxyOptions, TlsChoice, Uri, open,
};
use aiowebsocket::protocol::handshake::Wanted;
use base64::Engine as _;
use sha1::Digest as _;

/// Where it listens, and what its script returns.
pub(crate) struct Peer<T> {
    pub(crate) address: SocketAddr,
    script: JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn start(script: impl FnOnce(TcpStream) -> T + Send + 'static) -> Self {
        Self::start_on("127.0.0.1:0", script)
    }

    pub(crate) fn start_on(
        address: &str,
        script: impl FnOnce(TcpStream) -> T + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let script = thread::spawn(move || script(listener.accept().unwrap().0));
        Self { address, script }
    }

    pub(crate) fn uri(&self) -> String {
        format!("ws://{}/", self.address)
    }

    pub(crate) fn result(self) -> T {
        self.script.join().unwrap()
    }
}

pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// The response that accepts the request, with more lines (each ended) if the test wants them.
pub(crate) fn acceptance(request: &str, more: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let hash = sha1::Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let accept = base64::engine::general_purpose::STANDARD.encode(hash);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// Accepts the opening handshake; gives back the request.
pub(crate) fn accept(stream: &mut (impl Read + Write)) -> String {
    let request = read_head(stream);
    stream.write_all(acceptance(&request, "").as_bytes()).unwrap();
    stream.flush().unwrap();
    request
}

/// Keeps the connection open until the client has closed its side.
pub(crate) fn wait_for_end(stream: &mut impl Read) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
}

pub(crate) fn options(uri: &str) -> Options {
    Options {
        uri: Uri::parse(uri).unwrap(),
        wanted: Wanted::default(),
        tls: TlsChoice::default(),
        server_hostname: None,
        endpoint: Endpoint::default(),
        dialling: Dialling::default(),
        proxy: ProxyOptions::default(),
        socket: None,
        timeout: Some(Duration::from_secs(5)),
        max_redirects: 5,
    }
}

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub(crate) fn opened(options: Options) -> Result<Opened, OpenError> {
    run(open(Plan::new(options)?))
}

/// That it costs no wait: the quickest of three times takes less than a second. A machine that stands
/// still makes one of them slow, a wait makes all.
pub(crate) fn at_once(mut act: impl FnMut()) {
    let quick = (0..3).any(|_| {
        let started = Instant::now();
        act();
        started.elapsed() < Duration::from_secs(1)
    });
    assert!(quick, "it took a second or longer, three times");
}
