//! The closing handshake (RFC 6455 7) as a state table. Knows Close frames and how long closing may take;
//! sends nothing itself: each step says what is to be sent. What the table does not have changes nothing.
//!
//! | in | on | becomes | and sends |
//! |---|---|---|---|
//! | Open | OurClose | Closing | Close |
//! | Open | PeersClose | Ending | Close |
//! | Open | Failure | Ending | CloseAndFin |
//! | Open | EndOfStream | Closed | Nothing |
//! | Closing | PeersClose | Ending | Nothing |
//! | Closing | Failure | Ending | Fin |
//! | Closing | EndOfStream | Closed | Nothing |
//! | Closing | Deadline | Closed | Nothing |
//! | Ending | Patience | Ending | Fin |
//! | Ending | EndOfStream | Closed | Nothing |
//! | Ending | Deadline | Closed | Nothing |
//!
//! The deadline runs from the first step on, our patience from Ending on.

use std::time::{Duration, Instant};

use super::close::Close;
use super::close_code::CloseCode;
use super::failure::Failure;
use super::timers::{Timer, Timers, after};

/// Once both Close frames have gone the server is to end TCP first (RFC 6455 7.1.1), and one that means to
/// does so with its Close: a round trip, or where that is lost a second more. One that waits for our end
/// first has it then, and closing need not take all its time.
const PATIENCE: Duration = Duration::from_secs(2);

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// The user closes.
    OurClose,
    PeersClose,
    /// _Fail the WebSocket Connection_ (RFC 6455 7.1.7).
    Failure,
    EndOfStream,
    /// The server has had the time to end TCP first.
    Patience,
    Deadline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sends {
    Nothing,
    Close,
    /// The end of our half of the stream, behind all output.
    Fin,
    CloseAndFin,
}

#[rustfmt::skip]
const TABLE: [(Phase, Event, Phase, Sends); 11] = [
    (Phase::Open,    Event::OurClose,    Phase::Closing, Sends::Close),
    (Phase::Open,    Event::PeersClose,  Phase::Ending,  Sends::Close),
    (Phase::Open,    Event::Failure,     Phase::Ending,  Sends::CloseAndFin),
    (Phase::Open,    Event::EndOfStream, Phase::Closed,  Sends::Nothing),
    (Phase::Closing, Event::PeersClose,  Phase::Ending,  Sends::Nothing),
    (Phase::Closing, Event::Failure,     Phase::Ending,  Sends::Fin),
    (Phase::Closing, Event::EndOfStream, Phase::Closed,  Sends::Nothing),
    (Phase::Closing, Event::Deadline,    Phase::Closed,  Sends::Nothing),
    (Phase::Ending,  Event::Patience,    Phase::Ending,  Sends::Fin),
    (Phase::Ending,  Event::EndOfStream, Phase::Closed,  Sends::Nothing),
    (Phase::Ending,  Event::Deadline,    Phase::Closed,  Sends::Nothing),
];

