//! Why a connection did not open: one kind for each exception, and one sentence that names the
//! address, the step and the fact. The only place that turns the faults of other layers into these.

use std::fmt;
use std::io;

use super::redirect::Redirect;
use super::refusal;
pub(super) use crate::drive::fault;
use crate::protocol::handshake::{HandshakeError, Request, Response};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenErrorKind {
    InvalidUri,
    InvalidProxy,
    Argument,
    Resolve,
    Refused,
    Network,
    Tls,
    Certificate,
    Timeout,
    InvalidMessage,
    InvalidStatus,
    /// A status that redirects, and a redirect that cannot be followed.
    Redirect,
    InvalidHeader,
    InvalidUpgrade,
    Negotiation,
    /// A proxy does not lead to the server.
    Proxy,
    /// It did not answer in HTTP.
    ProxyMessage,
    /// It refused, in HTTP.
    ProxyStatus,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError {
    pub kind: OpenErrorKind,
    /// For `InvalidUri` and `InvalidProxy` only the fault: it is shown next to the URI, which is in `field`.
    pub message: String,
    /// What the server, or the proxy, answered, if it did, with the start of the body if it refused.
    pub response: Option<Box<Response>>,
    /// What is at fault: of `InvalidHeader` and `InvalidUpgrade` the header field and its value, of
    /// `InvalidUri` and `InvalidProxy` the URI without user and password.
    pub field: Option<(String, Option<String>)>,
    pub os_code: Option<i32>,
    /// The redirects that had been followed.
    pub redirects: Vec<Redirect>,
}

impl OpenError {
    pub(super) fn new(kind: OpenErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            response: None,
            field: None,
            os_code: None,
            redirects: Vec::new(),
        }
    }

    pub(super) fn invalid_uri(redacted: String, fault: impl Into<String>) -> Self {
        Self { field: Some((redacted, None)), ..Self::new(OpenErrorKind::InvalidUri, fault) }
    }

    pub(super) fn invalid_proxy(redacted: String, fault: impl Into<String>) -> Self {
        Self { field: Some((redacted, None)), ..Self::new(OpenErrorKind::InvalidProxy, fault) }
    }

    pub(super) fn argument(fault: impl Into<String>) -> Self {
        Self::new(OpenErrorKind::Argument, fault)
    }

    pub(super) fn from_io(
        kind: OpenErrorKind,
        message: impl Into<String>,
        error: &io::Error,
    ) -> Self {
        Self { os_code: error.raw_os_error(), ..Self::new(kind, message) }
    }

    /// A request that must not be sent: nobody has been asked yet, so no address is named.
    pub(super) fn unsendable(error: &HandshakeError) -> Self {
        Self::argument(error.to_string())
    }

    /// A status other than 101 from `address`; `unfollowed` says why a redirect leads nowhere.
    pub(super) fn refused(
        address: &str,
        request: &Request,
        response: Response,
        unfollowed: Option<String>,
    ) -> Self {
        let (kind, message) = match unfollowed {
            None => {
                let refusal = refusal::in_words(request, &response);
                let message = format!("{address} rejected the opening handshake: {refusal}");
                (OpenErrorKind::InvalidStatus, message)
            }
            Some(fault) => {
                let status = refusal::status(request, &response);
                let message = format!(
                    "{address} sent a redirect that cannot be followed ({status}): {fault}"
                );
                (OpenErrorKind::Redirect, message)
            }
        };
        Self { response: Some(Box::new(response)), ..Self::new(kind, message) }
    }

    /// Names who sent us where it happened: the caller has never heard of that address.
    pub(super) fn after(self, redirects: Vec<Redirect>, sender: &str) -> Self {
        if redirects.is_empty() {
            return self;
        }
        let message = format!("{} (after a redirect from {sender})", self.message);
        Self { message, redirects, ..self }
    }

    /// An answer from `address` that makes no connection.
    pub(super) fn unanswered(
        address: &str,
        error: HandshakeError,
        response: Option<Response>,
    ) -> Self {
        let message = format!("the opening handshake with {address} failed: {error}");
        let (kind, field) = match error {
            HandshakeError::Caller(_) => (OpenErrorKind::Argument, None),
            HandshakeError::Message(_) | HandshakeError::TooBig { .. } => {
                (OpenErrorKind::InvalidMessage, None)
            }
            HandshakeError::Status { .. } => (OpenErrorKind::InvalidStatus, None),
            HandshakeError::Header { name, value, .. } => {
                (OpenErrorKind::InvalidHeader, Some((name.to_owned(), value)))
            }
            HandshakeError::Upgrade { name, value } => {
                (OpenErrorKind::InvalidUpgrade, Some((name.to_owned(), value)))
            }
            HandshakeError::Negotiation(_) => (OpenErrorKind::Negotiation, None),
        };
        Self { response: response.map(Box::new), field, ..Self::new(kind, message) }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OpenError {}
