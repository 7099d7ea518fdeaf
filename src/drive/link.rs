//! `Link`: one open connection, under one lock, called by the event loop and by the user's sends; what
//! the lifeline calls is in `care`.
//!
//! Each call follows one order: change the engine, flush its output, say what the link now wants.
//! Nothing here waits, but a thread that asks to.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::care::Care;
use super::landing::Payload;
use super::lifeline::Watch;
use super::open::{Arrived, Ending, Open, Wants};
use super::stream::Stream;
use super::waker::Waker;
use super::{lifeline, masks, pool};
use crate::protocol::{
    Chunk, Close, CloseCode, Config, Connection, Event, Kind, Phase, SendError, Stats,
};

/// This many bytes may take long enough to compress that others should run meanwhile.
const MUCH_TO_DEFLATE: usize = 16 * 1024;

/// A thread that waits for room flushes as often itself.
const FLUSH_AGAIN: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct Link {
    pub(super) open: Mutex<Open>,
    pub(super) sweep: Duration,
    pub(super) app_stall_timeout: Option<Duration>,
    /// For the lifeline to keep.
    weak: Weak<Self>,
    compresses: bool,
    waker: OnceLock<Waker>,
    /// Told of every change while threads wait for room.
    changed: Condvar,
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
    pub fn new(stream: Stream, early: &[u8], config: &Config, care: Care) -> Arc<Self> {
        let engine = Connection::new(config, Box::new(masks::fresh_key));
        let mut open = Open::new(engine, stream, care.write_limit);
        open.engine.handle_timeout(Instant::now());
        open.receive_early(early);
        let link = Arc::new_cyclic(|weak| Self {
            open: Mutex::new(open),
            sweep: care.sweep,
            app_stall_timeout: care.app_stall_timeout,
            weak: Weak::clone(weak),
            compresses: config.deflate.is_some(),
            waker: OnceLock::new(),
            changed: Condvar::new(),
        });
        link.remind(&mut link.lock());
        lifeline::enlist(&link);
        link
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

    /// The driver has been woken, or comes by itself: what the link wants now.
    pub fn look(&self) -> Wants {
        if let Some(waker) = self.waker.get() {
            waker.heard();
        }
        let mut open = self.lock();
        open.hand_back();
        open.wants()
    }

    /// Has the driver look at what the link wants now. No lock is held.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.get()
            && waker.wake()
            && self.app_stall_timeout.is_some()
        {
            self.remind(&mut self.lock());
        }
    }

    pub(super) fn waker(&self) -> Option<&Waker> {
        self.waker.get()
    }

    /// The socket is readable: reads once, parses, answers. None where there is much to inflate: that is
    /// left to `inflate`, which may be called where others need not wait for it.
    pub fn receive(&self) -> Option<Wants> {
        let mut open = self.lock();
        open.hand_back();
        if !open.wants_input() && !open.engine.is_stalled() {
            // What was read in the loop's place is enough for now.
            return Some(self.settle(&mut open));
        }
        (open.receive() != Arrived::Unparsed).then(|| self.settle(&mut open))
    }

    /// Reads again and again until something arrives; None if nothing does within `patience`. What was
    /// kept back goes first, for it may be what is to be answered. `inflate` is called where there is
    /// much to inflate, and no lock held.
    pub fn poll(&self, patience: Duration, inflate: impl FnOnce() -> Wants) -> Option<Wants> {
        let began = Instant::now();
        let mut open = self.lock();
        if open.held {
            open.flush();
        }
        loop {
            match open.receive() {
                Arrived::Nothing | Arrived::PartOfRecord => open.give_input_back(),
                Arrived::Parsed => return Some(self.settle(&mut open)),
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
    pub fn inflate(&self) -> Wants {
        let mut open = self.lock();
        open.parse(0);
        self.settle(&mut open)
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
    pub fn flush(&self) -> Wants {
        let mut open = self.lock();
        open.served += 1;
        self.settle(&mut open)
    }

    /// None where there is no room for it yet: then nothing has been sent. Who gives up waiting for room
    /// leaves nothing behind, however often.
    pub fn send(
        &self,
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
        let waits = open.blocked || flush == Flush::Later;
        let Open { engine, stream, .. } = &mut *open;
        // What is wrong with the stream, flushing finds.
        let mut write = |bytes: &[u8]| match stream {
            Some(stream) if !waits => stream.write(bytes).unwrap_or(0),
            _ => 0,
        };
        engine.write_message((kind, fin), payload, compress, &mut write)?;
        if flush == Flush::Later && !open.blocked && open.has_room() {
            open.held = true;
            return Ok(Some(open.wants()));
        }
        Ok(Some(self.settle(&mut open)))
    }

    /// Sends a whole message from a thread that is no loop's: waits for room, and for a fragmented message
    /// to end, until the deadline. None where that has come first: then nothing has been sent.
    pub fn send_waiting(
        &self,
        kind: Kind,
        payload: &[u8],
        compress: Option<bool>,
        deadline: Option<Instant>,
    ) -> Result<Option<()>, SendError> {
        let mut open = self.lock();
        let before = open.wants();
        open = self.wait_for_room(open, deadline);
        let sent = if !open.is_free() && open.engine.phase() == Phase::Open {
            Ok(None)
        } else {
            open.engine.lend_output(pool::output);
            open.engine.send_message(kind, true, payload, compress).map(Some)
        };
        self.tell(open, before);
        sent
    }

    /// Until a whole message may be sent, or the deadline has come.
    fn wait_for_room<'a>(
        &'a self,
        mut open: MutexGuard<'a, Open>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, Open> {
        while !open.is_free() && open.engine.phase() == Phase::Open {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            // The loop may have stalled, or wait for this thread.
            let patience = left.map_or(FLUSH_AGAIN, |left| left.min(FLUSH_AGAIN));
            open.waiting += 1;
            open = self
                .changed
                .wait_timeout(open, patience)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(open, _)| open);
            open.waiting -= 1;
            open.flush();
        }
        open
    }

    /// The number of the Ping, by which its Pong's event names it.
    pub fn ping(&self, payload: &[u8]) -> Result<(u64, Wants), SendError> {
        let mut open = self.lock();
        let id = open.engine.send_ping(payload, Instant::now())?;
        Ok((id, self.settle(&mut open)))
    }

    pub fn pong(&self, payload: &[u8]) -> Result<Wants, SendError> {
        let mut open = self.lock();
        open.engine.send_pong(payload)?;
        Ok(self.settle(&mut open))
    }

    /// Starts the closing handshake; the deadline runs from here.
    pub fn close(&self, close: Close) -> Result<Wants, SendError> {
        let mut open = self.lock();
        open.engine.send_close(close, Instant::now())?;
        Ok(self.settle(&mut open))
    }

    /// A message that was to be text is none: fails the connection.
    pub fn refuse_text(&self, position: u64) -> Wants {
        let mut open = self.lock();
        open.engine.refuse_text(position, Instant::now());
        self.settle(&mut open)
    }

    /// Ends the connection without waiting for the peer: a Close if it can be written now, then TCP.
    pub fn abandon(&self, code: CloseCode) {
        let mut open = self.lock();
        let close = Close::new(code, "");
        if open.engine.send_close(close, Instant::now()).is_ok() {
            open.flush();
        }
        open.engine.receive_end();
        open.release();
    }

    /// Takes the oldest message: `read` makes the one copy of its payload. The flag says whether the
    /// link wants to be read.
    pub fn take<R>(&self, read: impl FnOnce(Kind, Payload<'_>) -> R) -> Option<(R, bool)> {
        let mut open = self.lock();
        let taken = open.take(read)?;
        Some((taken, open.after_taking()))
    }

    /// Takes the oldest messages, one at least and `most` at most.
    pub fn take_many<R>(
        &self,
        most: usize,
        mut read: impl FnMut(Kind, Payload<'_>) -> R,
    ) -> Option<(Vec<R>, bool)> {
        let mut open = self.lock();
        let count = open.engine.queued().min(most);
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            taken.push(open.take(&mut read)?);
        }
        (count > 0).then(|| (taken, open.after_taking()))
    }

    /// Takes what has arrived of the oldest message, whole or not; the flag says whether that is its end.
    pub fn take_chunk<R>(
        &self,
        read: impl FnOnce(Kind, Payload<'_>, bool) -> R,
    ) -> Option<(R, bool)> {
        let mut open = self.lock();
        open.bring_back();
        let taken = if open.engine.has_landed() {
            open.take(|kind, payload| read(kind, payload, true))?
        } else {
            open.engine.take_chunk(|Chunk { kind, payload, fin }| {
                read(kind, Payload::Here(payload), fin)
            })?
        };
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
            drop((open.watch.take(), open.stream.take()));
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

    /// A snapshot of what is counted, and how often the lifeline stood in for the loop.
    pub fn stats(&self) -> (Stats, u64) {
        let open = self.lock();
        (open.engine.stats(), open.takeovers)
    }

    /// The last round trip of a Ping.
    pub fn latency(&self) -> Option<Duration> {
        self.lock().engine.latency()
    }

    /// When the message arrived that was taken last.
    pub fn taken_at(&self) -> Option<Instant> {
        self.lock().engine.taken_at()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What follows every change.
    pub(super) fn settle(&self, open: &mut MutexGuard<'_, Open>) -> Wants {
        let wants = open.settle();
        self.remind(open);
        if open.waiting > 0 {
            self.changed.notify_all();
        }
        wants
    }

    /// Tells the lifeline when something is due, if that is sooner than it has been told.
    pub(super) fn remind(&self, open: &mut Open) {
        let listening = self.waker().filter(|_| open.engine.phase() == Phase::Open);
        let patience = listening.and_then(|waker| waker.patience(self.app_stall_timeout?));
        if let Some(due) = open.engine.poll_timeout().into_iter().chain(patience).min()
            && open.told.is_none_or(|told| due < told)
        {
            lifeline::remind(&self.weak, open.told.replace(due), due);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let told = self.open.get_mut().unwrap_or_else(PoisonError::into_inner).told;
        lifeline::forget(&self.weak, told);
    }
}
