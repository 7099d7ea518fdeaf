//! An open connection as a client's event loop has it: wait, read, parse, send.

use bench_server::frames::{self, BINARY, Frame};
use bench_server::stream::Stream;
use rand::RngExt;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io::{self, ErrorKind};

pub struct Wire {
    stream: Stream,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    out: Vec<u8>,
    encrypted: Vec<u8>,
    received: Vec<u8>,
    /// How much of `received` has been parsed.
    used: usize,
}

impl Wire {
    pub fn new(stream: Stream) -> io::Result<Self> {
        stream.socket().set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, stream.socket(), EventData::new_u64(0), EventFlags::IN)?;
        let (events, out) = (Vec::with_capacity(8), Vec::new());
        Ok(Self {
            stream,
            epoll,
            events,
            out,
            encrypted: Vec::new(),
            received: Vec::new(),
            used: 0,
        })
    }

    /// Sends a message under a fresh key, and waits only if the socket does not take all of it.
    pub fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        self.out.clear();
        frames::write_masked(&mut self.out, BINARY, payload, rand::rng().random());
        let mut sent = self.stream.send(&self.out)?;
        while sent < self.out.len() || !self.stream.flush()? {
            self.wait_for(EventFlags::OUT)?;
            sent += self.stream.send(&self.out[sent..])?;
        }
        Ok(())
    }

    /// The next message, in memory of its own as a user gets it.
    pub fn message(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(frame) = Frame::parse(&mut self.received[self.used..]) {
                self.used += frame.len;
                return Ok(frame.payload.to_vec());
            }
            self.received.drain(..self.used);
            self.used = 0;
            self.wait()?;
            self.received.reserve(frames::missing(&self.received));
            if !self.stream.receive(&mut self.received, &mut self.encrypted)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn wait_for(&mut self, interest: EventFlags) -> io::Result<()> {
        let data = EventData::new_u64(0);
        epoll::modify(&self.epoll, self.stream.socket(), data, interest)?;
        self.wait()?;
        Ok(epoll::modify(&self.epoll, self.stream.socket(), data, EventFlags::IN)?)
    }

    fn wait(&mut self) -> io::Result<()> {
        self.events.clear();
        while let Err(error) = epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
            if error != Errno::INTR {
                return Err(error.into());
            }
        }
        Ok(())
    }
}
