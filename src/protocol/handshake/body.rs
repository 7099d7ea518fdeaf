//! The body of a refusal (RFC 9112 section 6), bounded: it is there to be shown, not to be used.
//!
//! Never fails: where the framing is broken or does not end, the body is what arrived until then.

use super::super::work;
use super::{MAX_BODY, Response, all, elements};

#[derive(Debug)]
pub struct Body {
    bytes: Vec<u8>,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    Chunked {
        pending: Vec<u8>,
        chunk_left: u64,
    },
    UntilEnd,
    Complete,
}

/// A chunk-size line with its extensions; nobody needs a longer one.
const MAX_CHUNK_LINE: usize = 1024;

impl Body {
    #[must_use]
    pub fn of(response: &Response) -> Self {
        let framing = match response.status {
            100..200 | 204 | 304 => Framing::Complete,
            _ if is_chunked(response) => Framing::Chunked { pending: Vec::new(), chunk_left: 0 },
            _ => match response.field("Content-Length").map(str::parse) {
                Some(Ok(length)) => Framing::Length(length),
                Some(Err(_)) | None => Framing::UntilEnd,
            },
        };
        let mut body = Self { bytes: Vec::new(), framing };
        body.receive(&[]);
        body
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        work::count(bytes.len());
        match &mut self.framing {
            Framing::Complete => {}
            Framing::UntilEnd => self.bytes.extend_from_slice(bytes),
            Framing::Length(left) => {
                take(left, bytes, &mut self.bytes);
                if *left == 0 {
                    self.framing = Framing::Complete;
                }
            }
            Framing::Chunked { pending, chunk_left } => {
                let searched = pending.len();
                pending.extend_from_slice(bytes);
                if unchunk(pending, searched, chunk_left, &mut self.bytes).is_none() {
                    self.framing = Framing::Complete;
                }
            }
        }
        if self.bytes.len() >= MAX_BODY {
            self.bytes.truncate(MAX_BODY);
            self.framing = Framing::Complete;
        }
    }

    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.framing, Framing::Complete)
    }

    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Transfer-Encoding overrides Content-Length (RFC 9112 6.3).
fn is_chunked(response: &Response) -> bool {
    let codings = all(&response.fields, "Transfer-Encoding").flat_map(elements);
    codings.last().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// Moves whole chunks and the started one into `body`; None once the last chunk or a fault is seen.
/// In the first `searched` bytes no line ends.
fn unchunk(
    pending: &mut Vec<u8>,
    mut searched: usize,
    chunk_left: &mut u64,
    body: &mut Vec<u8>,
) -> Option<()> {
    let mut rest = &pending[..];
    loop {
        rest = take(chunk_left, rest, body);
        if *chunk_left > 0 {
            break;
        }
        let Some((line, behind)) = split_line(rest, searched) else { break };
        if line.len() > MAX_CHUNK_LINE {
            return None;
        }
        let line = line.trim_ascii();
        (rest, searched) = (behind, 0);
        // The line end behind a chunk's data reads as an empty line.
        if !line.is_empty() {
            *chunk_left = chunk_size(line).filter(|&size| size > 0)?;
        }
    }
    let consumed = pending.len() - rest.len();
    pending.drain(..consumed);
    (pending.len() <= MAX_CHUNK_LINE).then_some(())
}

/// The first line without its end, and what comes behind it.
fn split_line(bytes: &[u8], searched: usize) -> Option<(&[u8], &[u8])> {
    let ahead = bytes[searched..].iter().position(|&byte| byte == b'\n');
    work::count(ahead.unwrap_or(bytes.len() - searched));
    let (line, behind) = bytes.split_at(searched + ahead?);
    Some((line, &behind[1..]))
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hexadecimal.then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Moves at most `left` bytes into `body`; gives back those that are not part of it.
fn take<'a>(left: &mut u64, bytes: &'a [u8], body: &mut Vec<u8>) -> &'a [u8] {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    let (taken, rest) = bytes.split_at(count);
    body.extend_from_slice(taken);
    *left -= taken.len() as u64;
    rest
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn body_of(status: u16, field: &str) -> Body {
        let head = format!("HTTP/1.1 {status} X\r\n{field}\r\n\r\n");
        let (response, _) = Response::parse(head.as_bytes()).unwrap().unwrap();
        Body::of(&response)
    }

    const CHUNKED: &str = "Transfer-Encoding: gzip, Chunked";

    #[test]
    fn each_framing_is_decoded_in_any_cut() {
        let rows: [(u16, &str, &[u8], &str, bool); 12] = [
            (403, "Content-Length: 4", b"nope and more", "nope", true),
            (403, "Content-Length: 9", b"nope", "nope", false),
            (403, "Content-Length: 0", b"nope", "", true),
            (403, "Content-Length: x", b"nope", "nope", false),
            (403, "A: b", b"nope", "nope", false),
            (304, "A: b", b"nope", "", true),
            (403, CHUNKED, b"2\r\nno\r\n2;ext=1\r\npe\r\n0\r\n\r\n", "nope", true),
            (403, CHUNKED, b"4\nnope\n0\n", "nope", true),
            (403, CHUNKED, b"A\r\nnope", "nope", false),
            (403, CHUNKED, b"4\r\nnope\r\nzz\r\nmore", "nope", true),
            (403, CHUNKED, b"4\r\nnope\r\n+5\r\nhello", "nope", true),
            (403, CHUNKED, b"4\r\nnope\r\n11111111111111111\r\nhello", "nope", true),
        ];
        for (status, field, bytes, expected, complete) in rows {
            for cut in 1..=bytes.len() {
                let mut body = body_of(status, field);
                for piece in bytes.chunks(cut) {
                    body.receive(piece);
                }
                assert_eq!(body.is_complete(), complete, "{field} {bytes:?} {cut}");
                assert_eq!(body.into_bytes(), expected.as_bytes(), "{field} {bytes:?} {cut}");
            }
        }
    }

    #[test]
    fn an_endless_body_ends_at_the_limit() {
        for field in ["A: b", "Content-Length: 99999999999", "Content-Length: 18446744073709551615"]
        {
            let mut body = body_of(403, field);
            let pieces = (1..100).find(|_| {
                body.receive(&[b'x'; 1000]);
                body.is_complete()
            });
            assert_eq!((pieces, body.into_bytes().len()), (Some(66), MAX_BODY));
        }
    }

    #[test]
    fn a_chunk_size_line_without_end_ends_the_body() {
        for (length, expected) in [(1024, "nope"), (1025, "")] {
            let bytes = format!("4;{:1$}\nnope\n0\n", "", length - 2);
            for cut in [1, 7, 1024, bytes.len()] {
                let mut body = body_of(403, CHUNKED);
                for piece in bytes.as_bytes().chunks(cut) {
                    body.receive(piece);
                }
                assert!(body.is_complete());
                assert_eq!(body.into_bytes(), expected.as_bytes(), "{length} {cut}");
            }
        }
    }
}
