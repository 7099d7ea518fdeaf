//! `Link`: one open connection, under one lock, called by the event loop, by the user's sends, and by the
//! lifeline.
//!
//! Each call follows one order: change the engine, flush its output, say what the link now wants.
//! Nothing here waits.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::lifeline::Watch;
use super::open::{Arrived, Ending, Open, Wants};
use super::stream::Stream;
use super::waker::Waker;
use super::{lifeline, masks, pool};
use crate::protocol::{Chunk, Close, CloseCode, Config, Connection, Event, Kind, Phase, SendError};

/// This many bytes may take long enough to compress that others should run meanwhile.
const MUCH_TO_DEFLATE: usize = 16 * 1024;

#[derive(Debug)]
pub struct Link {
    open: Mutex<Open>,
    compresses: bool,
    waker: OnceLock<Waker>,
}

/// When a message that is sent is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    Now,
    /// With those that follow: when the output is at its limit, with anything else that is written, or
    /// when `flush` is called.
    Later,
}

impl Link {
    /// Starts on a stream whose opening handshake is done; `early` are the bytes behind its response.
    #[must_use]
    pub fn new(stream: Stream, early: &[u8], config: Config, write_limit: usize) -> Arc<Self> {
        let compresses = config.deflate.is_some();
        let engine = Connection::new(config, Box::new(masks::fresh_key));
        let mut open = Open::new(engine, stream, write_limit);
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
        (open.receive() != Arrived::Unparsed).then(|| self.settle(open))
    }

    /// Reads again and again until something arrives; None if nothing does within `patience`. What was
    /// kept back goes first, for it may be what is to be answered. `inflate` is called where there is
    /// much to inflate, and no lock held.
    pub fn poll(
        self: &Arc<Self>,
        patience: Duration,
        inflate: impl FnOnce() -> Wants,
    ) -> Option<Wants> {
        let began = Instant::now();
        let mut open = self.lock();
        if open.held {
            open.flush();
        }
        loop {
            match open.receive() {
                Arrived::Nothing => open.give_input_back(),
                Arrived::Parsed => return Some(self.settle(open)),
                Arrived::Unparsed => {
                    drop(open);
                    return Some(inflate());
                }
            }
            drop(open);
            if began.elapsed() >= patience {
                return None;
            }
            std::hint::spin_loop();
            open = self.lock();
        }
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
        flush: Flush,
    ) -> Result<Option<Wants>, SendError> {
        let mut open = self.lock();
        if !open.has_room() && open.engine.phase() == Phase::Open {
            return Ok(None);
        }
        open.engine.lend_output(pool::output);
        open.engine.send_message(kind, fin, payload, compress)?;
        if flush == Flush::Later && !open.blocked && open.has_room() {
            open.held = true;
            return Ok(Some(open.wants()));
        }
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

    /// Takes the oldest messages, one at least and `most` at most.
    pub fn take_many<R>(
        self: &Arc<Self>,
        most: usize,
        mut read: impl FnMut(Kind, &[u8]) -> R,
    ) -> Option<(Vec<R>, bool)> {
        let mut open = self.lock();
        let count = open.engine.queued().min(most);
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            taken.push(open.engine.take(&mut read)?);
        }
        (count > 0).then(|| (taken, open.after_taking()))
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
