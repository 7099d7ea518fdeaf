//! A script carried out on the engine, and what must hold of any. What a user and a peer can see is
//! written down, so that two runs that differ only in how the server's bytes were cut can be compared.

use std::time::{Duration, Instant};

use aiowebsocket::protocol::deflate::{Agreed, Deflate};
use aiowebsocket::protocol::{
    Close, CloseCode, Config, Connection, Event, Failure, Kind, Overflow, Phase, SendError,
};

use crate::compression::{self, Inflated, TAIL};
use crate::cuts::Cut;
use crate::effort::{Allowance, Effort};
use crate::script::{Script, Step};
use crate::wire::{self, ClientFrame};

/// Carries out a script twice, its bytes uncut and cut: one conversation.
pub fn check(script: &[u8], deflates: bool, a_byte: Allowance) {
    let mut script = Script::new(script);
    let length = 1 + usize::from(script.byte() % 31);
    compare(&script, deflates, a_byte, (Cut::Every(length), Landing::NEVER));
}

/// The same, but in the second conversation long messages may be read elsewhere.
pub fn check_landing(script: &[u8], a_byte: Allowance) {
    let mut script = Script::new(script);
    let length = 1 + 64 * usize::from(script.byte());
    let landing = Landing { decisions: script.byte(), place: Vec::new() };
    compare(&script, false, a_byte, (Cut::Every(length), landing));
}

fn compare(script: &Script<'_>, deflates: bool, a_byte: Allowance, other: (Cut, Landing)) {
    let now = Instant::now();
    let said = format!("{other:?} makes another conversation of it");
    let [usual, other] = [(Cut::Uncut, Landing::NEVER), other].map(|(cut, landing)| {
        let (mut script, effort) = (script.clone(), Effort::start());
        let mut conversation = Conversation::new(&mut script, deflates, cut, now);
        conversation.landing = landing;
        for step in script {
            conversation.carry_out(&step);
        }
        let (outcome, volume) = conversation.finish();
        effort.end(a_byte.times(volume));
        outcome
    });
    assert_eq!(other, usual, "{said}");
}

/// Where a long message is read to, and when: the decisions come round, a bit each.
#[derive(Debug)]
struct Landing {
    decisions: u8,
    place: Vec<u8>,
}

impl Landing {
    const NEVER: Self = Self { decisions: 0, place: Vec::new() };

    const fn decide(&mut self) -> bool {
        self.decisions = self.decisions.rotate_left(1);
        self.decisions & 1 != 0
    }
}

/// What user and peer saw, in its order; output is apart, in one piece.
#[derive(Debug, PartialEq)]
enum Sight {
    Chunk { kind: Kind, payload: Vec<u8>, fin: bool },
    Event(Event),
    Refused(SendError),
    Phase(Phase),
}

#[derive(Debug)]
struct Conversation {
    engine: Connection,
    config: Config,
    cut: Cut,
    landing: Landing,
    /// Whether reading pauses when the engine says so, as it does where a socket is read.
    pauses: bool,
    now: Instant,
    seen: Vec<Sight>,
    output: Vec<u8>,
    output_is_lost: bool,
    sent: Vec<Sent>,
    longest_read: usize,
    /// The bytes that went in, from either side, and those that came out to the user.
    volume: usize,
}

/// A message of the user's, or the beginning of one.
#[derive(Debug, PartialEq)]
struct Sent {
    opcode: u8,
    payload: Vec<u8>,
    fin: bool,
}

/// All that can be told of a conversation afterwards.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Sight>,
    output: Vec<u8>,
    received: Option<Close>,
    sent: Option<Close>,
    code: CloseCode,
    failure: Option<Failure>,
    timed_out: bool,
}

