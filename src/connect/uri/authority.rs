//! The authority of a URI (RFC 3986 3.2): host, zone, port, user and password.
//!
//! What a host is, in all its spellings (IDNA, the forms of an IPv4 address), the url crate knows.

use url::{Host, Url};

use super::percent;

/// Of a host name (RFC 1035 2.3.4), and more than any interface's name has: what is longer is no
/// address, and spoils every message.
const LONGEST_NAME: usize = 255;

#[derive(Clone, PartialEq, Eq)]
pub(in crate::connect) struct Authority {
    pub(in crate::connect) host: Host,
    /// Decoded.
    pub(in crate::connect) zone: Option<String>,
    /// As it is written, the scheme's default one too: whether the connection has TLS is the caller's
    /// choice in the end, and `ws://host:80` with TLS still means port 80.
    pub(in crate::connect) port: Option<u16>,
    pub(in crate::connect) credentials: Option<(String, String)>,
}

impl Authority {
    pub(in crate::connect) fn parse(text: &str) -> Result<Self, String> {
        let (text, zone) = without_zone(text)?;
        let url = Url::parse(&format!("ws://{text}")).map_err(|fault| fault.to_string())?;
        let host = url.host().ok_or("it has no host")?.to_owned();
        if matches!(&host, Host::Domain(name) if name.len() > LONGEST_NAME) {
            return Err(format!("its host has more than {LONGEST_NAME} characters"));
        }
        let port = text.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Ok(Self { host, zone, port, credentials: credentials(&url) })
    }

    /// The host with its zone, which stands within the brackets.
    pub(in crate::connect) fn host_within(
        &self,
        separator: &str,
        spelled: fn(&str) -> String,
    ) -> String {
        match (&self.host, &self.zone) {
            (Host::Ipv6(address), Some(zone)) => {
                format!("[{address}{separator}{}]", spelled(zone))
            }
            (host, _) => host.to_string(),
        }
    }
}

/// `[fe80::1%25eth0]` (RFC 6874 2), or with a bare percent sign, as people write it. `%25` alone is the
/// bare form of number 25.
fn without_zone(text: &str) -> Result<(String, Option<String>), String> {
    let host_start = text.rfind('@').map_or(0, |at| at + 1);
    let bracketed = text[host_start..].strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let Some((inside, behind)) = bracketed else { return Ok((text.to_owned(), None)) };
    let Some((address, written)) = inside.split_once('%') else {
        return Ok((text.to_owned(), None));
    };
    let zone = match written.strip_prefix("25") {
        Some(escaped) if !escaped.is_empty() => percent::decode(escaped),
        _ => written.into(),
    };
    let zone = String::from_utf8(zone).ok().filter(|zone| {
        (1..=LONGEST_NAME).contains(&zone.len()) && !zone.contains(char::is_control)
    });
    let zone = zone.ok_or("its zone is not the name or number of a network interface")?;
    Ok((format!("{}[{address}]{behind}", &text[..host_start]), Some(zone)))
}

fn credentials(url: &Url) -> Option<(String, String)> {
    let (user, password) = (url.username(), url.password());
    let is_given = !user.is_empty() || password.is_some();
    let decoded = |text| String::from_utf8_lossy(&percent::decode(text)).into_owned();
    is_given.then(|| (decoded(user), decoded(password.unwrap_or_default())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_told_from_its_address() {
        let rows = [
            ("[fe80::1%25eth0]", "eth0"),
            ("[fe80::1%eth0]:81", "eth0"),
            ("me:p%25w@[fe80::1%25eth0]:81", "eth0"),
            ("[fe80::1%25en%200]", "en 0"),
            ("[fe80::1%252]", "2"),
            ("[fe80::1%2]", "2"),
            ("[fe80::1%25]", "25"),
            ("[fe80::1%2525]", "25"),
            ("[fe80::1%25a%25b]", "a%b"),
        ];
        for (text, zone) in rows {
            let authority = Authority::parse(text).unwrap();
            assert_eq!(authority.host.to_string(), "[fe80::1]", "{text}");
            assert_eq!(authority.zone.as_deref(), Some(zone), "{text}");
            assert_eq!(authority.port, text.ends_with("81").then_some(81));
            let shown = authority.host_within("%25", percent::encode_reserved);
            assert_eq!(Authority::parse(&shown).unwrap().zone, authority.zone, "{shown}");
        }
        for text in ["[::1]", "127.0.0.1:80", "h", "me:p%40@h"] {
            assert_eq!(Authority::parse(text).unwrap().zone, None);
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        let unknown = "its zone is not the name or number of a network interface";
        let endless = format!("[fe80::1%25{}]", "z".repeat(256));
        let rows = [
            ("[fe80::1%]", unknown),
            ("[fe80::1%25%0d]", unknown),
            ("[fe80::1%25%00]", unknown),
            ("[fe80::1%25%ff]", unknown),
            (&endless, unknown),
            ("[127.0.0.1%25eth0]", "invalid IPv6 address"),
            ("[%25eth0]", "invalid IPv6 address"),
        ];
        for (text, fault) in rows {
            assert_eq!(Authority::parse(text).err().as_deref(), Some(fault), "{text}");
        }
        for text in ["127.0.0.1%25eth0", "h%25eth0"] {
            assert!(Authority::parse(text).is_err(), "{text}");
        }
    }
}
