//! What WebSockets carry, made anew and always the same: ticks, documents, prose and noise.

use std::fmt::Write;

/// Enough for a block of several milliseconds.
const BYTES: usize = 2 << 20;
const PROSE: &str = concat!(
    include_str!("../../../LICENSE"),
    include_str!("../../../README.md"),
    include_str!("../../../ARCHITECTURE.md"),
);

pub struct Corpus {
    pub name: &'static str,
    pub messages: Vec<Vec<u8>>,
}

impl Corpus {
    fn new(name: &'static str, mut message: impl FnMut() -> Vec<u8>) -> Self {
        let mut messages = Vec::new();
        let mut len = 0;
        while len < BYTES {
            messages.push(message());
            len += messages.last().map_or(0, Vec::len);
        }
        Self { name, messages }
    }

    /// How many bytes its messages hold together.
    pub fn len(&self) -> usize {
        self.messages.iter().map(Vec::len).sum()
    }

    pub fn longest(&self) -> usize {
        self.messages.iter().map(Vec::len).max().unwrap_or_default()
    }
}

pub fn all() -> [Corpus; 4] {
    [ticks(), documents(8 * 1024), prose(), noise()]
}

/// Trades as an exchange sends them.
fn ticks() -> Corpus {
    let mut chance = Chance(1);
    let mut number = 0;
    Corpus::new("JSON ticks, 200 B", move || {
        number += 1;
        let (symbol, price, amount) = trade(&mut chance);
        let time = 1_750_000_000_000 + number * 7 + chance.next() % 7;
        let (id, lag) = (900_000_000 + number, chance.next() % 5);
        format!(
            "{{\"e\":\"aggTrade\",\"E\":{time},\"s\":\"{symbol}\",\"a\":{id},\"p\":\"{price:.8}\",\
             \"q\":\"{amount:.8}\",\"f\":{},\"l\":{},\"T\":{},\"m\":{},\"M\":true,\
             \"b\":\"{:.2}\",\"o\":\"{:.2}\"}}",
            id * 2,
            id * 2 + chance.next() % 4,
            time - lag,
            chance.below(2) == 0,
            price - 0.37,
            price + 0.41,
        )
        .into_bytes()
    })
}

/// The same trades with what changes in front, cut to `size` bytes: short, but never twice alike.
pub fn short(size: usize) -> Corpus {
    let mut chance = Chance(5);
    let mut number = 0;
    Corpus::new("short JSON", move || {
        number += 1;
        let (symbol, price, amount) = trade(&mut chance);
        let time = 1_750_000_000_000 + number * 7 + chance.next() % 7;
        let id = 900_000_000 + number;
        let mut message = format!(
            "{{\"p\":{price:.2},\"q\":{amount:.3},\"s\":\"{symbol}\",\"t\":{time},\"id\":{id},\
             \"m\":{},\"bid\":{:.2},\"ask\":{:.2},\"first\":{},\"last\":{},\"E\":{},\
             \"volume\":{:.4},\"trades\":{},\"open\":{:.2},\"high\":{:.2},\"low\":{:.2}}}",
            chance.below(2) == 0,
            price - 0.37,
            price + 0.41,
            id * 2,
            id * 2 + chance.next() % 4,
            time + chance.next() % 5,
            trade(&mut chance).1 * 1e3,
            chance.below(50_000),
            trade(&mut chance).1,
            trade(&mut chance).1,
            trade(&mut chance).1,
        )
        .into_bytes();
        message.truncate(size);
        message
    })
}

#[allow(clippy::cast_precision_loss, reason = "prices are small")]
fn trade(chance: &mut Chance) -> (&'static str, f64, f64) {
    let symbol = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT", "XRPUSDT"][chance.below(5)];
    let price = 67_000.0 + chance.below(90_000) as f64 / 100.0;
    (symbol, price, chance.below(4_000) as f64 / 1000.0)
}

/// Pages of records, as an API of an application sends them.
pub fn documents(size: usize) -> Corpus {
    let mut chance = Chance(2);
    let words: Vec<&str> = PROSE.split_whitespace().collect();
    Corpus::new("JSON documents", move || {
        let mut document = String::from("{\"page\":1,\"items\":[");
        while document.len() < size - 200 {
            let id = chance.next() % 1_000_000;
            let (first, second) = (chance.pick(&words), chance.pick(&words));
            let amount = chance.below(100_000);
            let _ = write!(
                document,
                "{{\"id\":{id},\"uuid\":\"{:016x}\",\"name\":{first:?},\"title\":{second:?},\
                 \"amount\":{amount},\"active\":{},\"tags\":[{:?},{:?}]}},",
                chance.next(),
                id.is_multiple_of(2),
                chance.pick(&words),
                chance.pick(&words),
            );
        }
        document.push_str("{}]}");
        document.into_bytes()
    })
}

/// Words that follow one another as they do in this project's own texts.
pub fn prose() -> Corpus {
    let mut chance = Chance(3);
    let words: Vec<&str> = PROSE.split_whitespace().collect();
    let mut at = 0;
    Corpus::new("text, 64 KiB", move || {
        let mut text = String::new();
        while text.len() < 64 * 1024 {
            text.push_str(words[at]);
            text.push(' ');
            let followers: Vec<usize> =
                (1..words.len()).filter(|next| words[next - 1] == words[at]).collect();
            at = followers.get(chance.below(followers.len().max(1))).copied().unwrap_or(0);
        }
        text.truncate(64 * 1024);
        text.into_bytes()
    })
}

fn noise() -> Corpus {
    let mut chance = Chance(4);
    Corpus::new("random, 64 KiB", move || {
        (0..8 * 1024).flat_map(|_| chance.next().to_le_bytes()).collect()
    })
}

/// SplitMix64: numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    #[allow(clippy::cast_possible_truncation, reason = "it is less than a usize")]
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}
