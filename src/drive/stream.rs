//! The byte stream under a connection: TCP, or TLS over it, twice where a proxy is reached by TLS too.
//! Never blocks, and leaves no plaintext behind in rustls, for that would raise no readiness.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConnection;

use super::pool;

/// Plaintext that rustls may hold beyond the ciphertext of this read: a record that was incomplete.
const RECORD: usize = 17 * 1024;

/// The socket is shared with whoever watches it, so that its descriptor cannot be closed under them.
pub enum Stream {
    Plain(Arc<TcpStream>),
    Tls(TlsStream),
}

pub struct TlsStream {
    below: Below,
    session: Box<ClientConnection>,
    closed_by_peer: bool,
}

/// What carries a session.
enum Below {
    Socket(Arc<TcpStream>),
    /// Of a proxy, which leads to the server.
    Tls(Box<TlsStream>),
}

/// What one read brought: bytes, and perhaps the end after them.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) length: usize,
    pub(super) end: Option<StreamEnd>,
    /// The socket had something, and may have more, though none of it is plaintext yet.
    pub(super) within_record: bool,
}

impl Received {
    const fn end(length: usize, end: StreamEnd) -> Self {
        Self { length, end: Some(end), within_record: false }
    }

    /// What a read of the socket says.
    pub(super) fn of(read: io::Result<usize>) -> Self {
        match read {
            Ok(0) => Self::end(0, StreamEnd::Eof),
            Ok(length) => Self { length, ..Self::default() },
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Self::default(),
                _ => Self::end(0, StreamEnd::Failed(error)),
            },
        }
    }
}

#[derive(Debug)]
pub(super) enum StreamEnd {
    Eof,
    /// TCP ended without TLS's close_notify (RFC 8446 6.1).
    Truncated,
    Failed(io::Error),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Tls(_)) { "Tls" } else { "Plain" };
        f.debug_tuple(kind).field(self.socket()).finish()
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("socket", self.below.socket()).finish_non_exhaustive()
    }
}

impl Stream {
    /// Over a connected socket in non-blocking mode, and the sessions on it whose handshakes are complete,
    /// each carried by the one before it.
    #[must_use]
    pub fn new(socket: TcpStream, sessions: Vec<Box<ClientConnection>>) -> Self {
        let plain = Self::Plain(Arc::new(socket));
        sessions.into_iter().fold(plain, |stream, session| Self::Tls(stream.carrying(session)))
    }

    fn carrying(self, mut session: Box<ClientConnection>) -> TlsStream {
        let below = match self {
            Self::Plain(socket) => Below::Socket(socket),
            Self::Tls(stream) => Below::Tls(Box::new(stream)),
        };
        // Its close_notify may have come with the last bytes of the opening handshake.
        let closed_by_peer =
            session.process_new_packets().is_ok_and(|state| state.peer_has_closed());
        TlsStream { below, session, closed_by_peer }
    }

    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        self.shared_socket()
    }

    pub(super) fn shared_socket(&self) -> &Arc<TcpStream> {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.below.socket(),
        }
    }

    /// Reads once. TLS needs room for the plaintext of what it reads and of one record more.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Received {
        match self {
            Self::Plain(socket) => read_socket(socket, buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    /// Writes what can be written at once and says how much was accepted.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&**socket).write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// Whether bytes that were accepted still wait for the network.
    pub(super) fn holds_output(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.holds_output(),
        }
    }

    /// Ends our half of the stream in good order. A dead socket needs no goodbye.
    pub(super) fn shutdown(&mut self) {
        if let Self::Tls(tls) = self
            && tls.say_goodbye().is_err()
        {
            return;
        }
        let _already_gone = self.socket().shutdown(Shutdown::Write);
    }

    /// Ends the connection at once, whatever is under way. The descriptor stays open and readable, so
    /// that whoever watches it learns of the end.
    pub(super) fn abort(&self) {
        let socket = socket2::SockRef::from(self.socket());
        let _already_gone = socket.set_linger(Some(Duration::ZERO));
        let _already_gone = socket.shutdown(Shutdown::Both);
    }
}

