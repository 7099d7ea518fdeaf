//! What is measured. Each job is made with its connection open, and may be done again and again.

use crate::opening::Peer;
use crate::wire::Wire;
use std::{hint::black_box, io};

pub type Job = Box<dyn FnMut() -> io::Result<()>>;

pub fn named(name: &str, peer: Peer, size: usize, count: usize) -> io::Result<Option<Job>> {
    Ok(Some(match name {
        "echo" => echo(peer.connect("/echo")?, size, count),
        "flood" => flood(peer.connect(&format!("/flood?size={size}&count={count}"))?, count),
        "sink" => sink(peer.connect(&format!("/sink?count={count}"))?, size, count),
        "connect" => connect(peer, count),
        _ => return Ok(None),
    }))
}

fn echo(mut wire: Wire, size: usize, count: usize) -> Job {
    let payload = payload(size);
    Box::new(move || {
        for _ in 0..count {
            wire.send(&payload)?;
            if black_box(wire.message()?).len() != payload.len() {
                return Err(io::Error::other("the echo is not as long as the message"));
            }
        }
        Ok(())
    })
}

fn flood(mut wire: Wire, count: usize) -> Job {
    Box::new(move || {
        wire.send(b"go")?;
        for _ in 0..count {
            black_box(wire.message()?);
        }
        Ok(())
    })
}

fn sink(mut wire: Wire, size: usize, count: usize) -> Job {
    let payload = payload(size);
    Box::new(move || {
        for _ in 0..count {
            wire.send(&payload)?;
        }
        if wire.message()? != (size * count).to_string().as_bytes() {
            return Err(io::Error::other("the server has counted other than what was sent"));
        }
        Ok(())
    })
}

/// One connection after the other; with TLS all but the first resume its session.
fn connect(peer: Peer, count: usize) -> Job {
    Box::new(move || {
        for _ in 0..count {
            peer.connect("/echo")?;
        }
        Ok(())
    })
}

fn payload(size: usize) -> Vec<u8> {
    (0..=u8::MAX).rev().cycle().take(size).collect()
}
