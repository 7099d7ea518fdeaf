//! The request of the opening handshake (RFC 6455 4.1): from what the caller wants to bytes.
//!
//! Whatever would let a caller's value break out of its line is refused here, before a byte is sent.
//! Knows nothing of URIs: host, resource and credentials come ready to be written.

use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Fields, HandshakeError, MAX_REQUEST, MAX_REQUEST_FIELDS, all, elements, first};
use crate::protocol::deflate::{self, Parameters};

pub(super) const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// What the caller asked for beyond the URI.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Sent in place of `GET resource HTTP/1.1`.
    pub request_line: Option<String>,
    pub fields: Fields,
    pub subprotocols: Vec<String>,
    /// Offered unless `fields` bring a Sec-WebSocket-Extensions of their own.
    pub deflate: Option<Parameters>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub request_line: String,
    pub resource: String,
    pub fields: Fields,
}

impl Request {
    /// The mandatory fields that `wanted` does not bring are put first; one it brings takes the
    /// place of ours, with its spelling and in its place.
    pub fn new(
        host: &str,
        resource: &str,
        credentials: Option<(&str, &str)>,
        wanted: &Wanted,
        key: [u8; 16],
    ) -> Result<Self, HandshakeError> {
        check_count(wanted.fields.len())?;
        check_fields(&wanted.fields)?;
        check_subprotocols(&wanted.subprotocols)?;
        let (request_line, resource) = match &wanted.request_line {
            Some(line) => check_request_line(line)?,
            None => default_request_line(resource)?,
        };
        let mut fields = mandatory_fields(host, credentials, wanted, key)?;
        fields.retain(|(name, _)| first(&wanted.fields, name).is_none());
        fields.extend(wanted.fields.iter().filter_map(honoured));
        check_fields(&fields)?;
        Self { request_line, resource, fields }.of_a_size_that_is_read()
    }

    /// Asks a proxy for a way to a server (RFC 9110 9.3.6); `target` is its host and port.
    pub fn connect(
        target: &str,
        credentials: Option<(&str, &str)>,
        wanted: &Fields,
    ) -> Result<Self, HandshakeError> {
        check_count(wanted.len())?;
        let mut fields = vec![("Host".to_owned(), target.to_owned())];
        if let Some((user, password)) = credentials {
            fields.push(("Proxy-Authorization".to_owned(), basic(user, password)?));
        }
        fields.retain(|(name, _)| first(wanted, name).is_none());
        fields.extend(wanted.iter().cloned());
        check_fields(&fields)?;
        let request_line = format!("CONNECT {target} HTTP/1.1");
        Self { request_line, resource: target.to_owned(), fields }.of_a_size_that_is_read()
    }

    fn of_a_size_that_is_read(self) -> Result<Self, HandshakeError> {
        let fields =
            self.fields.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len());
        let size = self.request_line.len() + "\r\n\r\n".len() + fields.sum::<usize>();
        if size > MAX_REQUEST {
            let fault = "bytes, more than the limit of";
            return caller(format!("the request has {size} {fault} {MAX_REQUEST}"));
        }
        Ok(self)
    }

    /// Field values that are not ASCII go out as UTF-8, as those of every other Python client do.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.request_line);
        for (name, value) in &self.fields {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }

    /// The subprotocols on offer, whoever wrote the field.
    pub(super) fn subprotocols(&self) -> impl Iterator<Item = &str> {
        all(&self.fields, "Sec-WebSocket-Protocol").flat_map(elements)
    }

    /// The offers of permessage-deflate, whoever wrote the field.
    pub(super) fn deflate_offers(&self) -> Vec<Parameters> {
        let fields = all(&self.fields, EXTENSIONS);
        fields.flat_map(deflate::honoured).map(|(_, offer)| offer).collect()
    }
}

