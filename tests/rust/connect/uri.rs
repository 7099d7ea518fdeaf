//! Properties of a URI's parts, whatever the text.

use aiowebsocket::connect::Uri;
use proptest::prelude::*;

/// What RFC 3986 3.3 and 3.4 allow, and more: brackets, and a percent sign that begins no escape.
const LEGAL: &str =
    "/[A-Za-z0-9._~!$&'()*+,;=:@%/\\[\\]-]{0,40}(\\?[A-Za-z0-9._~!$&'()*+,;=:@%/?\\[\\]-]{0,40})?";

proptest! {
    #[test]
    fn what_is_legal_goes_out_as_it_was_written(target in LEGAL) {
        let uri = Uri::parse(&format!("ws://h{target}")).unwrap();
        prop_assert_eq!(uri.resource(), &target);
    }

    #[test]
    fn what_goes_out_is_visible_ascii_and_stays_as_it_is(target in "\\PC{0,40}") {
        let Ok(uri) = Uri::parse(&format!("ws://h/{target}")) else {
            prop_assert!(target.contains(['#', '\\']), "{}", target);
            return Ok(());
        };
        prop_assert!(uri.resource().bytes().all(|byte| byte.is_ascii_graphic()));
        let again = Uri::parse(&uri.to_string()).unwrap();
        prop_assert_eq!(again.resource(), uri.resource());
    }

    #[test]
    fn any_text_has_an_answer(text in "(ws|wss)://.{0,60}") {
        if let Ok(uri) = Uri::parse(&text) {
            let again = Uri::parse(&uri.to_string()).unwrap();
            prop_assert_eq!(again.to_string(), uri.to_string());
            prop_assert_eq!((again.host(), again.zone()), (uri.host(), uri.zone()));
            prop_assert!(!uri.authority(false).contains('%'));
        }
    }
}
