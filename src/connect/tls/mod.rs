//! TLS towards the server: options to a client configuration, kept per set of options so that
//! sessions are resumed; and the handshake.
//!
//! Knows nothing of WebSocket but the name of the protocol that is upgraded.

mod algorithms;
mod cache;
mod der;
mod failure;
mod installed;
mod material;
mod options;
mod policies;
mod trust;
mod verifier;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, SupportedProtocolVersion, WantsVerifier};
use url::Host;

use super::error::OpenError;
use super::proxy::ProxyUrl;
use super::uri::Uri;
pub(super) use failure::of_io as failure_of;
pub use options::{Environment, TlsOptions, TlsVersion};

/// Everything a handshake needs, found or refused before a socket is opened.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    pub(super) fn new(
        options: &TlsOptions,
        uri: &Uri,
        server_hostname: Option<&str>,
    ) -> Result<Self, OpenError> {
        let invalid = |fault| OpenError::invalid_uri(uri.to_string(), fault);
        let name = match server_hostname {
            Some(name) => given_name("server_hostname", name)?,
            None => name_of(uri.host()).map_err(invalid)?,
        };
        Ok(Self { config: cache::config(options, build)?, name })
    }

    pub(super) fn to_proxy(
        options: &TlsOptions,
        proxy: &ProxyUrl,
        server_hostname: Option<&str>,
    ) -> Result<Self, OpenError> {
        let invalid = |fault| OpenError::invalid_proxy(proxy.to_string(), fault);
        let name = match server_hostname {
            Some(name) => given_name("proxy_server_hostname", name)?,
            None => name_of(proxy.host()).map_err(invalid)?,
        };
        Ok(Self { config: cache::config(options, build)?, name })
    }

    pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        address: &str,
    ) -> Result<TlsStream<S>, OpenError> {
        let handshake =
            TlsConnector::from(Arc::clone(&self.config)).connect(self.name.clone(), stream);
        // Boxed, or a plain opening would be as large.
        Box::pin(handshake)
            .await
            .map_err(|error| failure::of_handshake(address, &self.name, &error))
    }
}

fn given_name(option: &str, name: &str) -> Result<ServerName<'static>, OpenError> {
    let known = parse_host(name).ok_or(NO_NAME).and_then(|host| name_of(&host));
    known.map_err(|fault| OpenError::argument(format!("{option} {name:?}: {fault}")))
}

/// Unlike in a URI, an IPv6 address has no brackets here.
fn parse_host(text: &str) -> Option<Host> {
    match text.parse() {
        Ok(address) => Some(Host::Ipv6(address)),
        Err(_) => Host::parse(text).ok(),
    }
}

const NO_NAME: &str = "its host is not a name that a certificate can be for";

/// Or what is wrong with it (RFC 5280 4.2.1.6, RFC 1034 3.5).
fn name_of(host: &Host) -> Result<ServerName<'static>, &'static str> {
    let begins_or_ends_with_a_hyphen = |label: &str| label.starts_with('-') || label.ends_with('-');
    match host {
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::from(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::from(*address))),
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| {
            if name.split('.').any(begins_or_ends_with_a_hyphen) {
                "a part of its host begins or ends with a hyphen, which is not a name that a \
                 certificate can be for"
            } else {
                NO_NAME
            }
        }),
    }
}

fn build(options: &TlsOptions) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(CryptoProvider {
        signature_verification_algorithms: algorithms::ALGORITHMS,
        ..ring::default_provider()
    });
    let builder = verifier::with_verifier(
        with_versions(&provider, options.min_version)?,
        options,
        &provider,
    )?;
    let mut config = match material::client_certificate(options)? {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| failure::of_client_certificate(&error))?,
    };
    // What is upgraded is HTTP/1.1, and browsers say so. A server that was meant for another protocol
    // on the same name then refuses, instead of being fed a request it misreads (RFC 7301 3.2).
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn with_versions(
    provider: &Arc<CryptoProvider>,
    min_version: Option<TlsVersion>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, OpenError> {
    let versions: &[&SupportedProtocolVersion] = match min_version {
        None | Some(TlsVersion::Tls12) => &[&TLS13, &TLS12],
        Some(TlsVersion::Tls13) => &[&TLS13],
    };
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(|error| failure::unusable(format!("TLS cannot be set up: {error}")))
}
