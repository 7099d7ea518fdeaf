//! The URL of a proxy taken apart. User and password live here and leave only through `credentials`.

use std::fmt;

use url::Host;

use crate::connect::error::OpenError;
use crate::connect::uri::{Authority, redacted};

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    /// HTTP over TLS.
    Https,
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

const KINDS: [(&str, Kind, u16); 6] = [
    ("http", Kind::Http, 80),
    ("https", Kind::Https, 443),
    ("socks4", Kind::Socks4, 1080),
    ("socks4a", Kind::Socks4a, 1080),
    ("socks5", Kind::Socks5, 1080),
    ("socks5h", Kind::Socks5h, 1080),
];

#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    pub(super) kind: Kind,
    pub(super) authority: Authority,
    pub(super) port: u16,
}

impl ProxyUrl {
    /// Without a scheme it is an HTTP proxy, as everywhere.
    ///
    /// # Errors
    /// If it is no URL of a proxy.
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        Self::take_apart(text).map_err(|fault| OpenError::invalid_proxy(redacted(text), fault))
    }

    fn take_apart(text: &str) -> Result<Self, String> {
        let text = text.trim_matches(' ');
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(format!("it contains the control character U+{:04X}", u32::from(control)));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let known = KINDS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(scheme));
        let &(_, kind, default_port) =
            known.ok_or("its scheme is not http, https, socks4, socks4a, socks5 or socks5h")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(
                "it has a path, query or fragment, which mean nothing to a proxy".to_owned()
            );
        }
        if authority.is_empty() {
            return Err("it has no host".to_owned());
        }
        let authority = Authority::parse(authority)?;
        let port = authority.port.unwrap_or(default_port);
        Ok(Self { kind, authority, port })
    }

    pub(in crate::connect) fn host(&self) -> &Host {
        &self.authority.host
    }

    /// Decoded user and password.
    pub(super) fn credentials(&self) -> Option<(&str, &str)> {
        let credentials = self.authority.credentials.as_ref();
        credentials.map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Whether it is spoken to in TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.kind == Kind::Https
    }

    /// Whether it speaks HTTP, with header fields.
    pub(super) fn is_http(&self) -> bool {
        matches!(self.kind, Kind::Http | Kind::Https)
    }
}

/// Without user and password.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme =
            KINDS.iter().find(|(_, kind, _)| *kind == self.kind).map_or("", |known| known.0);
        let host = self.authority.host_within("%", str::to_owned);
        write!(f, "{scheme}://{host}:{}", self.port)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::connect::OpenErrorKind;

    #[test]
    fn each_scheme_has_its_port_and_none_is_http() {
        let rows = [
            ("http://h", "http://h:80"),
            ("HTTPS://h/", "https://h:443"),
            ("socks4://h", "socks4://h:1080"),
            ("socks4a://h:9", "socks4a://h:9"),
            ("socks5://[::1]", "socks5://[::1]:1080"),
            ("socks5h://me:p%40@h:80", "socks5h://h:80"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("me:pw@proxy.example:3128/", "http://proxy.example:3128"),
            (" http://fe80.example ", "http://fe80.example:80"),
            ("http://[fe80::1%25eth0]:80", "http://[fe80::1%eth0]:80"),
        ];
        for (text, shown) in rows {
            assert_eq!(ProxyUrl::parse(text).unwrap().to_string(), shown, "{text}");
        }
        let proxy = ProxyUrl::parse("socks5h://me:p%40@h").unwrap();
        assert_eq!(proxy.credentials(), Some(("me", "p@")));
        assert!(!format!("{proxy:?}").contains("p@"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for text in [
            "",
            "ftp://me:secret@h",
            "http://",
            "http://me:secret@",
            "http://me:secret@h/path",
            "http://me:secret@h?query",
            "http://me:secret@h:99999",
            "http://me:secret@h\r\n",
        ] {
            let error = ProxyUrl::parse(text).unwrap_err();
            assert_eq!(error.kind, OpenErrorKind::InvalidProxy, "{text}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
