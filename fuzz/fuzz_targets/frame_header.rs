//! A frame's header: what is read is what a plain reading of RFC 6455 5.2 reads, and a byte more never
//! changes what fewer bytes already said.
#![no_main]

use aiowebsocket::protocol::fuzzing::parse_header;
use fuzz::wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let deflates = choice & 1 != 0;
    let outcome = parse_header(bytes, deflates);
    if let Ok(Some(header)) = &outcome {
        let first = bytes[0];
        assert_eq!((header.fin, header.opcode as u8), (first & 0x80 != 0, first & 0xF));
        assert_eq!(header.compressed, first & 0x40 != 0);
        assert!(first & 0x30 == 0, "a reserved bit was let through");
        assert!(!header.compressed || (deflates && matches!(first & 0xF, 1 | 2)));
        assert_eq!(wire::header(first, header.length), bytes[..header.size]);
        assert!(header.length < 1 << 63);
        assert!(first & 8 == 0 || (header.fin && header.length <= 125));
    }
    let mut said = None;
    for end in 0..=bytes.len().min(14) {
        let now = parse_header(&bytes[..end], deflates);
        if let Some(said) = &said {
            assert_eq!(&now, said);
        } else if now != Ok(None) {
            assert_eq!(now, outcome);
            said = Some(now);
        }
    }
});
