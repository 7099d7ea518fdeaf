//! The response of the opening handshake, judged against the request (RFC 6455 4.1, steps 1 to 6
//! after the request).
//!
//! Knows nothing of bytes and follows no redirect: it only says what was agreed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};

use super::request::EXTENSIONS;
use super::{Fields, HandshakeError, HeadReader, Request, all, elements, excerpt, first};
use crate::protocol::deflate::{self, Agreed};

/// RFC 6455 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
pub(super) const SWITCHING_PROTOCOLS: u16 = 101;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub fields: Fields,
    /// Empty until whoever reads the connection puts it there.
    pub body: Vec<u8>,
}

impl Response {
    /// One head and its length, if the bytes hold it whole. For bytes that arrive piecemeal there is
    /// [`HeadReader`], which does not start again from the first.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, HandshakeError> {
        HeadReader::holding(bytes).next_head()
    }

    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }
}

/// What the two sides agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    pub subprotocol: Option<String>,
    pub deflate: Option<Agreed>,
}

pub fn judge(request: &Request, response: &Response) -> Result<Agreement, HandshakeError> {
    if response.status != SWITCHING_PROTOCOLS {
        let reason = excerpt(response.reason.as_bytes(), 100);
        return Err(HandshakeError::Status { status: response.status, reason });
    }
    judge_upgrade(&response.fields)?;
    judge_accept(request, &response.fields)?;
    Ok(Agreement {
        deflate: judge_extensions(request, &response.fields)?,
        subprotocol: judge_subprotocol(request, &response.fields)?,
    })
}

fn judge_upgrade(fields: &Fields) -> Result<(), HandshakeError> {
    let failed = |name| Err(HandshakeError::Upgrade { name, value: combined(fields, name) });
    if !combined(fields, "Upgrade").is_some_and(|v| v.eq_ignore_ascii_case("websocket")) {
        return failed("Upgrade");
    }
    let mut options = all(fields, "Connection").flat_map(elements);
    if !options.any(|option| option.eq_ignore_ascii_case("Upgrade")) {
        return failed("Connection");
    }
    Ok(())
}

fn judge_accept(request: &Request, fields: &Fields) -> Result<(), HandshakeError> {
    let name = "Sec-WebSocket-Accept";
    let key = request.field("Sec-WebSocket-Key").unwrap_or_default();
    match single(fields, name)? {
        None => Err(HandshakeError::Header { name, value: None, fault: "is missing" }),
        Some(value) if value == accept(key) => Ok(()),
        Some(value) => {
            let fault = "does not prove that the server read the key";
            Err(HandshakeError::Header { name, value: Some(shown(value)), fault })
        }
    }
}

/// Base64 of the SHA-1 of the key as it was sent and the GUID (RFC 6455 4.2.2, step 5).
fn accept(key: &str) -> String {
    let hash =
        Sha1::new().chain_update(key.trim_matches([' ', '\t'])).chain_update(GUID).finalize();
    BASE64.encode(hash)
}

/// "The client MUST _Fail the WebSocket Connection_" if the response has a parameter that is unknown,
/// invalid or not allowed by the offer (RFC 7692 7).
fn judge_extensions(request: &Request, fields: &Fields) -> Result<Option<Agreed>, HandshakeError> {
    let Some(value) = single(fields, EXTENSIONS)? else { return Ok(None) };
    match deflate::accept(&request.deflate_offers(), value) {
        Ok(agreed) => Ok(Some(agreed)),
        Err(fault) => Err(HandshakeError::Negotiation(excerpt(fault.as_bytes(), 200))),
    }
}

fn judge_subprotocol(request: &Request, fields: &Fields) -> Result<Option<String>, HandshakeError> {
    match single(fields, "Sec-WebSocket-Protocol")? {
        None => Ok(None),
        Some(value) if request.subprotocols().any(|offered| offered == value) => {
            Ok(Some(value.to_owned()))
        }
        Some(value) => Err(HandshakeError::Negotiation(format!(
            "the server chose the subprotocol {:?}, which was not offered",
            shown(value)
        ))),
    }
}

/// The value of a field that a server MUST NOT send twice (RFC 6455 11.3.2 to 11.3.4).
fn single<'a>(fields: &'a Fields, name: &'static str) -> Result<Option<&'a str>, HandshakeError> {
    let mut values = all(fields, name);
    let value = values.next();
    if values.next().is_some() {
        let value = combined(fields, name);
        return Err(HandshakeError::Header { name, value, fault: "is sent more than once" });
    }
    Ok(value)
}

fn combined(fields: &Fields, name: &str) -> Option<String> {
    let values: Vec<&str> = all(fields, name).collect();
    (!values.is_empty()).then(|| shown(&values.join(", ")))
}

