//! From a host to its addresses: what is written down, or what the system's resolver finds.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use url::Host;

use super::error::{OpenError, OpenErrorKind, fault};
use super::lookup;

/// In the resolver's order, which is that of RFC 6724.
pub(super) async fn resolve(
    host: &Host,
    zone: Option<&str>,
    port: u16,
) -> Result<Vec<SocketAddr>, OpenError> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![SocketAddr::new(IpAddr::from(*address), port)]),
        Host::Ipv6(address) => {
            let scope = zone.map_or(Ok(0), scope)?;
            return Ok(vec![SocketAddrV6::new(*address, port, 0, scope).into()]);
        }
        Host::Domain(name) => name,
    };
    let found = lookup::lookup(name, port).await.map_err(|error| unstarted(name, &error))?;
    let addresses = found.map_err(|error| unresolved(name, &error))?;
    if addresses.is_empty() {
        return Err(unresolved(name, &io::Error::other("the name has no address")));
    }
    Ok(addresses)
}

/// The number of the interface that a zone names. The resolver knows it without asking anybody, of an
/// address that is of use in its zone only.
fn scope(zone: &str) -> Result<u32, OpenError> {
    let known = (format!("fe80::1%{zone}").as_str(), 0).to_socket_addrs();
    let mut scopes = known.into_iter().flatten().filter_map(|address| match address {
        SocketAddr::V6(v6) => Some(v6.scope_id()).filter(|&scope| scope != 0),
        SocketAddr::V4(_) => None,
    });
    scopes.next().ok_or_else(|| {
        let sentence = format!("the zone {zone:?} is no network interface of this machine");
        OpenError::new(OpenErrorKind::Resolve, sentence)
    })
}

fn unstarted(name: &str, error: &io::Error) -> OpenError {
    let sentence =
        format!("could not resolve {name}: there is no thread to do it: {}", fault(error));
    OpenError::from_io(OpenErrorKind::Network, sentence, error)
}

fn unresolved(name: &str, error: &io::Error) -> OpenError {
    let fault = fault(error);
    let reason = fault.strip_prefix("failed to lookup address information: ").unwrap_or(&fault);
    OpenError::from_io(OpenErrorKind::Resolve, format!("could not resolve {name}: {reason}"), error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::uri::Uri;
    use super::*;

    fn addresses(uri: &str) -> Result<Vec<SocketAddr>, OpenError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let uri = Uri::parse(uri).unwrap();
        runtime.block_on(resolve(uri.host(), uri.zone(), uri.port(false)))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_zone_is_the_number_of_its_interface() {
        let first: u32 =
            std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap().trim().parse().unwrap();
        for zone in ["%25lo", "%lo", "%251", "%1"] {
            for address in ["fe80::1", "::1", "2001:db8::1"] {
                let found = addresses(&format!("ws://[{address}{zone}]:81/")).unwrap();
                let expected = SocketAddrV6::new(address.parse().unwrap(), 81, 0, first);
                assert_eq!(found, [expected.into()], "{address}{zone}");
            }
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        for zone in ["nosuch0", "4294967296", "0"] {
            let error = addresses(&format!("ws://[fe80::1%25{zone}]/")).unwrap_err();
            let expected = format!("the zone {zone:?} is no network interface of this machine");
            assert_eq!((error.kind, error.message), (OpenErrorKind::Resolve, expected));
        }
    }
}