impl Conversation {
    /// The script's first bytes choose the limits and, where it `deflates`, how.
    fn new(script: &mut Script<'_>, deflates: bool, cut: Cut, now: Instant) -> Self {
        let choice = script.byte();
        let config = Config {
            max_size: [10, 125, 5_000, 1 << 20][usize::from(choice & 3)],
            max_buffered: [0, 100, 10_000, 1 << 30][usize::from(choice >> 2 & 3)],
            overflow: Overflow::Block,
            ping_interval: None,
            ping_timeout: None,
            close_timeout: (choice & 0x10 == 0).then_some(Duration::from_secs(10)),
            deflate: deflates.then(|| deflate(script.byte())),
            trace: choice & 0x20 == 0,
        };
        let mut key = 0u32;
        let keys = move || {
            key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            key.to_be_bytes()
        };
        Self {
            engine: Connection::new(&config, Box::new(keys)),
            config,
            cut,
            landing: Landing::NEVER,
            pauses: choice & 0x40 == 0,
            now,
            seen: Vec::new(),
            output: Vec::new(),
            output_is_lost: false,
            sent: Vec::new(),
            longest_read: 0,
            volume: 0,
        }
    }

    fn carry_out(&mut self, step: &Step<'_>) {
        let before = self.engine.phase();
        match *step {
            Step::Receive(bytes) => self.receive(bytes),
            Step::ReceiveFrame { first, payload, times } => {
                self.receive(&wire::server_frame(first, &payload.repeat(times)));
            }
            Step::Take => drop(self.take()),
            Step::TakeChunk => drop(self.take_chunk()),
            Step::Write(most) => self.write(most),
            Step::OutputFails => self.lose_output(Connection::output_failed),
            Step::Wait(seconds) => {
                self.now += Duration::from_secs(seconds.into());
                let now = self.now;
                self.lose_output(|engine| engine.handle_timeout(now));
            }
            // What has arrived before the end is read before the end.
            Step::End if self.engine.is_stalled() => {}
            Step::End => self.lose_output(Connection::receive_end),
            Step::RefuseText => self.engine.refuse_text(3, self.now),
            _ => self.command(step),
        }
        while self.engine.is_stalled() && self.engine.wants_input() {
            self.engine.receive_bytes(0, self.now);
        }
        self.look();
        self.check_phase(before);
    }

    /// Reads what is left, and checks the output as a whole.
    fn finish(mut self) -> (Outcome, usize) {
        let mut left = 0;
        while let Some(length) = self.take() {
            left += length;
        }
        if self.pauses {
            let most = self.config.max_buffered + self.longest_read;
            assert!(left as u64 <= most as u64 + self.config.max_size, "{left} bytes were queued");
        }
        while self.take_chunk().is_some() {}
        if !self.output_is_lost {
            self.write(usize::MAX);
            self.write(usize::MAX);
            self.check_output();
        }
        let outcome = Outcome {
            received: self.engine.received_close().cloned(),
            sent: self.engine.sent_close().cloned(),
            code: self.engine.close_code(),
            failure: self.engine.failure().cloned(),
            timed_out: self.engine.timed_out(),
            seen: self.seen,
            output: self.output,
        };
        (outcome, self.volume)
    }

    fn receive(&mut self, bytes: &[u8]) {
        if self.pauses && !self.engine.wants_input() {
            return;
        }
        self.volume += bytes.len();
        self.longest_read = self.longest_read.max(bytes.len());
        let ended = matches!(self.engine.phase(), Phase::Ending | Phase::Closed);
        let before = (self.engine.queued(), self.engine.has_chunk(), self.engine.unsent());
        for piece in self.cut.pieces(bytes) {
            self.feed(piece);
        }
        if ended {
            let after = (self.engine.queued(), self.engine.has_chunk(), self.engine.unsent());
            assert_eq!((after, self.engine.has_events()), (before, false), "parsed after the end");
        }
        if self.pauses {
            let most = self.config.max_buffered / 32 + self.longest_read / 2 + 1;
            assert!(self.engine.queued() <= most, "{} messages queue", self.engine.queued());
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let elsewhere = self.engine.landing();
            let length = if elsewhere > 0 {
                let piece = &bytes[..elsewhere.min(bytes.len())];
                self.landing.place.extend_from_slice(piece);
                self.engine.receive_elsewhere(piece.len(), self.now);
                piece.len()
            } else {
                let room = self.engine.receive_buffer();
                let piece = &bytes[..room.len().min(bytes.len())];
                room[..piece.len()].copy_from_slice(piece);
                self.engine.receive_bytes(piece.len(), self.now);
                piece.len()
            };
            bytes = &bytes[length..];
            self.land();
        }
    }

