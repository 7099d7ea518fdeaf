//! flate2 over zlib-rs: what the face that most crates use costs on top. It has no memory level.

use super::zlib_rs_itself::since;
use super::{Deflater, Implementation, Inflater, Step};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

pub const IT: Implementation = Implementation {
    name: "flate2, zlib-rs",
    has_mem_level: false,
    deflater: |settings| {
        let level = Compression::new(u32::from(settings.level));
        Box::new(Compressor(Compress::new_with_window_bits(level, false, settings.window_bits)))
    },
    inflater: || Box::new(Decompressor(Decompress::new(false))),
};

struct Compressor(Compress);

impl Deflater for Compressor {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let done = self.0.compress(input, output, FlushCompress::Sync);
        assert!(done.is_ok(), "flate2: {done:?}");
        since(before, (self.0.total_in(), self.0.total_out()))
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

struct Decompressor(Decompress);

impl Inflater for Decompressor {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let done = self.0.decompress(input, output, FlushDecompress::Sync);
        assert!(done.is_ok(), "flate2: {done:?}");
        since(before, (self.0.total_in(), self.0.total_out()))
    }
}
