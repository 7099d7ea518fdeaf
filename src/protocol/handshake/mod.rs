//! The opening handshake (RFC 6455 section 4) as values: the request a caller wants, the response a
//! server gave, and whether the two make a WebSocket connection.
//!
//! Knows nothing of sockets, clocks or randomness: the key's 16 bytes are handed in, and so is every
//! byte of the response.

mod body;
mod head;
mod request;
mod response;

use std::fmt;

pub use body::Body;
pub use head::HeadReader;
pub(super) use request::is_token;
pub use request::{Request, Wanted};
pub use response::{Agreement, Response, judge};

/// Header fields in their order, names as spelled; received values are decoded as ISO-8859-1.
pub type Fields = Vec<(String, String)>;

/// The most bytes a response head may have, interim (1xx) responses included.
pub const MAX_HEAD: usize = 64 * 1024;
/// The most header fields a response may have.
pub const MAX_FIELDS: usize = 128;
/// The most bytes a request may have: what no server reads is not sent.
pub const MAX_REQUEST: usize = 1024 * 1024;
/// The most header fields a request may have.
pub const MAX_REQUEST_FIELDS: usize = 1024;
/// The most bytes kept of the body of a refusal.
pub const MAX_BODY: usize = 64 * 1024;

/// Why there is no agreement: one variant for each exception the caller may want to tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The caller asked for something that must not be sent.
    Caller(String),
    /// The answer is not an HTTP/1.1 response.
    Message(String),
    /// The response head exceeds a limit; `what` is its unit.
    TooBig { what: &'static str, limit: usize },
    /// The server answered, but not with 101.
    Status { status: u16, reason: String },
    /// A `Sec-WebSocket-*` field is missing (no value) or wrong.
    Header { name: &'static str, value: Option<String>, fault: &'static str },
    /// Upgrade or Connection is missing (no value) or does not name the WebSocket protocol.
    Upgrade { name: &'static str, value: Option<String> },
    /// The server chose what the client did not offer.
    Negotiation(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller(fault) | Self::Message(fault) | Self::Negotiation(fault) => {
                f.write_str(fault)
            }
            Self::TooBig { what, limit } => {
                write!(f, "the head of the response has more than {limit} {what}")
            }
            Self::Status { status, reason } if reason.is_empty() => write!(f, "HTTP {status}"),
            Self::Status { status, reason } => write!(f, "HTTP {status} {reason}"),
            Self::Header { name, value: Some(value), fault } => {
                write!(f, "the response's {name} {fault}: {value}")
            }
            Self::Upgrade { name, value: Some(value) } => {
                write!(f, "the response's {name} does not agree to a WebSocket: {value}")
            }
            Self::Header { name, value: None, .. } | Self::Upgrade { name, value: None } => {
                write!(f, "the response's {name} field is missing")
            }
        }
    }
}

impl std::error::Error for HandshakeError {}

/// The value of the first field with this name, in whatever case it is spelled.
fn first<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    all(fields, name).next()
}

/// The values of all fields with this name, in whatever case they are spelled.
fn all<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// The elements of a comma-separated list (RFC 9110 5.6.1); empty ones do not count.
pub(super) fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|element| element.trim_matches([' ', '\t'])).filter(|e| !e.is_empty())
}

/// The start of what a peer sent, on one line and safe to show: at most `limit` characters.
#[must_use]
pub fn excerpt(bytes: &[u8], limit: usize) -> String {
    // A character has at most four bytes; the one cut at the end shows as U+FFFD and goes.
    let start = &bytes[..bytes.len().min(limit * 4)];
    let text = String::from_utf8_lossy(start);
    let line: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER)
        .filter(|word| !word.is_empty())
        .collect();
    let line = line.join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_printable_line() {
        let rows: [(&[u8], usize, &str); 7] = [
            (b"", 10, ""),
            (b"no entry", 10, "no entry"),
            (b"no\r\n\r\n\tentry\0\x1b[31m", 20, "no entry [31m"),
            (b"0123456789ab", 10, "0123456789…"),
            ("grüße".as_bytes(), 10, "grüße"),
            (b"\xff\xfe<h1>", 10, "<h1>"),
            ("ееееееееееее".as_bytes(), 3, "еее…"),
        ];
        for (bytes, limit, expected) in rows {
            assert_eq!(excerpt(bytes, limit), expected, "{bytes:?}");
        }
    }

    #[test]
    fn each_error_is_one_sentence_with_the_fact_and_the_value() {
        let value = Some("h2c".to_owned());
        let rows = [
            (HandshakeError::Status { status: 403, reason: "No".into() }, "HTTP 403 No"),
            (HandshakeError::Status { status: 403, reason: String::new() }, "HTTP 403"),
            (
                HandshakeError::Upgrade { name: "Upgrade", value },
                "the response's Upgrade does not agree to a WebSocket: h2c",
            ),
            (
                HandshakeError::Upgrade { name: "Connection", value: None },
                "the response's Connection field is missing",
            ),
            (
                HandshakeError::TooBig { what: "bytes", limit: 7 },
                "the head of the response has more than 7 bytes",
            ),
        ];
        for (error, sentence) in rows {
            assert_eq!(error.to_string(), sentence);
        }
    }
}
