//! RFC 6455 5.2: one frame in, one frame out. It knows nothing of sockets.

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// The bit beside the length that says a masking key follows.
const MASKED: u8 = 0x80;

/// A frame, its payload unmasked in place; `len` counts its head too.
pub struct Frame<'a> {
    /// The last of its message.
    pub fin: bool,
    pub opcode: u8,
    pub payload: &'a [u8],
    pub len: usize,
}

impl<'a> Frame<'a> {
    /// The first frame of `bytes`, or none while it is incomplete.
    pub fn parse(bytes: &'a mut [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let Head { payload_at, payload_len, masked } = Head::parse(bytes)?;
        let len = payload_at + payload_len;
        let (head, payload) = bytes.get_mut(..len)?.split_at_mut(payload_at);
        if masked {
            apply(payload, *head.last_chunk()?);
        }
        Some(Self { fin: first & 0x80 != 0, opcode: first & 0x0F, payload, len })
    }
}

/// How many bytes of the first frame are still missing, as far as what is there says.
#[must_use]
pub fn missing(bytes: &[u8]) -> usize {
    Head::parse(bytes)
        .map_or(0, |head| (head.payload_at + head.payload_len).saturating_sub(bytes.len()))
}

struct Head {
    payload_at: usize,
    payload_len: usize,
    masked: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let second = *bytes.get(1)?;
        let (payload_len, key_at) = match second & 0x7F {
            126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?).try_into().ok()?, 10),
            short => (usize::from(short), 2),
        };
        let masked = second & MASKED != 0;
        Some(Self { payload_at: key_at + if masked { 4 } else { 0 }, payload_len, masked })
    }
}

/// Masks or unmasks.
fn apply(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip([a, b, c, d, a, b, c, d]) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

/// Appends a final, unmasked frame: a server's.
pub fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a final, masked frame: a client's.
pub fn write_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8], key: [u8; 4]) {
    write_head(out, opcode, payload.len(), MASKED);
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    apply(&mut out[start..], key);
}

#[allow(clippy::cast_possible_truncation, reason = "each arm has checked the length it writes")]
fn write_head(out: &mut Vec<u8>, opcode: u8, len: usize, mask: u8) {
    out.push(0x80 | opcode);
    match len {
        0..=125 => out.push(mask + len as u8),
        126..=65_535 => {
            out.push(mask + 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(mask + 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_hello_is_read_as_rfc_6455_5_7_shows_it() {
        let mut bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        let frame = Frame::parse(&mut bytes).map(|frame| (frame.opcode, frame.payload.to_vec()));
        assert_eq!(frame, Some((TEXT, b"Hello".to_vec())));
    }

    #[test]
    fn a_frame_cut_anywhere_is_waited_for() {
        let bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        for cut in 0..bytes.len() {
            let mut part = bytes[..cut].to_vec();
            assert!(Frame::parse(&mut part).is_none(), "cut at {cut}");
            assert_eq!(missing(&part), if cut < 2 { 0 } else { bytes.len() - cut });
        }
    }

    #[test]
    fn what_a_client_masks_is_read_as_it_was() {
        for len in [0, 1, 125, 126, 1000, 65_536] {
            let payload: Vec<u8> = (0..=250).cycle().take(len).collect();
            let mut out = Vec::new();
            write_masked(&mut out, BINARY, &payload, [1, 2, 4, 128]);
            let whole = out.len();
            let frame = Frame::parse(&mut out).map(|frame| (frame.payload.to_vec(), frame.len));
            assert_eq!(frame, Some((payload, whole)));
        }
    }

    #[test]
    fn each_form_of_length_is_written() {
        for (len, head) in [
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            write(&mut out, BINARY, &vec![0; len]);
            assert_eq!((&out[..head.len()], out.len()), (&head[..], head.len() + len));
        }
    }
}
