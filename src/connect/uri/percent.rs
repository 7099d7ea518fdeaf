//! Percent-encoding (RFC 3986 2.1): of what is not legal where it stands, and back.

/// Encodes what may stand nowhere in a URI. All else stays as it is: an escape, a percent sign that
/// begins none, and brackets, which the grammar keeps for the host and every server takes in a query.
pub(super) fn encode_illegal(text: &str) -> String {
    let is_legal = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    encode(text, is_legal)
}

/// Encodes all but the unreserved characters.
pub(super) fn encode_reserved(text: &str) -> String {
    encode(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn encode(text: &str, is_kept: impl Fn(u8) -> bool) -> String {
    let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_kept(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// A percent sign that begins no escape stands for itself.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten().and_then(hexadecimal);
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(*digits.first()?)? << 4 | digit(*digits.get(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_legal_stays_and_what_is_not_is_encoded() {
        let legal: String =
            (0x21..0x7f).map(char::from).filter(|c| !"\"<>\\^`{|}".contains(*c)).collect();
        assert_eq!(encode_illegal(&legal), legal);
        let rows = [
            ("\"<>\\^`{|} ", "%22%3C%3E%5C%5E%60%7B%7C%7D%20"),
            ("\u{e9}\u{1f600}", "%C3%A9%F0%9F%98%80"),
            ("%zz%2f%2F%", "%zz%2f%2F%"),
        ];
        for (text, encoded) in rows {
            assert_eq!(encode_illegal(text), encoded);
        }
    }

    #[test]
    fn decoding_undoes_encoding() {
        for text in ["", "a%b", "%25", "eth0.1:2", "\u{e9} /?#[]@"] {
            assert_eq!(decode(&encode_reserved(text)), text.as_bytes());
        }
        assert_eq!(decode("%41%zz%4"), b"A%zz%4");
    }
}
