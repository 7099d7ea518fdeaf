//! permessage-deflate (RFC 7692): what is offered and agreed on, and the two compression contexts.
//!
//! Knows messages as bytes that come in pieces; knows nothing of frames, of text or of closing.

mod deflater;
mod inflater;
mod negotiation;

pub(super) use deflater::Deflater;
pub(super) use inflater::{Inflater, Malformed};
pub use negotiation::{Agreed, Parameters, WindowBits};
pub(super) use negotiation::{accept, honoured};

/// What ends a flush: an empty stored block's lengths. The end of a message leaves it out (RFC 7692 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// How far one of zlib's counters has come.
fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to - from).unwrap_or(usize::MAX)
}

/// What an open connection is to do: what the two sides agreed on, and how we compress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deflate {
    pub agreed: Agreed,
    /// From 0, stored, to 9, the smallest.
    pub level: u8,
    /// From 1 to 9: how much memory finding repetitions may take.
    pub mem_level: u8,
    /// Messages with fewer bytes go uncompressed.
    pub threshold: usize,
}
