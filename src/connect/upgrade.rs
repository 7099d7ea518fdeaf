//! The opening handshake on the wire: the request out, the response in, and of a refusal the body.
//!
//! Judges nothing: that is the protocol's.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout_at;

use super::deadline::Deadline;
use super::error::{OpenError, OpenErrorKind, fault};
use super::tls;
use super::transport::Transport;
use crate::protocol::handshake::{Body, HeadReader, Request, Response};

/// A head is seldom longer, and of many connections that are opened at once each waits with this.
const HEAD_SIZE: usize = 1024;
const BODY_SIZE: usize = 8 * 1024;
/// A refusal is known from its head; its body is worth this long a wait, not the whole timeout.
const BODY_PATIENCE: Duration = Duration::from_secs(2);

/// A response head, and what came behind it: frames, or the start of a body.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) behind: Vec<u8>,
}

pub(super) async fn exchange(
    transport: &mut Transport,
    request: &Request,
    address: &str,
) -> Result<Answer, OpenError> {
    let broken = |error: io::Error| broken_off(address, &error);
    transport.write_all(&request.encode()).await.map_err(broken)?;
    let mut reader = HeadReader::default();
    let mut buffer = vec![0; HEAD_SIZE];
    loop {
        let count = transport.read(&mut buffer).await.map_err(broken)?;
        if count == 0 {
            return Err(closed(address, reader.is_empty()));
        }
        match reader.receive(&buffer[..count]) {
            Ok(Some((response, behind))) => return Ok(Answer { response, behind }),
            Ok(None) => {}
            Err(error) => return Err(OpenError::unanswered(address, error, None)),
        }
    }
}

/// What arrives of it until it ends, the server closes, the limit is reached or time is up.
pub(super) async fn refusal_body(
    transport: &mut Transport,
    answer: &Answer,
    deadline: Deadline,
) -> Vec<u8> {
    match transport {
        Transport::Plain(wire) => body_of(wire, answer, deadline).await,
        Transport::Tls(stream) => body_of(stream, answer, deadline).await,
    }
}

/// The same on a stream that may be a proxy's.
pub(super) async fn body_of(
    stream: &mut (impl AsyncRead + Unpin),
    answer: &Answer,
    deadline: Deadline,
) -> Vec<u8> {
    let mut body = Body::of(&answer.response);
    body.receive(&answer.behind);
    let _ = timeout_at(deadline.or_sooner(BODY_PATIENCE), read_body(stream, &mut body)).await;
    body.into_bytes()
}

async fn read_body(stream: &mut (impl AsyncRead + Unpin), body: &mut Body) {
    let mut buffer = vec![0; BODY_SIZE];
    while !body.is_complete() {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => body.receive(&buffer[..count]),
        }
    }
}

fn closed(address: &str, nothing_came: bool) -> OpenError {
    let when = if nothing_came {
        "before it answered the opening handshake"
    } else {
        "in the middle of its answer to the opening handshake"
    };
    let sentence = format!("{address} closed the connection {when}");
    OpenError::new(OpenErrorKind::InvalidMessage, sentence)
}

/// A reset is a close for which the peer had not read everything: chance decides between the two,
/// so both are the same kind.
fn broken_off(address: &str, error: &io::Error) -> OpenError {
    if let Some(failure) = tls::failure_of(address, error) {
        return failure;
    }
    let kind = match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => OpenErrorKind::InvalidMessage,
        _ => OpenErrorKind::Network,
    };
    let sentence = format!("the opening handshake with {address} failed: {}", fault(error));
    OpenError::from_io(kind, sentence, error)
}
