//! Where a connection is made to, where that is not what the URI says.

use std::path::{Path, PathBuf};

use url::Host;

use super::error::OpenError;
use super::uri::{Authority, Uri};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    #[default]
    Uri,
    /// Another host or port; what is asked for there is the URI's.
    Tcp { host: Option<HostName>, port: Option<u16> },
    /// A Unix socket: a path, or on Linux behind a NUL an abstract name.
    Unix(PathBuf),
}

/// A host, and the zone in which an IPv6 address is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    pub(super) host: Host,
    pub(super) zone: Option<String>,
}

impl HostName {
    /// A name or an address, without the brackets that a URI puts around IPv6.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        let is_ipv6 = text.contains(':') && !text.starts_with('[');
        let written = if is_ipv6 { format!("[{text}]") } else { text.to_owned() };
        let refused = |fault: String| OpenError::argument(format!("host {text:?}: {fault}"));
        let has_more = written.contains(['/', '?', '#', '@', '\\']);
        let parsed =
            if has_more { Err("it is no host".to_owned()) } else { Authority::parse(&written) };
        let Authority { host, zone, port, .. } = parsed.map_err(refused)?;
        if port.is_some() {
            return Err(refused("it has a port, which is an option of its own".to_owned()));
        }
        Ok(Self { host, zone })
    }
}

/// Whom to connect to.
pub(super) struct Place {
    pub(super) host: Host,
    pub(super) zone: Option<String>,
    pub(super) port: u16,
}

impl Endpoint {
    /// Or the path of a Unix socket.
    pub(super) fn place(&self, uri: &Uri, secure: bool) -> Result<Place, &Path> {
        let (host, port) = match self {
            Self::Uri => (&None, None),
            Self::Tcp { host, port } => (host, *port),
            Self::Unix(path) => return Err(path),
        };
        let port = port.unwrap_or_else(|| uri.port(secure));
        Ok(match host.clone() {
            Some(HostName { host, zone }) => Place { host, zone, port },
            None => Place { host: uri.host().clone(), zone: uri.zone().map(str::to_owned), port },
        })
    }
}

impl Place {
    /// As a proxy is asked for it.
    pub(super) fn as_asked_for(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// As messages name it.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.host, &self.zone) {
            (Host::Ipv6(address), Some(zone)) => write!(f, "[{address}%{zone}]:{}", self.port),
            (host, _) => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_else() {
        for (text, shown) in [
            ("example.org", "example.org:80"),
            ("10.0.0.1", "10.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("[::1]", "[::1]:80"),
            ("fe80::1%eth0", "[fe80::1%eth0]:80"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example:80"),
        ] {
            let host = Some(HostName::parse(text).unwrap());
            let endpoint = Endpoint::Tcp { host, port: None };
            let uri = Uri::parse("ws://other/").unwrap();
            assert_eq!(endpoint.place(&uri, false).unwrap().to_string(), shown);
        }
        for text in ["", "h:80", "[::1]:80", "h/", "me@h", "h?", "h#", "a b"] {
            assert!(HostName::parse(text).is_err(), "{text}");
        }
    }
}
