//! The engine's door: one open connection as a value.
//!
//! `receive_*` comes from the network, `send_*` from the user, `handle_timeout` from the clock; `take*`
//! and `poll_*` are what comes out. It never waits and never asks the clock.

mod facts;

use std::time::{Duration, Instant};

use super::close::Close;
use super::closing::{Closing, Phase};
use super::config::Config;
use super::deflate::{Deflate, Inflater};
use super::error::ProtocolError;
use super::event::{Chunk, Event};
use super::events::Events;
use super::failure::Failure;
use super::frame::{MAX_CONTROL_PAYLOAD, Mark};
use super::inbox::{Inbox, Overflow, Queue};
use super::keepalive::{Due, Keepalive};
use super::no_memory::NoMemory;
use super::opcode::{Kind, Opcode};
use super::outbox::{MaskKeys, Outbox, Write};
use super::pings::Pings;
use super::send_error::SendError;
use super::timers::{Timer, Timers};

#[derive(Debug)]
pub struct Connection {
    inbox: Inbox,
    outbox: Outbox,
    closing: Closing,
    pings: Pings,
    timers: Timers,
    /// How long the application may leave us unheard.
    stall_timeout: Duration,
    last_byte: Option<Instant>,
    events: Events,
    stalled: bool,
}

impl Connection {
    #[must_use]
    pub fn new(config: &Config, keys: MaskKeys) -> Self {
        let queue = Queue::new(config.max_buffered, config.overflow);
        let keepalive = |interval| Keepalive::new(interval, config.ping_timeout);
        Self {
            inbox: Inbox::new(config.max_size, config.deflate.as_ref().map(inflater), queue),
            outbox: Outbox::new(keys, config.deflate.as_ref()),
            closing: Closing::new(config.close_timeout),
            pings: Pings::new(config.ping_interval.map(keepalive)),
            timers: Timers::default(),
            stall_timeout: Duration::ZERO,
            last_byte: None,
            events: Events::new(config.trace),
            stalled: false,
        }
    }

    /// One that has ended: nothing is received or sent any more.
    #[must_use]
    pub fn ended() -> Self {
        let nothing = Config {
            max_size: 0,
            max_buffered: 0,
            overflow: Overflow::Block,
            close_timeout: None,
            ping_interval: None,
            ping_timeout: None,
            deflate: None,
            trace: false,
        };
        let mut ended = Self::new(&nothing, Box::new(|| [0; 4]));
        ended.receive_end();
        ended
    }

    /// Room to read into; `receive_bytes` says how much of it was filled.
    pub fn receive_buffer(&mut self) -> &mut [u8] {
        self.inbox.spare()
    }

    /// Parses what has arrived: messages are queued, Pings and Close answered, violations failed. With
    /// compression it stops where reading pauses, and goes on when called again: see `is_stalled`.
    pub fn receive_bytes(&mut self, length: usize, now: Instant) {
        self.arrive(length, now);
        // Where a flood keeps the clock's own call from coming through.
        self.keep_deadline(now);
        if let Some(failure) = self.inbox.exhausted() {
            self.fail(failure, now);
        }
        while matches!(self.closing.phase(), Phase::Open | Phase::Closing) && !self.must_wait() {
            if self.closing.phase() == Phase::Open && !self.events.traces() {
                self.inbox.queue_whole_messages();
                self.close_when_over(now);
                if self.closing.phase() != Phase::Open {
                    break;
                }
            }
            match self.receive_frame(now) {
                Ok(more) => {
                    self.close_when_over(now);
                    if !more {
                        break;
                    }
                }
                Err(failure) => self.fail(failure, now),
            }
        }
        if matches!(self.closing.phase(), Phase::Ending | Phase::Closed) {
            self.inbox.stop();
        }
        if self.inbox.queue().is_paused()
            && let Some(keepalive) = self.pings.keepalive_mut()
        {
            keepalive.pause(now, &mut self.timers);
        }
    }

