//! The way through an HTTP proxy: CONNECT (RFC 9110 9.3.6).

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connect::deadline::Deadline;
use crate::connect::error::{OpenError, OpenErrorKind, fault};
use crate::connect::refusal;
use crate::connect::tls;
use crate::connect::transport::Wire;
use crate::connect::upgrade::{self, Answer};
use crate::protocol::handshake::{HandshakeError, HeadReader, Request, Response};

/// Has the proxy lead to the server at `address`.
pub(super) async fn open(
    wire: &mut Wire,
    request: &Request,
    proxy: &str,
    address: &str,
    deadline: Deadline,
) -> Result<(), OpenError> {
    let broken = |error: io::Error| broken_off(proxy, &error);
    wire.write_all(&request.encode()).await.map_err(broken)?;
    wire.flush().await.map_err(broken)?;
    let answer = Answer { response: head(wire, proxy).await?, behind: Vec::new() };
    // Any 2xx response is a tunnel, whatever it says of a body.
    if (200..300).contains(&answer.response.status) {
        return Ok(());
    }
    let body = upgrade::body_of(wire, &answer, deadline).await;
    let response = Response { body, ..answer.response };
    let refusal = refusal::in_words(request, &response);
    let sentence = format!("{proxy} refused to connect to {address}: {refusal}");
    let error = OpenError::new(OpenErrorKind::ProxyStatus, sentence);
    Err(OpenError { response: Some(Box::new(response)), ..error })
}

/// Byte by byte, for what comes behind it is the server's, which may be the first to speak.
async fn head(wire: &mut Wire, proxy: &str) -> Result<Response, OpenError> {
    let mut reader = HeadReader::default();
    let mut byte = [0];
    loop {
        match wire.read(&mut byte).await {
            Ok(0) => return Err(closed(proxy, reader.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(closed(proxy, reader.is_empty()));
            }
            Err(error) => return Err(broken_off(proxy, &error)),
            Ok(_) => {}
        }
        match reader.receive(&byte) {
            Ok(Some((response, _))) => return Ok(response),
            Ok(None) => {}
            Err(error) => return Err(unanswered(proxy, &error)),
        }
    }
}

fn unanswered(proxy: &str, error: &HandshakeError) -> OpenError {
    OpenError::new(OpenErrorKind::ProxyMessage, format!("{proxy} did not answer CONNECT: {error}"))
}

fn closed(proxy: &str, nothing_came: bool) -> OpenError {
    let when =
        if nothing_came { "before it answered CONNECT" } else { "in the middle of its answer" };
    let sentence = format!("{proxy} closed the connection {when}");
    OpenError::new(OpenErrorKind::ProxyMessage, sentence)
}

fn broken_off(proxy: &str, error: &io::Error) -> OpenError {
    tls::failure_of(proxy, error).unwrap_or_else(|| {
        let sentence = format!("{proxy} broke off: {}", fault(error));
        OpenError::from_io(OpenErrorKind::ProxyMessage, sentence, error)
    })
}
