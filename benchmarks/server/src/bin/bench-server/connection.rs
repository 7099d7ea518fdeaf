//! One client's connection, from its request to its Close: what it sent that is not whole yet, and
//! what it has not taken yet. It never waits; it says what it waits for.

use crate::handshake::{self, BAD_REQUEST};
use crate::jobs::Work;
use bench_server::frames::{self, BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT};
use bench_server::stream::Stream;
use std::path::Path;
use std::{io, mem};

/// How many blocks of a flood one connection sends before it is the others' turn.
const BLOCKS_A_TURN: usize = 8;

pub struct Connection {
    pub stream: Stream,
    /// None until the request has come.
    work: Option<Work>,
    /// There is nothing to do any more but to send what is left.
    ending: bool,
    partial: Vec<u8>,
    unsent: Vec<u8>,
    /// How much of `unsent` has gone.
    sent: usize,
}

/// Buffers that all connections share: those that wait hold none.
#[derive(Default)]
pub struct Room {
    wire: Vec<u8>,
    received: Vec<u8>,
    answer: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Wants {
    Input,
    InputAndOutput,
    Nothing,
}

impl Connection {
    pub fn new(stream: Stream) -> Self {
        let (partial, unsent) = (Vec::new(), Vec::new());
        Self { stream, work: None, ending: false, partial, unsent, sent: 0 }
    }

    /// Reads what has arrived, unless only the way out is free, and sends what can be sent.
    pub fn turn(&mut self, input: bool, room: &mut Room, replays: &Path) -> io::Result<Wants> {
        room.answer.clear();
        let open = !input || self.receive(room, replays)?;
        self.send(&mut room.answer)?;
        let all_sent = self.send_waiting()?;
        if !open || all_sent && self.ending {
            self.stream.end()?;
            return Ok(Wants::Nothing);
        }
        Ok(if all_sent { Wants::Input } else { Wants::InputAndOutput })
    }

    fn receive(&mut self, room: &mut Room, replays: &Path) -> io::Result<bool> {
        let mut own = mem::take(&mut self.partial);
        room.received.clear();
        let bytes = if own.is_empty() { &mut room.received } else { &mut own };
        bytes.reserve(frames::missing(bytes));
        let open = self.stream.receive(bytes, &mut room.wire)?;
        let used = self.take(bytes, &mut room.answer, replays)?;
        if own.is_empty() {
            own.extend_from_slice(&room.received[used..]);
        } else {
            own.drain(..used);
        }
        self.partial = own;
        Ok(open)
    }

    /// Takes what is whole of `bytes`, and says how much of them that was.
    fn take(
        &mut self,
        bytes: &mut [u8],
        answer: &mut Vec<u8>,
        replays: &Path,
    ) -> io::Result<usize> {
        let Some(work) = &mut self.work else { return self.open(bytes, answer, replays) };
        let mut used = 0;
        while !self.ending
            && let Some(frame) = Frame::parse(&mut bytes[used..])
        {
            used += frame.len;
            match frame.opcode {
                CLOSE => {
                    frames::write(answer, CLOSE, frame.payload);
                    self.ending = true;
                }
                PING => frames::write(answer, PONG, frame.payload),
                CONTINUATION | TEXT | BINARY => work.take(&frame, answer),
                _ => {}
            }
        }
        Ok(used)
    }

    /// A client sends no frame before it has the response, so nothing can stand behind the request.
    fn open(&mut self, bytes: &[u8], answer: &mut Vec<u8>, replays: &Path) -> io::Result<usize> {
        if !bytes.ends_with(b"\r\n\r\n") {
            return Ok(0);
        }
        let request = str::from_utf8(bytes).map_err(io::Error::other)?;
        if let Some((job, response)) = handshake::accept(request) {
            self.work = Some(Work::new(job, replays)?);
            answer.extend_from_slice(response.as_bytes());
        } else {
            answer.extend_from_slice(BAD_REQUEST);
            self.ending = true;
        }
        Ok(bytes.len())
    }

    /// Sends an answer, or keeps it behind what waits.
    fn send(&mut self, answer: &mut Vec<u8>) -> io::Result<()> {
        if answer.is_empty() {
            return Ok(());
        }
        if self.unsent.is_empty() && !self.floods() {
            let sent = self.stream.send(answer)?;
            if sent < answer.len() {
                mem::swap(&mut self.unsent, answer);
                self.sent = sent;
            }
        } else {
            self.unsent.extend_from_slice(answer);
        }
        answer.clear();
        Ok(())
    }

    fn floods(&mut self) -> bool {
        self.work.as_mut().and_then(Work::flood).is_some_and(|flood| flood.has_begun())
    }

    /// Sends what waits; false while some of it has to wait longer. A flood that has begun goes
    /// before answers and is not begun before they have gone, so no frame is cut by another.
    fn send_waiting(&mut self) -> io::Result<bool> {
        if !self.stream.flush()? {
            return Ok(false);
        }
        if !self.floods() && !self.send_unsent()? {
            return Ok(false);
        }
        if !self.send_flood()? {
            return Ok(false);
        }
        Ok(self.send_unsent()? && self.stream.flush()?)
    }

    fn send_unsent(&mut self) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            self.sent += self.stream.send(&self.unsent[self.sent..])?;
            if self.sent < self.unsent.len() {
                return Ok(false);
            }
            self.unsent.clear();
            self.sent = 0;
        }
        Ok(true)
    }

    fn send_flood(&mut self) -> io::Result<bool> {
        let Some(flood) = self.work.as_mut().and_then(Work::flood) else { return Ok(true) };
        for _ in 0..BLOCKS_A_TURN {
            if !flood.has_begun() && !flood.begin() {
                return Ok(true);
            }
            let block = flood.next();
            let (count, length) = (self.stream.send(block)?, block.len());
            flood.written(count);
            if count < length {
                break;
            }
        }
        Ok(false)
    }
}
