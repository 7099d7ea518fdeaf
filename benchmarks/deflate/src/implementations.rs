//! The candidates behind one face: raw deflate, a sync flush a message, one context a stream.
//! Nothing here knows what is measured.

mod c;
mod flate2_over_zlib_rs;
mod miniz;
mod zlib_rs_itself;

/// RFC 7692 7.2.1: what ends every flush, is not sent, and is put back before inflating.
pub const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// How a compressor is set up; which of it an implementation honours is in its [`Implementation`].
#[derive(Clone, Copy, PartialEq)]
pub struct Settings {
    pub level: u8,
    pub window_bits: u8,
    pub mem_level: u8,
}

impl Settings {
    pub const fn of_level(level: u8) -> Self {
        Self { level, window_bits: 15, mem_level: 8 }
    }
}

/// One call of an implementation, until its input or its room is used up.
pub struct Step {
    pub consumed: usize,
    pub written: usize,
}

pub trait Deflater {
    /// Compresses and flushes.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;
    /// As a new context, in the memory of the old one.
    fn reset(&mut self);

    /// One message, without its tail; `output` has room for any message of the benchmark.
    fn message(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        let (mut consumed, mut written) = (0, 0);
        loop {
            let step = self.step(&input[consumed..], &mut output[written..]);
            consumed += step.consumed;
            written += step.written;
            if consumed == input.len() && written < output.len() {
                break;
            }
            assert!(step.consumed + step.written > 0, "the compressor stands still");
        }
        assert!(output[..written].ends_with(&TAIL), "a flush ends with its tail");
        written - TAIL.len()
    }
}

pub trait Inflater {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;

    /// One message, tail included; `output` has room for it and a byte to spare.
    fn message(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        let (mut consumed, mut written) = (0, 0);
        while consumed < input.len() {
            let step = self.step(&input[consumed..], &mut output[written..]);
            assert!(step.consumed + step.written > 0, "the decompressor stands still");
            consumed += step.consumed;
            written += step.written;
        }
        written
    }
}

/// One candidate: its name, what it can be told, and how its contexts are made.
pub struct Implementation {
    pub name: &'static str,
    pub has_mem_level: bool,
    pub deflater: fn(Settings) -> Box<dyn Deflater>,
    pub inflater: fn() -> Box<dyn Inflater>,
}

/// The first is what the others' ratios are to.
pub const ALL: &[Implementation] = &[
    zlib_rs_itself::IT,
    flate2_over_zlib_rs::IT,
    #[cfg(feature = "zlib-ng")]
    c::ZLIB_NG,
    miniz::IT,
    ZLIB,
];

pub use c::ZLIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reads_what_each_writes() {
        let messages = [b"tick 1, tick 2".repeat(9), vec![7; 70_000], b"tick 3".into()];
        let mut room = vec![0; 200_000];
        for writer in ALL {
            for reader in ALL {
                let mut deflater = (writer.deflater)(Settings::of_level(6));
                let mut inflater = (reader.inflater)();
                for message in &messages {
                    let len = deflater.message(message, &mut room);
                    let wire = [&room[..len], &TAIL].concat();
                    let len = inflater.message(&wire, &mut room);
                    assert_eq!(&room[..len], message, "{} by {}", reader.name, writer.name);
                }
            }
        }
    }
}
