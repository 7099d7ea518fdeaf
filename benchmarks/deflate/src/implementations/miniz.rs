//! miniz_oxide, as flate2 calls it by default. Of window bits it keeps only the full 15: with 12 to
//! 14 it falls back to level 1, and below that to runs of one byte.

use super::{Deflater, Implementation, Inflater, Step};
use miniz_oxide::deflate::core::{CompressionStrategy, CompressorOxide};
use miniz_oxide::inflate::stream::InflateState;
use miniz_oxide::{DataFormat, MZFlush};

pub const IT: Implementation = Implementation {
    name: "miniz_oxide",
    has_mem_level: false,
    deflater: |settings| {
        let strategy = CompressionStrategy::Default;
        let it = CompressorOxide::with_params(DataFormat::Raw, settings.level, strategy, 15);
        Box::new(Compressor(it))
    },
    inflater: || Box::new(Decompressor(InflateState::new(DataFormat::Raw))),
};

struct Compressor(CompressorOxide);

impl Deflater for Compressor {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let done = miniz_oxide::deflate::stream::deflate(&mut self.0, input, output, MZFlush::Sync);
        assert!(done.status.is_ok(), "miniz_oxide: {:?}", done.status);
        Step { consumed: done.bytes_consumed, written: done.bytes_written }
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

struct Decompressor(InflateState);

impl Inflater for Decompressor {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let done = miniz_oxide::inflate::stream::inflate(&mut self.0, input, output, MZFlush::None);
        assert!(done.status.is_ok(), "miniz_oxide: {:?}", done.status);
        Step { consumed: done.bytes_consumed, written: done.bytes_written }
    }
}
