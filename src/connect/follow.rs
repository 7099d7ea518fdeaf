//! Whether and where a response sends us on (RFC 6455 4.1 (1), RFC 9110 15.4), and what of the
//! caller's goes along. Pure: opens nothing, waits for nothing.
//!
//! Whoever we are sent to may be a stranger, so to another origin (scheme, host and port) goes only
//! what is on a list, and never anything in plain text that was asked for over TLS.

use super::endpoint::Endpoint;
use super::options::{Options, TlsChoice};
use super::tls::TlsOptions;
use super::uri::Uri;
use crate::protocol::handshake::{Fields, Response, Wanted};

/// What another origin may learn of the caller's header fields: what the program is, what it speaks,
/// and on whose behalf it asks, by which that server can refuse. All others may be secrets.
const FOR_STRANGERS: [&str; 5] = [
    "Accept-Language",
    "Origin",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
    "User-Agent",
];

/// How the request went out that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) secure: bool,
    /// On a socket of the caller's, which leads to one server and is used up.
    pub(super) on_given_socket: bool,
    /// How many redirects had led to it.
    pub(super) redirects: usize,
}

/// What to open next, or why not; None where nobody is sent on, or does not want to be.
pub(super) fn next(
    options: &Options,
    asked: Asked,
    response: &Response,
) -> Option<Result<Options, String>> {
    let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
    (is_redirect && options.max_redirects > 0).then(|| {
        check_limits(options, asked)?;
        let uri = options.uri.leads_to(&location(response)?, asked.secure)?;
        check_security(options, asked, &uri)?;
        Ok(towards(uri, options, asked.secure))
    })
}

fn check_limits(options: &Options, asked: Asked) -> Result<(), String> {
    if asked.on_given_socket {
        return Err("a redirect needs a new connection, and a socket was handed in".to_owned());
    }
    if asked.redirects >= options.max_redirects {
        let count = options.max_redirects;
        return Err(format!("the limit of {count} (max_redirects) is reached"));
    }
    Ok(())
}

/// Field values are read as ISO-8859-1, but what servers put there beyond ASCII is UTF-8.
fn location(response: &Response) -> Result<String, String> {
    let mut values =
        response.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Location"));
    let (_, value) = values.next().ok_or("there is no Location field")?;
    if values.next().is_some() {
        return Err("there is more than one Location field".to_owned());
    }
    let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| "its Location is not UTF-8".to_owned())
}

fn check_security(options: &Options, asked: Asked, to: &Uri) -> Result<(), String> {
    if asked.secure && !to.is_secure() {
        let from = options.uri.site(true);
        return Err(format!("it leads from {from} to {}, which has no TLS", to.site(false)));
    }
    let is_same = to.site(to.is_secure()) == options.uri.site(asked.secure);
    if matches!(options.endpoint, Endpoint::Unix(_)) && !is_same {
        return Err(format!("it leads from a Unix socket to {}", to.site(to.is_secure())));
    }
    if to.is_secure() && options.tls == TlsChoice::Off {
        return Err(format!("it leads to {}, and TLS is switched off", to.site(true)));
    }
    Ok(())
}

fn towards(uri: Uri, options: &Options, secure: bool) -> Options {
    let is_same = uri.site(uri.is_secure()) == options.uri.site(secure);
    Options {
        uri: if is_same { uri.with_credentials_of(&options.uri) } else { uri },
        wanted: wanted(&options.wanted, is_same),
        tls: if is_same { options.tls.clone() } else { for_strangers(&options.tls) },
        // The name that was to be checked is the other server's.
        server_hostname: options.server_hostname.clone().filter(|_| is_same),
        // Which one leads there is found anew.
        proxy: options.proxy.clone(),
        // That was the way to the other server.
        endpoint: if is_same { options.endpoint.clone() } else { Endpoint::Uri },
        dialling: options.dialling.clone(),
        socket: None,
        timeout: options.timeout,
        max_redirects: options.max_redirects,
    }
}

fn wanted(wanted: &Wanted, is_same: bool) -> Wanted {
    let fields = wanted.fields.iter().filter(|(name, _)| goes_along(name, is_same));
    let fields: Fields = fields.cloned().collect();
    // A request line of the caller's names the resource that we have just been sent away from.
    Wanted { request_line: None, fields, ..wanted.clone() }
}