    /// The peer's half of the stream has ended, or the stream has failed.
    pub fn receive_end(&mut self) {
        self.closing.end_of_stream(&mut self.timers);
        self.end_keepalive();
        self.outbox.clear();
        self.inbox.stop();
    }

    /// Queues one frame of a message. Without `fin` the next one continues the message.
    /// `compress` says whether it is compressed; None leaves that to its length.
    pub fn send_message(
        &mut self,
        kind: Kind,
        fin: bool,
        payload: &[u8],
        compress: Option<bool>,
    ) -> Result<(), SendError> {
        self.write_message((kind, fin), payload, compress, &mut |_| 0)
    }

    /// `send_message`, but what is ready of a long frame may be written before the rest is: what `write`
    /// takes of it.
    pub fn write_message(
        &mut self,
        frame: (Kind, bool),
        payload: &[u8],
        compress: Option<bool>,
        write: &mut Write<'_>,
    ) -> Result<(), SendError> {
        self.check_open()?;
        if let Some(mark) = self.outbox.data(frame, payload, compress, write)? {
            self.events.frame(true, mark, payload);
        }
        Ok(())
    }

    /// Queues a Ping and numbers it. Its Pong becomes an event. Without a payload it gets one of its own.
    pub fn send_ping(&mut self, payload: Option<&[u8]>, now: Instant) -> Result<u64, SendError> {
        self.check_open()?;
        let own;
        let payload = if let Some(payload) = payload {
            check_control(payload)?;
            if self.pings.is_waiting_for(payload) {
                return Err(SendError::PingAlreadyWaiting);
            }
            payload
        } else {
            own = self.free_payload();
            &own
        };
        self.send_control(Opcode::Ping, payload)?;
        Ok(self.pings.sent(payload, now))
    }

