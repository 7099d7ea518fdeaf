//! The stream while the opening handshake is on it, asynchronous: TCP, TLS, or either over what leads
//! through a proxy. Afterwards it is handed to `drive` as what it is made of.

use std::io::{self, Read};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::drive::Stream;

/// What ends at the server: a socket, or TLS to a proxy.
pub(super) type Wire = Either<TcpStream, Box<TlsStream<TcpStream>>>;

pub(super) enum Transport {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl Transport {
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(wire) => {
                wire.write_all(bytes).await?;
                wire.flush().await
            }
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Zero at the end, with or without TLS's `close_notify`: the peer is gone either way.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match self {
            Self::Plain(wire) => wire.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }

    /// `early` gets what rustls has decrypted beyond what was read: nobody would look for it
    /// before the socket has something new.
    pub(super) fn into_stream(self, early: &mut Vec<u8>) -> io::Result<Stream> {
        let (wire, to_server) = match self {
            Self::Plain(wire) => (wire, None),
            Self::Tls(stream) => {
                let (wire, session) = stream.into_inner();
                (wire, Some(session))
            }
        };
        let (socket, to_proxy) = match wire {
            Either::Left(socket) => (socket, None),
            Either::Right(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, Some(session))
            }
        };
        let mut sessions: Vec<_> = to_proxy.into_iter().chain(to_server).map(Box::new).collect();
        if let Some(session) = sessions.last_mut() {
            // Stops where there is no more; what else may be wrong, the next read will tell.
            let _ = session.reader().read_to_end(early);
        }
        Ok(Stream::new(socket.into_std()?, sessions))
    }
}
