//! zlib-rs by its own safe API, the only one of the safe ones that has a memory level.

use super::{Deflater, Implementation, Inflater, Settings, Step};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush};

pub const IT: Implementation = Implementation {
    name: "zlib-rs",
    has_mem_level: true,
    deflater: |settings| Box::new(Compressor(Deflate::new_with_config(config(settings)))),
    inflater: || Box::new(Decompressor(Inflate::new(false, 15))),
};

fn config(settings: Settings) -> DeflateConfig {
    DeflateConfig {
        level: i32::from(settings.level),
        window_bits: -i32::from(settings.window_bits),
        mem_level: i32::from(settings.mem_level),
        ..DeflateConfig::default()
    }
}

struct Compressor(Deflate);

impl Deflater for Compressor {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let done = self.0.compress(input, output, DeflateFlush::SyncFlush);
        assert!(done.is_ok(), "zlib-rs: {done:?}");
        since(before, (self.0.total_in(), self.0.total_out()))
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

struct Decompressor(Inflate);

impl Inflater for Decompressor {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let done = self.0.decompress(input, output, InflateFlush::SyncFlush);
        assert!(done.is_ok(), "zlib-rs: {done:?}");
        since(before, (self.0.total_in(), self.0.total_out()))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "one message's share of the totals is small")]
pub fn since(before: (u64, u64), after: (u64, u64)) -> Step {
    Step { consumed: (after.0 - before.0) as usize, written: (after.1 - before.1) as usize }
}
