//! A WebSocket URI (RFC 6455 section 3) taken apart: whom to ask, and for what.
//!
//! What is asked for is the text that somebody wrote, not what a library makes of it: URIs that differ in
//! an escaped reserved character "are not equivalent" (RFC 3986 2.2), and a signature covers each byte.
//! User and password live here and leave only through `credentials`: no other form shows them.

mod authority;
mod percent;
mod reference;

use std::fmt;

use url::Host;

use super::error::OpenError;
pub(super) use authority::Authority;

#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    secure: bool,
    authority: Authority,
    resource: String,
}

impl Uri {
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        Self::take_apart(text).map_err(|fault| OpenError::invalid_uri(redacted(text), fault))
    }

    fn take_apart(text: &str) -> Result<Self, String> {
        // Spaces around a URI are not part of it (RFC 3986 appendix C).
        let text = text.trim_matches(' ');
        check_spelling(text)?;
        let (scheme, rest) =
            text.split_once("://").ok_or("it does not start with ws:// or wss://")?;
        let secure = is_secure(scheme)?;
        let (authority, resource) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err("it has no host".to_owned());
        }
        let authority = Authority::parse(authority)?;
        if resource.contains('#') {
            // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT
            // be used on these URIs" (RFC 6455 section 3).
            return Err("it has a fragment (#), which may not be used".to_owned());
        }
        Ok(Self { secure, authority, resource: resource_name(resource) })
    }

    /// Where a Location leads to from here (RFC 9110 10.2.2); `secure` is how we got here.
    ///
    /// Its fragment is for whoever shows a document. User and password in it are refused, since "it
    /// is likely being used to obscure the authority for the sake of phishing" (RFC 9110 4.2.4), and
    /// so is a zone, which means an interface of this machine.
    pub(super) fn leads_to(&self, location: &str, secure: bool) -> Result<Self, String> {
        if location.is_empty() {
            return Err("its Location is empty".to_owned());
        }
        let reference = location.split('#').next().unwrap_or_default();
        let there = match reference::kind(reference) {
            reference::Kind::Uri => self.knowing(Self::take_apart(reference)),
            reference::Kind::NetworkPath => {
                self.knowing(Self::take_apart(&format!("{}:{reference}", scheme(secure))))
            }
            reference::Kind::Path => self.at_path(reference, secure),
        };
        there.map_err(|fault| format!("its Location cannot be used: {fault}"))
    }

    /// What a server wrote of itself or of another, as we know it.
    fn knowing(&self, written: Result<Self, String>) -> Result<Self, String> {
        let mut there = written?;
        if there.authority.credentials.is_some() {
            return Err("it has a user name or password".to_owned());
        }
        if there.authority.zone.is_some() {
            return Err("it has a zone, which is this machine's to name".to_owned());
        }
        // A server knows its address without the zone by which we reach it.
        if there.host() == self.host() {
            there.authority.zone.clone_from(&self.authority.zone);
        }
        Ok(there)
    }

    /// Another resource where we are.
    fn at_path(&self, reference: &str, secure: bool) -> Result<Self, String> {
        check_spelling(reference)?;
        let resource = resource_name(&reference::resolve(&self.resource, reference));
        let port = Some(self.port(secure));
        let authority = Authority { port, credentials: None, ..self.authority.clone() };
        Ok(Self { secure, authority, resource })
    }

    pub(super) fn with_credentials_of(mut self, other: &Self) -> Self {
        self.authority.credentials.clone_from(&other.authority.credentials);
        self
    }

    /// wss and https, rather than ws and http.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    #[must_use]
    pub fn host(&self) -> &Host {
        &self.authority.host
    }

    /// The interface by which an IPv6 address is reached, by its name or number (RFC 6874). It means
    /// something to this machine only, and is sent to nobody.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.authority.zone.as_deref()
    }

    /// The port of the URI, else the default one of a connection with or without TLS.
    #[must_use]
    pub fn port(&self, secure: bool) -> u16 {
        self.authority.port.unwrap_or(if secure { 443 } else { 80 })
    }

    /// Path and query as they were written, but for what is not legal in them.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Decoded user and password.
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let credentials = self.authority.credentials.as_ref();
        credentials.map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// What the Host field says: without the port where it is the default one (RFC 6455 4.1).
    #[must_use]
    pub fn authority(&self, secure: bool) -> String {
        self.with_port(self.host().to_string(), secure)
    }

    fn with_port(&self, host: String, secure: bool) -> String {
        match self.port(secure) {
            443 if secure => host,
            80 if !secure => host,
            port => format!("{host}:{port}"),
        }
    }

    /// Host and port, as messages name them.
    #[must_use]
    pub(super) fn address(&self, secure: bool) -> String {
        format!("{}:{}", self.authority.host_within("%", str::to_owned), self.port(secure))
    }

    /// Scheme, host and port: the origin in the sense of RFC 6454, in WebSocket's own schemes. The same
    /// address in another zone is another machine.
    #[must_use]
    pub(super) fn site(&self, secure: bool) -> String {
        let host = self.authority.host_within("%25", percent::encode_reserved);
        format!("{}://{}", scheme(secure), self.with_port(host, secure))
    }

    /// What the original client says in its Origin field: this server's scheme and host, no port.
    #[must_use]
    pub fn origin(&self, secure: bool) -> String {
        format!("{}://{}", if secure { "https" } else { "http" }, self.host())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.site(self.secure), self.resource)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

