//! From a host to its addresses, by the system's resolver.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::lookup_host;
use url::Host;

use super::error::{OpenError, OpenErrorKind, fault};

/// In the resolver's order, which is that of RFC 6724.
pub(super) async fn resolve(host: &Host, port: u16) -> Result<Vec<SocketAddr>, OpenError> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![SocketAddr::new(IpAddr::from(*address), port)]),
        Host::Ipv6(address) => return Ok(vec![SocketAddr::new(IpAddr::from(*address), port)]),
        Host::Domain(name) => name,
    };
    let found = lookup_host((name.as_str(), port)).await;
    let addresses: Vec<_> = found.map_err(|error| unresolved(name, &error))?.collect();
    if addresses.is_empty() {
        return Err(unresolved(name, &io::Error::other("the name has no address")));
    }
    Ok(addresses)
}

fn unresolved(name: &str, error: &io::Error) -> OpenError {
    let fault = fault(error);
    let reason = fault.strip_prefix("failed to lookup address information: ").unwrap_or(&fault);
    OpenError::from_io(OpenErrorKind::Resolve, format!("could not resolve {name}: {reason}"), error)
}
