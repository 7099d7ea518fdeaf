//! Which proxy leads to which server: what the caller says, or the environment (RFC 6455 4.1 (3)).

use super::bypass::{is_bypassed, is_loopback};
use super::url::ProxyUrl;
use crate::connect::error::OpenError;
use crate::connect::tls::TlsOptions;
use crate::connect::uri::Uri;
use crate::protocol::handshake::Fields;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyOptions {
    pub choice: ProxyChoice,
    /// For a proxy that is reached by TLS, and whether anything was said of that.
    pub tls: TlsOptions,
    pub needs_tls: bool,
    /// The name to ask for and to check in TLS, where it is not the proxy's host.
    pub server_hostname: Option<String>,
    /// What only the proxy gets, which has to speak HTTP.
    pub fields: Fields,
    /// Sent to one that speaks HTTP, unless `fields` have another.
    pub user_agent: Option<String>,
}

impl ProxyOptions {
    /// Whether what was said goes together. The environment may name a proxy of any kind, or none.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let (proxy, is_secure, is_http) = match &self.choice {
            ProxyChoice::ByScheme(_) => return Ok(()),
            ProxyChoice::Direct => ("None".to_owned(), false, false),
            ProxyChoice::Through(proxy) => (proxy.to_string(), proxy.is_secure(), proxy.is_http()),
        };
        if self.needs_tls && !is_secure {
            let sentence = "proxy_ssl and proxy_server_hostname are for a proxy that is https://";
            return Err(OpenError::argument(format!("{sentence}, and proxy is {proxy}")));
        }
        if !self.fields.is_empty() && !is_http {
            let sentence = "proxy_headers are for a proxy that is http:// or https://";
            return Err(OpenError::argument(format!("{sentence}, and proxy is {proxy}")));
        }
        Ok(())
    }

    /// What an HTTP proxy gets besides its credentials.
    pub(super) fn http_fields(&self) -> Fields {
        let is_given =
            |name: &str| self.fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let user_agent = self.user_agent.iter().filter(|_| !is_given("User-Agent"));
        let user_agent = user_agent.map(|value| ("User-Agent".to_owned(), value.clone()));
        user_agent.chain(self.fields.iter().cloned()).collect()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    #[default]
    Direct,
    /// To every server.
    Through(ProxyUrl),
    ByScheme(ProxyTable),
}

/// What the environment, or the system, names: the URLs of proxies as they are written there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxyTable {
    pub ws: Option<String>,
    pub wss: Option<String>,
    pub socks: Option<String>,
    pub https: Option<String>,
    pub http: Option<String>,
    pub all: Option<String>,
    /// NO_PROXY.
    pub no: String,
}

impl ProxyChoice {
    /// Whether no proxy is named at all.
    #[must_use]
    pub fn is_none(&self) -> bool {
        match self {
            Self::Direct => true,
            Self::Through(_) => false,
            Self::ByScheme(table) => *table == ProxyTable::default(),
        }
    }

    /// The proxy that leads to that server, if one does.
    pub(super) fn proxy_for(&self, uri: &Uri, secure: bool) -> Result<Option<ProxyUrl>, OpenError> {
        match self {
            Self::Direct => Ok(None),
            Self::Through(proxy) => Ok(Some(proxy.clone())),
            Self::ByScheme(table) => table.proxy_for(uri, secure),
        }
    }
}

impl ProxyTable {
    fn proxy_for(&self, uri: &Uri, secure: bool) -> Result<Option<ProxyUrl>, OpenError> {
        if is_loopback(uri.host()) || is_bypassed(&self.no, uri.host(), uri.port(secure)) {
            return Ok(None);
        }
        // In plain text an HTTP proxy for plain text will do too, but CONNECT is what it has to speak.
        let named = if secure {
            [&self.wss, &self.socks, &self.https, &None, &self.all]
        } else {
            [&self.ws, &self.socks, &self.https, &self.http, &self.all]
        };
        let Some(named) = named.into_iter().flatten().next() else { return Ok(None) };
        if Some(named) == self.socks.as_ref() {
            return ProxyUrl::parse(&as_socks(named)).map(Some);
        }
        ProxyUrl::parse(named).map(Some)
    }
}

/// Systems name a SOCKS proxy by its address alone, which Python then calls `http://`.
fn as_socks(written: &str) -> String {
    let address = written.strip_prefix("http://").unwrap_or(written);
    if address.contains("://") { address.to_owned() } else { format!("socks5h://{address}") }
}

/// Credentials may be in it.
impl std::fmt::Debug for ProxyTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyTable").field("no", &self.no).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn chosen(table: &ProxyTable, uri: &str) -> Option<String> {
        let uri = Uri::parse(uri).unwrap();
        let proxy = table.proxy_for(&uri, uri.is_secure()).unwrap();
        proxy.map(|proxy| proxy.to_string())
    }

    fn table(schemes: &[&str]) -> ProxyTable {
        let named =
            |scheme: &str| schemes.contains(&scheme).then(|| format!("http://{scheme}.example:1"));
        ProxyTable {
            ws: named("ws"),
            wss: named("wss"),
            socks: named("socks"),
            https: named("https"),
            http: named("http"),
            all: named("all"),
            no: String::new(),
        }
    }

    #[test]
    fn the_first_that_is_named_is_taken() {
        let rows: [(&[&str], Option<&str>, Option<&str>); 8] = [
            (&["ws", "wss", "socks", "https", "http", "all"], Some("ws"), Some("wss")),
            (&["socks", "https", "http", "all"], Some("socks"), Some("socks")),
            (&["https", "http", "all"], Some("https"), Some("https")),
            (&["http", "all"], Some("http"), Some("all")),
            (&["http"], Some("http"), None),
            (&["wss"], None, Some("wss")),
            (&["all"], Some("all"), Some("all")),
            (&[], None, None),
        ];
        for (names, plain, secure) in rows {
            let shown = |name: &str| {
                let scheme = if name == "socks" { "socks5h" } else { "http" };
                format!("{scheme}://{name}.example:1")
            };
            let table = table(names);
            assert_eq!(chosen(&table, "ws://h/"), plain.map(shown), "{names:?}");
            assert_eq!(chosen(&table, "wss://h/"), secure.map(shown), "{names:?}");
        }
    }

    #[test]
    fn a_socks_proxy_may_be_named_by_its_address() {
        let rows = [
            ("h:1", "socks5h://h:1"),
            ("http://me:pw@h:1", "socks5h://h:1"),
            ("socks4://h:1", "socks4://h:1"),
        ];
        for (written, shown) in rows {
            let table = ProxyTable { socks: Some(written.to_owned()), ..ProxyTable::default() };
            assert_eq!(chosen(&table, "wss://s/").as_deref(), Some(shown));
        }
    }

    #[test]
    fn nobody_is_asked_for_the_way_to_this_machine_or_past_no_proxy() {
        let table = ProxyTable { no: "inner.example".to_owned(), ..table(&["ws", "wss"]) };
        for uri in
            ["ws://localhost/", "wss://127.0.0.1:9/", "ws://[::1]/", "wss://a.inner.example/"]
        {
            assert_eq!(chosen(&table, uri), None, "{uri}");
        }
        let explicit = ProxyChoice::Through(ProxyUrl::parse("http://p").unwrap());
        let uri = Uri::parse("ws://localhost/").unwrap();
        assert!(explicit.proxy_for(&uri, false).unwrap().is_some());
    }
}
