//! The closing handshake (RFC 6455 7) as a state table. Knows Close frames and the deadline's value;
//! sends nothing itself: each transition says which Close, if any, is to be sent.
//!
//! | phase \ event | close() | peer's Close | violation | end of stream | deadline |
//! |---|---|---|---|---|---|
//! | Open | send Close: Closing | answer it: Ending | send Close: Ending | Closed | - |
//! | Closing | - | Ending | Ending | Closed | Closed |
//! | Ending | - | - | - | Closed | Closed |

use std::time::{Duration, Instant};

use super::close::Close;
use super::close_code::CloseCode;
use super::failure::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    /// Our Close has been sent; messages may still come before the peer's.
    Closing,
    /// Both Close frames have gone, or the connection has failed: only the end of TCP is awaited.
    Ending,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Local,
    Peer,
}

#[derive(Debug)]
pub(super) struct Closing {
    pub(super) phase: Phase,
    // Boxed, for most connections that there are have none of them.
    pub(super) received: Option<Box<Close>>,
    pub(super) sent: Option<Box<Close>>,
    /// Whose Close came first, once the peer's has come.
    pub(super) first: Option<Side>,
    pub(super) failure: Option<Box<Failure>>,
    pub(super) deadline: Option<Instant>,
    pub(super) timed_out: bool,
    timeout: Option<Duration>,
}

impl Closing {
    pub(super) const fn new(timeout: Option<Duration>) -> Self {
        Self {
            phase: Phase::Open,
            received: None,
            sent: None,
            first: None,
            failure: None,
            deadline: None,
            timed_out: false,
            timeout,
        }
    }

    pub(super) fn close(&mut self, close: Close, now: Instant) -> Option<Close> {
        (self.phase == Phase::Open).then(|| self.enter(Phase::Closing, Some(close), now)).flatten()
    }

    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint
    /// MUST send a Close frame in response", typically echoing the status code (RFC 6455 5.5.1);
    /// the reason goes with it.
    pub(super) fn peer_closed(&mut self, close: Close, now: Instant) -> Option<Close> {
        let answer = match self.phase {
            Phase::Open => Some(close.clone()),
            Phase::Closing => None,
            Phase::Ending | Phase::Closed => return None,
        };
        self.first = Some(if answer.is_some() { Side::Peer } else { Side::Local });
        self.received = Some(Box::new(close));
        self.enter(Phase::Ending, answer, now)
    }

    /// _Fail the WebSocket Connection_ (RFC 6455 7.1.7).
    pub(super) fn fail(&mut self, failure: Failure, now: Instant) -> Option<Close> {
        let close = match self.phase {
            Phase::Open => Some(failure.close()),
            Phase::Closing => None,
            Phase::Ending | Phase::Closed => return None,
        };
        self.failure = Some(Box::new(failure));
        self.enter(Phase::Ending, close, now)
    }

    pub(super) const fn end_of_stream(&mut self) {
        self.phase = Phase::Closed;
        self.deadline = None;
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.timed_out = true;
            self.end_of_stream();
        }
    }

    /// The code the user sees (RFC 6455 7.1.5): 1006 where no Close came.
    pub(super) fn code(&self) -> CloseCode {
        self.received.as_ref().map_or(CloseCode::ABNORMAL, |close| close.code)
    }

    fn enter(&mut self, phase: Phase, close: Option<Close>, now: Instant) -> Option<Close> {
        self.phase = phase;
        if close.is_some() {
            self.sent = close.clone().map(Box::new);
        }
        if self.deadline.is_none() {
            self.deadline = self.timeout.and_then(|timeout| now.checked_add(timeout));
        }
        close
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ProtocolError;
    use super::*;

    fn apply(closing: &mut Closing, event: &str, now: Instant) -> Option<u16> {
        let sent = match event {
            "close" => closing.close(Close::new(CloseCode::NORMAL, "bye"), now),
            "peer" => closing.peer_closed(Close::new(CloseCode::GOING_AWAY, "away"), now),
            "fail" => {
                let error = ProtocolError::InvalidCloseReason;
                closing.fail(Failure::Protocol(error), now)
            }
            "end" => {
                closing.end_of_stream();
                None
            }
            _ => {
                closing.handle_timeout(now + Duration::from_secs(10));
                None
            }
        };
        sent.map(|close| close.code.0)
    }

    #[test]
    fn the_table_holds() {
        use Phase::{Closed, Closing as Half, Ending, Open};
        for (before, event, sent, phase, code) in [
            (&[][..], "close", Some(1000), Half, 1006),
            (&[], "peer", Some(1001), Ending, 1001),
            (&[], "fail", Some(1007), Ending, 1006),
            (&[], "end", None, Closed, 1006),
            (&[], "deadline", None, Open, 1006),
            (&["close"], "close", None, Half, 1006),
            (&["close"], "peer", None, Ending, 1001),
            (&["close"], "fail", None, Ending, 1006),
            (&["close"], "end", None, Closed, 1006),
            (&["close"], "deadline", None, Closed, 1006),
            (&["peer"], "close", None, Ending, 1001),
            (&["peer"], "peer", None, Ending, 1001),
            (&["peer"], "fail", None, Ending, 1001),
            (&["peer"], "end", None, Closed, 1001),
            (&["peer"], "deadline", None, Closed, 1001),
            (&["end"], "peer", None, Closed, 1006),
        ] {
            let now = Instant::now();
            let mut closing = Closing::new(Some(Duration::from_secs(10)));
            for event in before {
                apply(&mut closing, event, now);
            }
            let context = format!("{before:?} then {event}");
            assert_eq!(apply(&mut closing, event, now), sent, "{context}");
            assert_eq!((closing.phase, closing.code().0), (phase, code), "{context}");
        }
    }

    #[test]
    fn the_first_deadline_is_kept() {
        let now = Instant::now();
        let mut closing = Closing::new(Some(Duration::from_secs(10)));
        apply(&mut closing, "close", now);
        apply(&mut closing, "peer", now + Duration::from_secs(5));
        assert_eq!(closing.deadline, Some(now + Duration::from_secs(10)));
        assert_eq!(closing.first, Some(Side::Local));
    }
}
