//! A fuzzer's bytes read as a conversation: what the server sends and what the user does, in turns.
//!
//! Any bytes are a script. A turn is a byte that says which, its arguments, and often a payload: the
//! length of which is one byte, cut short where the script ends.

use aiowebsocket::protocol::Kind;

#[derive(Debug)]
pub enum Step<'a> {
    /// The server's bytes, whatever they mean.
    Receive(&'a [u8]),
    /// A frame with a true length, its payload so many times the given one.
    ReceiveFrame {
        first: u8,
        payload: &'a [u8],
        times: usize,
    },
    SendMessage {
        kind: Kind,
        fin: bool,
        compress: Option<bool>,
        payload: &'a [u8],
        times: usize,
    },
    SendPing(&'a [u8]),
    SendPong(&'a [u8]),
    SendClose {
        code: u16,
        reason: &'a [u8],
    },
    RefuseText,
    Take,
    TakeChunk,
    /// The network takes so many bytes of the output at most.
    Write(usize),
    OutputFails,
    /// So many seconds pass.
    Wait(u8),
    /// The server's half of the stream ends.
    End,
}

#[derive(Clone, Debug)]
pub struct Script<'a> {
    bytes: &'a [u8],
}

impl<'a> Script<'a> {
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next byte; zero behind the end.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    fn payload(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.bytes.len());
        let (payload, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        payload
    }

    /// Once, or a power of two up to 512 times, so that long frames need no long script.
    fn times(&mut self) -> usize {
        1 << (self.byte() % 10)
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let (&choice, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(match choice % 16 {
            0..=2 => Step::Receive(self.payload()),
            3 | 4 => Step::ReceiveFrame {
                first: self.byte(),
                times: self.times(),
                payload: self.payload(),
            },
            5 | 6 => {
                let kind = if choice & 0x10 == 0 { Kind::Text } else { Kind::Binary };
                let fin = choice & 0x20 == 0;
                let compress = [None, Some(true), None, Some(false)][usize::from(choice >> 6)];
                let times = self.times();
                Step::SendMessage { kind, fin, compress, times, payload: self.payload() }
            }
            7 => Step::SendPing(self.payload()),
            8 => Step::SendPong(self.payload()),
            9 => {
                let code = u16::from_be_bytes([self.byte(), self.byte()]);
                Step::SendClose { code, reason: self.payload() }
            }
            10 => Step::Take,
            11 => Step::TakeChunk,
            12 => Step::Write(usize::from(self.byte()) << (choice >> 4)),
            13 => Step::Wait(self.byte()),
            14 => Step::RefuseText,
            _ if choice & 0x10 == 0 => Step::End,
            _ => Step::OutputFails,
        })
    }
}
