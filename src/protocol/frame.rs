//! One frame's header, read and written (RFC 6455 5.2). Knows no message and no connection.

use std::fmt;

use super::error::ProtocolError;
use super::no_memory::{NoMemory, reserve};
use super::opcode::Opcode;
use super::{mask, work};

/// The longest payload of a control frame (RFC 6455 5.5).
pub(super) const MAX_CONTROL_PAYLOAD: usize = 125;

/// The longest header of a frame of ours.
pub(super) const MAX_HEADER: usize = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// RSV1 with permessage-deflate: "Per-Message Compressed" (RFC 7692 6).
    pub(super) compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) length: u64,
}

const RSV1: u8 = 0x40;

impl Header {
    /// Reads the header at the start of `bytes` and says how long it is; `None` while it is incomplete.
    /// A violation is found at the first byte that shows it, however the bytes were cut.
    /// `deflate` says whether RSV1 has a meaning.
    pub(super) fn parse(
        bytes: &[u8],
        deflate: bool,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let compressed = deflate && first & RSV1 != 0;
        let reserved = if deflate { first & 0x30 } else { first & 0x70 };
        if reserved != 0 {
            return Err(ProtocolError::ReservedBits(reserved >> 4));
        }
        let bits = first & 0x0F;
        let opcode = Opcode::parse(bits).ok_or(ProtocolError::ReservedOpcode(bits))?;
        if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(ProtocolError::CompressedFrame(opcode));
        }
        let fin = first & 0x80 != 0;
        if opcode.is_control() && !fin {
            return Err(ProtocolError::FragmentedControlFrame(opcode));
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if second & 0x80 != 0 {
            return Err(ProtocolError::MaskedFrame(opcode));
        }
        let Some((length, size)) = Self::parse_length(second, &bytes[2..])? else {
            return Ok(None);
        };
        if opcode.is_control() && length > MAX_CONTROL_PAYLOAD as u64 {
            return Err(ProtocolError::ControlFrameTooLong { opcode, length });
        }
        Ok(Some((Self { fin, compressed, opcode, length }, 2 + size)))
    }

    /// "The minimal number of bytes MUST be used to encode the length" and "the most significant bit
    /// MUST be 0" (RFC 6455 5.2).
    fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
        let (bits, length, least) = match short {
            126 => match rest.first_chunk::<2>() {
                Some(bytes) => (16, u64::from(u16::from_be_bytes(*bytes)), 126),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(bytes) => (64, u64::from_be_bytes(*bytes), 1 << 16),
                None => return Ok(None),
            },
            short => return Ok(Some((u64::from(short), 0))),
        };
        if length >> 63 != 0 {
            return Err(ProtocolError::LengthTopBit(length));
        }
        if length < least {
            return Err(ProtocolError::LengthNotMinimal { bits, length });
        }
        Ok(Some((length, usize::from(bits) / 8)))
    }
}

/// What a frame of ours says of itself beside its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) compressed: bool,
}

impl Mark {
    pub(super) const fn control(opcode: Opcode) -> Self {
        Self { opcode, fin: true, compressed: false }
    }
}

/// Appends one masked frame to `out`, whole or not at all.
pub(super) fn encode(
    out: &mut Vec<u8>,
    mark: Mark,
    payload: &[u8],
    key: [u8; 4],
) -> Result<(), NoMemory> {
    work::count(MAX_HEADER + payload.len());
    reserve(out, payload.len().saturating_add(MAX_HEADER))?;
    encode_header(out, mark, payload.len(), key);
    mask::extend_masked(out, payload, key);
    Ok(())
}

/// Appends the header of a masked frame to `out`.
pub(super) fn encode_header(out: &mut Vec<u8>, mark: Mark, length: usize, key: [u8; 4]) {
    const MASKED: u8 = 0x80;
    let Mark { opcode, fin, compressed } = mark;
    out.push((u8::from(fin) << 7) | if compressed { RSV1 } else { 0 } | opcode as u8);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => out.push(MASKED | length),
        (_, Ok(length)) => {
            out.push(MASKED | 0x7E);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 0x7F);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
}

/// What a log line says of a frame. The excerpt is short whatever the payload's length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRecord {
    pub sent: bool,
    pub opcode: Opcode,
    pub fin: bool,
    pub compressed: bool,
    /// Of the payload, uncompressed.
    pub length: u64,
    pub excerpt: Vec<u8>,
}

impl FrameRecord {
    const EXCERPT: usize = 48;

    pub(super) fn new(sent: bool, mark: Mark, payload: &[u8]) -> Self {
        let Mark { opcode, fin, compressed } = mark;
        Self {
            sent,
            opcode,
            fin,
            compressed,
            length: payload.len() as u64,
            excerpt: payload[..payload.len().min(Self::EXCERPT)].to_vec(),
        }
    }
}

impl FrameRecord {
    fn content(&self) -> String {
        match (self.opcode, self.excerpt.as_slice()) {
            (_, []) => String::new(),
            (Opcode::Close, [high, low, reason @ ..]) => {
                let code = u16::from_be_bytes([*high, *low]);
                format!(" {code} {}", String::from_utf8_lossy(reason).escape_debug())
            }
            (Opcode::Binary, bytes) => bytes
                .iter()
                .take(Self::EXCERPT / 3)
                .fold(String::new(), |hex, b| format!("{hex} {b:02x}")),
            (_, bytes) => format!(" '{}'", String::from_utf8_lossy(bytes).escape_debug()),
        }
    }
}