impl TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> Received {
        let mut length = match self.drain(buffer) {
            Ok(length) => length,
            Err(error) => return Received::end(0, StreamEnd::Failed(error)),
        };
        let room = buffer.len().saturating_sub(length + RECORD).min(pool::INPUT_SIZE);
        if room == 0 {
            let nowhere = || StreamEnd::Failed(io::ErrorKind::OutOfMemory.into());
            return Received { length, end: (length == 0).then(nowhere), within_record: false };
        }
        let mut ciphertext = pool::input();
        let received = self.below.read(&mut ciphertext[..room]);
        let opened = self.open(&ciphertext[..received.length], &mut buffer[length..]);
        pool::give_input(ciphertext);
        let failed = opened.end;
        length += opened.length;
        let end = if self.closed_by_peer {
            Some(StreamEnd::Eof)
        } else {
            failed.or(received.end.map(|end| match end {
                StreamEnd::Eof => StreamEnd::Truncated,
                other => other,
            }))
        };
        let within_record = length == 0 && (received.length > 0 || received.within_record);
        Received { length, end, within_record }
    }

    /// Decrypts `ciphertext` into `buffer`: what was authentic before a bad record is kept.
    fn open(&mut self, mut ciphertext: &[u8], buffer: &mut [u8]) -> Received {
        let mut length = 0;
        while !ciphertext.is_empty() && !self.closed_by_peer {
            let step = self.session.read_tls(&mut ciphertext).and_then(|_| {
                let state = self.session.process_new_packets();
                state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            });
            match self.drain(&mut buffer[length..]) {
                Ok(drained) => length += drained,
                Err(error) => return Received::end(length, StreamEnd::Failed(error)),
            }
            match step {
                Ok(state) => self.closed_by_peer = state.peer_has_closed(),
                Err(error) => return Received::end(length, StreamEnd::Failed(error)),
            }
        }
        Received { length, ..Received::default() }
    }

    fn drain(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        while length < buffer.len() {
            match self.session.reader().read(&mut buffer[length..]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(length)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push()?;
        let accepted = self.session.writer().write(bytes)?;
        match self.push() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(accepted),
        }
    }

    /// Hands on what waits in the sessions, as far as the socket takes it.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.below)?;
        }
        match &mut self.below {
            Below::Socket(_) => Ok(()),
            Below::Tls(stream) => stream.push(),
        }
    }

    fn holds_output(&self) -> bool {
        self.session.wants_write()
            || matches!(&self.below, Below::Tls(stream) if stream.holds_output())
    }

    fn say_goodbye(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.push()?;
        match &mut self.below {
            Below::Socket(_) => Ok(()),
            Below::Tls(stream) => stream.say_goodbye(),
        }
    }
}

impl Below {
    fn socket(&self) -> &Arc<TcpStream> {
        match self {
            Self::Socket(socket) => socket,
            Self::Tls(stream) => stream.below.socket(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Received {
        match self {
            Self::Socket(socket) => read_socket(socket, buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Below {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => (&**socket).write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    /// Several pieces leave in one call of the system.
    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => (&**socket).write_vectored(pieces),
            Self::Tls(stream) => match pieces.iter().find(|piece| !piece.is_empty()) {
                Some(piece) => stream.write(piece),
                None => Ok(0),
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read_socket(mut socket: &TcpStream, buffer: &mut [u8]) -> Received {
    Received::of(socket.read(buffer))
}

/// The system's words for an error, without the number that Rust puts behind them: whoever shows it
/// has the number apart.
#[must_use]
pub fn fault(error: &io::Error) -> String {
    let mut words = error.to_string();
    if let Some(end) = words.find(" (os error") {
        words.truncate(end);
    }
    words
}
