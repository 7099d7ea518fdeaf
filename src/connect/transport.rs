//! The stream while the opening handshake is on it: plain or TLS, asynchronous; afterwards it is
//! handed to `drive` as what it is made of.

use std::io::{self, Read};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::drive::Stream;

pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Zero at the end, with or without TLS's `close_notify`: the peer is gone either way.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match self {
            Self::Plain(socket) => socket.read(buffer).await,
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
        match self {
            Self::Plain(socket) => Ok(Stream::plain(socket.into_std()?)),
            Self::Tls(stream) => {
                let (socket, mut session) = stream.into_inner();
                // Stops where there is no more; what else may be wrong, the next read will tell.
                let _ = session.reader().read_to_end(early);
                Ok(Stream::tls(socket.into_std()?, Box::new(session)))
            }
        }
    }
}
