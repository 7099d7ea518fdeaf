//! A TCP connection, plain or with TLS over it, and what of the output the socket has not taken. It
//! knows nothing of frames.

use crate::Tls;
use rustix::buffer::spare_capacity;
use std::io::{self, Write};
use std::net::TcpStream;

/// Output is made in blocks of about this size, and input read so: what one system call moves.
pub const BLOCK: usize = 128 * 1024;

pub enum Stream {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

impl Stream {
    /// Appends to `bytes` what one system call reads; false at the end of the stream. `wire` is room
    /// for what is still encrypted.
    pub fn receive(&mut self, bytes: &mut Vec<u8>, wire: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Plain(socket) => {
                bytes.reserve(BLOCK);
                read(socket, bytes)
            }
            Self::Tls(tls) => tls.receive(bytes, wire),
        }
    }

    /// Sends as much of `bytes` as is taken now, and says how much that is.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => none_if_blocked(socket.write(bytes)),
            Self::Tls(tls) => tls.send(bytes),
        }
    }

    /// Sends records that are encrypted and still here; false if some have to wait.
    pub fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Says that nothing more is sent, where the protocol has words for it.
    pub fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.end(),
        }
    }

    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.socket(),
        }
    }
}

/// Fills the spare capacity of `bytes`; false at the end of the stream.
pub(crate) fn read(socket: &TcpStream, bytes: &mut Vec<u8>) -> io::Result<bool> {
    match rustix::io::read(socket, spare_capacity(bytes)) {
        Ok(count) => Ok(count > 0),
        Err(error) if error == rustix::io::Errno::AGAIN => Ok(true),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn none_if_blocked(taken: io::Result<usize>) -> io::Result<usize> {
    match taken {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        taken => taken,
    }
}
