//! Offer and response of permessage-deflate, as elements of Sec-WebSocket-Extensions (RFC 7692 5, 7.1).
//!
//! Strict with the response: a parameter that is unknown, doubled, invalid, or that the offer does not
//! allow, fails the connection. Knows nothing of the fields' names or of the rest of the handshake.

use std::fmt;

use crate::protocol::handshake::{elements, is_token};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

const LARGEST_WINDOW: u8 = 15;

/// The parameters of an offer or of a response (RFC 7692 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    pub server_no_context_takeover: bool,
    pub client_no_context_takeover: bool,
    pub server_max_window_bits: Option<u8>,
    pub client_max_window_bits: WindowBits,
}

/// What an offer says of the window of our own messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowBits {
    /// The server may not limit it.
    #[default]
    Unsaid,
    /// The server may limit it.
    Any,
    /// It will be this large at most, and the server may limit it further.
    AtMost(u8),
}

/// What a server has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub server_no_context_takeover: bool,
    pub client_no_context_takeover: bool,
    pub server_max_window_bits: u8,
    pub client_max_window_bits: u8,
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            write!(f, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.client_no_context_takeover {
            write!(f, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; {SERVER_MAX_WINDOW_BITS}={bits}")?;
        }
        match self.client_max_window_bits {
            WindowBits::Unsaid => Ok(()),
            WindowBits::Any => write!(f, "; {CLIENT_MAX_WINDOW_BITS}"),
            WindowBits::AtMost(bits) => write!(f, "; {CLIENT_MAX_WINDOW_BITS}={bits}"),
        }
    }
}

/// Of a list of offers, those that can be honoured; other extensions and invalid offers are left out.
pub(in crate::protocol) fn honoured(list: &str) -> impl Iterator<Item = (&str, Parameters)> {
    elements(list).filter_map(|element| Some((element, Parameters::parse(element).ok()?)))
}

/// Holds the server's response against what was offered. The error is a sentence.
pub(in crate::protocol) fn accept(offers: &[Parameters], response: &str) -> Result<Agreed, String> {
    let mut accepted = elements(response);
    let Some(element) = accepted.next() else {
        return Err("the server's Sec-WebSocket-Extensions is empty".to_owned());
    };
    let parameters = Parameters::parse(element)?;
    if accepted.next().is_some() {
        return Err(format!("the server accepts more than one extension: {response:?}"));
    }
    let mut outcomes = offers.iter().map(|offer| parameters.agree(*offer));
    let first = outcomes.next().unwrap_or_else(|| Err(not_offered(NAME)));
    first.or_else(|fault| outcomes.find_map(Result::ok).ok_or(fault))
}

fn not_offered(extension: &str) -> String {
    format!("the server uses the extension {extension:?}, which was not offered")
}

