//! Close codes and the body of a Close frame (RFC 6455 5.5.1 and 7.4).

use super::error::ProtocolError;

/// A status code as RFC 6455 7.4 numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    pub const NORMAL: Self = Self(1000);
    pub const GOING_AWAY: Self = Self(1001);
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// Never on the wire: the peer's Close carried no code.
    pub const NO_STATUS: Self = Self(1005);
    /// Never on the wire: the connection ended without a Close.
    pub const ABNORMAL: Self = Self(1006);
    pub const INVALID_DATA: Self = Self(1007);
    pub const POLICY_VIOLATION: Self = Self(1008);
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// "1000-1015" as registered, less those that an endpoint MUST NOT set; "3000-3999" for libraries,
    /// "4000-4999" for private use (RFC 6455 7.4.1, 7.4.2).
    #[must_use]
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

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
    fn codes_that_may_be_sent_are_those_of_the_rfc_and_the_registry() {
        for (codes, allowed) in [
            (0..=999, false),
            (1000..=1003, true),
            (1004..=1006, false),
            (1007..=1014, true),
            (1015..=2999, false),
            (3000..=4999, true),
            (5000..=u16::MAX, false),
        ] {
            for code in codes {
                assert_eq!(CloseCode(code).may_be_sent(), allowed, "{code}");
            }
        }
    }

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
