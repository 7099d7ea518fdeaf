//! `Link`: one open connection. Joins the engine to its stream under one lock, and is called by the
//! event loop, by the user's sends, and by the lifeline.
//!
//! Each call follows one order: change the engine, flush its output, say what the link now wants.
//! Nothing here waits.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::lifeline::Watch;
use super::stream::{Received, Stream, StreamEnd, fault};
use super::waker::Waker;
use super::{lifeline, masks, pool};
use crate::protocol::{
    Chunk, Close, CloseCode, Config, Connection, Event, Kind, Phase, ProtocolError, SendError, Side,
};

/// The most one call of `receive` reads: a fast peer must not own the loop.
const FAIR_SHARE: usize = 256 * 1024;

/// This many compressed bytes may take long enough to inflate that others should run meanwhile.
const MUCH_TO_INFLATE: usize = 4 * 1024;
/// And this many bytes to compress.
const MUCH_TO_DEFLATE: usize = 16 * 1024;

#[derive(Debug)]
pub struct Link {
    open: Mutex<Open>,
    compresses: bool,
    waker: OnceLock<Waker>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
struct Open {
    engine: Connection,
    /// None once the descriptor has been closed.
    stream: Option<Stream>,
    /// None where the loop sees every end by itself.
    watch: Option<Watch>,
    hung_up: bool,
    failure: Option<StreamEnd>,
    write_limit: usize,
    output_failed: bool,
    shut_down: bool,
    armed: bool,
}

/// What the link wants of its caller, and what it has for the user.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    pub read: bool,
    pub write: bool,
    /// Whole messages that wait to be taken.
    pub messages: usize,
    /// Whether a message, or a part of one, waits to be taken.
    pub chunk: bool,
    /// Whether the output is below its limit, so that senders may go on.
    pub room: bool,
    /// Whether no further message will come.
    pub over: bool,
    /// Whether the connection is at its end and its descriptor to be released.
    pub closed: bool,
    pub events: bool,
    /// Whether the socket is at its end or has an error, which a loop may have told for the last time.
    pub hung_up: bool,
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
    Protocol(ProtocolError),
    /// The error of the operating system or of TLS: its number, if it has one, and its text.
    Stream(Option<i32>, String),
    Truncated,
    TimedOut,
}

impl Link {
    /// Starts on a stream whose opening handshake is done; `early` are the bytes behind its response.
    #[must_use]
    pub fn new(stream: Stream, early: &[u8], config: Config, write_limit: usize) -> Arc<Self> {
        let compresses = config.deflate.is_some();
        let mut open = Open {
            engine: Connection::new(config, Box::new(masks::fresh_key)),
            stream: Some(stream),
            watch: None,
            hung_up: false,
            failure: None,
            write_limit,
            output_failed: false,
            shut_down: false,
            armed: false,
        };
        open.receive_early(early);
        Arc::new(Self { open: Mutex::new(open), compresses, waker: OnceLock::new() })
    }

    /// Whom the lifeline wakes when it has changed the link. The first one stays.
    pub fn on_wake(&self, waker: Waker) {
        let _taken = self.waker.set(waker);
    }

    /// Has the lifeline wake the driver too when the socket is at its end or has an error: for a loop
    /// that may miss it.
    ///
    /// # Errors
    /// If the operating system will not watch the socket.
    pub fn watch(self: &Arc<Self>) -> io::Result<()> {
        let mut open = self.lock();
        if let Some(stream) = &open.stream {
            let socket = Arc::clone(stream.shared_socket());
            open.watch = Some(Watch::start(Arc::downgrade(self), socket)?);
        }
        Ok(())
    }

    /// Has the driver look at what the link wants now. No lock is held, for this may wait for Python.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    /// The socket is readable: reads once, parses, answers. None where there is much to inflate: that is
    /// left to `inflate`, which may be called where others need not wait for it.
    pub fn receive(self: &Arc<Self>) -> Option<Wants> {
        let mut open = self.lock();
        let parsed = open.receive();
        parsed.then(|| self.settle(open))
    }

    /// Parses what `receive` has left.
    pub fn inflate(self: &Arc<Self>) -> Wants {
        let mut open = self.lock();
        open.parse(0);
        self.settle(open)
    }

