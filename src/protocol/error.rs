//! What a peer can break, each with its one sentence and its one close code: the only such table.

use std::fmt;

use super::close_code::CloseCode;
use super::opcode::Opcode;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    ReservedBits(u8),
    /// RSV1 where permessage-deflate does not allow it.
    CompressedFrame(Opcode),
    ReservedOpcode(u8),
    MaskedFrame(Opcode),
    LengthNotMinimal {
        bits: u8,
        length: u64,
    },
    LengthTopBit(u64),
    FragmentedControlFrame(Opcode),
    ControlFrameTooLong {
        opcode: Opcode,
        length: u64,
    },
    UnexpectedContinuation,
    ExpectedContinuation(Opcode),
    InvalidText {
        position: u64,
    },
    MalformedDeflate,
    MessageTooBig {
        length: u64,
        limit: u64,
    },
    TooManyFragments {
        limit: u64,
    },
    CloseBodyOfOneByte,
    InvalidCloseCode(u16),
    InvalidCloseReason,
}

impl ProtocolError {
    /// The code of the Close frame that fails the connection (RFC 6455 7.1.7, 7.4.1).
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            // RFC 7692 names no code for data that cannot be inflated: it is "not consistent with the
            // type of the message" (RFC 6455 7.4.1), as text that is no UTF-8 is not.
            Self::InvalidText { .. } | Self::MalformedDeflate | Self::InvalidCloseReason => {
                CloseCode::INVALID_DATA
            }
            Self::MessageTooBig { .. } | Self::TooManyFragments { .. } => {
                CloseCode::MESSAGE_TOO_BIG
            }
            Self::ReservedBits(_)
            | Self::CompressedFrame(_)
            | Self::ReservedOpcode(_)
            | Self::MaskedFrame(_)
            | Self::LengthNotMinimal { .. }
            | Self::LengthTopBit(_)
            | Self::FragmentedControlFrame(_)
            | Self::ControlFrameTooLong { .. }
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation(_)
            | Self::CloseBodyOfOneByte
            | Self::InvalidCloseCode(_) => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits(bits) => {
                write!(f, "reserved bits {bits:#05b} are set, but no extension uses them")
            }
            Self::CompressedFrame(opcode) => write!(
                f,
                "RSV1 is set on a {opcode} frame; it marks the first frame of a compressed message"
            ),
            Self::ReservedOpcode(opcode) => write!(f, "opcode {opcode:#x} is reserved"),
            Self::MaskedFrame(opcode) => {
                write!(f, "the server sent a masked {opcode} frame; only clients mask")
            }
            Self::LengthNotMinimal { bits, length } => {
                write!(f, "payload length {length} is written in {bits} bits, not in the fewest")
            }
            Self::LengthTopBit(length) => {
                write!(f, "payload length {length} has its top bit set")
            }
            Self::FragmentedControlFrame(opcode) => write!(f, "{opcode} frame is fragmented"),
            Self::ControlFrameTooLong { opcode, length } => {
                write!(f, "{opcode} frame has a payload of {length} bytes; the most is 125")
            }
            Self::UnexpectedContinuation => {
                f.write_str("continuation frame without a message to continue")
            }
            Self::ExpectedContinuation(opcode) => {
                write!(f, "{opcode} frame in the middle of a fragmented message")
            }
            Self::InvalidText { position } => {
                write!(f, "text message is not valid UTF-8 at byte {position}")
            }
            Self::MalformedDeflate => {
                f.write_str("compressed message is malformed or ends too early")
            }
            Self::MessageTooBig { length, limit } => {
                write!(f, "message of at least {length} bytes exceeds max_size of {limit} bytes")
            }
            Self::TooManyFragments { limit } => {
                write!(f, "message of more than {limit} fragments without an end")
            }
            Self::CloseBodyOfOneByte => f.write_str("Close frame has a body of one byte"),
            Self::InvalidCloseCode(code) => {
                write!(f, "Close frame carries the invalid code {code}")
            }
            Self::InvalidCloseReason => {
                f.write_str("the reason of a Close frame is not valid UTF-8")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}
