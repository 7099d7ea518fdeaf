//! What goes out: each sender in its turn, from a loop or from a thread.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use super::Link;
use crate::drive::open::{Open, Wants};
use crate::drive::pool;
use crate::drive::senders::{Share, Ticket};
use crate::protocol::{Kind, Phase, SendError};

/// This many bytes may take long enough to compress that others should run meanwhile.
const MUCH_TO_DEFLATE: usize = 16 * 1024;

/// A thread that waits for room flushes as often itself.
const FLUSH_AGAIN: Duration = Duration::from_millis(10);

/// A message, or with `fin` false a part of one.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub kind: Kind,
    pub fin: bool,
    pub payload: &'a [u8],
    /// None leaves it to the payload's length.
    pub compress: Option<bool>,
}

/// When a message that is sent is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    Now,
    /// With those that follow: when the output is at its limit, with anything else that is written, or
    /// when `flush` is called.
    Later,
}

/// Where a sender stands in line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// From the attempt before; None at the first.
    pub ticket: Option<Ticket>,
    pub share: Share,
    /// More of the same call are to follow: its place is kept for them.
    pub more: bool,
}

/// What comes of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Yes(Wants),
    /// It stands in line, and is to come again when the link wants this ticket's turn.
    Waits(Ticket),
}

/// What comes of a thread's sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Sent,
    /// The deadline came first: nothing has been sent.
    TooLong,
    /// It would have waited for what only the calling thread can do: nothing has been sent.
    ForItself,
}

impl Link {
    /// Sends, if it is this sender's turn and there is room; else nothing has been sent.
    pub fn send(&self, frame: Frame<'_>, line: Line, flush: Flush) -> Result<Sent, SendError> {
        self.enter(|open| {
            if open.engine.phase() != Phase::Open {
                open.senders.leave(line.ticket);
                return Err(SendError::Closed);
            }
            if !open.senders.is_next(line.ticket, line.share) || !open.has_room() {
                return Ok(Sent::Waits(open.senders.wait(line.ticket, line.share)));
            }
            if !line.more {
                open.senders.leave(line.ticket);
            }
            write(open, frame, flush)?;
            if flush == Flush::Later && !open.blocked && open.has_room() {
                open.held = true;
                return Ok(Sent::Yes(open.wants()));
            }
            Ok(Sent::Yes(self.settle(open)))
        })
    }

    /// Begins a message in parts, if it is this sender's turn; other messages wait from then on.
    pub fn begin_parts(&self, ticket: Option<Ticket>) -> Result<Sent, SendError> {
        self.enter(|open| {
            if open.engine.phase() != Phase::Open {
                open.senders.leave(ticket);
                return Err(SendError::Closed);
            }
            if !open.senders.is_next(ticket, Share::Whole) {
                return Ok(Sent::Waits(open.senders.wait(ticket, Share::Whole)));
            }
            open.senders.leave(ticket);
            open.senders.begin_parts();
            Ok(Sent::Yes(open.wants()))
        })
    }

    /// Its last part has been sent, or it has been given up.
    pub fn end_parts(&self) -> Wants {
        self.enter(|open| {
            open.senders.end_parts();
            self.settle(open)
        })
    }

    /// A sender in line has given up.
    pub fn leave_line(&self, ticket: Ticket) -> Wants {
        self.enter(|open| {
            open.senders.leave(Some(ticket));
            open.wants()
        })
    }

    /// Whether sending this many bytes takes so long that others should run meanwhile.
    pub const fn has_much_to_deflate(&self, length: usize) -> bool {
        self.compresses && length >= MUCH_TO_DEFLATE
    }

    /// Sends a whole message from any thread: waits for its turn and for room, until the deadline. While
    /// the connection closes it waits for the end. `on_loop` says that the calling thread is the loop's:
    /// then it does not wait for other senders, nor for the end, which wait for it.
    pub fn send_waiting(
        &self,
        frame: Frame<'_>,
        deadline: Option<Instant>,
        on_loop: bool,
    ) -> Result<Waited, SendError> {
        let mut open = self.lock();
        let before = open.wants();
        let mut ticket = None;
        let waited = loop {
            if open.engine.phase() == Phase::Closed
                || (on_loop && open.engine.phase() != Phase::Open)
            {
                break Err(SendError::Closed);
            }
            let is_open = open.engine.phase() == Phase::Open;
            let in_parts = open.engine.sending_fragments();
            let is_next = open.senders.is_next(ticket, Share::Whole) && !in_parts;
            if is_open && is_next && open.has_room() {
                break write(&mut open, frame, Flush::Now).map(|()| Waited::Sent);
            }
            if on_loop && !is_next {
                break Ok(Waited::ForItself);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break Ok(Waited::TooLong);
            }
            ticket = Some(open.senders.wait(ticket, Share::Whole));
            open = self.wait_for_change(open, left);
        };
        open.senders.leave(ticket);
        self.tell(open, before);
        waited
    }

    /// The loop may have stalled, or wait for this thread: what can be written is.
    fn wait_for_change<'a>(
        &'a self,
        mut open: MutexGuard<'a, Open>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Open> {
        let patience = left.map_or(FLUSH_AGAIN, |left| left.min(FLUSH_AGAIN));
        open.waiting += 1;
        open = match self.changed.wait_timeout(open, patience) {
            Ok((open, _)) => open,
            Err(poisoned) => {
                drop(poisoned);
                self.lock()
            }
        };
        open.waiting = open.waiting.saturating_sub(1);
        open.flush();
        open
    }
}

fn write(open: &mut Open, frame: Frame<'_>, flush: Flush) -> Result<(), SendError> {
    let Frame { kind, fin, payload, compress } = frame;
    open.engine.lend_output(pool::output);
    let waits = open.blocked || flush == Flush::Later;
    let Open { engine, stream, .. } = open;
    // What is wrong with the stream, flushing finds.
    let mut write = |bytes: &[u8]| match stream {
        Some(stream) if !waits => stream.write(bytes).unwrap_or(0),
        _ => 0,
    };
    engine.write_message((kind, fin), payload, compress, &mut write)
}