impl fmt::Display for FrameRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.sent { '>' } else { '<' };
        let name = match self.opcode {
            Opcode::Continuation => "CONT",
            Opcode::Text => "TEXT",
            Opcode::Binary => "BINARY",
            Opcode::Close => "CLOSE",
            Opcode::Ping => "PING",
            Opcode::Pong => "PONG",
        };
        let dots = if self.length > self.excerpt.len() as u64 { "..." } else { "" };
        let compressed = if self.compressed { ", compressed" } else { "" };
        let more = if self.fin { "" } else { ", continued" };
        let (content, length) = (self.content(), self.length);
        write!(f, "{direction} {name}{content}{dots} [{length} bytes{compressed}{more}]")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> (Header, usize) {
        Header::parse(bytes, false).unwrap().unwrap()
    }

    #[test]
    fn the_rfcs_examples_parse() {
        let unmasked = |fin, opcode, length| Header { fin, compressed: false, opcode, length };
        assert_eq!(parsed(&[0x81, 5]), (unmasked(true, Opcode::Text, 5), 2));
        assert_eq!(parsed(&[0x01, 3]), (unmasked(false, Opcode::Text, 3), 2));
        assert_eq!(parsed(&[0x80, 2]), (unmasked(true, Opcode::Continuation, 2), 2));
        assert_eq!(parsed(&[0x89, 5]), (unmasked(true, Opcode::Ping, 5), 2));
        assert_eq!(parsed(&[0x82, 126, 1, 0]), (unmasked(true, Opcode::Binary, 256), 4));
        let long = [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(parsed(&long), (unmasked(true, Opcode::Binary, 65536), 10));
    }

    #[test]
    fn a_cut_header_waits_for_more() {
        let long = [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        for end in 0..long.len() {
            assert_eq!(Header::parse(&long[..end], false), Ok(None));
        }
    }

    #[test]
    fn each_violation_is_named() {
        use ProtocolError as E;
        for (bytes, error) in [
            (&[0xC1][..], E::ReservedBits(0b100)),
            (&[0xA1], E::ReservedBits(0b010)),
            (&[0x91], E::ReservedBits(0b001)),
            (&[0x83], E::ReservedOpcode(3)),
            (&[0x8F], E::ReservedOpcode(15)),
            (&[0x81, 0x85], E::MaskedFrame(Opcode::Text)),
            (&[0x09], E::FragmentedControlFrame(Opcode::Ping)),
            (&[0x81, 126, 0, 125], E::LengthNotMinimal { bits: 16, length: 125 }),
            (
                &[0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255],
                E::LengthNotMinimal { bits: 64, length: 65535 },
            ),
            (&[0x81, 127, 128, 0, 0, 0, 0, 0, 0, 0], E::LengthTopBit(1 << 63)),
            (&[0x89, 126, 0, 126], E::ControlFrameTooLong { opcode: Opcode::Ping, length: 126 }),
        ] {
            assert_eq!(Header::parse(bytes, false), Err(error));
        }
    }

    #[test]
    fn with_permessage_deflate_rsv1_marks_the_first_frame_of_a_message_only() {
        use ProtocolError as E;
        let (header, _) = Header::parse(&[0x41, 0], true).unwrap().unwrap();
        assert!(header.compressed && !header.fin);
        assert!(!Header::parse(&[0x82, 0], true).unwrap().unwrap().0.compressed);
        for (byte, error) in [
            (0xC0, E::CompressedFrame(Opcode::Continuation)),
            (0xC8, E::CompressedFrame(Opcode::Close)),
            (0xC9, E::CompressedFrame(Opcode::Ping)),
            (0xE1, E::ReservedBits(0b010)),
            (0xD1, E::ReservedBits(0b001)),
        ] {
            assert_eq!(Header::parse(&[byte], true), Err(error));
        }
    }

    #[test]
    fn encoding_uses_the_shortest_length_and_masks() {
        for (length, head) in [
            (0, vec![0x82, 0x80]),
            (125, vec![0x82, 0xFD]),
            (126, vec![0x82, 0xFE, 0, 126]),
            (65535, vec![0x82, 0xFE, 255, 255]),
            (65536, vec![0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            let mark = Mark { opcode: Opcode::Binary, fin: true, compressed: false };
            encode(&mut out, mark, &vec![0; length], [1, 2, 3, 4]).unwrap();
            assert_eq!(out[..head.len()], head);
            assert_eq!(out[head.len()..head.len() + 4], [1, 2, 3, 4]);
            assert_eq!(out.len(), head.len() + 4 + length);
        }
    }

    #[test]
    fn a_record_shows_a_short_excerpt() {
        let mark = Mark { opcode: Opcode::Text, fin: false, compressed: true };
        let record = FrameRecord::new(true, mark, &[b'x'; 1000]);
        let shown = record.to_string();
        assert!(shown.starts_with("> TEXT 'xxx"), "{shown}");
        assert!(shown.ends_with("x'... [1000 bytes, compressed, continued]"), "{shown}");
        assert!(shown.len() < 110);
    }
}
