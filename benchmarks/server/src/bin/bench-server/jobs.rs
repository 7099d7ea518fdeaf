//! What a connection does with messages: send them back, answer them with a flood, or count them. It
//! knows nothing of sockets; what a flood sends next is asked of it.

use crate::handshake::Job;
use bench_server::frames::{self, BINARY, Frame, TEXT};
use bench_server::stream::BLOCK;
use std::path::Path;
use std::{fs, io};

pub enum Work {
    Echo,
    Send(Flood),
    Count(Sink),
}

impl Work {
    /// `replays` is where the files lie that a replay may name.
    pub fn new(job: Job, replays: &Path) -> io::Result<Self> {
        Ok(match job {
            Job::Echo => Self::Echo,
            Job::Flood { size, count, text } => Self::Send(Flood::new(size, count, text)),
            Job::Replay { name, times } => {
                Self::Send(Flood::over(fs::read(replays.join(name))?, times))
            }
            Job::Sink { count } => Self::Count(Sink { count, left: count, bytes: 0 }),
        })
    }

    pub fn take(&mut self, frame: &Frame, answer: &mut Vec<u8>) {
        match self {
            Self::Echo => frames::write(answer, frame.opcode, frame.payload),
            Self::Send(flood) => flood.asked += 1,
            Self::Count(sink) => sink.take(frame, answer),
        }
    }

    pub fn flood(&mut self) -> Option<&mut Flood> {
        if let Self::Send(flood) = self { Some(flood) } else { None }
    }
}

/// The messages of a flood, made once: writing them is all that is left to do.
pub struct Flood {
    block: Vec<u8>,
    len: usize,
    /// How many floods were asked for and have not begun.
    asked: usize,
    /// What is left of the one that has begun.
    left: usize,
}

impl Flood {
    fn new(size: usize, count: usize, text: bool) -> Self {
        let (opcode, payload): (u8, Vec<u8>) = if text {
            (TEXT, (b' '..=b'~').cycle().take(size).collect())
        } else {
            (BINARY, (0..=u8::MAX).rev().cycle().take(size).collect())
        };
        let mut frame = Vec::new();
        frames::write(&mut frame, opcode, &payload);
        let block = frame.repeat((BLOCK / frame.len()).max(1));
        Self { block, len: count * frame.len(), asked: 0, left: 0 }
    }

    fn over(block: Vec<u8>, times: usize) -> Self {
        let len = times * block.len();
        Self { block, len, asked: 0, left: 0 }
    }

    /// False once all that has begun is written.
    pub fn has_begun(&self) -> bool {
        self.left > 0
    }

    /// Begins with the next one, if it was asked for.
    pub fn begin(&mut self) -> bool {
        if self.asked > 0 {
            self.asked -= 1;
            self.left = self.len;
        }
        self.has_begun()
    }

    /// What is to be written next, up to the end of the block.
    pub fn next(&self) -> &[u8] {
        let at = (self.len - self.left) % self.block.len().max(1);
        let end = self.block.len().min(at + self.left);
        &self.block[at..end]
    }

    pub fn written(&mut self, count: usize) {
        self.left -= count;
    }
}

/// Counts what comes.
pub struct Sink {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_taken_in_pieces_is_as_long_as_was_asked_for() {
        let mut flood = Flood::new(1000, 300, false);
        flood.asked = 2;
        for _ in 0..2 {
            assert!(flood.begin());
            let mut all = Vec::new();
            while flood.has_begun() {
                let part = &flood.next()[..flood.next().len().min(50_001)];
                all.extend_from_slice(part);
                flood.written(part.len());
            }
            let mut one = Vec::new();
            frames::write(
                &mut one,
                BINARY,
                &(0..=255).rev().cycle().take(1000).collect::<Vec<_>>(),
            );
            assert_eq!(all, one.repeat(300));
        }
        assert!(!flood.begin());
    }

    #[test]
    fn a_sink_answers_when_all_have_come_and_begins_anew() {
        let mut sink = Sink { count: 2, left: 2, bytes: 0 };
        let mut answer = Vec::new();
        let frame = Frame { fin: true, opcode: BINARY, payload: &[0; 5], len: 7 };
        for _ in 0..4 {
            sink.take(&frame, &mut answer);
        }
        assert_eq!(answer, b"\x81\x0210\x81\x0210");
    }
}