/// A text that may be no URI, fit to be shown: whatever may be user and password is left out, and
/// control characters are escaped.
#[must_use]
pub fn redacted(text: &str) -> String {
    let shown = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((before, rest))) if before.len() > scheme.len() => {
            format!("{scheme}://…@{rest}")
        }
        (_, Some((_, rest))) => format!("…@{rest}"),
        (_, None) => text.to_owned(),
    };
    shown.chars().map(escaped_if_control).collect()
}

fn escaped_if_control(character: char) -> String {
    if character.is_control() {
        character.escape_default().to_string()
    } else {
        character.to_string()
    }
}

/// What the url crate, like a browser, would mend in silence: two parsers that mend differently see
/// two hosts, and a line break that is dropped hides an attempt at injection.
fn check_spelling(text: &str) -> Result<(), String> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(format!("it contains the control character U+{:04X}", u32::from(control)));
    }
    if text.split(['?', '#']).next().is_some_and(|path| path.contains('\\')) {
        return Err("it contains a backslash".to_owned());
    }
    Ok(())
}

fn is_secure(scheme: &str) -> Result<bool, String> {
    match scheme.to_ascii_lowercase().as_str() {
        "wss" | "https" => Ok(true),
        "ws" | "http" => Ok(false),
        _ => Err("its scheme is not ws, wss, http or https".to_owned()),
    }
}

fn scheme(secure: bool) -> &'static str {
    if secure { "wss" } else { "ws" }
}

