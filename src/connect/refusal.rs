//! A refusal in words, a server's or a proxy's: the status, what it asks for, the start of its body; and nothing of
//! our credentials, which some servers repeat.
//!
//! Decides nothing: what to do about a refusal is the caller's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::protocol::handshake::{Request, Response, excerpt};

/// A credential that is shorter would be found in any text.
const LEAST_SECRET: usize = 4;
const WEBSOCKET_VERSION: &str = "13";

pub(super) fn in_words(request: &Request, response: &Response) -> String {
    let mut words = status(request, response);
    if let Some(demand) = demand(response) {
        words.extend([" (", &demand, ")"]);
    }
    let body = excerpt(&response.body, 200);
    if !body.is_empty() && !repeats_a_secret(request, &String::from_utf8_lossy(&response.body)) {
        words.extend([": ", &body]);
    }
    words
}

pub(super) fn status(request: &Request, response: &Response) -> String {
    let reason = excerpt(response.reason.as_bytes(), 100);
    if reason.is_empty() || repeats_a_secret(request, &response.reason) {
        return format!("HTTP {}", response.status);
    }
    format!("HTTP {} {reason}", response.status)
}

fn demand(response: &Response) -> Option<String> {
    let versions = listed(response, "Sec-WebSocket-Version");
    let challenge = match response.status {
        401 => Some("WWW-Authenticate"),
        407 => Some("Proxy-Authenticate"),
        _ => None,
    };
    if let Some(challenge) = challenge {
        let schemes = schemes(response, challenge);
        (!schemes.is_empty()).then(|| format!("it asks for credentials: {}", schemes.join(", ")))
    } else if !versions.is_empty() && versions != WEBSOCKET_VERSION {
        Some(format!("it speaks version {versions} of the protocol, we speak {WEBSOCKET_VERSION}"))
    } else {
        None
    }
}

fn listed(response: &Response, name: &str) -> String {
    let values: Vec<&str> = values(response, name).collect();
    excerpt(values.join(", ").as_bytes(), 60)
}

fn values<'a>(response: &'a Response, name: &str) -> impl Iterator<Item = &'a str> {
    let named = response.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.as_str())
}

/// The authentication schemes of the challenges (RFC 9110 11.6.1). Challenges and their parameters
/// are separated by commas alike; a parameter is known by its equals sign.
fn schemes(response: &Response, challenge: &str) -> Vec<String> {
    let mut schemes = Vec::new();
    for value in values(response, challenge) {
        for element in elements(value) {
            let end = element.find([' ', '\t', '=']).unwrap_or(element.len());
            let (word, rest) = element.split_at(end);
            if !word.is_empty() && !rest.trim_start().starts_with('=') && schemes.len() < 5 {
                schemes.push(excerpt(word.as_bytes(), 30));
            }
        }
    }
    schemes
}

/// Split at commas, but not within quotes.
fn elements(list: &str) -> Vec<&str> {
    let (mut elements, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, character) in list.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                elements.push(list[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    elements.push(list[start..].trim());
    elements
}

fn repeats_a_secret(request: &Request, text: &str) -> bool {
    secrets(request).iter().any(|secret| text.contains(secret.as_str()))
}

/// What was sent in confidence, in the forms in which it could come back.
fn secrets(request: &Request) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in &request.fields {
        match name.to_ascii_lowercase().as_str() {
            "authorization" | "proxy-authorization" => {
                let credentials = value.split_once(' ').map_or(value.as_str(), |(_, rest)| rest);
                secrets.extend(password(credentials));
                secrets.push(credentials.trim().to_owned());
            }
            "cookie" => secrets.extend(value.split(';').map(|cookie| {
                let (_, content) = cookie.split_once('=').unwrap_or(("", cookie));
                content.trim().to_owned()
            })),
            _ => {}
        }
    }
    secrets.retain(|secret| secret.len() >= LEAST_SECRET);
    secrets
}

/// Of Basic credentials (RFC 7617).
fn password(credentials: &str) -> Option<String> {
    let decoded = String::from_utf8(BASE64.decode(credentials.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::protocol::handshake::Wanted;

    use super::*;

    fn response(status: u16, fields: &[(&str, &str)], body: &str) -> Response {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Response { status, reason: "Why".to_owned(), fields, body: body.into() }
    }

    fn request(fields: &[(&str, &str)], credentials: Option<(&str, &str)>) -> Request {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let wanted = Wanted { fields, ..Wanted::default() };
        Request::new("h", "/", credentials, &wanted, [0; 16]).unwrap()
    }

    #[test]
    fn a_401_names_the_schemes_it_asks_for() {
        let rows: [(&[&str], &str); 8] = [
            (&["Basic realm=\"a, Digest b\""], "Basic"),
            (
                &["Digest realm=\"x\\\", Evil y\", qop=auth , nonce = \"n\", Basic realm=x"],
                "Digest, Basic",
            ),
            (&["Bearer"], "Bearer"),
            (&["Negotiate", "NTLM"], "Negotiate, NTLM"),
            (&["Negotiate YWJj==, Basic realm=x"], "Negotiate, Basic"),
            (&["A,B,C,D,E,F,G"], "A, B, C, D, E"),
            (&[""], ""),
            (&[], ""),
        ];
        for (challenges, schemes) in rows {
            let fields: Vec<_> = challenges.iter().map(|c| ("www-authenticate", *c)).collect();
            let words = in_words(&request(&[], None), &response(401, &fields, "log in"));
            let expected = match schemes {
                "" => "HTTP 401 Why: log in".to_owned(),
                _ => format!("HTTP 401 Why (it asks for credentials: {schemes}): log in"),
            };
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn a_426_names_the_versions_the_server_speaks() {
        let rows: [(&[&str], &str); 4] = [
            (&["8, 7"], "HTTP 426 Why (it speaks version 8, 7 of the protocol, we speak 13)"),
            (&["8", "7"], "HTTP 426 Why (it speaks version 8, 7 of the protocol, we speak 13)"),
            (&["13"], "HTTP 426 Why"),
            (&[], "HTTP 426 Why"),
        ];
        for (versions, expected) in rows {
            let fields: Vec<_> = versions.iter().map(|v| ("Sec-WebSocket-Version", *v)).collect();
            assert_eq!(in_words(&request(&[], None), &response(426, &fields, "")), expected);
        }
    }

    #[test]
    fn credentials_that_the_server_repeats_are_not_shown() {
        let token =
            request(&[("authorization", "Bearer t0ken"), ("Cookie", "a=1; id=c00kie")], None);
        let basic = request(&[], Some(("me", "pa:ss")));
        let rows = [
            (&token, "wrong token t0ken", false),
            (&token, "you are c00kie", false),
            (&token, "Bearer wanted, 1 time", true),
            (&basic, "wrong password pa:ss", false),
            (&basic, "wrong bWU6cGE6c3M=", false),
            (&basic, "me is unknown", true),
        ];
        for (request, text, is_shown) in rows {
            let mut refusal = response(403, &[], text);
            assert_eq!(in_words(request, &refusal).contains(text), is_shown, "{text}");
            refusal = Response { reason: text.to_owned(), body: Vec::new(), ..refusal };
            assert_eq!(status(request, &refusal).contains(text), is_shown, "{text}");
        }
    }
}
