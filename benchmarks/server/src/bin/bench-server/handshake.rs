//! RFC 6455 4.2: answers the upgrade and reads from the resource name which job is asked for. It
//! judges nothing else of the request, and knows nothing of sockets.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
pub const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

/// What a client asks for by its resource name.
#[derive(Debug, PartialEq)]
pub enum Job {
    Echo,
    Flood { size: usize, count: usize, text: bool },
    Replay { name: String, times: usize },
    Sink { count: usize },
}

impl Job {
    fn from_resource(resource: &str) -> Option<Self> {
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let number = |name: &str, default: usize| {
            value(name).map_or(Some(default), |value| value.parse().ok())
        };
        match path {
            "/" | "/echo" => Some(Self::Echo),
            "/flood" => Some(Self::Flood {
                size: number("size", 256)?,
                count: number("count", 1)?,
                text: match value("kind") {
                    None | Some("binary") => false,
                    Some("text") => true,
                    Some(_) => return None,
                },
            }),
            "/sink" => Some(Self::Sink { count: number("count", 1)? }),
            _ => {
                let name = path.strip_prefix("/replay/")?.to_owned();
                Some(Self::Replay { name, times: number("times", 1)? })
            }
        }
    }

    /// Whether its messages may be compressed: the other jobs measure frames.
    fn takes_compressed(&self) -> bool {
        matches!(self, Self::Replay { .. } | Self::Sink { .. })
    }
}

/// The job that a request asks for, and the answer; none if there is no such job.
pub fn accept(request: &str) -> Option<(Job, String)> {
    let job = Job::from_resource(request.split(' ').nth(1)?)?;
    let key = field(request, "Sec-WebSocket-Key")?;
    let accept = STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
    let extensions = if job.takes_compressed() { agreed(request) } else { "" };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    );
    Some((job, answer))
}

/// RFC 7692 with the full windows and context takeover both ways, to whoever offers it.
fn agreed(request: &str) -> &'static str {
    let offer = field(request, "Sec-WebSocket-Extensions").unwrap_or_default();
    if offer.starts_with("permessage-deflate") {
        "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    } else {
        ""
    }
}

fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_name_names_the_job() {
        for (resource, job) in [
            ("/echo", Some(Job::Echo)),
            ("/flood?size=16&count=3", Some(Job::Flood { size: 16, count: 3, text: false })),
            ("/flood?count=3&kind=text", Some(Job::Flood { size: 256, count: 3, text: true })),
            ("/flood?count=many", None),
            ("/flood?kind=other", None),
            ("/replay/ticks?times=3", Some(Job::Replay { name: "ticks".into(), times: 3 })),
            ("/sink?count=3", Some(Job::Sink { count: 3 })),
            ("/elsewhere", None),
        ] {
            assert_eq!(Job::from_resource(resource), job, "{resource}");
        }
    }

    #[test]
    fn the_answer_proves_that_the_key_was_read_as_rfc_6455_1_3_shows_it() {
        let request = "GET /echo HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let answer = accept(request).map(|(_, answer)| answer).unwrap_or_default();
        assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(answer.ends_with("\r\n\r\n"));
    }

    #[test]
    fn compression_is_agreed_on_with_those_that_offer_it() {
        let offer = "GET / HTTP/1.1\r\nsec-websocket-extensions: permessage-deflate; x\r\n\r\n";
        assert!(agreed(offer).ends_with("permessage-deflate\r\n"));
        assert_eq!(agreed("GET / HTTP/1.1\r\n\r\n"), "");
    }
}
