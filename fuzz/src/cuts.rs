//! How a stream is cut into reads: whatever the cut, the outcome must be the same.

#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Uncut,
    /// Into pieces of so many bytes.
    Every(usize),
}

impl Cut {
    pub fn pieces(self, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        let most = match self {
            Self::Uncut => bytes.len(),
            Self::Every(length) => length,
        };
        bytes.chunks(most.max(1))
    }
}
