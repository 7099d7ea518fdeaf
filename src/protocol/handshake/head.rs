//! The head of a response in bytes that arrive in any cut: found, bounded and parsed (RFC 9112).
//!
//! Knows nothing of where the bytes come from, and nothing of WebSocket but that 101 is final.

use super::super::work;
use super::response::SWITCHING_PROTOCOLS;
use super::{HandshakeError, MAX_FIELDS, MAX_HEAD, Response, excerpt};

/// Finds the head in bytes that arrive in any cut. What it has searched it does not search again, so
/// a head trickled byte by byte costs linear time; and it holds no more than a head may have.
#[derive(Debug, Default)]
pub struct HeadReader {
    bytes: Vec<u8>,
    /// Where the current head starts: behind the interim responses already passed over.
    start: usize,
    searched: usize,
}

impl HeadReader {
    /// Takes what arrived. Once a final head is whole: the response, and the bytes behind its head.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<(Response, Vec<u8>)>, HandshakeError> {
        work::count(bytes.len());
        self.bytes.extend_from_slice(bytes);
        while let Some((response, length)) = self.next_head()? {
            self.start += length;
            if !is_interim(response.status) {
                return Ok(Some((response, self.bytes.split_off(self.start))));
            }
        }
        Ok(None)
    }

    pub(super) fn holding(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), ..Self::default() }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn next_head(&mut self) -> Result<Option<(Response, usize)>, HandshakeError> {
        check_beginning(&self.bytes[self.start..])?;
        let end = self.end_of_head();
        if end.unwrap_or(self.bytes.len()) > MAX_HEAD {
            return Err(HandshakeError::TooBig { what: "bytes", limit: MAX_HEAD });
        }
        let Some(end) = end else { return Ok(None) };
        let response = parse_head(&self.bytes[self.start..end])?;
        Ok(Some((response, end - self.start)))
    }

    /// The index behind the empty line; a bare LF ends a line as well (RFC 9112 2.2).
    fn end_of_head(&mut self) -> Option<usize> {
        while let Some(ahead) = self.bytes[self.searched..].iter().position(|&b| b == b'\n') {
            work::count(ahead + 1);
            let line_end = self.searched + ahead;
            match self.bytes[line_end + 1..] {
                [b'\n', ..] => return Some(self.found(line_end + 2)),
                [b'\r', b'\n', ..] => return Some(self.found(line_end + 3)),
                [] | [b'\r'] => {
                    self.searched = line_end;
                    return None;
                }
                _ => self.searched = line_end + 1,
            }
        }
        work::count(self.bytes.len() - self.searched);
        self.searched = self.bytes.len();
        None
    }

    fn found(&mut self, end: usize) -> usize {
        self.searched = end;
        end
    }
}

/// 1xx responses may precede the final one (RFC 9110 15.2); of those only 101 is an answer to us.
fn is_interim(status: u16) -> bool {
    (100..200).contains(&status) && status != SWITCHING_PROTOCOLS
}

/// A peer that speaks another protocol is told by its first bytes, not at the deadline.
fn check_beginning(bytes: &[u8]) -> Result<(), HandshakeError> {
    const VERSION: &[u8] = b"HTTP/1.";
    let length = bytes.len().min(VERSION.len());
    if bytes[..length] == VERSION[..length] {
        return Ok(());
    }
    Err(HandshakeError::Message(match bytes {
        // The content type of a TLS alert or handshake record (RFC 8446 5.1).
        [0x15 | 0x16, ..] => "the server answered in TLS; its URI may have to be wss://".to_owned(),
        _ => format!("the answer is not HTTP/1.1; it starts with {:?}", excerpt(bytes, 40)),
    }))
}

