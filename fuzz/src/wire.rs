//! A second, plain reading of RFC 6455 5.2. It shares no code with the engine, so that a fault in one
//! cannot hide in the other.

/// A frame that a client has sent, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientFrame {
    pub fin: bool,
    pub rsv1: bool,
    pub opcode: u8,
    pub payload: Vec<u8>,
}

/// A server's frame, its length in the shortest form.
#[must_use]
pub fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// The header of an unmasked frame in its shortest form.
#[must_use]
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

/// Reads whole frames only, and panics at the first that a client may not send.
#[must_use]
pub fn client_frames(mut bytes: &[u8]) -> Vec<ClientFrame> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert!(first & 0x30 == 0, "RSV2 or RSV3 is set: {first:#x}");
        assert!(second & 0x80 != 0, "a frame of opcode {} is not masked", first & 0xF);
        let (size, length) = match second & 0x7F {
            126 => (2, u64::from(u16::from_be_bytes([rest[0], rest[1]]))),
            127 => (8, u64::from_be_bytes(rest[..8].try_into().expect("eight bytes"))),
            short => (0, u64::from(short)),
        };
        assert_eq!(
            header(*first, length).len(),
            2 + size,
            "the length is not in its shortest form"
        );
        let length = usize::try_from(length).expect("a length that memory holds");
        let (key, rest) = rest[size..].split_at(4);
        let (masked, behind) = rest.split_at(length);
        let payload = masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let (fin, rsv1, opcode) = (first & 0x80 != 0, first & 0x40 != 0, first & 0xF);
        assert!(matches!(opcode, 0..=2 | 8..=10), "opcode {opcode} is reserved");
        assert!(opcode < 8 || (fin && !rsv1 && length <= 125), "a control frame of {length} bytes");
        frames.push(ClientFrame { fin, rsv1, opcode, payload });
        bytes = behind;
    }
    assert!(bytes.is_empty(), "the output ends within a frame");
    frames
}