impl Parameters {
    fn parse(element: &str) -> Result<Self, String> {
        let mut pieces = element.split(';').map(|piece| piece.trim_matches([' ', '\t']));
        let name = pieces.next().unwrap_or_default();
        if !name.eq_ignore_ascii_case(NAME) {
            return Err(not_offered(name));
        }
        let mut parameters = Self::default();
        let mut seen = Vec::new();
        for piece in pieces {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name.trim_end_matches([' ', '\t']), Some(unquoted(value)?)),
                None => (piece, None),
            };
            if seen.contains(&name) {
                return Err(format!("{NAME} has the parameter {name:?} more than once"));
            }
            parameters.set(name, value.as_deref())?;
            seen.push(name);
        }
        Ok(parameters)
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        match (name, value) {
            (SERVER_NO_CONTEXT_TAKEOVER, None) => self.server_no_context_takeover = true,
            (CLIENT_NO_CONTEXT_TAKEOVER, None) => self.client_no_context_takeover = true,
            (SERVER_NO_CONTEXT_TAKEOVER | CLIENT_NO_CONTEXT_TAKEOVER, Some(value)) => {
                return Err(format!("{NAME} gives {name}, which takes no value, {value:?}"));
            }
            (SERVER_MAX_WINDOW_BITS, value) => {
                self.server_max_window_bits = Some(window_bits(name, value)?);
            }
            (CLIENT_MAX_WINDOW_BITS, None) => self.client_max_window_bits = WindowBits::Any,
            (CLIENT_MAX_WINDOW_BITS, value) => {
                self.client_max_window_bits = WindowBits::AtMost(window_bits(name, value)?);
            }
            (unknown, _) => return Err(format!("{NAME} has the unknown parameter {unknown:?}")),
        }
        Ok(())
    }

    /// As a response to the offer (RFC 7692 7.1.1.1 to 7.1.2.2).
    fn agree(self, offer: Self) -> Result<Agreed, String> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return Err(format!("the server does not grant {SERVER_NO_CONTEXT_TAKEOVER}"));
        }
        Ok(Agreed {
            server_no_context_takeover: self.server_no_context_takeover,
            // Offered, it is a promise: "the client [...] isn't going to use context takeover".
            client_no_context_takeover: self.client_no_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits: self.agree_on_server_window(offer)?,
            client_max_window_bits: self.agree_on_client_window(offer)?,
        })
    }

    fn agree_on_server_window(self, offer: Self) -> Result<u8, String> {
        match (offer.server_max_window_bits, self.server_max_window_bits) {
            (Some(most), Some(bits)) if bits > most => Err(format!(
                "the server answers {SERVER_MAX_WINDOW_BITS}={most} with the larger {bits}"
            )),
            (Some(most), None) => {
                Err(format!("the server does not grant {SERVER_MAX_WINDOW_BITS}={most}"))
            }
            (_, bits) => Ok(bits.unwrap_or(LARGEST_WINDOW)),
        }
    }

    fn agree_on_client_window(self, offer: Self) -> Result<u8, String> {
        let most = match offer.client_max_window_bits {
            WindowBits::AtMost(most) => most,
            WindowBits::Any | WindowBits::Unsaid => LARGEST_WINDOW,
        };
        match (offer.client_max_window_bits, self.client_max_window_bits) {
            (_, WindowBits::Unsaid) => Ok(most),
            (_, WindowBits::Any) => Err(format!("{NAME} gives {CLIENT_MAX_WINDOW_BITS} no value")),
            (WindowBits::Unsaid, WindowBits::AtMost(_)) => {
                Err(format!("the server sets {CLIENT_MAX_WINDOW_BITS}, which was not offered"))
            }
            (_, WindowBits::AtMost(bits)) if bits > most => Err(format!(
                "the server answers {CLIENT_MAX_WINDOW_BITS}={most} with the larger {bits}"
            )),
            (_, WindowBits::AtMost(bits)) => Ok(bits),
        }
    }
}

/// "A decimal integer value without leading zeroes between 8 to 15, inclusive" (RFC 7692 7.1.2).
fn window_bits(name: &str, value: Option<&str>) -> Result<u8, String> {
    let Some(value) = value else { return Err(format!("{NAME} gives {name} no value")) };
    match (value.starts_with('0'), value.parse::<u8>()) {
        (false, Ok(bits @ 8..=15)) if !value.starts_with('+') => Ok(bits),
        _ => Err(format!("{NAME} gives {name} the invalid value {value:?}")),
    }
}

