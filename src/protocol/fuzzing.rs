//! What only a fuzzer sees of the engine: one frame's header by itself, and the work that was done.

use super::error::ProtocolError;
use super::frame;
use super::opcode::Opcode;
use super::work;

#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    pub fin: bool,
    pub compressed: bool,
    pub opcode: Opcode,
    pub length: u64,
    /// The bytes that the header itself takes.
    pub size: usize,
}

/// `deflates` says whether permessage-deflate was agreed on.
pub fn parse_header(bytes: &[u8], deflates: bool) -> Result<Option<Header>, ProtocolError> {
    let parsed = frame::Header::parse(bytes, deflates)?;
    Ok(parsed.map(|(frame::Header { fin, compressed, opcode, length }, size)| Header {
        fin,
        compressed,
        opcode,
        length,
        size,
    }))
}

/// The bytes moved, read or made in this thread since it began.
#[must_use]
pub fn work_done() -> usize {
    work::done()
}