    /// Whether what has arrived waits for messages to be taken, though the socket may be silent.
    pub fn is_stalled(&self) -> bool {
        self.compresses && self.lock().engine.is_stalled()
    }

    /// Whether sending this many bytes takes so long that others should run meanwhile.
    pub const fn has_much_to_deflate(&self, length: usize) -> bool {
        self.compresses && length >= MUCH_TO_DEFLATE
    }

    /// The socket is writable again.
    pub fn flush(self: &Arc<Self>) -> Wants {
        self.settle(self.lock())
    }

    /// None where there is no room for it yet: then nothing has been sent. Who gives up waiting for room
    /// leaves nothing behind, however often.
    pub fn send(
        self: &Arc<Self>,
        kind: Kind,
        fin: bool,
        payload: &[u8],
        compress: Option<bool>,
    ) -> Result<Option<Wants>, SendError> {
        let mut open = self.lock();
        if !open.has_room() && open.engine.phase() == Phase::Open {
            return Ok(None);
        }
        open.engine.lend_output(pool::output);
        open.engine.send_message(kind, fin, payload, compress)?;
        Ok(Some(self.settle(open)))
    }

    /// The number of the Ping, by which its Pong's event names it.
    pub fn ping(self: &Arc<Self>, payload: &[u8]) -> Result<(u64, Wants), SendError> {
        let mut open = self.lock();
        let id = open.engine.send_ping(payload, Instant::now())?;
        Ok((id, self.settle(open)))
    }

    pub fn pong(self: &Arc<Self>, payload: &[u8]) -> Result<Wants, SendError> {
        let mut open = self.lock();
        open.engine.send_pong(payload)?;
        Ok(self.settle(open))
    }

    /// Starts the closing handshake; the deadline runs from here.
    pub fn close(self: &Arc<Self>, close: Close) -> Result<Wants, SendError> {
        let mut open = self.lock();
        open.engine.send_close(close, Instant::now())?;
        Ok(self.settle(open))
    }

    /// A message that was to be text is none: fails the connection.
    pub fn refuse_text(self: &Arc<Self>, position: u64) -> Wants {
        let mut open = self.lock();
        open.engine.refuse_text(position, Instant::now());
        self.settle(open)
    }

    /// Ends the connection without waiting for the peer: a Close if it can be written now, then TCP.
    pub fn abandon(self: &Arc<Self>, code: CloseCode) {
        let mut open = self.lock();
        let close = Close::new(code, "");
        if open.engine.send_close(close, Instant::now()).is_ok() {
            open.flush();
        }
        open.engine.receive_end();
        open.release();
    }

    /// Called by the lifeline when the deadline it was given has come. Whether that ended the link.
    pub(super) fn handle_timeout(&self, now: Instant) -> bool {
        let mut open = self.lock();
        open.engine.handle_timeout(now);
        let Some(stream) = open.stream.as_ref().filter(|_| open.engine.phase() == Phase::Closed)
        else {
            return false;
        };
        // The peer learns of it at once, whatever keeps the driver from looking.
        stream.abort();
        true
    }

    /// Called by the lifeline when the socket that it watches has hung up. Whether that matters still.
    #[cfg(target_os = "linux")]
    pub(super) fn handle_hang_up(&self) -> bool {
        let mut open = self.lock();
        open.hung_up = true;
        open.stream.is_some()
    }

    /// Takes the oldest message: `read` makes the one copy of its payload. The flag says whether the
    /// link wants to be read.
    pub fn take<R>(self: &Arc<Self>, read: impl FnOnce(Kind, &[u8]) -> R) -> Option<(R, bool)> {
        let mut open = self.lock();
        let taken = open.engine.take(read)?;
        Some((taken, open.after_taking()))
    }

