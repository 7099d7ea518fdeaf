//! The four tables: what is put side by side, and how it is printed.

use crate::corpus::{self, Corpus};
use crate::implementations::{ALL, Deflater, Implementation, Inflater, Settings, Step, TAIL, ZLIB};
use crate::memory;
use crate::rounds::{Contender, Seconds, measure};

const LEVELS: [u8; 3] = [1, 3, 6];
/// zlib-rs; what the other rows' ratios are to.
const FIRST: &Implementation = &ALL[0];
/// zlib itself writes what all inflate: that is what most servers send.
const SERVER: &Implementation = &ZLIB;

/// Implementation by level by data.
pub fn speed(rounds: usize) {
    for corpus in &corpus::all() {
        println!("\n### {}\n", corpus.name);
        print!("| |");
        for level in LEVELS {
            print!(" deflate {level}, MB/s | ratio | inflate, MB/s |");
        }
        println!("\n|---|{}", "---|".repeat(3 * LEVELS.len()));
        let results: Vec<_> = LEVELS.iter().map(|level| at_level(rounds, corpus, *level)).collect();
        for (place, implementation) in ALL.iter().enumerate() {
            print!("| {} |", implementation.name);
            for (deflate, ratios, inflate) in &results {
                print!(
                    " {} | {:.2} | {} |",
                    cell(deflate, place),
                    ratios[place],
                    cell(inflate, place)
                );
            }
            println!();
        }
    }
}

fn cell(seconds: &Seconds, place: usize) -> String {
    format!("{:.0} ({:.2})", seconds.megabytes(place), seconds.speed_to(place, 0))
}

fn at_level(rounds: usize, corpus: &Corpus, level: u8) -> (Seconds, Vec<f64>, Seconds) {
    let settings = Settings::of_level(level);
    let deflate = ALL.iter().map(|one| deflating((one.deflater)(settings), corpus)).collect();
    let ratios = ALL.iter().map(|one| ratio(corpus, one, settings)).collect();
    let wire = compressed(corpus, &mut *(SERVER.deflater)(settings));
    let inflate = ALL.iter().map(|one| inflating((one.inflater)(), corpus, &wire)).collect();
    (measure(rounds, deflate), ratios, measure(rounds, inflate))
}

/// Window bits and memory level: speed, ratio and the memory of one context.
pub fn settings(rounds: usize) {
    for level in [1, 6] {
        settings_at_level(rounds, level);
    }
    println!("\n| | KiB an inflate context |\n|---|---|");
    for one in ALL {
        println!("| {} | {} |", one.name, kibibytes(|| warm((one.inflater)())));
    }
}

fn settings_at_level(rounds: usize, level: u8) {
    println!("\n### Window bits and memory level, level {level}\n");
    print!("| | bits, memory level | KiB a deflate context |");
    let [ticks, documents, prose, _] = corpus::all();
    let corpora = [ticks, documents, prose];
    for corpus in &corpora {
        print!(" {}: MB/s | ratio |", corpus.name);
    }
    println!("\n|---|---|---|{}", "---|".repeat(6));
    let cases = shapes(level);
    let results = corpora.each_ref().map(|corpus| {
        let contender = |(one, settings): &Case| deflating((one.deflater)(*settings), corpus);
        measure(rounds, cases.iter().map(contender).collect())
    });
    for (place, (one, settings)) in cases.iter().enumerate() {
        let Settings { window_bits, mem_level, .. } = settings;
        let held = kibibytes(|| (one.deflater)(*settings));
        print!("| {} | {window_bits}, {mem_level} | {held} |", one.name);
        for (corpus, seconds) in corpora.iter().zip(&results) {
            print!(" {:.0} | {:.2} |", seconds.megabytes(place), ratio(corpus, one, *settings));
        }
        println!();
    }
}

