//! A WebSocket server for measuring clients. `/echo` sends every message back.
//! `/flood?size=256&count=1000` answers each message with `count` messages of `size` bytes, and
//! `/replay/NAME?times=3` with the frames in the file of that name, as they are, `times` over.
//! `/sink?count=1000` takes `count` messages and then says how many bytes their payloads were.
//!
//! One blocking thread a connection, system calls as few as TCP allows. It trusts its clients: the
//! checks that RFC 6455 asks of a server would only blur what is measured. It does not know how to
//! compress: where messages are compressed, those who wrote the file or count the bytes do.

mod frames;
mod handshake;

use frames::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT};
use handshake::Job;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::{env, fs, thread};

/// Messages of a flood are written in blocks of about this size: what one `send` moves at once.
const BLOCK: usize = 128 * 1024;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
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
    let mut work = Work::new(handshake::accept(&mut stream)?)?;
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
                TEXT | BINARY | CONTINUATION => work.take(&frame, &mut stream, &mut answer)?,
                _ => {}
            }
        }
        received.drain(..used);
        stream.write_all(&answer)?;
        answer.clear();
    }
    Ok(())
}

/// What a connection does with messages.
enum Work {
    Echo,
    Send(Flood),
    Count(Sink),
}

impl Work {
    fn new(job: Job) -> io::Result<Self> {
        Ok(match job {
            Job::Echo => Self::Echo,
            Job::Flood { size, count } => Self::Send(Flood::new(size, count)),
            Job::Replay { name, times } => Self::Send(Flood::replay(&name, times)?),
            Job::Sink { count } => Self::Count(Sink { count, left: count, bytes: 0 }),
        })
    }

    fn take(
        &mut self,
        frame: &Frame,
        stream: &mut TcpStream,
        answer: &mut Vec<u8>,
    ) -> io::Result<()> {
        match self {
            Self::Echo => frames::write(answer, frame.opcode, frame.payload),
            Self::Send(flood) => flood.write(stream)?,
            Self::Count(sink) => sink.take(frame, answer),
        }
        Ok(())
    }
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
    len: usize,
}

impl Flood {
    fn new(size: usize, count: usize) -> Self {
        let payload: Vec<u8> = (0..=u8::MAX).rev().cycle().take(size).collect();
        let mut frame = Vec::new();
        frames::write(&mut frame, BINARY, &payload);
        let block = frame.repeat((BLOCK / frame.len()).max(1));
        Self { block, len: count * frame.len() }
    }

    /// Frames from a file in the directory that the program was started with.
    fn replay(name: &str, times: usize) -> io::Result<Self> {
        let directory: PathBuf = env::args_os().nth(2).unwrap_or_default().into();
        let block = fs::read(directory.join(name))?;
        let len = times * block.len();
        Ok(Self { block, len })
    }

    fn write(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut left = self.len;
        while left > 0 {
            let part = left.min(self.block.len());
            stream.write_all(&self.block[..part])?;
            left -= part;
        }
        Ok(())
    }
}

/// Counts what comes.
struct Sink {
    count: usize,
    left: usize,
    bytes: usize,
}

impl Sink {
    fn take(&mut self, frame: &Frame, answer: &mut Vec<u8>) {
        self.bytes += frame.payload.len();
        self.left -= usize::from(frame.fin);
        if self.left == 0 {
            frames::write(answer, TEXT, self.bytes.to_string().as_bytes());
            (self.left, self.bytes) = (self.count, 0);
        }
    }
}