/// A received value in a message: long enough to recognise, short enough to read.
fn shown(value: &str) -> String {
    excerpt(value.as_bytes(), 100)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Wanted;
    use super::*;

    /// RFC 6455 1.3.
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    const UPGRADE: &str = "Upgrade: websocket";
    const CONNECTION: &str = "Connection: Upgrade";

    fn request(subprotocols: &[&str]) -> Request {
        let subprotocols = subprotocols.iter().map(|s| (*s).to_owned()).collect();
        let wanted = Wanted { subprotocols, ..Wanted::default() };
        Request::new("example.org", "/", None, &wanted, *b"the sample nonce").unwrap()
    }

    fn head(lines: &[&str]) -> Vec<u8> {
        format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes()
    }

    fn judged(subprotocols: &[&str], lines: &[&str]) -> Result<Option<String>, HandshakeError> {
        let (response, _) = Response::parse(&head(lines))?.unwrap();
        judge(&request(subprotocols), &response).map(|agreement| agreement.subprotocol)
    }

    #[test]
    fn good_responses_are_accepted() {
        let rows: [&[&str]; 7] = [
            &[UPGRADE, CONNECTION, ACCEPT],
            &["upgrade: WebSocket", "CONNECTION: upgrade", ACCEPT],
            &[UPGRADE, "Connection: keep-alive, Upgrade", ACCEPT],
            &[UPGRADE, "Connection: keep-alive", "Connection: ,upgrade\t,", ACCEPT],
            &[UPGRADE, CONNECTION, "Sec-WebSocket-Accept: \t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t "],
            &[UPGRADE, CONNECTION, "sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
            &[UPGRADE, CONNECTION, ACCEPT, "Set-Cookie: a=1", "Set-Cookie: b=2", "X:"],
        ];
        for lines in rows {
            assert_eq!(judged(&[], lines), Ok(None), "{lines:?}");
        }
    }

    #[test]
    fn a_response_that_does_not_upgrade_names_the_field() {
        let rows: [(&[&str], &str, Option<&str>); 7] = [
            (&[CONNECTION, ACCEPT], "Upgrade", None),
            (&["Upgrade: h2c", CONNECTION, ACCEPT], "Upgrade", Some("h2c")),
            (&["Upgrade: websocket2", CONNECTION, ACCEPT], "Upgrade", Some("websocket2")),
            (&[UPGRADE, UPGRADE, CONNECTION, ACCEPT], "Upgrade", Some("websocket, websocket")),
            (&[UPGRADE, ACCEPT], "Connection", None),
            (&[UPGRADE, "Connection: close", ACCEPT], "Connection", Some("close")),
            (&[UPGRADE, "Connection: Upgrades", ACCEPT], "Connection", Some("Upgrades")),
        ];
        for (lines, name, value) in rows {
            let value = value.map(str::to_owned);
            assert_eq!(
                judged(&[], lines),
                Err(HandshakeError::Upgrade { name, value }),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn accept_is_there_once_and_right() {
        let wrong = "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=";
        let rows: [(&[&str], Option<&str>); 4] = [
            (&[UPGRADE, CONNECTION], None),
            (&[UPGRADE, CONNECTION, wrong], Some("S3PPLMBITXAQ9KYGZZHZRBK+XOO=")),
            (&[UPGRADE, CONNECTION, "Sec-WebSocket-Accept:"], Some("")),
            (
                &[UPGRADE, CONNECTION, ACCEPT, ACCEPT],
                Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ),
        ];
        for (lines, expected) in rows {
            let Err(HandshakeError::Header { name, value, .. }) = judged(&[], lines) else {
                unreachable!("{lines:?}");
            };
            assert_eq!((name, value.as_deref()), ("Sec-WebSocket-Accept", expected));
        }
    }

    #[test]
    fn accept_is_computed_from_the_key_the_caller_fixed() {
        let fields = vec![("sec-websocket-key".to_owned(), "dGhlIHNhbXBsZSBub25jZQ==".to_owned())];
        let wanted = Wanted { fields, ..Wanted::default() };
        let request = Request::new("h", "/", None, &wanted, [7; 16]).unwrap();
        let (response, _) =
            Response::parse(&head(&[UPGRADE, CONNECTION, ACCEPT])).unwrap().unwrap();
        assert!(judge(&request, &response).is_ok());
    }

    #[test]
    fn a_subprotocol_is_one_of_those_offered() {
        let chosen = |value: &str| format!("Sec-WebSocket-Protocol: {value}");
        let rows: [(&[&str], &str, Result<&str, &str>); 6] = [
            (&["chat", "superchat"], "superchat", Ok("superchat")),
            (&["chat"], "Chat", Err("\"Chat\"")),
            (&["chat"], "other", Err("\"other\"")),
            (&["chat", "other"], "chat, other", Err("\"chat, other\"")),
            (&["chat"], "", Err("\"\"")),
            (&[], "chat", Err("\"chat\"")),
        ];
        for (offered, value, expected) in rows {
            let result = judged(offered, &[UPGRADE, CONNECTION, ACCEPT, &chosen(value)]);
            let expected = expected.map(|s| Some(s.to_owned())).map_err(|shown| {
                let fault =
                    format!("the server chose the subprotocol {shown}, which was not offered");
                HandshakeError::Negotiation(fault)
            });
            assert_eq!(result, expected);
        }
        assert_eq!(judged(&["chat"], &[UPGRADE, CONNECTION, ACCEPT]), Ok(None));
    }

    #[test]
    fn an_extension_that_was_not_offered_fails() {
        for value in ["permessage-deflate", "x; y=1", ""] {
            let line = format!("Sec-WebSocket-Extensions: {value}");
            let result = judged(&[], &[UPGRADE, CONNECTION, ACCEPT, &line]);
            assert!(matches!(result, Err(HandshakeError::Negotiation(_))), "{value}");
        }
    }

    #[test]
    fn protocol_and_extensions_are_sent_at_most_once() {
        for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
            let lines = [UPGRADE, CONNECTION, ACCEPT, &format!("{name}: a"), &format!("{name}: a")];
            let fault = "is sent more than once";
            let error = HandshakeError::Header { name, value: Some("a, a".into()), fault };
            assert_eq!(judged(&["a"], &lines), Err(error));
        }
    }

    #[test]
    fn any_status_but_101_is_a_refusal() {
        for status in [200, 301, 401, 403, 426, 503] {
            let head = format!("HTTP/1.0 {status} Why\tnot\r\n\r\n");
            let (response, _) = Response::parse(head.as_bytes()).unwrap().unwrap();
            let reason = "Why not".to_owned();
            assert_eq!(
                judge(&request(&[]), &response),
                Err(HandshakeError::Status { status, reason })
            );
        }
    }
}
