//! TLS over a TCP connection: rustls, driven over a socket that does not block.

use crate::stream::{BLOCK, none_if_blocked, read};
use rustls::Connection;
use std::io::{self, BufRead, Write};
use std::net::TcpStream;

pub struct Tls {
    session: Connection,
    socket: TcpStream,
}

impl Tls {
    #[must_use]
    pub fn new(session: impl Into<Connection>, socket: TcpStream) -> Self {
        let mut session = session.into();
        session.set_buffer_limit(Some(BLOCK));
        Self { session, socket }
    }

    #[must_use]
    pub fn session(&self) -> &Connection {
        &self.session
    }

    /// One read of the socket rather than rustls' own, which are of 4 KiB.
    pub(crate) fn receive(&mut self, bytes: &mut Vec<u8>, wire: &mut Vec<u8>) -> io::Result<bool> {
        wire.clear();
        wire.reserve(BLOCK);
        let mut open = read(&self.socket, wire)?;
        let mut rest = wire.as_slice();
        while !rest.is_empty() && open {
            self.session.read_tls(&mut rest)?;
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            open = !state.peer_has_closed();
            self.decrypted(state.plaintext_bytes_to_read(), bytes)?;
        }
        Ok(open)
    }

    fn decrypted(&mut self, mut left: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut reader = self.session.reader();
        while left > 0 {
            let part = reader.fill_buf()?;
            let length = part.len();
            bytes.extend_from_slice(part);
            reader.consume(length);
            left -= length;
        }
        Ok(())
    }

    /// Encrypts what fits below the limit.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.session.writer().write(bytes)?;
        self.flush()?;
        Ok(taken)
    }

    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            if none_if_blocked(self.session.write_tls(&mut self.socket))? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush().map(drop)
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }
}
