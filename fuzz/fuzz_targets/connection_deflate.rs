//! A whole connection with permessage-deflate: as `connection`, and a message may be compressed.
#![no_main]

use fuzz::conversation;
use fuzz::effort::Allowance;
use libfuzzer_sys::fuzz_target;

/// Two bytes may be a last block, behind which the window is copied, or become two thousand. What is
/// not taken does not count as volume.
const A_BYTE: Allowance = Allowance { steps: 1 << 15, memory: 8192 };

fuzz_target!(|script: &[u8]| conversation::check(script, true, A_BYTE));