type Case = (&'static Implementation, Settings);

fn shapes(level: u8) -> Vec<Case> {
    [(15, 9), (15, 8), (15, 5), (13, 8), (12, 8), (12, 5), (11, 5)]
        .into_iter()
        .flat_map(|(window_bits, mem_level)| {
            let able = ALL.iter().filter(|one| one.has_mem_level);
            able.map(move |one| (one, Settings { level, window_bits, mem_level }))
        })
        .collect()
}

/// Every level of the first candidate, beside zlib's two that other clients take by default.
pub fn levels(rounds: usize) {
    let mut cases: Vec<_> = [1, 2, 3, 4, 5, 6, 9].map(|level| (FIRST, level)).to_vec();
    cases.extend([(SERVER, 1), (SERVER, 6)]);
    let [ticks, _, prose, _] = corpus::all();
    let mut corpora = vec![corpus::short(64), ticks];
    corpora.extend([512, 1024, 4096, 16384, 65536, 1 << 20].map(corpus::documents));
    corpora.push(prose);
    for corpus in &corpora {
        let size = mean(&corpus.messages);
        println!("\n### Levels: {} of {size:.0} B\n", corpus.name);
        println!("| | MB/s | us a message | ratio |\n|---|---|---|---|");
        let contender = |(one, level): &(&Implementation, u8)| {
            deflating((one.deflater)(Settings::of_level(*level)), corpus)
        };
        let seconds = measure(rounds, cases.iter().map(contender).collect());
        for (place, (one, level)) in cases.iter().enumerate() {
            let (speed, time) = (seconds.megabytes(place), seconds.of(place) * size * 1e6);
            let ratio = ratio(corpus, one, Settings::of_level(*level));
            println!("| {}, level {level} | {speed:.0} | {time:.2} | {ratio:.2} |", one.name);
        }
    }
}

/// Messages too short to be worth it: bytes saved and the time that takes, with a warm context.
pub fn small(rounds: usize) {
    let shapes = [(1, 15, 8), (6, 15, 8), (6, 12, 5)];
    for (level, window_bits, mem_level) in shapes {
        let settings = Settings { level, window_bits, mem_level };
        println!(
            "\n### Short messages, {} level {level}, {window_bits} bits, memory level {mem_level}\n",
            FIRST.name
        );
        println!(
            "| bytes | sent | without context | deflate, ns | inflate, ns | ns a byte saved |"
        );
        println!("|---|---|---|---|---|---|");
        for size in [16, 24, 32, 48, 64, 96, 128, 192, 256] {
            let corpus = corpus::short(size);
            let sent_bytes = sent(&compressed(&corpus, &mut *(FIRST.deflater)(settings)));
            let mut forgetful = Forgetful((FIRST.deflater)(settings));
            let alone = sent(&compressed(&corpus, &mut forgetful));
            let wire = compressed(&corpus, &mut *(FIRST.deflater)(settings));
            let seconds = measure(
                rounds,
                vec![
                    deflating((FIRST.deflater)(settings), &corpus),
                    inflating((FIRST.inflater)(), &corpus, &wire),
                ],
            );
            let message = mean(&corpus.messages);
            let [deflate, inflate] = [0, 1].map(|place| seconds.of(place) * message * 1e9);
            let each = (deflate + inflate) / (message - sent_bytes);
            println!(
                "| {message:.0} | {sent_bytes:.1} | {alone:.1} | {deflate:.0} | {inflate:.0} | {each:.0} |"
            );
        }
    }
}

/// What it costs to forget after each message, and to put the tail back in a call of its own.
pub fn context(rounds: usize) {
    let corpus = &corpus::all()[0];
    println!("\n### {}, level 6: ns a message\n", corpus.name);
    println!("| | deflate | deflate, no context takeover | inflate | inflate, tail by itself |");
    println!("|---|---|---|---|---|");
    for one in ALL {
        let settings = Settings::of_level(6);
        let wire = compressed(corpus, &mut *(SERVER.deflater)(settings));
        let seconds = measure(
            rounds,
            vec![
                deflating((one.deflater)(settings), corpus),
                deflating(Box::new(Forgetful((one.deflater)(settings))), corpus),
                inflating((one.inflater)(), corpus, &wire),
                inflating(Box::new(InTwo((one.inflater)())), corpus, &wire),
            ],
        );
        print!("| {} |", one.name);
        let message = mean(&corpus.messages);
        for place in 0..4 {
            print!(" {:.0} |", seconds.of(place) * message * 1e9);
        }
        println!();
    }
}

fn deflating(mut deflater: Box<dyn Deflater>, corpus: &Corpus) -> Contender<'_> {
    let mut room = room(corpus);
    Box::new(move || {
        for message in &corpus.messages {
            deflater.message(message, &mut room);
        }
        corpus.len()
    })
}

/// A stream that starts without a past can follow any other: the context is kept.
fn inflating<'a>(
    mut inflater: Box<dyn Inflater>,
    corpus: &'a Corpus,
    wire: &'a [Vec<u8>],
) -> Contender<'a> {
    let mut room = room(corpus);
    Box::new(move || {
        for message in wire {
            inflater.message(message, &mut room);
        }
        corpus.len()
    })
}

/// All messages as one context sends them, each with its tail.
fn compressed(corpus: &Corpus, deflater: &mut dyn Deflater) -> Vec<Vec<u8>> {
    let mut room = room(corpus);
    let mut wire = Vec::new();
    for message in &corpus.messages {
        let len = deflater.message(message, &mut room);
        wire.push([&room[..len], &TAIL].concat());
    }
    wire
}

fn room(corpus: &Corpus) -> Vec<u8> {
    vec![0; corpus.longest() * 2 + 1024]
}

fn ratio(corpus: &Corpus, implementation: &Implementation, settings: Settings) -> f64 {
    let wire = compressed(corpus, &mut *(implementation.deflater)(settings));
    mean(&corpus.messages) / sent(&wire)
}

/// The mean length of a message on the wire, where it has no tail.
#[allow(clippy::cast_precision_loss, reason = "four bytes")]
fn sent(wire: &[Vec<u8>]) -> f64 {
    mean(wire) - TAIL.len() as f64
}

#[allow(clippy::cast_precision_loss, reason = "megabytes")]
fn mean(messages: &[Vec<u8>]) -> f64 {
    messages.iter().map(Vec::len).sum::<usize>() as f64 / messages.len() as f64
}

/// What one context holds, rounded up.
fn kibibytes<T>(make: impl Fn() -> T) -> usize {
    let before = memory::live();
    let context = make();
    let held = memory::live() - before;
    drop(context);
    held.div_ceil(1024)
}

/// zlib makes its window when there is first something to remember.
fn warm(mut inflater: Box<dyn Inflater>) -> Box<dyn Inflater> {
    let mut hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0, 0, 0, 0];
    hello[7..].copy_from_slice(&TAIL);
    inflater.message(&hello, &mut [0; 64]);
    inflater
}

/// No context takeover.
struct Forgetful(Box<dyn Deflater>);

impl Deflater for Forgetful {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        self.0.step(input, output)
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn message(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        self.reset();
        self.0.message(input, output)
    }
}

/// Gets the tail by a call of its own, as where the payload cannot be added to.
struct InTwo(Box<dyn Inflater>);

impl Inflater for InTwo {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        self.0.step(input, output)
    }

    fn message(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        let (payload, tail) = input.split_at(input.len() - TAIL.len());
        let written = self.0.message(payload, output);
        written + self.0.message(tail, &mut output[written..])
    }
}
