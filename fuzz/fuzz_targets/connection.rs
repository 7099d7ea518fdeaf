//! A whole connection without extensions: the server's bytes and the user's commands in any order.
#![no_main]

use std::time::Instant;

use fuzz::conversation::{Conversation, Outcome};
use fuzz::cuts::Cut;
use fuzz::effort::{Allowance, Effort};
use fuzz::script::Script;
use libfuzzer_sys::fuzz_target;

const ALLOWANCE: Allowance = Allowance { steps: 16, memory: 1024 };

fuzz_target!(|bytes: &[u8]| {
    let mut script = Script::new(bytes);
    let now = Instant::now();
    let length = 1 + usize::from(script.byte() % 31);
    let uncut = converse(script.clone(), Cut::Uncut, now);
    let cut = converse(script, Cut::Every(length), now);
    assert_eq!(cut, uncut, "in pieces of {length} it is another conversation");
});

fn converse(mut script: Script<'_>, cut: Cut, now: Instant) -> Outcome {
    let effort = Effort::start();
    let mut conversation = Conversation::new(&mut script, cut, now);
    for step in script {
        conversation.carry_out(&step);
    }
    effort.end(conversation.volume, ALLOWANCE);
    conversation.finish()
}
