//! A whole connection whose long messages may be read to where their user gets them from.
#![no_main]

use fuzz::conversation;
use fuzz::effort::Allowance;
use libfuzzer_sys::fuzz_target;

/// As `connection`, and a place for what lands grows by doubling.
const A_BYTE: Allowance = Allowance { steps: 16, memory: 2048 };

fuzz_target!(|script: &[u8]| conversation::check_landing(script, A_BYTE));