#[derive(Debug)]
pub(super) struct Closing {
    phase: Phase,
    // Boxed, for most connections that there are have none of them.
    pub(super) received: Option<Box<Close>>,
    pub(super) sent: Option<Box<Close>>,
    /// Whose Close came first, once the peer's has come.
    pub(super) first: Option<Side>,
    pub(super) failure: Option<Box<Failure>>,
    pub(super) timed_out: bool,
    /// Our half of the stream is to end.
    fin: bool,
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
            timed_out: false,
            fin: false,
            timeout,
        }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the end of our half of the stream is to follow our output.
    pub(super) const fn wants_fin(&self) -> bool {
        self.fin
    }

    pub(super) fn close(
        &mut self,
        close: Close,
        now: Instant,
        timers: &mut Timers,
    ) -> Option<Close> {
        let sends = self.step(Event::OurClose, timers)?;
        self.await_end(now, timers);
        self.send(sends, close)
    }

    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint
    /// MUST send a Close frame in response", typically echoing the status code (RFC 6455 5.5.1);
    /// the reason goes with it.
    pub(super) fn peer_closed(
        &mut self,
        close: Close,
        now: Instant,
        timers: &mut Timers,
    ) -> Option<Close> {
        let sends = self.step(Event::PeersClose, timers)?;
        self.await_end(now, timers);
        self.first = Some(if self.sent.is_none() { Side::Peer } else { Side::Local });
        self.received = Some(Box::new(close.clone()));
        self.send(sends, close)
    }

    /// _Fail the WebSocket Connection_ (RFC 6455 7.1.7).
    pub(super) fn fail(
        &mut self,
        failure: Failure,
        now: Instant,
        timers: &mut Timers,
    ) -> Option<Close> {
        let sends = self.step(Event::Failure, timers)?;
        self.await_end(now, timers);
        let close = failure.close();
        self.failure = Some(Box::new(failure));
        self.send(sends, close)
    }

    pub(super) fn end_of_stream(&mut self, timers: &mut Timers) {
        self.step(Event::EndOfStream, timers);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, timers: &mut Timers) {
        if timers.expired(Timer::Close, now) {
            self.timed_out = self.step(Event::Deadline, timers).is_some();
        }
        if timers.expired(Timer::Shutdown, now) {
            timers.stop(Timer::Shutdown);
            self.step(Event::Patience, timers);
        }
    }

    /// The code the user sees (RFC 6455 7.1.5): 1006 where no Close came.
    pub(super) fn code(&self) -> CloseCode {
        self.received.as_ref().map_or(CloseCode::ABNORMAL, |close| close.code)
    }

    /// None where the table has nothing.
    fn step(&mut self, event: Event, timers: &mut Timers) -> Option<Sends> {
        let is_it = |row: &&(Phase, Event, Phase, Sends)| row.0 == self.phase && row.1 == event;
        let &(_, _, phase, sends) = TABLE.iter().find(is_it)?;
        self.phase = phase;
        self.fin = phase == Phase::Ending && (self.fin || sends.fin());
        if phase == Phase::Closed {
            timers.stop(Timer::Close);
            timers.stop(Timer::Shutdown);
        }
        Some(sends)
    }

    fn await_end(&self, now: Instant, timers: &mut Timers) {
        if timers.at(Timer::Close).is_none()
            && let Some(timeout) = self.timeout
        {
            timers.arm(Timer::Close, after(now, timeout));
        }
        if self.phase == Phase::Ending && !self.fin {
            timers.arm(Timer::Shutdown, after(now, PATIENCE));
        }
    }

    fn send(&mut self, sends: Sends, close: Close) -> Option<Close> {
        sends.close().then(|| {
            self.sent = Some(Box::new(close.clone()));
            close
        })
    }
}

impl Sends {
    const fn close(self) -> bool {
        matches!(self, Self::Close | Self::CloseAndFin)
    }

