//! A frame's header: what is read is what a plain reading of RFC 6455 5.2 reads, and a byte more never
//! changes what fewer bytes already said.
#![no_main]

use aiowebsocket::protocol::fuzzing::parse_header;
use fuzz::wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let outcome = parse_header(bytes);
    if let Ok(Some(header)) = &outcome {
        let first = bytes[0];
        assert_eq!((header.fin, header.opcode as u8), (first & 0x80 != 0, first & 0xF));
        assert!(first & 0x70 == 0, "a reserved bit was let through");
        assert_eq!(wire::header(first, header.length), bytes[..header.size]);
        assert!(header.length < 1 << 63);
        assert!(first & 8 == 0 || (header.fin && header.length <= 125));
    }
    let mut said = None;
    for end in 0..=bytes.len().min(14) {
        let now = parse_header(&bytes[..end]);
        if let Some(said) = &said {
            assert_eq!(&now, said);
        } else if now != Ok(None) {
            assert_eq!(now, outcome);
            said = Some(now);
        }
    }
});
