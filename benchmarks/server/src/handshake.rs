//! RFC 6455 4.2: accepts the upgrade and reads from the resource name which job is asked for.
//! It judges nothing else of the request.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use std::io::{self, Read, Write};
use std::net::TcpStream;

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const REQUEST_LIMIT: usize = 16 * 1024;

/// What a client asks for by its resource name.
#[derive(Debug, PartialEq)]
pub enum Job {
    Echo,
    Flood { size: usize, count: usize },
    Replay { name: String, times: usize },
    Sink { count: usize },
}

impl Job {
    fn from_resource(resource: &str) -> Option<Self> {
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        let number = |name: &str, default: usize| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let pair = pairs.find(|(key, _)| *key == name);
            pair.map_or(Some(default), |(_, value)| value.parse().ok())
        };
        match path {
            "/" | "/echo" => Some(Self::Echo),
            "/flood" => {
                Some(Self::Flood { size: number("size", 256)?, count: number("count", 1)? })
            }
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

pub fn accept(stream: &mut TcpStream) -> io::Result<Job> {
    let request = read_request(stream)?;
    let resource = request.split(' ').nth(1).unwrap_or_default();
    let key = field(&request, "Sec-WebSocket-Key");
    let (Some(job), Some(key)) = (Job::from_resource(resource), key) else {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        return Err(io::Error::other(format!("no such job: {resource}")));
    };
    let accept = STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
    let extensions = if job.takes_compressed() { agreed(&request) } else { "" };
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    )?;
    Ok(job)
}

/// A client sends no frame before it has the response, so nothing can stand behind the blank line.
fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut part)?;
        if count == 0 || request.len() > REQUEST_LIMIT {
            return Err(io::Error::other("the request does not end"));
        }
        request.extend_from_slice(&part[..count]);
    }
    String::from_utf8(request).map_err(io::Error::other)
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
            ("/flood?size=16&count=3", Some(Job::Flood { size: 16, count: 3 })),
            ("/flood?count=3", Some(Job::Flood { size: 256, count: 3 })),
            ("/flood?count=many", None),
            ("/replay/ticks?times=3", Some(Job::Replay { name: "ticks".into(), times: 3 })),
            ("/sink?count=3", Some(Job::Sink { count: 3 })),
            ("/elsewhere", None),
        ] {
            assert_eq!(Job::from_resource(resource), job, "{resource}");
        }
    }

    #[test]
    fn compression_is_agreed_on_with_those_that_offer_it() {
        let offer = "GET / HTTP/1.1\r\nsec-websocket-extensions: permessage-deflate; x\r\n\r\n";
        assert!(agreed(offer).ends_with("permessage-deflate\r\n"));
        assert_eq!(agreed("GET / HTTP/1.1\r\n\r\n"), "");
    }
}
