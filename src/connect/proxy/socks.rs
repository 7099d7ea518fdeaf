//! The way through a SOCKS proxy. The protocols are tokio-socks'; whose words these are, and who finds the
//! address of a name, is said here.

use std::io;
use std::net::SocketAddr;

use tokio_socks::tcp::{Socks4Stream, Socks5Stream};
use tokio_socks::{Error, TargetAddr};
use url::Host;

use super::url::{Kind, ProxyUrl};
use crate::connect::endpoint::Place;
use crate::connect::error::{OpenError, OpenErrorKind, fault};
use crate::connect::resolve;
use crate::connect::transport::Wire;

/// Has the proxy lead to the server at `address`.
pub(super) async fn open(
    wire: Wire,
    proxy: &ProxyUrl,
    place: &Place,
    address: &str,
) -> Result<Wire, OpenError> {
    let target = target(proxy.kind, place).await?;
    let opened = match (proxy.kind, proxy.credentials()) {
        (Kind::Socks4 | Kind::Socks4a, None) => {
            Socks4Stream::connect_with_socket(wire, target).await.map(Socks4Stream::into_inner)
        }
        (Kind::Socks4 | Kind::Socks4a, Some((user, _))) => {
            let opened = Socks4Stream::connect_with_userid_and_socket(wire, target, user).await;
            opened.map(Socks4Stream::into_inner)
        }
        (_, None) => {
            Socks5Stream::connect_with_socket(wire, target).await.map(Socks5Stream::into_inner)
        }
        (_, Some((user, password))) => {
            let opened =
                Socks5Stream::connect_with_password_and_socket(wire, target, user, password).await;
            opened.map(Socks5Stream::into_inner)
        }
    };
    opened.map_err(|error| refused(proxy, address, &error))
}

async fn target(kind: Kind, place: &Place) -> Result<TargetAddr<'static>, OpenError> {
    if let (Host::Domain(name), true) = (&place.host, kind.resolves()) {
        return Ok(TargetAddr::Domain(name.clone().into(), place.port));
    }
    let found = resolve::resolve(&place.host, place.zone.as_deref(), place.port).await?;
    let usable =
        |peer: &&SocketAddr| peer.is_ipv4() || !matches!(kind, Kind::Socks4 | Kind::Socks4a);
    let peer = found.iter().find(usable).ok_or_else(|| {
        let sentence = format!("{} has no IPv4 address, and SOCKS4 knows no other", place.host);
        OpenError::new(OpenErrorKind::Resolve, sentence)
    })?;
    Ok(TargetAddr::Ip(*peer))
}

fn refused(proxy: &ProxyUrl, address: &str, error: &Error) -> OpenError {
    let shown = format!("the proxy {proxy}");
    let sentence = match error {
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("{shown} closed the connection before it led to {address}")
        }
        Error::Io(error) => {
            let sentence = format!("{shown} broke off: {}", fault(error));
            return OpenError::from_io(OpenErrorKind::Proxy, sentence, error);
        }
        // What tokio-socks calls by that name is any code that it does not know.
        Error::UnknownAuthMethod => {
            format!("{shown} did not lead to {address}: it answered with a code that means nothing")
        }
        error => format!("{shown} did not lead to {address}: {error}"),
    };
    OpenError::new(OpenErrorKind::Proxy, sentence)
}
