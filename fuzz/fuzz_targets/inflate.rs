//! Inflating with a limit: one compressed message after the other, against the zlib written in C.
#![no_main]

use std::time::Instant;

use aiowebsocket::protocol::deflate::{Agreed, Deflate};
use aiowebsocket::protocol::{CloseCode, Config, Connection, Overflow, Phase};
use fuzz::compression::{self, Inflated, TAIL};
use fuzz::cuts::Cut;
use fuzz::effort::{Allowance, Effort};
use fuzz::wire;
use libfuzzer_sys::fuzz_target;

/// Two bytes may be a last block, behind which the window is copied.
const A_BYTE: Allowance = Allowance { steps: 1 << 15, memory: 64 };
/// Inflating stops at the limit: what would come behind it costs nothing.
const A_BYTE_OF_THE_LIMIT: Allowance = Allowance { steps: 16, memory: 16 };
const COMPRESSED_BINARY: u8 = 0xC2;
/// Behind this byte another message begins: a byte that is seldom needed within one.
const END_OF_MESSAGE: u8 = 0xFE;

fuzz_target!(|bytes: &[u8]| {
    let [choice, cut, bytes @ ..] = bytes else { return };
    let limit = [0, 100, 10_000, 1_000_000][usize::from(choice & 3)];
    let forgets = choice & 4 != 0;
    let mut engine = engine(limit, forgets);
    let (mut wire, mut whole) = (Vec::new(), 0);
    for message in bytes.chunk_by(|byte, _| *byte != END_OF_MESSAGE) {
        if forgets {
            (wire, whole) = (Vec::new(), 0);
        }
        wire.extend(if wire.is_empty() { &[] } else { &TAIL[..] });
        wire.extend_from_slice(message);
        let expected = compression::inflate(&wire, whole + limit);
        let effort = Effort::start();
        let received = exchange(&mut engine, message, Cut::Every(1 + usize::from(*cut)));
        effort.end(A_BYTE.times(message.len()) + A_BYTE_OF_THE_LIMIT.times(limit));
        match (received, expected) {
            (Ok(received), Inflated::Whole(expected)) => {
                assert_eq!(received, expected[whole..]);
                whole = expected.len();
            }
            // What inflates to nothing is to end as well.
            (Err(CloseCode::MESSAGE_TOO_BIG), _) if message.len() > 2 * limit + 1024 => {}
            (Err(code), Inflated::TooBig) => assert_eq!(code, CloseCode::MESSAGE_TOO_BIG),
            (Err(code), Inflated::Malformed) => assert_eq!(code, CloseCode::INVALID_DATA),
            (_, Inflated::LastBlock) => return,
            (received, expected) => panic!("{received:?} is not {expected:?}"),
        }
        if engine.phase() != Phase::Open {
            return;
        }
    }
});

fn engine(limit: usize, forgets: bool) -> Connection {
    let agreed = Agreed {
        server_no_context_takeover: forgets,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let config = Config {
        max_size: limit as u64,
        max_buffered: usize::MAX,
        overflow: Overflow::Block,
        ping_interval: None,
        ping_timeout: None,
        close_timeout: None,
        deflate: Some(Deflate { agreed, level: 6, mem_level: 8, threshold: 0 }),
        trace: false,
    };
    Connection::new(&config, Box::new(|| [0; 4]))
}

/// The message as the user gets it, or the code with which the connection was failed.
fn exchange(engine: &mut Connection, message: &[u8], cut: Cut) -> Result<Vec<u8>, CloseCode> {
    let now = Instant::now();
    for piece in cut.pieces(&wire::server_frame(COMPRESSED_BINARY, message)) {
        engine.receive_buffer()[..piece.len()].copy_from_slice(piece);
        engine.receive_bytes(piece.len(), now);
    }
    match engine.failure() {
        Some(failure) => Err(failure.close().code),
        None => Ok(engine.take(|_, bytes| bytes.to_vec()).expect("a whole message")),
    }
}
