//! Which zlib permessage-deflate should stand on, and how it should be set up: tables in Markdown.
//!
//! `taskset -c 1 cargo run --release --features zlib-ng -- [ROUNDS] [speed] [settings] [levels]
//! [small] [context]`: all tables, or those that are named. It runs on Unix.

mod contests;
mod corpus;
mod implementations;
mod memory;
mod rounds;

type Table = fn(usize);

const TABLES: [(&str, Table); 5] = [
    ("speed", contests::speed),
    ("settings", contests::settings),
    ("levels", contests::levels),
    ("small", contests::small),
    ("context", contests::context),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(9);
    let named = |name: &str| arguments.iter().any(|word| word == name);
    let all = !TABLES.iter().any(|(name, _)| named(name));
    println!("{rounds} rounds, medians of CPU time; MB are 10^6 bytes before compression");
    for (name, print) in TABLES {
        if all || named(name) {
            print(rounds);
        }
    }
}