    fn land(&mut self) {
        let Some(landable) = self.engine.landable() else { return };
        if self.landing.decide() {
            assert!(landable.arrived.len() < landable.length);
            self.landing.place = landable.arrived.to_vec();
            self.engine.land();
        }
    }

    fn command(&mut self, step: &Step<'_>) {
        let open = self.engine.phase() == Phase::Open;
        let outcome = match *step {
            Step::SendMessage { kind, fin, compress, payload, times } => {
                self.send_message(kind, fin, compress, payload.repeat(times))
            }
            Step::SendPing(payload) => self.engine.send_ping(Some(payload), self.now).map(|_| ()),
            Step::SendPong(payload) => self.engine.send_pong(payload),
            Step::SendClose { code, reason } => {
                let close = Close::new(CloseCode(code), String::from_utf8_lossy(reason));
                let accepted = self.engine.send_close(close, self.now);
                assert!(accepted.is_err() || self.engine.phase() != Phase::Open);
                self.seen.extend(accepted.err().map(Sight::Refused));
                return;
            }
            _ => unreachable!("{step:?} is no command"),
        };
        assert!(open || outcome == Err(SendError::Closed), "sent after the end: {outcome:?}");
        self.seen.extend(outcome.err().map(Sight::Refused));
    }

    fn send_message(
        &mut self,
        kind: Kind,
        fin: bool,
        compress: Option<bool>,
        payload: Vec<u8>,
    ) -> Result<(), SendError> {
        let continues = self.engine.sending_fragments();
        self.volume += payload.len();
        self.engine.send_message(kind, fin, &payload, compress)?;
        match self.sent.last_mut().filter(|_| continues) {
            Some(message) => {
                message.payload.extend(payload);
                message.fin = fin;
            }
            None => {
                let opcode = 1 + u8::from(kind == Kind::Binary);
                self.sent.push(Sent { opcode, payload, fin });
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Option<usize> {
        let (queued, has_landed) = (self.engine.queued(), self.engine.has_landed());
        let (kind, mut payload) = self.engine.take(|kind, bytes| (kind, bytes.to_vec()))?;
        if has_landed {
            assert!(payload.is_empty(), "what has landed is here too");
            payload = std::mem::take(&mut self.landing.place);
        }
        assert_eq!(self.engine.queued(), queued - 1);
        assert!(payload.len() as u64 <= self.config.max_size);
        Some(self.keep(kind, payload, true))
    }

    fn take_chunk(&mut self) -> Option<usize> {
        if self.engine.has_landed() {
            return self.take();
        }
        let expected = self.engine.has_chunk();
        if let Some(kind) = self.engine.take_chunk_elsewhere() {
            assert!(expected);
            let part = std::mem::take(&mut self.landing.place);
            return Some(self.keep(kind, part, false));
        }
        let chunk = self.engine.take_chunk(|chunk| (chunk.kind, chunk.payload.to_vec(), chunk.fin));
        assert_eq!(chunk.is_some(), expected);
        let (kind, payload, fin) = chunk?;
        assert!(fin || !payload.is_empty(), "an empty chunk");
        Some(self.keep(kind, payload, fin))
    }

    fn keep(&mut self, kind: Kind, payload: Vec<u8>, fin: bool) -> usize {
        assert!(kind == Kind::Binary || str::from_utf8(&payload).is_ok(), "text that is none");
        let length = payload.len();
        self.volume += length;
        self.seen.push(Sight::Chunk { kind, payload, fin });
        length
    }

    fn write(&mut self, most: usize) {
        let bytes = self.engine.poll_output();
        let length = bytes.len().min(most);
        if !self.output_is_lost {
            self.output.extend_from_slice(&bytes[..length]);
        }
        self.engine.output_written(length);
    }

    /// What was queued until now was whole frames; of what comes after `change` nothing is promised.
    fn lose_output(&mut self, change: impl FnOnce(&mut Connection)) {
        let unwritten = self.engine.poll_output().to_vec();
        change(&mut self.engine);
        if self.engine.unsent() < unwritten.len() && !self.output_is_lost {
            let written = self.output.len();
            self.output.extend(unwritten);
            self.check_output();
            self.output.truncate(written);
            self.output_is_lost = true;
        }
    }

    fn check_output(&self) {
        let frames = wire::client_frames(&self.output);
        let close = frames.iter().position(|frame| frame.opcode == 8);
        assert!(close.is_none_or(|place| place + 1 == frames.len()), "a frame follows a Close");
        let mut messages: Vec<ClientFrame> = Vec::new();
        for frame in frames.into_iter().filter(|frame| frame.opcode < 8) {
            match messages.last_mut().filter(|message| !message.fin) {
                Some(message) => {
                    assert!((frame.opcode, frame.rsv1) == (0, false), "no continuation");
                    message.payload.extend(frame.payload);
                    message.fin = frame.fin;
                }
                None => messages.push(frame),
            }
        }
        self.check_messages(messages);
    }

    /// The compressed ones are one stream, whether or not they share a context.
    fn check_messages(&self, messages: Vec<ClientFrame>) {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        assert_eq!(messages.len(), self.sent.len());
        for (message, sent) in messages.into_iter().zip(&self.sent) {
            assert!(!message.rsv1 || self.config.deflate.is_some());
            assert_eq!((message.opcode, message.fin), (sent.opcode, sent.fin));
            if !message.rsv1 {
                assert!(message.payload == sent.payload, "another message was sent");
                continue;
            }
            stream.extend(if stream.is_empty() { &[] } else { &TAIL[..] });
            stream.extend(message.payload);
            // What a message that goes on lacks of an end.
            stream.extend(if message.fin { &[] } else { &[0][..] });
            expected.extend_from_slice(&sent.payload);
        }
        let inflated = compression::inflate(&stream, usize::MAX - 1);
        assert!(stream.is_empty() || inflated == Inflated::Whole(expected), "others were sent");
    }

    fn look(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.seen.push(Sight::Event(event));
        }
    }

    /// The closing handshake only goes forward, and says what it has to.
    fn check_phase(&mut self, before: Phase) {
        let phase = self.engine.phase();
        if phase == before {
            return;
        }
        assert!(phase as u8 > before as u8, "from {before:?} back to {phase:?}");
        self.seen.push(Sight::Phase(phase));
        let code = self.engine.close_code();
        assert_eq!(self.engine.received_close().is_none(), code == CloseCode::ABNORMAL);
        let has_ended = self.engine.received_close().is_some() || self.engine.failure().is_some();
        assert!(phase != Phase::Ending || has_ended);
        assert!(phase != Phase::Closing || self.engine.sent_close().is_some());
    }
}

/// What a server may agree to, and how we compress.
fn deflate(choice: u8) -> Deflate {
    let window = |bits: u8| [15, 8, 9, 12][usize::from(choice >> bits & 3)];
    let agreed = Agreed {
        server_no_context_takeover: choice & 1 != 0,
        client_no_context_takeover: choice & 2 != 0,
        server_max_window_bits: window(2),
        client_max_window_bits: window(4),
    };
    let level = [6, 0, 1, 9][usize::from(choice >> 6)];
    Deflate { agreed, level, mem_level: 5, threshold: 16 }
}
