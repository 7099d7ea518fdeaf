//! What a link locks: the engine and its stream, joined. Each change goes through the engine, its output
//! goes out through the stream. Nothing here waits or knows who calls.

mod landing;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::landing::{FIRST_READ, LONG_SHARE, Landing};
use super::lifeline::{Interest, Unserved, Watch};
use super::pool;
use super::senders::{Senders, Ticket};
use super::service::Service;
use super::stream::{Received, Stream, StreamEnd, fault};
use crate::protocol::{Close, Connection, Failure, Phase, Side};

/// The most one call of `receive` reads: a fast peer must not own the loop.
const FAIR_SHARE: usize = 256 * 1024;

/// The most one call of `flush` writes, however fast the peer reads.
const FAIR_OUTPUT: usize = 4 * 1024 * 1024;

/// This many compressed bytes may take long enough to inflate that others should run meanwhile.
const MUCH_TO_INFLATE: usize = 4 * 1024;

/// So often is read before a peer that owes a Pong is held to be lost.
const READS_BEFORE_THE_END: usize = 16;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct Open {
    pub(super) engine: Connection,
    /// None once the descriptor has been closed.
    pub(super) stream: Option<Stream>,
    /// None where the loop sees every end by itself.
    pub(super) watch: Option<Box<Watch>>,
    pub(super) hung_up: bool,
    pub(super) failure: Option<StreamEnd>,
    /// Where a long message is read to, or has been.
    pub(super) landing: Option<Box<dyn Landing>>,
    /// The last message was such a one.
    pub(super) expects_long: bool,
    pub(super) write_limit: usize,
    /// Output is kept back for more to leave with it.
    pub(super) held: bool,
    /// The socket did not take all the output.
    pub(super) blocked: bool,
    pub(super) output_failed: bool,
    pub(super) shut_down: bool,
    pub(super) aborted: bool,
    pub(super) service: Service,
    pub(super) senders: Senders,
    /// When the lifeline was told to come by.
    pub(super) told: Option<Instant>,
    /// Threads that wait for a change.
    pub(super) waiting: usize,
    /// What went wrong on our own side.
    bug: Option<Box<str>>,
}

/// What a read has brought.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// The socket has nothing.
    Nothing,
    /// Something of a TLS record, of which the socket may hold more.
    PartOfRecord,
    Parsed,
    /// So much to inflate that others should run meanwhile.
    Unparsed,
}

/// What the link wants of its driver, and what it has for the user.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// What the loop is to watch the socket for: nothing where it is not the loop's to serve.
    pub read: bool,
    pub write: bool,
    /// Whether output is kept back until `flush` is called.
    pub flush: bool,
    /// Whole messages that wait to be taken.
    pub messages: usize,
    /// Whether a message, or a part of one, waits to be taken.
    pub chunk: bool,
    /// Whether the output is below its limit, so that senders may go on.
    pub room: bool,
    /// Whose turn it is to send, if anybody waits for it and there is room.
    pub turn: Option<Ticket>,
    /// Whether no further message will come.
    pub over: bool,
    /// Whether the connection is at its end and its descriptor to be released.
    pub closed: bool,
    pub events: bool,
    /// Whether the socket is at its end or has an error, which a loop may have told for the last time.
    pub hung_up: bool,
}

/// What there is to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken<R> {
    /// A message, and whether the loop is to watch for more.
    Message(R, bool),
    /// No message; `over` says that none will come any more, `read` whether the loop is to watch.
    Nothing { over: bool, read: bool },
}

/// How a connection ended, or is about to.
#[derive(Clone, Debug)]
pub struct Ending {
    pub received: Option<Close>,
    pub sent: Option<Close>,
    pub first: Option<Side>,
    pub cause: Option<Cause>,
}

/// What broke a connection that did not end by its closing handshake.
#[derive(Clone, Debug)]
pub enum Cause {
    /// We have failed it.
    Failed(Failure),
    /// The error of the operating system or of TLS: its number, if it has one, and its text.
    Stream(Option<i32>, String),
    Truncated,
    TimedOut,
    /// A bug of ours, in words.
    Bug(String),
}