    pub fn send_pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        check_control(payload)?;
        self.send_control(Opcode::Pong, payload)?;
        Ok(())
    }

    /// Starts the closing handshake, unless it has been started.
    pub fn send_close(&mut self, close: Close, now: Instant) -> Result<(), SendError> {
        if !close.code.may_be_sent() {
            return Err(SendError::InvalidCloseCode(close.code.0.into()));
        }
        if close.reason.len() > MAX_CONTROL_PAYLOAD - 2 {
            return Err(SendError::CloseReasonTooLong(close.reason.len()));
        }
        let close = self.closing.close(close, now, &mut self.timers);
        self.go_on_closing(close.as_ref());
        Ok(())
    }

    /// Fails the connection because the user needs text and a message is none (RFC 6455 8.1).
    pub fn refuse_text(&mut self, position: u64, now: Instant) {
        self.fail(Failure::Protocol(ProtocolError::InvalidText { position }), now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.keep_deadline(now);
        if self.closing.phase() != Phase::Open {
            return;
        }
        if self.timers.expired(Timer::Stall, now) {
            self.fail(Failure::Stalled(self.stall_timeout), now);
            return;
        }
        let (paused, written) = (self.inbox.queue().is_paused(), self.outbox.traffic().wire);
        match self.pings.due(now, paused, written, &mut self.timers) {
            Due::Nothing => {}
            Due::Ping => self.send_keepalive(now),
            Due::Failure(timeout) => self.fail(Failure::PongOverdue(timeout), now),
        }
    }

    /// There is more to read than anyone has read yet, and the Pong may be in it.
    pub fn excuse_pong(&mut self, now: Instant) {
        if let Some(keepalive) = self.pings.keepalive_mut() {
            keepalive.received(now, false, &mut self.timers);
        }
    }

    /// When the application will have left unheard for too long that something waits for it, and how long
    /// that is; None while nothing waits. Then the connection is failed.
    pub fn arm_stall(&mut self, stall: Option<(Instant, Duration)>) {
        match stall {
            Some((at, timeout)) if self.closing.phase() == Phase::Open => {
                self.timers.arm(Timer::Stall, at);
                self.stall_timeout = timeout;
            }
            _ => self.timers.stop(Timer::Stall),
        }
    }

    /// Takes the oldest whole message; `read` copies it to where it goes. One that `has_landed` is not
    /// here, and `read` gets nothing.
    pub fn take<R>(&mut self, read: impl FnOnce(Kind, &[u8]) -> R) -> Option<R> {
        self.inbox.take(read)
    }

    /// `take`, but a message of which `read` makes nothing stays where it is, the oldest.
    pub fn take_where<R>(&mut self, read: impl FnOnce(Kind, &[u8]) -> Option<R>) -> Option<R> {
        self.inbox.take_where(read)
    }

    /// Takes what has arrived of the oldest message, whole or not.
    pub fn take_chunk<R>(&mut self, read: impl FnOnce(Chunk<'_>) -> R) -> Option<R> {
        self.inbox.take_chunk(|kind, payload, fin| read(Chunk { kind, payload, fin }))
    }

    /// From here on the rest of the message that is `landable` is read elsewhere, where what has arrived of
    /// it is already: `landing` says how much.
    pub fn land(&mut self) {
        self.inbox.land();
    }

    /// So many bytes of it have been read there.
    pub fn receive_elsewhere(&mut self, length: usize, now: Instant) {
        self.inbox.received_elsewhere(length);
        self.note_arrival(now, self.inbox.awaited() > 0);
        self.receive_bytes(0, now);
    }

    /// What has been read there is taken as a chunk, and the rest of the message is to come here: gives its
    /// kind, or nothing where there is no such part.
    pub fn take_chunk_elsewhere(&mut self) -> Option<Kind> {
        self.inbox.take_chunk_elsewhere()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.poll()
    }

    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// When `handle_timeout` is to be called. A first call, at the start, sets keepalive going.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll()
    }

    /// The bytes to send next; `output_written` says how many of them were.
    #[must_use]
    pub fn poll_output(&self) -> &[u8] {
        self.outbox.bytes()
    }

    pub fn output_written(&mut self, length: usize) {
        self.outbox.written(length);
    }

    /// The peer cannot be reached any more, but what it sent before may still be read.
    pub fn output_failed(&mut self) {
        self.outbox.clear();
    }

    /// Takes note of bytes that `receive_bytes` is to parse later.
    pub fn defer(&mut self, length: usize, now: Instant) {
        self.arrive(length, now);
        self.stalled = true;
    }

    /// Lends buffers to a connection that has given its own back.
    pub fn lend_input(&mut self, buffer: impl Fn() -> Vec<u8>) {
        self.inbox.lend(buffer);
    }

    pub fn lend_output(&mut self, buffer: impl FnOnce() -> Vec<u8>) {
        self.outbox.lend(buffer);
    }

    /// Gives back the buffers that hold nothing: an idle connection needs none.
    pub fn reclaim_input(&mut self, give: impl FnMut(Vec<u8>)) {
        self.inbox.reclaim(give);
    }

    pub fn reclaim_output(&mut self) -> Option<Vec<u8>> {
        self.outbox.reclaim()
    }

    /// Bytes have come from the network now; to parse what came before is no arrival.
    fn arrive(&mut self, length: usize, now: Instant) {
        if length == 0 {
            return;
        }
        self.inbox.received(length);
        self.note_arrival(now, self.inbox.awaited() > length);
    }

    fn note_arrival(&mut self, now: Instant, within_frame: bool) {
        self.inbox.arrived_at(now);
        self.last_byte = Some(now);
        if let Some(keepalive) = self.pings.keepalive_mut() {
            keepalive.received(now, within_frame, &mut self.timers);
        }
    }

    fn receive_frame(&mut self, now: Instant) -> Result<bool, Failure> {
        let Some(frame) = self.inbox.next_frame()? else { return Ok(false) };
        let mark = Mark { opcode: frame.opcode, fin: frame.fin, compressed: frame.compressed };
        self.events.frame(false, mark, frame.payload);
        match frame.opcode {
            Opcode::Ping if self.closing.phase() == Phase::Open => {
                self.outbox.answer_ping(frame.payload);
                self.events.frame(true, Mark::control(Opcode::Pong), frame.payload);
            }
            Opcode::Ping => {}
            Opcode::Pong => {
                for (id, latency) in self.pings.answered(frame.payload, now, &mut self.timers) {
                    self.events.pong(id, latency);
                }
            }
            Opcode::Close => {
                let close = Close::parse(frame.payload)?;
                let answer = self.closing.peer_closed(close, now, &mut self.timers);
                self.go_on_closing(answer.as_ref());
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                let message_ended = frame.fin;
                self.bound_messages_after_close(message_ended);
            }
        }
        Ok(true)
    }

    /// One that no Ping under way has.
    fn free_payload(&mut self) -> [u8; 4] {
        let mut payload = u32::from_ne_bytes(self.outbox.fresh_payload());
        while self.pings.is_waiting_for(&payload.to_ne_bytes()) {
            payload = payload.wrapping_add(1);
        }
        payload.to_ne_bytes()
    }

    fn send_keepalive(&mut self, now: Instant) {
        let payload = self.free_payload();
        let leaves_at_once = self.outbox.unsent() == 0;
        if self.send_control(Opcode::Ping, &payload).is_err() {
            // There is output without end before it, and no room: what moves it brings the next one.
            self.pings.skip(now, &mut self.timers);
            return;
        }
        let written = self.outbox.traffic().wire;
        let behind = if leaves_at_once { 0 } else { self.outbox.unsent() as u64 };
        let output = (written + behind, written);
        self.pings.keepalive_sent(&payload, now, output, &mut self.timers);
    }

    fn keep_deadline(&mut self, now: Instant) {
        self.closing.handle_timeout(now, &mut self.timers);
        if self.closing.phase() == Phase::Closed {
            self.receive_end();
        }
    }

    fn fail(&mut self, failure: Failure, now: Instant) {
        let close = self.closing.fail(failure, now, &mut self.timers);
        self.go_on_closing(close.as_ref());
    }

    fn close_when_over(&mut self, now: Instant) {
        if self.closing.phase() == Phase::Open && self.inbox.queue().ends_all() {
            self.fail(Failure::QueueFull(self.inbox.queue().bound()), now);
        }
    }

    /// While the peer's Close is awaited nothing pauses reading: what exceeds the bound is dropped.
    fn bound_messages_after_close(&mut self, message_ended: bool) {
        if message_ended && self.inbox.queue().is_over() && self.closing.phase() == Phase::Closing {
            self.inbox.drop_newest();
        }
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.closing.phase() == Phase::Open { Ok(()) } else { Err(SendError::Closed) }
    }

    /// What follows each step of the closing handshake: what it says is sent, and what is due in an open
    /// connection is so no more.
    fn go_on_closing(&mut self, close: Option<&Close>) {
        self.end_keepalive();
        if let Some(close) = close {
            // Where there is no room for it, what comes of it comes without it.
            let _no_room = self.send_control(Opcode::Close, &close.body());
        }
    }

    fn end_keepalive(&mut self) {
        self.timers.stop(Timer::Stall);
        if let Some(keepalive) = self.pings.keepalive_mut() {
            keepalive.end(&mut self.timers);
        }
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), NoMemory> {
        self.outbox.control(opcode, payload)?;
        self.events.frame(true, Mark::control(opcode), payload);
        Ok(())
    }

    /// "Inflate only while the queue has room": one read may hold hundreds of messages that each become
    /// as large as they may. A closing connection goes on: the peer's Close must be found.
    fn must_wait(&mut self) -> bool {
        let waits = self.inbox.inflates() && self.inbox.queue().is_paused();
        self.stalled = waits && self.closing.phase() == Phase::Open;
        self.stalled
    }
}

fn inflater(deflate: &Deflate) -> Inflater {
    Inflater::new(deflate.agreed.server_no_context_takeover)
}

fn check_control(payload: &[u8]) -> Result<(), SendError> {
    if payload.len() > MAX_CONTROL_PAYLOAD {
        return Err(SendError::ControlPayloadTooLong(payload.len()));
    }
    Ok(())
}