    const fn fin(self) -> bool {
        matches!(self, Self::Fin | Self::CloseAndFin)
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ProtocolError;
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    struct Run {
        closing: Closing,
        timers: Timers,
        start: Instant,
    }

    impl Run {
        fn new() -> Self {
            let closing = Closing::new(Some(TIMEOUT));
            Self { closing, timers: Timers::default(), start: Instant::now() }
        }

        fn apply(&mut self, event: Event) -> Option<Close> {
            self.apply_at(event, self.start)
        }

        fn apply_at(&mut self, event: Event, now: Instant) -> Option<Close> {
            let (closing, timers) = (&mut self.closing, &mut self.timers);
            match event {
                Event::OurClose => {
                    return closing.close(Close::new(CloseCode::NORMAL, "bye"), now, timers);
                }
                Event::PeersClose => {
                    let close = Close::new(CloseCode::GOING_AWAY, "away");
                    return closing.peer_closed(close, now, timers);
                }
                Event::Failure => {
                    let failure = Failure::Protocol(ProtocolError::InvalidCloseReason);
                    return closing.fail(failure, now, timers);
                }
                Event::EndOfStream => closing.end_of_stream(timers),
                Event::Patience => closing.handle_timeout(now + PATIENCE, timers),
                Event::Deadline => closing.handle_timeout(now + TIMEOUT, timers),
            }
            None
        }
    }

    #[test]
    fn the_comment_above_has_the_table() {
        let rows = TABLE.map(|(phase, event, next, sends)| {
            format!("//! | {phase:?} | {event:?} | {next:?} | {sends:?} |")
        });
        let comment = include_str!("closing.rs").lines().skip_while(|line| !line.contains("---"));
        let told: Vec<_> = comment.skip(1).take_while(|line| line.starts_with("//! |")).collect();
        assert_eq!(told, rows);
    }

    #[test]
    fn each_way_ends_as_it_should() {
        use Event::{Deadline, EndOfStream, Failure, OurClose, Patience, PeersClose};
        use Phase::{Closed, Closing as Half, Ending, Open};
        for (before, event, sent, phase, code, fin) in [
            (&[][..], OurClose, Some(1000), Half, 1006, false),
            (&[], PeersClose, Some(1001), Ending, 1001, false),
            (&[], Failure, Some(1007), Ending, 1006, true),
            (&[], EndOfStream, None, Closed, 1006, false),
            (&[], Patience, None, Open, 1006, false),
            (&[], Deadline, None, Open, 1006, false),
            (&[OurClose], OurClose, None, Half, 1006, false),
            (&[OurClose], PeersClose, None, Ending, 1001, false),
            (&[OurClose], Failure, None, Ending, 1006, true),
            (&[OurClose], EndOfStream, None, Closed, 1006, false),
            (&[OurClose], Patience, None, Half, 1006, false),
            (&[OurClose], Deadline, None, Closed, 1006, false),
            (&[PeersClose], OurClose, None, Ending, 1001, false),
            (&[PeersClose], PeersClose, None, Ending, 1001, false),
            (&[PeersClose], Failure, None, Ending, 1001, false),
            (&[PeersClose], EndOfStream, None, Closed, 1001, false),
            (&[PeersClose], Patience, None, Ending, 1001, true),
            (&[PeersClose], Deadline, None, Closed, 1001, false),
            (&[PeersClose, Patience], Deadline, None, Closed, 1001, false),
            (&[OurClose, PeersClose], Patience, None, Ending, 1001, true),
            (&[EndOfStream], PeersClose, None, Closed, 1006, false),
        ] {
            let mut run = Run::new();
            for event in before {
                run.apply(*event);
            }
            let context = format!("{before:?} then {event:?}");
            assert_eq!(run.apply(event).map(|close| close.code.0), sent, "{context}");
            let Run { closing, timers, .. } = run;
            assert_eq!((closing.phase, closing.code().0), (phase, code), "{context}");
            assert_eq!(closing.wants_fin(), fin, "{context}");
            let is_awaited = matches!(phase, Half | Ending);
            assert_eq!(timers.at(Timer::Close).is_some(), is_awaited, "{context}");
            let is_patient = phase == Ending && !fin;
            assert_eq!(timers.at(Timer::Shutdown).is_some(), is_patient, "{context}");
            assert_eq!(closing.timed_out, phase == Closed && event == Deadline, "{context}");
        }
    }

    #[test]
    fn the_first_deadline_is_kept_and_patience_begins_with_the_second_close() {
        let mut run = Run::new();
        let later = run.start + Duration::from_secs(5);
        run.apply(Event::OurClose);
        run.apply_at(Event::PeersClose, later);
        assert_eq!(run.timers.at(Timer::Close), Some(run.start + TIMEOUT));
        assert_eq!(run.timers.at(Timer::Shutdown), Some(later + PATIENCE));
        assert_eq!(run.closing.first, Some(Side::Local));
    }

    #[test]
    fn a_deadline_that_comes_before_our_patience_ends_is_the_end() {
        let mut run = Run::new();
        run.apply(Event::OurClose);
        run.apply_at(Event::PeersClose, run.start + Duration::from_secs(9));
        run.apply(Event::Deadline);
        assert!(run.closing.timed_out && run.timers.poll().is_none());
    }
}
