//! What NO_PROXY says: the servers that are asked directly. Its grammar is what curl, Python and others
//! agree on: names, which stand for what is below them too, addresses, networks, ports, and `*` for all.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use url::Host;

/// Whether a server at that host and port is asked directly.
pub(super) fn is_bypassed(no_proxy: &str, host: &Host, port: u16) -> bool {
    let entries = no_proxy.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    entries.into_iter().any(|entry| matches_entry(entry, host, port))
}

/// This machine itself, which no proxy has a better way to.
pub(super) fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => is_or_is_below(name.trim_end_matches('.'), "localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
    }
}

fn matches_entry(entry: &str, host: &Host, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let (pattern, its_port) = without_port(entry);
    if its_port.is_some_and(|its_port| its_port != port) {
        return false;
    }
    match address_of(host) {
        Some(address) => matches_address(pattern, address),
        None => matches_name(pattern, host),
    }
}

/// `name:80`, `10.0.0.1:80`, `[::1]:80`; a bare IPv6 address has colons of its own.
fn without_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[')
        && let Some((address, behind)) = rest.split_once(']')
    {
        return (address, behind.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((pattern, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (pattern, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn address_of(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::from(*address)),
        Host::Ipv6(address) => Some(plain(*address)),
    }
}

/// An IPv4 address that is written as an IPv6 one is the same machine.
fn plain(address: Ipv6Addr) -> IpAddr {
    address.to_ipv4_mapped().map_or_else(|| IpAddr::from(address), IpAddr::from)
}

fn matches_address(pattern: &str, address: IpAddr) -> bool {
    if let Ok(network) = pattern.parse::<IpNet>() {
        return network.contains(&address);
    }
    match pattern.parse::<IpAddr>() {
        Ok(IpAddr::V6(other)) => plain(other) == address,
        Ok(other) => other == address,
        Err(_) => false,
    }
}

fn matches_name(pattern: &str, host: &Host) -> bool {
    let Host::Domain(name) = host else { return false };
    let pattern = pattern.trim_start_matches("*.").trim_matches('.');
    !pattern.is_empty() && is_or_is_below(name.trim_end_matches('.'), pattern)
}

fn is_or_is_below(name: &str, domain: &str) -> bool {
    let Some(start) = name.len().checked_sub(domain.len()) else { return false };
    let is_label = start == 0 || name.as_bytes()[start - 1] == b'.';
    is_label && name.as_bytes()[start..].eq_ignore_ascii_case(domain.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bypasses(no_proxy: &str, host: &str, port: u16) -> bool {
        is_bypassed(no_proxy, &Host::parse(host).unwrap(), port)
    }

    #[test]
    fn names_stand_for_what_is_below_them() {
        for pattern in
            ["example.org", ".example.org", "*.example.org", "EXAMPLE.ORG", "example.org."]
        {
            for host in ["example.org", "a.example.org", "a.b.Example.org", "example.org."] {
                assert!(bypasses(pattern, host, 443), "{pattern} {host}");
            }
            for host in ["org", "notexample.org", "example.org.evil.com", "10.0.0.1"] {
                assert!(!bypasses(pattern, host, 443), "{pattern} {host}");
            }
        }
    }

    #[test]
    fn addresses_networks_and_ports_are_told_apart() {
        let rows = [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.11", false),
            ("10.0.0.1", "[::ffff:10.0.0.1]", true),
            ("10.0.0.0/8", "10.200.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "ten.example.org", false),
            ("fd00::/8", "[fd00::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("::1", "[::1]", true),
            ("[::1]:443", "[::1]", true),
            ("[::1]:80", "[::1]", false),
            ("example.org:443", "a.example.org", true),
            ("example.org:80", "a.example.org", false),
            ("10.0.0.1:443", "10.0.0.1", true),
            ("10.0.0.1:80", "10.0.0.1", false),
            ("*", "anything.example", true),
            ("a.example, b.example\tc.example", "c.example", true),
            ("", "a.example", false),
            (",, ,", "a.example", false),
            (".", "a.example", false),
            ("10.0.0.0/99", "10.0.0.1", false),
            ("a.example:x", "a.example", false),
        ];
        for (no_proxy, host, expected) in rows {
            assert_eq!(bypasses(no_proxy, host, 443), expected, "{no_proxy} {host}");
        }
    }

    #[test]
    fn this_machine_has_many_names() {
        let rows = [
            ("localhost", true),
            ("LOCALHOST.", true),
            ("app.localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost.example.org", false),
            ("10.0.0.1", false),
            ("[fe80::1]", false),
        ];
        for (host, expected) in rows {
            assert_eq!(is_loopback(&Host::parse(host).unwrap()), expected, "{host}");
        }
    }
}
