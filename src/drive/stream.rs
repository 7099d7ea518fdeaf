//! The byte stream under a connection: TCP, or TLS over it. Never blocks, and leaves no plaintext
//! behind in rustls, for that would raise no readiness.

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
    socket: Arc<TcpStream>,
    session: Box<ClientConnection>,
    closed_by_peer: bool,
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
        f.debug_struct("TlsStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Stream {
    /// Over a connected socket in non-blocking mode.
    #[must_use]
    pub fn plain(socket: TcpStream) -> Self {
        Self::Plain(Arc::new(socket))
    }

    /// Over a connected socket in non-blocking mode whose TLS handshake is complete.
    #[must_use]
    pub fn tls(socket: TcpStream, mut session: Box<ClientConnection>) -> Self {
        // Its close_notify may have come with the last bytes of the opening handshake.
        let closed_by_peer =
            session.process_new_packets().is_ok_and(|state| state.peer_has_closed());
        Self::Tls(TlsStream { socket: Arc::new(socket), session, closed_by_peer })
    }

    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        self.shared_socket()
    }

    pub(super) const fn shared_socket(&self) -> &Arc<TcpStream> {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
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
            Self::Tls(tls) => tls.session.wants_write(),
        }
    }

    /// Ends our half of the stream in good order. A dead socket needs no goodbye.
    pub(super) fn shutdown(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            if tls.push().is_err() {
                return;
            }
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
        let mut ciphertext = pool::input();
        let received = read_socket(&self.socket, &mut ciphertext[..room]);
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
        Received { length, end, within_record: length == 0 && received.length > 0 }
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

    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut &*self.socket)?;
        }
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
