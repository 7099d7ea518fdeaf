//! The response of the opening handshake: its head in any cut, the judgement, and a refusal's body.
#![no_main]

use aiowebsocket::protocol::deflate::{Agreed, Parameters};
use aiowebsocket::protocol::handshake::{
    Body, HandshakeError, HeadReader, MAX_BODY, MAX_FIELDS, MAX_HEAD, Request, Response, Wanted,
    judge,
};
use fuzz::cuts::Cut;
use fuzz::effort::{Allowance, Effort};
use libfuzzer_sys::fuzz_target;

/// A field of three bytes becomes two strings; a head is parsed once, whatever its cut.
const A_BYTE: Allowance = Allowance { steps: 8, memory: 128 };

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let mut uncut = answer(bytes, Cut::Uncut);
    let mut cut = answer(bytes, Cut::Every(1 + usize::from(choice)));
    for answer in [&mut uncut, &mut cut] {
        check(answer, bytes);
        // It shows what had arrived when it was known that this is no HTTP.
        if let Some(HandshakeError::Message(shown)) = &mut answer.error {
            shown.clear();
        }
    }
    assert_eq!(cut, uncut);
});

/// All that is learned of a server's answer.
#[derive(Debug, PartialEq)]
struct Answer {
    response: Option<Response>,
    error: Option<HandshakeError>,
    subprotocol: Option<String>,
    deflate: Option<Agreed>,
    /// What came behind a 101, or the body of a refusal and whether it is complete.
    behind: Vec<u8>,
    is_complete: bool,
}

fn answer(bytes: &[u8], cut: Cut) -> Answer {
    let effort = Effort::start();
    let mut answer = Answer {
        response: None,
        error: None,
        subprotocol: None,
        deflate: None,
        behind: Vec::new(),
        is_complete: false,
    };
    let mut pieces = cut.pieces(bytes);
    let mut reader = HeadReader::default();
    for piece in pieces.by_ref() {
        match reader.receive(piece) {
            Ok(None) => {}
            Ok(Some((response, behind))) => {
                answer.judged(response, behind, pieces);
                break;
            }
            Err(error) => {
                answer.error = Some(error);
                break;
            }
        }
    }
    effort.end(A_BYTE.times(bytes.len()));
    answer
}

impl Answer {
    fn judged<'a>(
        &mut self,
        response: Response,
        behind: Vec<u8>,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) {
        match judge(&request(), &response) {
            Ok(agreement) => {
                self.subprotocol = agreement.subprotocol;
                self.deflate = agreement.deflate;
                self.behind = behind;
                self.behind.extend(pieces.flatten());
            }
            Err(error) => {
                self.error = Some(error);
                let mut body = Body::of(&response);
                body.receive(&behind);
                pieces.for_each(|piece| body.receive(piece));
                self.is_complete = body.is_complete();
                self.behind = body.into_bytes();
            }
        }
        self.response = Some(response);
    }
}

/// With the key of RFC 6455 1.3, so that a seed's Sec-WebSocket-Accept is right.
fn request() -> Request {
    let subprotocols = vec!["chat".to_owned(), "superchat".to_owned()];
    let wanted = Wanted { subprotocols, deflate: Some(Parameters::default()), ..Wanted::default() };
    Request::new("server.example.com", "/chat", None, &wanted, *b"the sample nonce")
        .expect("a request that may be sent")
}

fn check(answer: &Answer, bytes: &[u8]) {
    let shown = answer.error.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(shown.len() < 1000 && !shown.contains(['\r', '\n', '\0', '\x1b']), "{shown:?}");
    let Some(response) = &answer.response else {
        assert!(bytes.len() <= MAX_HEAD + 1 || answer.error.is_some(), "a head without end");
        return;
    };
    assert!(response.fields.len() <= MAX_FIELDS);
    for (name, value) in &response.fields {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
        assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
    }
    if answer.error.is_none() {
        assert_eq!(response.status, 101);
        assert!(bytes.ends_with(&answer.behind), "frames behind the head were changed");
        assert!(answer.subprotocol.as_deref().is_none_or(|chosen| chosen.ends_with("chat")));
    } else {
        assert!(answer.behind.len() <= MAX_BODY);
    }
}