fn mandatory_fields(
    host: &str,
    credentials: Option<(&str, &str)>,
    wanted: &Wanted,
    key: [u8; 16],
) -> Result<Fields, HandshakeError> {
    let mut fields = vec![
        ("Host", host.to_owned()),
        ("Upgrade", "websocket".to_owned()),
        ("Connection", "Upgrade".to_owned()),
        ("Sec-WebSocket-Key", BASE64.encode(key)),
        ("Sec-WebSocket-Version", "13".to_owned()),
    ];
    if !wanted.subprotocols.is_empty() {
        fields.push(("Sec-WebSocket-Protocol", wanted.subprotocols.join(", ")));
    }
    if let Some(offer) = wanted.deflate {
        fields.push((EXTENSIONS, offer.to_string()));
    }
    if let Some((user, password)) = credentials {
        fields.push(("Authorization", basic(user, password)?));
    }
    Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// RFC 7617 section 2.
fn basic(user: &str, password: &str) -> Result<String, HandshakeError> {
    if user.contains(':') {
        return caller("the user name in the URI contains a colon, which Basic cannot carry");
    }
    Ok(format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
}

/// Of extensions that come with pasted browser headers, only what can be honoured is offered: a server
/// would take the offer and send frames that cannot be read.
fn honoured((name, value): &(String, String)) -> Option<(String, String)> {
    if !name.eq_ignore_ascii_case(EXTENSIONS) {
        return Some((name.clone(), value.clone()));
    }
    let offers: Vec<&str> = deflate::honoured(value).map(|(offer, _)| offer).collect();
    (!offers.is_empty()).then(|| (name.clone(), offers.join(", ")))
}

fn default_request_line(resource: &str) -> Result<(String, String), HandshakeError> {
    if resource.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return caller("the resource name is not made of visible ASCII characters");
    }
    Ok((format!("GET {resource} HTTP/1.1"), resource.to_owned()))
}

/// "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1" (RFC 6455 4.1).
fn check_request_line(line: &str) -> Result<(String, String), HandshakeError> {
    check_line("the request line", line)?;
    let line = percent_encoded(line);
    match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["GET", resource, "HTTP/1.1"] => {
            let resource = resource.to_owned();
            Ok((line, resource))
        }
        _ => caller("the request line is not of the form GET resource HTTP/1.1"),
    }
}

fn percent_encoded(line: &str) -> String {
    let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
    let mut encoded = String::with_capacity(line.len());
    for byte in line.bytes() {
        if byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

fn check_count(count: usize) -> Result<(), HandshakeError> {
    if count > MAX_REQUEST_FIELDS {
        let fault = "header fields, more than the limit of";
        return caller(format!("the request has {count} {fault} {MAX_REQUEST_FIELDS}"));
    }
    Ok(())
}

fn check_fields(fields: &Fields) -> Result<(), HandshakeError> {
    for (name, value) in fields {
        if !is_token(name) {
            return caller(format!("the header name {name:?} is not a token"));
        }
        check_line(&format!("the value of header {name}"), value)?;
    }
    // Two of these leave open which one counts (RFC 9112 3.2, RFC 6455 11.3.1 and 11.3.5).
    for name in ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        if all(fields, name).nth(1).is_some() {
            return caller(format!("the header {name} is given more than once"));
        }
    }
    Ok(())
}

fn check_subprotocols(subprotocols: &[String]) -> Result<(), HandshakeError> {
    let mut seen = HashSet::new();
    for subprotocol in subprotocols {
        if !is_token(subprotocol) {
            return caller(format!("the subprotocol {subprotocol:?} is not a token"));
        }
        if !seen.insert(subprotocol) {
            return caller(format!("the subprotocol {subprotocol} is given more than once"));
        }
    }
    Ok(())
}

/// RFC 9110 5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous", and
/// other control characters are invalid. The text may be a secret, so only the character is named.
fn check_line(what: &str, text: &str) -> Result<(), HandshakeError> {
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        None => Ok(()),
        Some(character) => caller(format!("{what} contains {}", name_of(character))),
    }
}

fn name_of(control: char) -> String {
    match control {
        '\r' => "a carriage return (CR)".to_owned(),
        '\n' => "a line feed (LF)".to_owned(),
        '\0' => "a NUL".to_owned(),
        other => format!("the control character U+{:04X}", u32::from(other)),
    }
}

/// RFC 9110 5.6.2.
pub(in crate::protocol) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn caller<T>(fault: impl Into<String>) -> Result<T, HandshakeError> {
    Err(HandshakeError::Caller(fault.into()))
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("request_line", &self.request_line)
            .field("fields", &names(&self.fields))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("request_line", &self.request_line)
            .field("fields", &names(&self.fields))
            .field("subprotocols", &self.subprotocols)
            .field("deflate", &self.deflate)
            .finish()
    }
}

