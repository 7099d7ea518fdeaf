//! A URI: what is taken apart goes together again as it was, breaks out of no line of the request, and
//! shows no password.
#![no_main]

use aiowebsocket::connect::{Uri, redacted};
use fuzz::effort::{Allowance, Effort};
use libfuzzer_sys::fuzz_target;

/// IDNA and percent-encoding each make a text or two.
const A_BYTE: Allowance = Allowance { steps: 0, memory: 256 };

fuzz_target!(|text: &str| {
    let effort = Effort::start();
    let parsed = Uri::parse(text);
    effort.end(A_BYTE.times(text.len()));
    match parsed {
        Ok(uri) => check(&uri),
        Err(error) => {
            let shown = redacted(text);
            assert!(!shown.contains(char::is_control), "{shown:?}");
            assert_eq!(error.field, Some((shown, None)));
            assert!(!error.message.contains(char::is_control), "{:?}", error.message);
        }
    }
    hides_its_password(text);
});

fn check(uri: &Uri) {
    for secure in [false, true] {
        for part in [&uri.authority(secure), uri.resource(), &uri.origin(secure)] {
            assert!(part.bytes().all(|byte| byte.is_ascii_graphic()), "{part:?} breaks its line");
        }
        assert!(uri.authority(secure).starts_with(&uri.host().to_string()));
    }
    assert!(uri.resource().starts_with('/'));
    let again = Uri::parse(&uri.to_string()).expect("what a URI shows is a URI");
    let secure = uri.is_secure();
    assert_eq!(again.to_string(), uri.to_string());
    assert_eq!(
        (again.is_secure(), again.host(), again.port(secure), again.resource()),
        (secure, uri.host(), uri.port(secure), uri.resource())
    );
    assert_eq!(again.credentials(), None);
}

/// With a password that nothing else can contain, put where the text has room for one.
fn hides_its_password(text: &str) {
    const PASSWORD: &str = "kept-to-itself";
    let Some((scheme, rest)) = text.split_once("://") else { return };
    let text = format!("{scheme}://me:{PASSWORD}@{rest}");
    let shown = match Uri::parse(&text) {
        Ok(uri) => {
            assert!(uri.credentials().is_some());
            format!("{uri} {uri:?} {} {}", uri.authority(true), uri.origin(true))
        }
        Err(error) => format!("{error} {error:?} {}", redacted(&text)),
    };
    assert!(!shown.contains(PASSWORD), "{shown}");
}
