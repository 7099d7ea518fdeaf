//! Masking (RFC 6455 5.3). Safe code that the compiler turns into vector instructions.

/// What is copied before it is masked: it is still in the core's nearest cache then. A multiple of 8.
const PART: usize = 8 * 1024;

/// Appends `payload` to `out`, masked with `key`.
pub(super) fn extend_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    for part in payload.chunks(PART) {
        let start = out.len();
        out.extend_from_slice(part);
        apply(&mut out[start..], key);
    }
}

fn apply(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_example_masks_hello() {
        let mut out = Vec::new();
        extend_masked(&mut out, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(out, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn every_length_and_offset_equals_the_definition() {
        let key = [1, 2, 4, 128];
        let payload: Vec<u8> = (0..=255).cycle().take(2 * PART + 9).collect();
        for length in (0..=256).chain([PART - 1, PART, PART + 1, 2 * PART + 9]) {
            for offset in 0..9 {
                let mut out = vec![0xAA; offset];
                extend_masked(&mut out, &payload[..length], key);
                let defined = payload[..length].iter().enumerate().map(|(i, b)| b ^ key[i % 4]);
                assert_eq!(out[offset..], defined.collect::<Vec<_>>());
                assert!(out[..offset].iter().all(|b| *b == 0xAA));
            }
        }
    }
}
