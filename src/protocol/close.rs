//! The body of a Close frame (RFC 6455 5.5.1).

use super::close_code::CloseCode;
use super::error::ProtocolError;

/// The content of a Close frame. An empty body reads as code 1005 (RFC 6455 7.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    pub code: CloseCode,
    pub reason: String,
}

impl Close {
    #[must_use]
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, ProtocolError> {
        let (code, reason) = match body {
            [] => return Ok(Self::new(CloseCode::NO_STATUS, "")),
            [_] => return Err(ProtocolError::CloseBodyOfOneByte),
            [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
        };
        if !code.may_be_sent() {
            return Err(ProtocolError::InvalidCloseCode(code.0));
        }
        let reason = str::from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
        Ok(Self::new(code, reason))
    }

    pub(super) fn body(&self) -> Vec<u8> {
        if self.code == CloseCode::NO_STATUS {
            return Vec::new();
        }
        let mut body = self.code.0.to_be_bytes().to_vec();
        body.extend_from_slice(self.reason.as_bytes());
        body
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_body_survives_the_way_to_the_wire_and_back() {
        for close in [
            Close::new(CloseCode::NO_STATUS, ""),
            Close::new(CloseCode::NORMAL, ""),
            Close::new(CloseCode(4999), "späť"),
        ] {
            assert_eq!(Close::parse(&close.body()).unwrap(), close);
        }
    }

    #[test]
    fn malformed_bodies_are_refused() {
        assert_eq!(Close::parse(&[3]), Err(ProtocolError::CloseBodyOfOneByte));
        assert_eq!(Close::parse(&[3, 0xED]), Err(ProtocolError::InvalidCloseCode(1005)));
        assert_eq!(Close::parse(&[3, 0xE8, 0xFF]), Err(ProtocolError::InvalidCloseReason));
    }
}