fn goes_along(name: &str, is_same: bool) -> bool {
    // Each handshake has a key of its own (RFC 6455 4.1), even if the caller fixed the first one's.
    let is_key = name.eq_ignore_ascii_case("Sec-WebSocket-Key");
    let is_public = || FOR_STRANGERS.iter().any(|public| public.eq_ignore_ascii_case(name));
    !is_key && (is_same || is_public())
}

/// Whom to trust stays the caller's choice; the client's certificate, and the name in it, is for the
/// server that it was configured for.
fn for_strangers(tls: &TlsChoice) -> TlsChoice {
    match tls {
        TlsChoice::On(options) => {
            TlsChoice::On(TlsOptions { cert_file: None, key_file: None, ..options.clone() })
        }
        TlsChoice::ByScheme(_) | TlsChoice::Off => tls.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::dial::Dialling;
    use super::super::proxy::ProxyOptions;
    use super::super::tls::TlsVersion;
    use super::*;

    const PLAIN: Asked = Asked { secure: false, on_given_socket: false, redirects: 0 };
    const SECURE: Asked = Asked { secure: true, ..PLAIN };

    fn options(uri: &str) -> Options {
        Options {
            uri: Uri::parse(uri).unwrap(),
            wanted: Wanted::default(),
            tls: TlsChoice::default(),
            server_hostname: None,
            endpoint: Endpoint::default(),
            dialling: Dialling::default(),
            proxy: ProxyOptions::default(),
            socket: None,
            timeout: None,
            max_redirects: 5,
        }
    }

    fn response(status: u16, fields: &[(&str, &str)]) -> Response {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Response { status, reason: String::new(), fields, body: Vec::new() }
    }

    fn sent_to(options: &Options, asked: Asked, location: &str) -> Result<Options, String> {
        next(options, asked, &response(302, &[("location", location)])).unwrap()
    }

    fn target(from: &str, location: &str) -> Result<String, String> {
        let options = options(from);
        let asked = Asked { secure: options.uri.is_secure(), ..PLAIN };
        sent_to(&options, asked, location).map(|next| next.uri.to_string())
    }

    fn names(options: &Options) -> Vec<&str> {
        options.wanted.fields.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn five_statuses_redirect_and_only_if_the_caller_wants_them_to() {
        let wanting = options("ws://a/");
        let unwilling = Options { max_redirects: 0, ..options("ws://a/") };
        for status in [200, 204, 300, 301, 302, 303, 304, 305, 307, 308, 401, 426, 500] {
            let response = response(status, &[("Location", "/x")]);
            let is_one = [301, 302, 303, 307, 308].contains(&status);
            assert_eq!(next(&wanting, PLAIN, &response).is_some(), is_one, "{status}");
            assert!(next(&unwilling, PLAIN, &response).is_none(), "{status}");
        }
    }

    #[test]
    fn the_limit_is_the_callers() {
        let options = Options { max_redirects: 2, ..options("ws://a/") };
        for redirects in [0, 1] {
            assert!(sent_to(&options, Asked { redirects, ..PLAIN }, "/x").is_ok());
        }
        let fault = sent_to(&options, Asked { redirects: 2, ..PLAIN }, "/x").unwrap_err();
        assert_eq!(fault, "the limit of 2 (max_redirects) is reached");
    }

    #[test]
    fn a_socket_that_was_handed_in_leads_nowhere_else() {
        let asked = Asked { on_given_socket: true, ..PLAIN };
        for location in ["/same", "ws://b/"] {
            let fault = sent_to(&options("ws://a/"), asked, location).unwrap_err();
            assert_eq!(fault, "a redirect needs a new connection, and a socket was handed in");
        }
    }

    #[test]
    fn a_location_is_resolved_where_it_was_read() {
        let rows = [
            ("ws://a:81/x/y?q=1", "z", "ws://a:81/x/z"),
            ("ws://a:81/x/y?q=1", "/z?r=2", "ws://a:81/z?r=2"),
            ("ws://a:81/x/y?q=1", "?r=2", "ws://a:81/x/y?r=2"),
            ("ws://a:81/x/y", "../../../z", "ws://a:81/z"),
            ("ws://a:81/x", "//b/z", "ws://b/z"),
            ("wss://a/x", "//b:8443/z", "wss://b:8443/z"),
            ("ws://a/", "http://b", "ws://b/"),
            ("ws://a/", "HTTPS://B:443/Z", "wss://b/Z"),
            ("ws://a/", "wss://b:80/", "wss://b:80/"),
            ("ws://a/", "ws://[::1]:9/", "ws://[::1]:9/"),
            ("ws://a/", "/caf\u{c3}\u{a9}", "ws://a/caf%C3%A9"),
            ("ws://a/", "/a b", "ws://a/a%20b"),
            ("ws://a/", "/z#fragment", "ws://a/z"),
            ("ws://a/x?q", "#fragment", "ws://a/x?q"),
            ("ws://a/", "/x?to=ws://b\\c", "ws://a/x?to=ws://b%5Cc"),
            ("ws://a/b/c", "./d/../e'%27", "ws://a/b/e'%27"),
            ("ws://a/b/../c", "d", "ws://a/d"),
            ("ws://a/", "/b/../c//d?x=/../y", "ws://a/c//d?x=/../y"),
            ("ws://a/", "/%2e%2e/b/%zz", "ws://a/%2e%2e/b/%zz"),
            ("ws://a/", "ws://b/c/../d?sig=a'b", "ws://b/c/../d?sig=a'b"),
            ("ws://a/", "//b/c/../d", "ws://b/c/../d"),
            ("ws://a/b?c", "?", "ws://a/b?"),
            ("ws://a/", "ws://b?q", "ws://b/?q"),
            ("ws://[fe80::1%25e]:81/", "/b", "ws://[fe80::1%25e]:81/b"),
            ("ws://[fe80::1%25e]:81/", "http://[fe80::1]:81/b", "ws://[fe80::1%25e]:81/b"),
            ("ws://[fe80::1%25e]/", "//[fe80::2]/b", "ws://[fe80::2]/b"),
        ];
        for (from, location, expected) in rows {
            assert_eq!(target(from, location).as_deref(), Ok(expected), "{from} {location}");
        }
    }

    #[test]
    fn a_location_that_cannot_be_used_is_named() {
        let rows = [
            ("", "its Location is empty"),
            ("ftp://b/", "its scheme is not ws, wss, http or https"),
            ("javascript:alert(1)", "it does not start with ws:// or wss://"),
            ("file:///etc/passwd", "its scheme is not ws, wss, http or https"),
            ("http:b", "it does not start with ws:// or wss://"),
            ("http:///b", "it has no host"),
            ("///b", "it has no host"),
            ("/\\b", "it contains a backslash"),
            ("\\\\b", "it contains a backslash"),
            ("/a\tb", "it contains the control character U+0009"),
            ("ws://b:port/", "invalid port number"),
            ("ws://[::1/", "invalid IPv6 address"),
            ("ws://me:pw@b/", "it has a user name or password"),
            ("//me@a/", "it has a user name or password"),
            ("ws://[fe80::1%25e]/", "it has a zone, which is this machine's to name"),
            ("/\u{e9}", "its Location is not UTF-8"),
        ];
        for (location, fault) in rows {
            let actual = target("ws://a/", location).unwrap_err();
            assert!(actual.ends_with(fault), "{location}: {actual}");
            assert!(!actual.contains("pw"), "{actual}");
        }
        let endless = format!("ws://{}/", "b".repeat(300));
        let fault = target("ws://a/", &endless).unwrap_err();
        assert!(fault.ends_with("its host has more than 255 characters"), "{fault}");
    }

    #[test]
    fn there_is_one_location() {
        let rows: [(&[(&str, &str)], &str); 2] = [
            (&[], "there is no Location field"),
            (&[("Location", "/a"), ("LOCATION", "/a")], "there is more than one Location field"),
        ];
        for (fields, expected) in rows {
            let fault = next(&options("ws://a/"), PLAIN, &response(302, fields)).unwrap();
            assert_eq!(fault.unwrap_err(), expected);
        }
    }

    #[test]
    fn tls_is_not_left_again() {
        for location in ["ws://a/", "http://a/", "ws://b:443/"] {
            let fault = sent_to(&options("wss://a/"), SECURE, location).unwrap_err();
            assert!(fault.starts_with("it leads from wss://a to ws://"), "{fault}");
            assert!(fault.ends_with(", which has no TLS"), "{fault}");
        }
        let in_tls_by_choice =
            Options { tls: TlsChoice::On(TlsOptions::default()), ..options("ws://a/") };
        assert!(sent_to(&in_tls_by_choice, SECURE, "ws://a/x").is_err());
        let next = sent_to(&in_tls_by_choice, SECURE, "/x").unwrap();
        assert_eq!(next.uri.to_string(), "wss://a/x");

        let without = Options { tls: TlsChoice::Off, ..options("ws://a/") };
        let fault = sent_to(&without, PLAIN, "wss://a/").unwrap_err();
        assert_eq!(fault, "it leads to wss://a, and TLS is switched off");
    }

    /// Of what the caller wants, everything that could be asked of a redirect.
    fn with_everything(uri: &str) -> Options {
        let names = [
            "Authorization",
            "Cookie",
            "Proxy-Authorization",
            "Host",
            "Origin",
            "X-Api-Key",
            "accept-language",
            "USER-AGENT",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Protocol",
        ];
        let wanted = Wanted {
            request_line: Some("GET /old HTTP/1.1".into()),
            fields: names.map(|name| (name.to_owned(), "v".to_owned())).into(),
            subprotocols: vec!["chat".into()],
            deflate: None,
        };
        let tls = TlsChoice::On(TlsOptions {
            ca_file: Some("ca.pem".into()),
            cert_file: Some("client.pem".into()),
            key_file: Some("client.key".into()),
            min_version: Some(TlsVersion::Tls13),
            ..TlsOptions::default()
        });
        Options { wanted, tls, server_hostname: Some("a.example".into()), ..options(uri) }
    }

    #[test]
    fn to_the_same_origin_everything_goes_along_but_the_key() {
        let before = with_everything("wss://me:pw@a:8443/old");
        for location in ["/new", "wss://a:8443/new", "https://A:8443/new"] {
            let next = sent_to(&before, SECURE, location).unwrap();
            assert_eq!(names(&next).len(), before.wanted.fields.len() - 1);
            assert!(!names(&next).contains(&"Sec-WebSocket-Key"));
            assert_eq!(next.uri.credentials(), Some(("me", "pw")));
            assert_eq!((&next.tls, &next.server_hostname), (&before.tls, &before.server_hostname));
            assert_eq!((next.wanted.request_line, next.uri.resource()), (None, "/new"));
            assert_eq!(next.wanted.subprotocols, ["chat"]);
        }
    }

    #[test]
    fn to_another_origin_goes_only_what_is_on_the_list() {
        let before = with_everything("wss://me:pw@a:8443/old");
        for location in ["wss://a/", "wss://b:8443/", "https://a:8444/", "//a.example:8443/"] {
            let next = sent_to(&before, SECURE, location).unwrap();
            let expected = ["Origin", "accept-language", "USER-AGENT", "Sec-WebSocket-Protocol"];
            assert_eq!(names(&next), expected, "{location}");
            assert_eq!((next.uri.credentials(), next.server_hostname), (None, None));
            assert_eq!(next.wanted.subprotocols, ["chat"]);
            let TlsChoice::On(tls) = next.tls else { unreachable!() };
            assert_eq!((tls.cert_file, tls.key_file), (None, None));
            assert_eq!(tls.ca_file, Some("ca.pem".into()));
            assert_eq!((tls.verify, tls.min_version), (true, Some(TlsVersion::Tls13)));
        }
    }

    #[test]
    fn from_plain_to_tls_is_another_origin() {
        let before = Options { tls: TlsChoice::default(), ..with_everything("ws://me:pw@a/") };
        let next = sent_to(&before, PLAIN, "wss://a/").unwrap();
        assert!(!names(&next).contains(&"Cookie"));
        assert_eq!((next.uri.credentials(), next.tls), (None, TlsChoice::default()));
    }

    #[test]
    fn what_was_left_behind_once_does_not_come_back() {
        let before = with_everything("wss://me:pw@a/");
        let elsewhere = sent_to(&before, SECURE, "wss://b/").unwrap();
        let back = sent_to(&elsewhere, SECURE, "wss://a/").unwrap();
        assert_eq!(back.uri.credentials(), None);
        assert!(!names(&back).contains(&"Authorization"));
    }
}