/// What a debug form may show of request fields: Authorization and Cookie are secrets, and any
/// other may be.
fn names(fields: &Fields) -> Vec<&str> {
    fields.iter().map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = *b"the sample nonce";

    fn build(wanted: &Wanted) -> Result<Request, HandshakeError> {
        Request::new("example.org", "/chat", None, wanted, KEY)
    }

    fn text(request: &Request) -> String {
        String::from_utf8(request.encode()).unwrap()
    }

    fn wanting(fields: &[(&str, &str)]) -> Wanted {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Wanted { fields, ..Wanted::default() }
    }

    #[test]
    fn without_wishes_the_request_is_the_one_of_rfc_6455_section_1_3() {
        let request = build(&Wanted::default()).unwrap();
        let expected = "GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\n\r\n";
        assert_eq!(text(&request), expected);
        assert_eq!(request.resource, "/chat");
    }

    #[test]
    fn subprotocols_and_credentials_follow_the_mandatory_fields() {
        let wanted = Wanted {
            subprotocols: vec!["chat".into(), "superchat".into()],
            ..wanting(&[("Origin", "http://example.org")])
        };
        let credentials = Some(("Aladdin", "open sesame"));
        let request = Request::new("h", "/", credentials, &wanted, KEY).unwrap();
        let tail = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
            Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nOrigin: http://example.org\r\n\r\n";
        assert!(text(&request).ends_with(tail), "{}", text(&request));
    }

    #[test]
    fn a_wanted_field_takes_the_place_of_ours_with_its_spelling_and_in_its_order() {
        let wanted = wanting(&[
            ("x-first", "1"),
            ("upgrade", "WebSocket"),
            ("HOST", "virtual.example"),
            ("sec-websocket-key", "eHh4eHh4eHh4eHh4eHh4eA=="),
        ]);
        let expected = "GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            x-first: 1\r\nupgrade: WebSocket\r\nHOST: virtual.example\r\n\
            sec-websocket-key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n";
        assert_eq!(text(&build(&wanted).unwrap()), expected);
    }

    #[test]
    fn wanted_fields_of_one_name_all_go_out() {
        let request = build(&wanting(&[("Cookie", "a=1"), ("Cookie", "b=2")])).unwrap();
        assert!(text(&request).ends_with("Cookie: a=1\r\nCookie: b=2\r\n\r\n"));
    }

    #[test]
    fn of_extensions_that_came_with_pasted_headers_what_can_be_honoured_is_offered() {
        let rows = [
            ("permessage-deflate; client_max_window_bits", true),
            ("permessage-deflate;client_max_window_bits = 10 , x-webkit-deflate-frame", false),
            ("x-webkit-deflate-frame", false),
        ];
        for (value, whole) in rows {
            let wanted = Wanted {
                deflate: Some(Parameters::default()),
                ..wanting(&[("sec-websocket-extensions", value), ("A", "b")])
            };
            let request = build(&wanted).unwrap();
            let sent = request.field("Sec-WebSocket-Extensions");
            assert_eq!(sent.is_some(), value.starts_with("permessage"), "{value}");
            assert_eq!(sent == Some(value), whole, "{value}");
            assert_eq!(request.deflate_offers().len(), usize::from(sent.is_some()));
        }
    }

    #[test]
    fn permessage_deflate_is_offered_behind_the_mandatory_fields() {
        let wanted = Wanted { deflate: Some(Parameters::default()), ..Wanted::default() };
        let request = build(&wanted).unwrap();
        assert!(text(&request).ends_with("Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
        assert_eq!(request.deflate_offers(), [Parameters::default()]);
    }

    #[test]
    fn a_wanted_request_line_goes_out_verbatim_and_names_the_resource() {
        let rows = [
            ("GET /other?x=1 HTTP/1.1", "GET /other?x=1 HTTP/1.1", "/other?x=1"),
            ("GET  /a HTTP/1.1", "GET  /a HTTP/1.1", "/a"),
            ("GET /é HTTP/1.1", "GET /%C3%A9 HTTP/1.1", "/%C3%A9"),
        ];
        for (line, sent, resource) in rows {
            let wanted = Wanted { request_line: Some(line.into()), ..Wanted::default() };
            let request = build(&wanted).unwrap();
            assert_eq!(
                (request.request_line.as_str(), request.resource.as_str()),
                (sent, resource)
            );
        }
    }

    #[test]
    fn a_request_line_that_is_none_is_refused() {
        for line in ["", "GET /", "POST / HTTP/1.1", "GET / HTTP/1.0", "GET /\r\nX: y HTTP/1.1"] {
            let wanted = Wanted { request_line: Some(line.into()), ..Wanted::default() };
            assert!(matches!(build(&wanted), Err(HandshakeError::Caller(_))), "{line:?}");
        }
    }

    #[test]
    fn no_value_of_the_caller_breaks_out_of_its_line() {
        let rows = [
            (
                "Origin",
                "http://a\r\nX: y",
                "the value of header Origin contains a carriage return (CR)",
            ),
            ("Cookie", "a\nb", "the value of header Cookie contains a line feed (LF)"),
            ("User-Agent", "a\0", "the value of header User-Agent contains a NUL"),
            ("X", "\u{1b}[2J", "the value of header X contains the control character U+001B"),
            ("X: y\r\nZ", "v", "the header name \"X: y\\r\\nZ\" is not a token"),
            ("", "v", "the header name \"\" is not a token"),
            (":authority", "v", "the header name \":authority\" is not a token"),
        ];
        for (name, value, sentence) in rows {
            let error = build(&wanting(&[(name, value)])).unwrap_err();
            assert_eq!(error, HandshakeError::Caller(sentence.into()));
        }
        for (host, resource) in [("a\r\nX: y", "/"), ("a", "/\r\nX: y"), ("a", "/a b"), ("a", "/é")]
        {
            let request = Request::new(host, resource, None, &Wanted::default(), KEY);
            assert!(matches!(request, Err(HandshakeError::Caller(_))), "{host:?} {resource:?}");
        }
    }

    #[test]
    fn subprotocols_are_tokens_and_unique() {
        let rows: [(&[&str], &str); 4] = [
            (&["a", "a"], "the subprotocol a is given more than once"),
            (&["a b"], "the subprotocol \"a b\" is not a token"),
            (&["a\r\nX: y"], "the subprotocol \"a\\r\\nX: y\" is not a token"),
            (&[""], "the subprotocol \"\" is not a token"),
        ];
        for (subprotocols, sentence) in rows {
            let subprotocols = subprotocols.iter().map(|s| (*s).to_owned()).collect();
            let error = build(&Wanted { subprotocols, ..Wanted::default() }).unwrap_err();
            assert_eq!(error, HandshakeError::Caller(sentence.into()));
        }
    }

    #[test]
    fn a_field_that_must_be_single_is_refused_twice() {
        for name in ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
            let wanted = wanting(&[(name, "a"), (&name.to_lowercase(), "b")]);
            assert!(matches!(build(&wanted), Err(HandshakeError::Caller(_))), "{name}");
        }
    }

    #[test]
    fn a_request_has_an_end() {
        let fields = |count| Wanted {
            fields: vec![("A".to_owned(), "b".to_owned()); count],
            ..Wanted::default()
        };
        assert!(build(&fields(MAX_REQUEST_FIELDS)).is_ok());
        assert_eq!(
            build(&fields(MAX_REQUEST_FIELDS + 1)).unwrap_err().to_string(),
            "the request has 1025 header fields, more than the limit of 1024"
        );

        let least = build(&wanting(&[("A", "")])).unwrap().encode().len();
        let filled = |size: usize| build(&wanting(&[("A", &"x".repeat(size - least))]));
        assert_eq!(filled(MAX_REQUEST).unwrap().encode().len(), MAX_REQUEST);
        assert_eq!(
            filled(MAX_REQUEST + 1).unwrap_err().to_string(),
            "the request has 1048577 bytes, more than the limit of 1048576"
        );

        let long = "x".repeat(MAX_REQUEST);
        let line = Some(format!("GET /{long} HTTP/1.1"));
        for (resource, credentials, wanted) in [
            (long.as_str(), None, Wanted::default()),
            ("/", Some((long.as_str(), "")), Wanted::default()),
            ("/", None, Wanted { subprotocols: vec![long.clone()], ..Wanted::default() }),
            ("/", None, Wanted { request_line: line, ..Wanted::default() }),
        ] {
            let request = Request::new("h", resource, credentials, &wanted, KEY);
            let fault = request.unwrap_err().to_string();
            assert!(fault.ends_with(" bytes, more than the limit of 1048576"), "{fault}");
        }
    }

    #[test]
    fn values_that_are_not_ascii_go_out_as_utf_8() {
        let request = build(&wanting(&[("X-Name", "grüße\tdu")])).unwrap();
        assert!(text(&request).ends_with("X-Name: grüße\tdu\r\n\r\n"));
    }

    #[test]
    fn the_debug_form_shows_no_value() {
        let wanted = wanting(&[("Cookie", "session=secret")]);
        let request = Request::new("h", "/", Some(("me", "secret")), &wanted, KEY).unwrap();
        for debug in [format!("{request:?}"), format!("{wanted:?}")] {
            assert!(debug.contains("Cookie") && !debug.contains("secret"), "{debug}");
            assert!(!debug.contains("bWU6c2VjcmV0"), "{debug}");
        }
    }
}