impl Open {
    pub(super) fn new(engine: Connection, stream: Stream, write_limit: usize) -> Self {
        Self {
            engine,
            stream: Some(stream),
            watch: None,
            hung_up: false,
            failure: None,
            landing: None,
            expects_long: false,
            write_limit,
            held: false,
            blocked: false,
            output_failed: false,
            shut_down: false,
            aborted: false,
            service: Service::default(),
            senders: Senders::default(),
            told: None,
            waiting: 0,
            bug: None,
        }
    }

    pub(super) fn receive_early(&mut self, mut early: &[u8]) {
        let now = Instant::now();
        while !early.is_empty() {
            let room = self.engine.receive_buffer();
            let length = early.len().min(room.len());
            room[..length].copy_from_slice(&early[..length]);
            early = &early[length..];
            self.engine.receive_bytes(length, now);
        }
        self.flush();
    }

    pub(super) fn receive(&mut self) -> Arrived {
        self.service.count();
        if self.engine.is_stalled() {
            return Arrived::Unparsed;
        }
        if self.engine.phase() == Phase::Closed {
            return Arrived::Nothing;
        }
        let lands = self.engine.landing() > 0;
        let received = if lands { self.read_landing() } else { self.read() };
        let Received { length, end, within_record } = received;
        if end.is_none() && length == 0 {
            return if within_record { Arrived::PartOfRecord } else { Arrived::Nothing };
        }
        if let Some(end) = end {
            self.failure = Some(end);
        }
        if lands && length > 0 {
            self.engine.receive_elsewhere(length, Instant::now());
            self.parse(0);
            return Arrived::Parsed;
        }
        if length > 0 && self.engine.to_inflate(length) >= MUCH_TO_INFLATE {
            self.engine.defer(length, Instant::now());
            return Arrived::Unparsed;
        }
        self.parse(length);
        Arrived::Parsed
    }

    fn read(&mut self) -> Received {
        let fair = self.fair_share();
        let Some(stream) = &mut self.stream else { return Received::default() };
        self.engine.lend_input(pool::input);
        let room = self.engine.receive_buffer();
        let share = room.len().min(fair);
        stream.read(&mut room[..share])
    }

    fn fair_share(&mut self) -> usize {
        let awaited = self.engine.awaited();
        if std::mem::take(&mut self.expects_long) && awaited == 0 {
            return FIRST_READ;
        }
        awaited.clamp(FAIR_SHARE, LONG_SHARE)
    }

    pub(super) fn parse(&mut self, length: usize) {
        if length > 0 || self.engine.is_stalled() {
            self.engine.receive_bytes(length, Instant::now());
        }
        // What arrived before the end comes before the end.
        if self.failure.is_some() && !self.engine.is_stalled() {
            // A peer that has ended its half alone still reads what we answer.
            self.flush();
            self.engine.receive_end();
        }
    }

