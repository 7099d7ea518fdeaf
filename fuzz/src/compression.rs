//! A second inflater, the zlib that is written in C, to hold ours against.

use flate2::{Decompress, FlushDecompress, Status};

/// What the end of a message leaves out (RFC 7692 7.2.1).
pub const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// In its place: a stored block of one byte, and an empty one that is marked as the last. Where they
/// are read as that, the message has ended as it should.
const PROBE: [u8; 10] = [0x01, 0x00, 0xFE, 0xFF, b'!', 0x01, 0x00, 0x00, 0xFF, 0xFF];

#[derive(Debug, PartialEq, Eq)]
pub enum Inflated {
    Whole(Vec<u8>),
    TooBig,
    Malformed,
    /// A block is marked as the last, behind which this inflater does not go on.
    LastBlock,
}

/// Inflates messages, a `TAIL` between each two, to `most` bytes at most.
#[must_use]
pub fn inflate(messages: &[u8], most: usize) -> Inflated {
    let mut zlib = Decompress::new(false);
    let mut whole = Vec::new();
    if let Some(fault) = feed(&mut zlib, messages, &mut whole, most) {
        return fault;
    }
    let mut behind = Vec::new();
    match feed(&mut zlib, &PROBE, &mut behind, 1) {
        Some(Inflated::LastBlock) if behind == b"!" => Inflated::Whole(whole),
        _ => Inflated::Malformed,
    }
}

/// None where zlib has read all of the input and could go on.
fn feed(zlib: &mut Decompress, input: &[u8], whole: &mut Vec<u8>, most: usize) -> Option<Inflated> {
    let (start, empty) = (position(zlib.total_in()), position(zlib.total_out()));
    loop {
        let (read, made) = (position(zlib.total_in()) - start, whole.len());
        whole.resize(made + (most - made).saturating_add(1).min(1 << 16), 0);
        let status = zlib.decompress(&input[read..], &mut whole[made..], FlushDecompress::None);
        let filled = position(zlib.total_out()) - empty;
        let has_room = whole.len() > filled;
        whole.truncate(filled);
        match status {
            _ if whole.len() > most => return Some(Inflated::TooBig),
            Ok(Status::StreamEnd) => return Some(Inflated::LastBlock),
            Ok(_) if !has_room => {}
            Ok(_) => return None,
            Err(_) => return Some(Inflated::Malformed),
        }
    }
}

fn position(total: u64) -> usize {
    usize::try_from(total).expect("a position in memory")
}