/// RFC 6455 section 3: path, "/" if it is empty, and query.
fn resource_name(written: &str) -> String {
    let slash = if written.starts_with('/') { "" } else { "/" };
    format!("{slash}{}", percent::encode_illegal(written))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::error::OpenErrorKind;
    use super::*;

    #[test]
    fn a_uri_comes_apart_into_host_port_and_resource() {
        let rows = [
            ("ws://example.org", "example.org", 80, "/"),
            ("wss://example.org", "example.org", 443, "/"),
            ("http://example.org/a", "example.org", 80, "/a"),
            ("HTTPS://EXAMPLE.org:8443/A?B=c", "example.org:8443", 8443, "/A?B=c"),
            ("ws://example.org:80/", "example.org", 80, "/"),
            ("ws://example.org:443/", "example.org:443", 443, "/"),
            ("wss://example.org:443/", "example.org", 443, "/"),
            ("ws://example.org?q=1", "example.org", 80, "/?q=1"),
            ("ws://example.org/?", "example.org", 80, "/?"),
            ("ws://127.0.0.1:9001/x", "127.0.0.1:9001", 9001, "/x"),
            ("ws://[::1]:9001/x", "[::1]:9001", 9001, "/x"),
            ("ws://[2001:DB8::1]", "[2001:db8::1]", 80, "/"),
            (
                "ws://bücher.example/ü?ß=é x",
                "xn--bcher-kva.example",
                80,
                "/%C3%BC?%C3%9F=%C3%A9%20x",
            ),
            ("ws://my_service:81/a%20b/%zz", "my_service:81", 81, "/a%20b/%zz"),
            ("ws://h/a/../b/./%2e%2e//c", "h", 80, "/a/../b/./%2e%2e//c"),
            ("ws://h//a?sig=a'b%27()*!", "h", 80, "//a?sig=a'b%27()*!"),
            ("ws://h/?a[]=\"<\\^`{|}>\"", "h", 80, "/?a[]=%22%3C%5C%5E%60%7B%7C%7D%3E%22"),
            (" ws://h:81/a ", "h:81", 81, "/a"),
            ("ws://H:081", "h:81", 81, "/"),
            ("ws://[fe80::1%25eth0]:81/a", "[fe80::1]:81", 81, "/a"),
            ("ws://[fe80::1%eth0]", "[fe80::1]", 80, "/"),
            ("ws://me:pw@example.org:81/", "example.org:81", 81, "/"),
            ("ws://example.org/@a:b", "example.org", 80, "/@a:b"),
        ];
        for (text, authority, port, resource) in rows {
            let uri = Uri::parse(text).unwrap();
            let secure = uri.is_secure();
            assert_eq!(uri.authority(secure), authority, "{text}");
            assert_eq!((uri.port(secure), uri.resource()), (port, resource), "{text}");
        }
    }

    #[test]
    fn what_is_no_websocket_uri_is_refused_with_its_fault() {
        let rows = [
            ("", "it does not start with ws:// or wss://"),
            ("example.org", "it does not start with ws:// or wss://"),
            ("ws:example.org", "it does not start with ws:// or wss://"),
            ("ftp://example.org", "its scheme is not ws, wss, http or https"),
            ("file:///etc/passwd", "its scheme is not ws, wss, http or https"),
            ("ws://", "it has no host"),
            ("ws:///path", "it has no host"),
            ("ws://?q", "it has no host"),
            ("ws://:80/", "empty host"),
            ("ws://example.org:port/", "invalid port number"),
            ("ws://example.org:65536/", "invalid port number"),
            ("ws://[::1/", "invalid IPv6 address"),
            ("ws://[fe80::1%25e]x/", "invalid IPv6 address"),
            ("ws://exa mple.org/", "invalid international domain name"),
            ("ws://example.org/#", "it has a fragment (#), which may not be used"),
            ("ws://example.org/a#b", "it has a fragment (#), which may not be used"),
            ("ws://example.org/a\r\nX: y", "it contains the control character U+000D"),
            ("ws://example.org/?a\nb", "it contains the control character U+000A"),
            ("ws://exam\0ple.org/", "it contains the control character U+0000"),
            ("ws://example.org/\t", "it contains the control character U+0009"),
            ("ws://example.org\\@evil.example/", "it contains a backslash"),
        ];
        for (text, fault) in rows {
            let error = Uri::parse(text).unwrap_err();
            assert_eq!(
                (error.kind, error.message.as_str()),
                (OpenErrorKind::InvalidUri, fault),
                "{text}"
            );
        }
    }

    #[test]
    fn the_default_port_is_that_of_the_connection_and_not_of_the_scheme() {
        for (text, port, authority) in
            [("ws://h", 443, "h"), ("ws://h:80", 80, "h:80"), ("ws://h:443", 443, "h")]
        {
            let uri = Uri::parse(text).unwrap();
            assert_eq!((uri.port(true), uri.authority(true)), (port, authority.to_owned()));
        }
    }

    #[test]
    fn the_origin_has_no_port_as_the_original_client_wrote_it() {
        for (text, secure, origin) in [
            ("ws://h:8080/x", false, "http://h"),
            ("wss://h:8443/x", true, "https://h"),
            ("ws://[::1]:80/", false, "http://[::1]"),
        ] {
            assert_eq!(Uri::parse(text).unwrap().origin(secure), origin);
        }
    }

    #[test]
    fn a_zone_is_shown_and_not_sent() {
        let uri = Uri::parse("ws://me:pw@[fe80::1%25en%200]:81/a").unwrap();
        assert_eq!((uri.zone(), uri.authority(false)), (Some("en 0"), "[fe80::1]:81".to_owned()));
        assert_eq!(uri.origin(false), "http://[fe80::1]");
        assert_eq!(uri.address(false), "[fe80::1%en 0]:81");
        assert_eq!(uri.to_string(), "ws://[fe80::1%25en%200]:81/a");
        let again = Uri::parse(&uri.to_string()).unwrap();
        assert_eq!((again.zone(), again.to_string()), (uri.zone(), uri.to_string()));
    }

    #[test]
    fn credentials_are_decoded_and_appear_nowhere_else() {
        let rows = [
            ("ws://me:pass@h/", Some(("me", "pass"))),
            ("ws://m%40e:p%3A%C3%A9%25@h/", Some(("m@e", "p:é%"))),
            ("ws://me@h/", Some(("me", ""))),
            ("ws://:pass@h/", Some(("", "pass"))),
            ("ws://me:pass%@h/", Some(("me", "pass%"))),
            ("ws://@h/", None),
            ("ws://h/", None),
        ];
        for (text, expected) in rows {
            let uri = Uri::parse(text).unwrap();
            assert_eq!(uri.credentials(), expected, "{text}");
            assert_eq!(
                (uri.to_string(), format!("{uri:?}")),
                ("ws://h/".into(), "Uri(ws://h/)".into())
            );
        }
    }

    #[test]
    fn a_refused_uri_is_shown_without_user_and_password() {
        let rows = [
            ("ws://me:secret@h/#x", "ws://…@h/#x"),
            ("ws://me:se/cret@h:x/", "ws://…@h:x/"),
            ("ws://me:se#cret@h/", "ws://…@h/"),
            ("me:secret@h", "…@h"),
            ("ws:me:secret@h", "…@h"),
            ("ftp://h/a", "ftp://h/a"),
            ("ws://h/\r\nX", "ws://h/\\r\\nX"),
        ];
        for (text, shown) in rows {
            let error = Uri::parse(text).unwrap_err();
            assert_eq!(error.field, Some((shown.to_owned(), None)));
            assert!(!format!("{error:?}").contains("cret"), "{error:?}");
        }
    }
}
