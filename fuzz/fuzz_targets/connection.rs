//! A whole connection without extensions: the server's bytes and the user's commands in any order.
#![no_main]

use fuzz::conversation;
use fuzz::effort::Allowance;
use libfuzzer_sys::fuzz_target;

const A_BYTE: Allowance = Allowance { steps: 16, memory: 1024 };

fuzz_target!(|script: &[u8]| conversation::check(script, false, A_BYTE));