    pub(super) fn flush(&mut self) {
        (self.held, self.blocked) = (false, false);
        let Some(stream) = &mut self.stream else { return };
        let mut share = FAIR_OUTPUT;
        while !self.output_failed && (self.engine.unsent() > 0 || stream.holds_output()) {
            let output = self.engine.poll_output();
            match stream.write(&output[..output.len().min(share)]) {
                Ok(length) => {
                    self.engine.output_written(length);
                    share -= length;
                    if share == 0 {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    // What the peer sent before it went may still be read; reading finds the end.
                    self.output_failed = true;
                    self.engine.output_failed();
                }
            }
        }
        if self.is_to_shut_down() {
            self.shut_down = true;
            if let Some(stream) = &mut self.stream {
                stream.shutdown();
            }
        }
    }

    pub(super) fn is_to_shut_down(&self) -> bool {
        self.engine.wants_shutdown() && !self.shut_down
    }

    /// Ends what has come to its deadline, of which the peer learns at once, and what is lost, for which
    /// nobody needs to wait.
    fn end_what_is_over(&mut self) {
        if self.engine.phase() == Phase::Ending
            && matches!(self.engine.failure(), Some(Failure::PongOverdue(_)))
        {
            self.engine.receive_end();
        }
        if self.engine.timed_out() && !self.aborted {
            self.aborted = true;
            if let Some(stream) = &self.stream {
                stream.abort();
            }
        }
    }

    /// What follows every change, in this order.
    pub(super) fn settle(&mut self) -> Wants {
        self.flush();
        self.end_what_is_over();
        self.give_buffers_back();
        self.clear_landing();
        self.service.call(self.interest());
        self.wants()
    }

    /// Reads what may hold the Pong that is overdue.
    pub(super) fn catch_up(&mut self, now: Instant) {
        for _ in 0..READS_BEFORE_THE_END {
            match self.receive() {
                Arrived::Nothing => return,
                Arrived::Parsed | Arrived::PartOfRecord => {}
                Arrived::Unparsed => self.parse(0),
            }
        }
        self.engine.excuse_pong(now);
    }

    /// The socket, if the loop is to serve it.
    pub(super) fn unserved(&self) -> Option<Unserved> {
        let (interest, served) = (self.interest(), self.service.turns());
        let is_closed = self.engine.phase() == Phase::Closed;
        if self.service.is_the_lifelines() || is_closed || interest == Interest::default() {
            return None;
        }
        let socket = Arc::clone(self.stream.as_ref()?.shared_socket());
        Some(Unserved { socket, interest, served })
    }

    pub(super) fn release(&mut self) {
        self.watch = None;
        self.service.end();
        if let Some(mut stream) = self.stream.take() {
            stream.shutdown();
        }
    }

    /// There is a bug in what led here: the connection has failed, whatever its state was.
    pub(super) fn break_down(&mut self, bug: String) {
        self.bug.get_or_insert(bug.into());
        self.engine = Connection::ended();
        self.landing = None;
        self.senders = Senders::default();
        if let Some(stream) = &self.stream {
            stream.abort();
        }
    }

    /// Taking changes nothing on the wire: only whether there is room for more to come.
    pub(super) fn taken<R>(&mut self, taken: Option<R>) -> Taken<R> {
        let Some(taken) = taken else {
            return Taken::Nothing { over: self.is_over(), read: self.loop_reads() };
        };
        if self.engine.queued() == 0 {
            self.give_input_back();
        }
        let awaited = self.service.awaited();
        self.service.call(Interest { read: self.wants_input(), ..awaited });
        Taken::Message(taken, self.loop_reads())
    }

    fn loop_reads(&self) -> bool {
        self.wants_input() && self.service.is_the_loops()
    }

    fn is_over(&self) -> bool {
        matches!(self.engine.phase(), Phase::Ending | Phase::Closed)
    }

    pub(super) fn wants_input(&self) -> bool {
        self.engine.wants_input() || (self.output_failed && !self.engine.is_stalled())
    }

    pub(super) fn give_input_back(&mut self) {
        self.engine.reclaim_input(pool::give_input);
    }

    pub(super) fn give_buffers_back(&mut self) {
        self.give_input_back();
        if let Some(buffer) = self.engine.reclaim_output() {
            pool::give_output(buffer);
        }
    }

    /// What the socket is wanted for, whoever serves it.
    pub(super) fn interest(&self) -> Interest {
        let holds_output = self.stream.as_ref().is_some_and(Stream::holds_output);
        let unsent = self.engine.unsent() > 0 || holds_output;
        Interest { read: self.wants_input(), write: unsent && !self.output_failed && !self.held }
    }

    pub(super) fn wants(&self) -> Wants {
        let (interest, is_the_loops) = (self.interest(), self.service.is_the_loops());
        let room = self.has_room();
        Wants {
            read: interest.read && is_the_loops,
            write: interest.write && is_the_loops,
            flush: self.held,
            messages: self.engine.queued(),
            chunk: self.engine.has_chunk(),
            room,
            turn: if room { self.senders.next() } else { None },
            over: self.is_over(),
            closed: self.engine.phase() == Phase::Closed,
            events: self.engine.has_events(),
            hung_up: self.hung_up,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.engine.unsent() <= self.write_limit
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        if let Some(bug) = &self.bug {
            return Some(Cause::Bug(bug.to_string()));
        }
        if let Some(error) = self.engine.failure() {
            return Some(Cause::Failed(error.clone()));
        }
        if self.engine.timed_out() {
            return Some(Cause::TimedOut);
        }
        match &self.failure {
            Some(StreamEnd::Failed(error)) => {
                Some(Cause::Stream(error.raw_os_error(), fault(error)))
            }
            Some(StreamEnd::Truncated) => Some(Cause::Truncated),
            Some(StreamEnd::Eof) | None => None,
        }
    }
}