/// A parameter's value is a token, or a quoted string that is a token inside (RFC 6455 9.1).
fn unquoted(value: &str) -> Result<String, String> {
    let value = value.trim_start_matches([' ', '\t']);
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.map_or_else(|| value.to_owned(), |quoted| quoted.replace('\\', ""));
    if is_token(&inner) {
        Ok(inner)
    } else {
        Err(format!("{NAME} has the invalid value {value:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(text: &str) -> Parameters {
        let mut offers: Vec<Parameters> = honoured(text).map(|(_, offer)| offer).collect();
        assert_eq!(offers.len(), 1, "{text}");
        offers.remove(0)
    }

    const AGREED: Agreed = Agreed {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };

    #[test]
    fn an_offer_is_written_as_it_is_read() {
        for text in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=8",
        ] {
            assert_eq!(offer(text).to_string(), text);
        }
        assert_eq!(offer("Permessage-Deflate;client_max_window_bits=\"9\"").to_string(), {
            "permessage-deflate; client_max_window_bits=9"
        });
    }

    #[test]
    fn only_offers_that_can_be_honoured_are_kept() {
        let list = "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits,bbf-usp, \
                    permessage-deflate; server_max_window_bits=7, permessage-deflate";
        let kept: Vec<&str> = honoured(list).map(|(element, _)| element).collect();
        assert_eq!(kept, ["permessage-deflate; client_max_window_bits", "permessage-deflate"]);
    }

    #[test]
    fn good_responses_are_accepted() {
        let any = "permessage-deflate; client_max_window_bits";
        for (offered, response, agreed) in [
            ("permessage-deflate", "permessage-deflate", AGREED),
            (any, "PERMESSAGE-DEFLATE", AGREED),
            (
                any,
                "permessage-deflate;client_max_window_bits=8",
                Agreed { client_max_window_bits: 8, ..AGREED },
            ),
            (
                any,
                "permessage-deflate; server_max_window_bits=\"12\"",
                Agreed { server_max_window_bits: 12, ..AGREED },
            ),
            (
                "permessage-deflate",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                Agreed {
                    server_no_context_takeover: true,
                    client_no_context_takeover: true,
                    ..AGREED
                },
            ),
            (
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11",
                "permessage-deflate; server_max_window_bits=9",
                Agreed { server_max_window_bits: 9, client_max_window_bits: 11, ..AGREED },
            ),
            (
                "permessage-deflate; client_no_context_takeover",
                "permessage-deflate",
                Agreed { client_no_context_takeover: true, ..AGREED },
            ),
        ] {
            assert_eq!(accept(&[offer(offered)], response), Ok(agreed), "{offered} / {response}");
        }
    }

    #[test]
    fn a_response_may_be_to_any_of_the_offers() {
        let offers =
            [offer("permessage-deflate; server_max_window_bits=10"), Parameters::default()];
        assert_eq!(accept(&offers, "permessage-deflate"), Ok(AGREED));
    }

    #[test]
    fn each_bad_response_is_named() {
        let any = "permessage-deflate; client_max_window_bits";
        for (offered, response, fault) in [
            (any, "x-other", "the server uses the extension \"x-other\", which was not offered"),
            (any, "", "Sec-WebSocket-Extensions is empty"),
            (any, "permessage-deflate, permessage-deflate", "accepts more than one extension"),
            (any, "permessage-deflate; x", "has the unknown parameter \"x\""),
            (any, "permessage-deflate; ", "has the unknown parameter \"\""),
            (any, "permessage-deflate; server_max_window_bits", "no value"),
            (any, "permessage-deflate; client_max_window_bits", "no value"),
            (any, "permessage-deflate; server_max_window_bits=16", "invalid value \"16\""),
            (any, "permessage-deflate; server_max_window_bits=7", "invalid value \"7\""),
            (any, "permessage-deflate; server_max_window_bits=08", "invalid value \"08\""),
            (any, "permessage-deflate; server_max_window_bits=+9", "invalid value \"+9\""),
            (any, "permessage-deflate; server_max_window_bits=", "invalid value \"\""),
            (any, "permessage-deflate; server_max_window_bits=9 9", "invalid value \"9 9\""),
            (any, "permessage-deflate; server_no_context_takeover=1", "takes no value, \"1\""),
            (
                any,
                "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
                "has the parameter \"server_max_window_bits\" more than once",
            ),
            (
                "permessage-deflate",
                "permessage-deflate; client_max_window_bits=10",
                "the server sets client_max_window_bits, which was not offered",
            ),
            (
                "permessage-deflate; client_max_window_bits=9",
                "permessage-deflate; client_max_window_bits=10",
                "the server answers client_max_window_bits=9 with the larger 10",
            ),
            (
                "permessage-deflate; server_max_window_bits=9",
                "permessage-deflate; server_max_window_bits=10",
                "the server answers server_max_window_bits=9 with the larger 10",
            ),
            (
                "permessage-deflate; server_max_window_bits=9",
                "permessage-deflate",
                "the server does not grant server_max_window_bits=9",
            ),
            (
                "permessage-deflate; server_no_context_takeover",
                "permessage-deflate",
                "the server does not grant server_no_context_takeover",
            ),
        ] {
            let error = accept(&[offer(offered)], response).err().unwrap_or_default();
            assert!(error.contains(fault), "{offered} / {response}: {error}");
        }
        assert!(accept(&[], "permessage-deflate").is_err());
    }
}
