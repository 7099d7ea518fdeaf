//! A WebSocket server for measuring clients: `/echo` sends every message back, and
//! `/flood?size=256&count=1000` answers each message with `count` messages of `size` bytes.
//!
//! One blocking thread a connection, system calls as few as TCP allows. It trusts its clients: the
//! checks that RFC 6455 asks of a server would only blur what is measured.

mod frames;
mod handshake;

use frames::{BINARY, CLOSE, Frame, PING, PONG, TEXT};
use handshake::Job;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Messages of a flood are written in blocks of about this size: what one `send` moves at once.
const BLOCK: usize = 128 * 1024;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let job = handshake::accept(&mut stream)?;
    let flood = match job {
        Job::Echo => None,
        Job::Flood { size, count } => Some(Flood::new(size, count)),
    };
    let mut received = Vec::new();
    let mut answer = Vec::new();
    while fill(&mut stream, &mut received)? {
        let mut used = 0;
        while let Some(frame) = Frame::parse(&mut received[used..]) {
            used += frame.len;
            match frame.opcode {
                CLOSE => {
                    frames::write(&mut answer, CLOSE, frame.payload);
                    return stream.write_all(&answer);
                }
                PING => frames::write(&mut answer, PONG, frame.payload),
                TEXT | BINARY => match &flood {
                    None => frames::write(&mut answer, frame.opcode, frame.payload),
                    Some(flood) => flood.write(&mut stream)?,
                },
                _ => {}
            }
        }
        received.drain(..used);
        stream.write_all(&answer)?;
        answer.clear();
    }
    Ok(())
}

/// Appends what has arrived; false at the end of the stream.
fn fill(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<bool> {
    let filled = received.len();
    received.resize(filled + BLOCK, 0);
    let count = stream.read(&mut received[filled..])?;
    received.truncate(filled + count);
    Ok(count > 0)
}

/// The messages of one flood, made once: writing them is all that is left to do.
struct Flood {
    block: Vec<u8>,
    frame_len: usize,
    count: usize,
}

impl Flood {
    fn new(size: usize, count: usize) -> Self {
        let payload: Vec<u8> = (0..=u8::MAX).rev().cycle().take(size).collect();
        let mut frame = Vec::new();
        frames::write(&mut frame, BINARY, &payload);
        let block = frame.repeat((BLOCK / frame.len()).max(1));
        Self { block, frame_len: frame.len(), count }
    }

    fn write(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut left = self.count * self.frame_len;
        while left > 0 {
            let part = left.min(self.block.len());
            stream.write_all(&self.block[..part])?;
            left -= part;
        }
        Ok(())
    }
}
