//! Messages that are taken in parts: put together they are the message in any cut of the bytes, and a
//! message that has arrived whole comes fragment by fragment.

use std::time::Instant;

use aiowebsocket::protocol::deflate::{Agreed, Deflate};
use aiowebsocket::protocol::{Config, Connection, Kind};
use proptest::collection::vec;
use proptest::prelude::*;
use zlib_rs::DeflateFlush;

use super::{feed, frame, keys, pieces, unlimited};

#[derive(Clone, Debug)]
struct Message {
    kind: Kind,
    fragments: Vec<Vec<u8>>,
    compressed: bool,
}

impl Message {
    fn whole(&self) -> (Kind, Vec<u8>) {
        (self.kind, self.fragments.concat())
    }

    /// What is handed out of it when it has arrived whole: text is cut between two code points.
    fn chunks(&self) -> Vec<Vec<u8>> {
        let whole = self.fragments.concat();
        let is_cut = |end: &usize| match str::from_utf8(&whole) {
            Ok(text) if self.kind == Kind::Text => text.is_char_boundary(*end),
            _ => true,
        };
        let boundary = |end| (0..=end).rev().find(is_cut).unwrap();
        let (mut chunks, mut start, mut arrived) = (Vec::new(), 0, 0);
        for fragment in &self.fragments {
            arrived += fragment.len();
            let end = boundary(arrived);
            if end > start {
                chunks.push(whole[start..end].to_vec());
                start = end;
            }
        }
        if chunks.is_empty() { vec![whole] } else { chunks }
    }

    fn wire(&self, compressor: &mut zlib_rs::Deflate) -> Vec<u8> {
        let last = self.fragments.len() - 1;
        let mut wire = Vec::new();
        for (number, fragment) in self.fragments.iter().enumerate() {
            let opcode = if self.kind == Kind::Text { 1 } else { 2 };
            let first = [0, opcode | if self.compressed { 0x40 } else { 0 }];
            let payload = if self.compressed {
                compressed(compressor, fragment, number == last)
            } else {
                fragment.clone()
            };
            let fin = if number == last { 0x80 } else { 0 };
            wire.extend(frame(first[usize::from(number == 0)] | fin, &payload));
            wire.extend(frame(0x89, b"between"));
        }
        wire
    }
}

/// Each fragment is flushed, so that it can be inflated when it has come.
fn compressed(compressor: &mut zlib_rs::Deflate, fragment: &[u8], is_last: bool) -> Vec<u8> {
    let mut output = vec![0; fragment.len() * 2 + 100];
    let before = compressor.total_out();
    compressor.compress(fragment, &mut output, DeflateFlush::SyncFlush).unwrap();
    output.truncate(usize::try_from(compressor.total_out() - before).unwrap());
    if is_last && output.ends_with(&[0, 0, 0xFF, 0xFF]) {
        output.truncate(output.len() - 4);
    }
    // zlib does not flush twice.
    if is_last && output.is_empty() { vec![0] } else { output }
}

/// Text whose fragments end anywhere, and bytes; some fragments are empty.
fn message() -> impl Strategy<Value = Message> {
    let payload = prop_oneof![
        "[a-zé€😀]{0,200}".prop_map(|text| (Kind::Text, text.into_bytes())),
        vec(any::<u8>(), 0..600).prop_map(|bytes| (Kind::Binary, bytes)),
    ];
    (payload, vec(any::<prop::sample::Index>(), 0..8), any::<bool>()).prop_map(
        |((kind, payload), cuts, compressed)| {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
            cuts.sort_unstable();
            let starts = std::iter::once(0).chain(cuts.clone());
            let ends = cuts.iter().copied().chain([payload.len()]);
            let fragments = starts.zip(ends).map(|(start, end)| payload[start..end].to_vec());
            Message { kind, fragments: fragments.collect(), compressed }
        },
    )
}

fn engine() -> Connection {
    let agreed = Agreed {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let deflate = Deflate { agreed, level: 6, mem_level: 8, threshold: 10 };
    Connection::new(&Config { deflate: Some(deflate), ..unlimited() }, Box::new(keys()))
}

/// The chunks of each message, as far as they have come.
#[derive(Default)]
struct Taken {
    messages: Vec<(Kind, Vec<Vec<u8>>)>,
    chunks: Vec<Vec<u8>>,
}

impl Taken {
    fn take(&mut self, engine: &mut Connection) -> bool {
        let taken = engine.take_chunk(|chunk| (chunk.kind, chunk.payload.to_vec(), chunk.fin));
        let Some((kind, payload, fin)) = taken else { return false };
        assert!(fin || !payload.is_empty(), "an empty chunk");
        assert!(kind == Kind::Binary || str::from_utf8(&payload).is_ok(), "text that is none");
        self.chunks.push(payload);
        if fin {
            self.messages.push((kind, std::mem::take(&mut self.chunks)));
        }
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn put_together_they_are_the_message_in_any_cut_whenever_they_are_taken(
        messages in vec(message(), 1..6),
        cuts in vec(1usize..40, 1..10),
        takes in vec(0usize..4, 1..10),
    ) {
        let mut compressor = zlib_rs::Deflate::new(6, false, 15);
        let wire: Vec<_> = messages.iter().flat_map(|message| message.wire(&mut compressor)).collect();
        let (mut engine, mut taken) = (engine(), Taken::default());
        let mut takes = takes.iter().cycle();
        for piece in pieces(&wire, &cuts) {
            feed(&mut engine, piece, Instant::now());
            for _ in 0..*takes.next().unwrap() {
                taken.take(&mut engine);
            }
        }
        while taken.take(&mut engine) {}
        prop_assert_eq!(engine.stats().queued_bytes, 0);
        let whole = taken.messages.into_iter().map(|(kind, chunks)| (kind, chunks.concat()));
        let expected: Vec<_> = messages.iter().map(Message::whole).collect();
        prop_assert_eq!(whole.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn who_is_late_gets_each_fragment_by_itself(
        messages in vec(message(), 1..6),
        cuts in vec(1usize..200, 1..10),
    ) {
        let mut compressor = zlib_rs::Deflate::new(6, false, 15);
        let wire: Vec<_> = messages.iter().flat_map(|message| message.wire(&mut compressor)).collect();
        let (mut engine, mut taken) = (engine(), Taken::default());
        for piece in pieces(&wire, &cuts) {
            feed(&mut engine, piece, Instant::now());
        }
        while taken.take(&mut engine) {}
        let chunks: Vec<_> = messages.iter().map(|message| (message.kind, message.chunks())).collect();
        prop_assert_eq!(taken.messages, chunks);
    }
}