    /// Takes what has arrived of the oldest message, whole or not.
    pub fn take_chunk<R>(self: &Arc<Self>, read: impl FnOnce(Chunk<'_>) -> R) -> Option<(R, bool)> {
        let mut open = self.lock();
        let taken = open.engine.take_chunk(read)?;
        Some((taken, open.after_taking()))
    }

    pub fn events(&self) -> Vec<Event> {
        let mut open = self.lock();
        std::iter::from_fn(|| open.engine.poll_event()).collect()
    }

    /// Closes the descriptor. Nobody may be watching it any more.
    pub fn release(&self) {
        self.lock().release();
    }

    /// Lets go of a connection that belongs to the process this one was forked from: says nothing to its
    /// peer. Waits for no lock, which a thread may hold that exists in the parent only.
    pub fn disown(&self) {
        if let Ok(mut open) = self.open.try_lock() {
            drop(open.stream.take());
        }
    }

    pub fn wants(&self) -> Wants {
        self.lock().wants()
    }

    pub fn phase(&self) -> Phase {
        self.lock().engine.phase()
    }

    pub fn queued(&self) -> usize {
        self.lock().engine.queued()
    }

    pub fn sending_fragments(&self) -> bool {
        self.lock().engine.sending_fragments()
    }

    pub fn close_code(&self) -> CloseCode {
        self.lock().engine.close_code()
    }

    pub fn ending(&self) -> Ending {
        let open = self.lock();
        Ending {
            received: open.engine.received_close().cloned(),
            sent: open.engine.sent_close().cloned(),
            first: open.engine.closed_first(),
            cause: open.cause(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What follows every change, in this order.
    fn settle(self: &Arc<Self>, mut open: MutexGuard<'_, Open>) -> Wants {
        open.flush();
        open.give_buffers_back();
        if !open.armed
            && let Some(deadline) = open.engine.poll_timeout()
        {
            open.armed = true;
            lifeline::arm(Arc::downgrade(self), deadline);
        }
        open.wants()
    }
}

impl Open {
    fn receive_early(&mut self, mut early: &[u8]) {
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

    /// False if what was read has not been parsed.
    fn receive(&mut self) -> bool {
        if self.engine.is_stalled() {
            return false;
        }
        let Some(stream) = &mut self.stream else { return true };
        if self.engine.phase() == Phase::Closed {
            return true;
        }
        self.engine.lend_input(pool::input);
        let room = self.engine.receive_buffer();
        let share = room.len().min(FAIR_SHARE);
        let Received { length, end } = stream.read(&mut room[..share]);
        if let Some(end) = end {
            self.failure = Some(end);
        }
        if length > 0 && self.engine.to_inflate(length) >= MUCH_TO_INFLATE {
            self.engine.defer(length);
            return false;
        }
        self.parse(length);
        true
    }

    fn parse(&mut self, length: usize) {
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

    fn flush(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        while !self.output_failed && (self.engine.unsent() > 0 || stream.holds_output()) {
            match stream.write(self.engine.poll_output()) {
                Ok(length) => self.engine.output_written(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    // What the peer sent before it went may still be read; reading finds the end.
                    self.output_failed = true;
                    self.engine.output_failed();
                }
            }
        }
        if self.engine.wants_shutdown() && !self.shut_down {
            self.shut_down = true;
            stream.shutdown();
        }
    }

    fn release(&mut self) {
        self.watch = None;
        if let Some(mut stream) = self.stream.take() {
            stream.shutdown();
        }
    }

    /// Taking changes nothing on the wire: only whether there is room for more to come.
    fn after_taking(&mut self) -> bool {
        self.give_input_back();
        self.wants_input()
    }

    fn wants_input(&self) -> bool {
        self.engine.wants_input() || (self.output_failed && !self.engine.is_stalled())
    }

    fn give_input_back(&mut self) {
        self.engine.reclaim_input(pool::give_input);
    }

    fn give_buffers_back(&mut self) {
        self.give_input_back();
        if let Some(buffer) = self.engine.reclaim_output() {
            pool::give_output(buffer);
        }
    }

    fn wants(&self) -> Wants {
        let phase = self.engine.phase();
        let unsent = self.engine.unsent();
        let holds_output = self.stream.as_ref().is_some_and(Stream::holds_output);
        Wants {
            read: self.wants_input(),
            write: !self.output_failed && (unsent > 0 || holds_output),
            messages: self.engine.queued(),
            chunk: self.engine.has_chunk(),
            room: self.has_room(),
            over: matches!(phase, Phase::Ending | Phase::Closed),
            closed: phase == Phase::Closed,
            events: self.engine.has_events(),
            hung_up: self.hung_up,
        }
    }

    fn has_room(&self) -> bool {
        self.engine.unsent() <= self.write_limit
    }

    fn cause(&self) -> Option<Cause> {
        if let Some(error) = self.engine.failure() {
            return Some(Cause::Protocol(error.clone()));
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
