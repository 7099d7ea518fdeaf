//! What a caller asks for.

use std::net::TcpStream;
use std::time::Duration;

use super::dial::Dialling;
use super::endpoint::Endpoint;
use super::proxy::ProxyOptions;
use super::tls::TlsOptions;
use super::uri::Uri;
use crate::protocol::handshake::Wanted;

#[derive(Debug)]
pub struct Options {
    pub uri: Uri,
    pub wanted: Wanted,
    pub tls: TlsChoice,
    /// The name to ask for and to check in TLS, where it is not the URI's host.
    pub server_hostname: Option<String>,
    pub endpoint: Endpoint,
    pub dialling: Dialling,
    pub proxy: ProxyOptions,
    /// An already connected socket, in place of a new one.
    pub socket: Option<TcpStream>,
    /// For everything together; None is for ever.
    pub timeout: Option<Duration>,
    /// How many redirects to follow; with 0 one is a refusal like any other.
    pub max_redirects: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsChoice {
    /// With wss and https.
    ByScheme(TlsOptions),
    Off,
    On(TlsOptions),
}

impl Default for TlsChoice {
    fn default() -> Self {
        Self::ByScheme(TlsOptions::default())
    }
}
