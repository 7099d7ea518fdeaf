//! A WebSocket URI (RFC 6455 section 3) taken apart: whom to ask, and for what.
//!
//! User and password live here and leave only through `credentials`: no other form shows them.

use std::fmt;

use url::{Host, Url};

use super::error::OpenError;

/// Of a host name (RFC 1035 2.3.4): a longer one has no address, and spoils every message.
const LONGEST_NAME: usize = 255;

#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    secure: bool,
    host: Host,
    port: Option<u16>,
    resource: String,
    credentials: Option<(String, String)>,
}

impl Uri {
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        Self::take_apart(text).map_err(|fault| OpenError::invalid_uri(redacted(text), fault))
    }

    fn take_apart(text: &str) -> Result<Self, String> {
        check_spelling(text)?;
        let url = Url::parse(text).map_err(|fault| fault.to_string())?;
        let secure = is_secure(url.scheme())?;
        if url.fragment().is_some() {
            // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT
            // be used on these URIs" (RFC 6455 section 3).
            return Err("it has a fragment (#), which may not be used".to_owned());
        }
        let host = url.host().ok_or("it has no host")?.to_owned();
        let port = written_port(text);
        Ok(Self { secure, host, port, resource: resource(&url), credentials: credentials(&url) })
    }

    /// Where a Location leads to from here (RFC 9110 10.2.2); `secure` is how we got here.
    ///
    /// Its fragment is for whoever shows a document. User and password in it are refused, since "it
    /// is likely being used to obscure the authority for the sake of phishing" (RFC 9110 4.2.4).
    pub(super) fn leads_to(&self, location: &str, secure: bool) -> Result<Self, String> {
        let site = self.site(secure);
        if location.is_empty() {
            return Err("its Location is empty".to_owned());
        }
        let unusable = |fault: String| format!("its Location cannot be used: {fault}");
        check_spelling(&spelled_out(location, &site)).map_err(unusable)?;
        let here = Url::parse(&format!("{site}{}", self.resource));
        let there = here.and_then(|here| here.join(location));
        let mut there = there.map_err(|fault| unusable(fault.to_string()))?;
        if !there.username().is_empty() || there.password().is_some() {
            return Err(unusable("it has a user name or password".to_owned()));
        }
        if there.host_str().is_some_and(|host| host.len() > LONGEST_NAME) {
            return Err(unusable(format!("its host has more than {LONGEST_NAME} characters")));
        }
        there.set_fragment(None);
        Self::take_apart(there.as_str()).map_err(unusable)
    }

    pub(super) fn with_credentials_of(self, other: &Self) -> Self {
        Self { credentials: other.credentials.clone(), ..self }
    }

    /// wss and https, rather than ws and http.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port of the URI, else the default one of a connection with or without TLS.
    #[must_use]
    pub fn port(&self, secure: bool) -> u16 {
        self.port.unwrap_or(if secure { 443 } else { 80 })
    }

    /// Path and query, as the request line wants them.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Decoded user and password.
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// What the Host field says: without the port where it is the default one (RFC 6455 4.1).
    #[must_use]
    pub fn authority(&self, secure: bool) -> String {
        match self.port(secure) {
            443 if secure => self.host.to_string(),
            80 if !secure => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// Scheme, host and port: the origin in the sense of RFC 6454, in WebSocket's own schemes.
    #[must_use]
    pub(super) fn site(&self, secure: bool) -> String {
        format!("{}://{}", if secure { "wss" } else { "ws" }, self.authority(secure))
    }

    /// What the original client says in its Origin field: this server's scheme and host, no port.
    #[must_use]
    pub fn origin(&self, secure: bool) -> String {
        format!("{}://{}", if secure { "https" } else { "http" }, self.host)
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
    let (scheme, rest) = text.split_once("://").ok_or("it does not start with ws:// or wss://")?;
    is_secure(&scheme.trim_start().to_ascii_lowercase())?;
    if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        return Err("it has no host".to_owned());
    }
    if rest.split(['?', '#']).next().is_some_and(|path| path.contains('\\')) {
        return Err("it contains a backslash".to_owned());
    }
    Ok(())
}

/// A reference as the URI whose spelling can be checked.
fn spelled_out(reference: &str, site: &str) -> String {
    let before = reference.split(['/', '?', '#']).next().unwrap_or_default();
    match site.split_once("//") {
        Some((scheme, _)) if reference.starts_with("//") => format!("{scheme}{reference}"),
        _ if before.contains(':') => reference.to_owned(),
        _ => format!("{site}/{reference}"),
    }
}

fn is_secure(scheme: &str) -> Result<bool, String> {
    match scheme {
        "wss" | "https" => Ok(true),
        "ws" | "http" => Ok(false),
        _ => Err("its scheme is not ws, wss, http or https".to_owned()),
    }
}

/// As it is written: the url crate drops the default port of the scheme, but whether the connection
/// has TLS is the caller's choice in the end, and `ws://host:80` with TLS still means port 80.
fn written_port(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("://")?;
    let (_, port) = rest.split(['/', '?', '#']).next()?.rsplit_once(':')?;
    port.trim_end().parse().ok()
}

/// RFC 6455 section 3: path, "/" if it is empty, and query; percent-encoded by the url crate.
fn resource(url: &Url) -> String {
    let path = if url.path().is_empty() { "/" } else { url.path() };
    match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

fn credentials(url: &Url) -> Option<(String, String)> {
    let (user, password) = (url.username(), url.password());
    let is_given = !user.is_empty() || password.is_some();
    is_given.then(|| (percent_decoded(user), percent_decoded(password.unwrap_or_default())))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten().and_then(hexadecimal);
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(*digits.first()?)? << 4 | digit(*digits.get(1)?)?)
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