fn parse_head(head: &[u8]) -> Result<Response, HandshakeError> {
    work::count(head.len());
    let mut headers = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut headers);
    let mut parser = httparse::ParserConfig::default();
    parser.allow_obsolete_multiline_headers_in_responses(true);
    let status = match parser.parse_response(&mut parsed, head) {
        Ok(httparse::Status::Complete(_)) => parsed.code.unwrap_or_default(),
        Ok(httparse::Status::Partial) => return malformed("an empty line ends it too early"),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(HandshakeError::TooBig { what: "fields", limit: MAX_FIELDS });
        }
        Err(error) => return malformed(error),
    };
    if status == SWITCHING_PROTOCOLS && parsed.version != Some(1) {
        return malformed("101 needs HTTP/1.1, and the server answered in HTTP/1.0");
    }
    let fields = parsed.headers.iter();
    let fields = fields.map(|field| (field.name.to_owned(), latin_1(field.value))).collect();
    let reason = parsed.reason.unwrap_or_default().to_owned();
    Ok(Response { status, reason, fields, body: Vec::new() })
}

fn malformed<T>(fault: impl std::fmt::Display) -> Result<T, HandshakeError> {
    Err(HandshakeError::Message(format!("the head of the response is malformed: {fault}")))
}

/// A user agent "MUST replace each received obs-fold with one or more SP octets" (RFC 9112 5.2); what
/// is folded more than once at one place gets one.
fn latin_1(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for line in value.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii) {
        if !text.is_empty() && !line.is_empty() {
            text.push(' ');
        }
        text.extend(line.iter().map(|&byte| char::from(byte)));
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn head(lines: &[&str]) -> Vec<u8> {
        format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes()
    }

    #[test]
    fn what_is_not_an_http_response_fails_at_once() {
        let rows: [&[u8]; 18] = [
            b"x",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\r\nHTTP/1.1 101 X\r\n\r\n",
            b"HTTP/2 101 X\r\n\r\n",
            b"HTTP/1.2 101 X\r\n\r\n",
            b"HTTP/1.0 101 X\r\n\r\n",
            b"HTTP/1.1 1o1 X\r\n\r\n",
            b"HTTP/1.1 1010 X\r\n\r\n",
            b"HTTP/1.1  101 X\r\n\r\n",
            b"HTTP/1.1 101 X\r\nName : v\r\n\r\n",
            b"HTTP/1.1 101 X\r\nName: a\0b\r\n\r\n",
            b"HTTP/1.1 101 X\r\nName: a\rb\r\n\r\n",
            b"HTTP/1.1 101 X\r\n folded\r\nName: a\r\n\r\n",
            b"HTTP/1.1 101 X\r\nName: a\r\n b\0c\r\n\r\n",
            b"HTTP/1.1 101 X\r\nName: a\r\n b\rc\r\n\r\n",
            b"HTTP/1.1 101 X\r\nName\r\n : v\r\n\r\n",
            b"HTTP/1.1 101 X\r\nno colon\r\n\r\n",
            b"HTTP/1.1 101 X\r\n: v\r\n\r\n",
        ];
        for bytes in rows {
            let result = Response::parse(bytes);
            assert!(matches!(result, Err(HandshakeError::Message(_))), "{result:?} {bytes:?}");
        }
    }

    #[test]
    fn the_first_bytes_of_another_protocol_are_named() {
        let rows: [(&[u8], &str); 2] = [
            (
                b"\x15\x03\x01\0\x02\x02\x46",
                "the server answered in TLS; its URI may have to be wss://",
            ),
            (b"SSH-2.0-X\r\n", "the answer is not HTTP/1.1; it starts with \"SSH-2.0-X\""),
        ];
        for (bytes, sentence) in rows {
            assert_eq!(Response::parse(bytes).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn a_bare_line_feed_ends_a_line() {
        let bytes = b"HTTP/1.1 404 Not Found\nA: b\n\nrest";
        let (response, length) = Response::parse(bytes).unwrap().unwrap();
        assert_eq!((response.status, response.field("a"), length), (404, Some("b"), 29));
    }

    #[test]
    fn values_are_latin_1() {
        let (response, _) = Response::parse(b"HTTP/1.1 403\r\nX: \xe9\r\n\r\n").unwrap().unwrap();
        assert_eq!((response.field("X"), response.reason.as_str()), (Some("é"), ""));
    }

    #[test]
    fn a_fold_is_a_space() {
        let rows: [(&[u8], &str); 9] = [
            (b"a\r\n b", "a b"),
            (b"a=1;\r\n\tb=2", "a=1; b=2"),
            (b"a \t\r\n \t b", "a b"),
            (b"a\n b", "a b"),
            (b"a\r\n b\n\tc", "a b c"),
            (b"\r\n a", "a"),
            (b"a\r\n ", "a"),
            (b"a\r\n \r\n\t\r\n b", "a b"),
            (b"\r\n ", ""),
        ];
        for (value, expected) in rows {
            let bytes =
                [b"HTTP/1.1 101 X\r\nFirst: 1\r\nX:", value, b"\r\nLast: 2\r\n\r\n"].concat();
            let (response, length) = Response::parse(&bytes).unwrap().unwrap();
            let values: Vec<&str> = response.fields.iter().map(|(_, value)| &**value).collect();
            assert_eq!((values, length), (vec!["1", expected, "2"], bytes.len()), "{value:?}");
        }
    }

    #[test]
    fn a_folded_head_has_the_same_limits() {
        let endless = b"HTTP/1.1 101 X\r\nA: b".iter().chain(b"\r\n c".iter().cycle());
        let endless: Vec<u8> = endless.take(MAX_HEAD + 1).copied().collect();
        let too_big = HandshakeError::TooBig { what: "bytes", limit: MAX_HEAD };
        assert_eq!(HeadReader::default().receive(&endless), Err(too_big));

        let mut reader = HeadReader::default();
        for (count, &byte) in endless[..MAX_HEAD].iter().enumerate() {
            assert_eq!(reader.receive(&[byte]), Ok(None), "{count}");
            assert!(reader.bytes.len() - reader.searched <= 2);
        }
    }

    #[test]
    fn any_cut_gives_the_same_response_and_keeps_the_bytes_behind_it() {
        let mut bytes = head(&["Upgrade: websocket", "A: b", "\tc", " ", "B: d"]);
        bytes.extend_from_slice(b"\x81\x05hello\n\n");
        let whole = HeadReader::default().receive(&bytes).unwrap().unwrap();
        assert_eq!(whole.1, b"\x81\x05hello\n\n");
        for cut in 1..bytes.len() {
            let (mut reader, mut rest) = (HeadReader::default(), &bytes[..]);
            let (response, mut behind) = loop {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                rest = left;
                if let Some(found) = reader.receive(piece).unwrap() {
                    break found;
                }
            };
            behind.extend_from_slice(rest);
            assert_eq!((response, behind), whole);
        }
    }

    #[test]
    fn interim_responses_are_passed_over() {
        let mut bytes =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".to_vec();
        bytes.extend_from_slice(b"HTTP/1.1 403 Forbidden\r\n\r\nbody");
        let (response, behind) = HeadReader::default().receive(&bytes).unwrap().unwrap();
        assert_eq!((response.status, behind.as_slice()), (403, &b"body"[..]));
    }

    #[test]
    fn a_head_has_an_end() {
        let mut endless = HeadReader::default();
        endless.receive(b"HTTP/1.1 101 X\r\nA: ").unwrap();
        let too_big = HandshakeError::TooBig { what: "bytes", limit: MAX_HEAD };
        let first_refused =
            (1..100).find(|_| endless.receive(&[b'a'; 1024]) == Err(too_big.clone()));
        assert_eq!(first_refused, Some(64));

        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(3000);
        assert_eq!(HeadReader::default().receive(&interim), Err(too_big));

        let fields = |count| head(&vec!["A: b"; count]);
        let too_many = HandshakeError::TooBig { what: "fields", limit: MAX_FIELDS };
        assert!(Response::parse(&fields(128)).unwrap().is_some());
        assert_eq!(Response::parse(&fields(129)), Err(too_many));
    }

    #[test]
    fn a_head_trickled_byte_by_byte_is_searched_once() {
        let mut reader = HeadReader::default();
        let line = b"Name: value value value value\r\n";
        reader.receive(b"HTTP/1.1 101 X\r\n").unwrap();
        for &byte in &line.repeat(2000) {
            reader.receive(&[byte]).unwrap();
            assert!(reader.bytes.len() - reader.searched <= 2);
        }
    }
}
