//! Who reads and writes a link's socket, and what the socket is wanted for. One place decides it, under
//! the link's lock: the loop's callback, unless the lifeline stands in for it or has the link for good.

use std::fmt;

use super::lifeline::{Attendant, Interest};

#[derive(Default)]
pub(super) struct Service {
    by: By,
    /// What the lifeline waits for, while it serves.
    interest: Interest,
    /// How often the socket has been served.
    turns: u64,
    takeovers: u64,
}

#[derive(Default)]
enum By {
    #[default]
    Loop,
    /// The lifeline, since the loop has stalled, and until it comes again.
    StandIn(Box<Attendant>),
    /// The lifeline for good: the loop cannot watch sockets, or is not to.
    Lifeline(Box<Attendant>),
}

impl Service {
    /// Whether the loop is to watch the socket.
    pub(super) const fn is_the_loops(&self) -> bool {
        !matches!(self.by, By::Lifeline(_))
    }

    /// Whether somebody on the lifeline serves.
    pub(super) const fn is_the_lifelines(&self) -> bool {
        !matches!(self.by, By::Loop)
    }

    pub(super) fn give_to_lifeline(&mut self, attendant: Attendant) {
        self.by = By::Lifeline(Box::new(attendant));
    }

    pub(super) fn stand_in(&mut self, attendant: Attendant) {
        self.takeovers += 1;
        self.by = By::StandIn(Box::new(attendant));
    }

    /// The loop is there again, and has its link back.
    pub(super) fn loop_came(&mut self) {
        if matches!(self.by, By::StandIn(_)) {
            self.by = By::Loop;
        }
    }

    pub(super) fn end(&mut self) {
        self.by = By::Loop;
    }

    /// Somebody reads or writes the socket now.
    pub(super) fn count(&mut self) {
        self.turns += 1;
    }

    pub(super) const fn turns(&self) -> u64 {
        self.turns
    }

    pub(super) const fn takeovers(&self) -> u64 {
        self.takeovers
    }

    /// What the lifeline waits for from here on.
    pub(super) fn wait_for(&mut self, interest: Interest) -> Interest {
        self.interest = interest;
        interest
    }

    pub(super) const fn awaited(&self) -> Interest {
        self.interest
    }

    /// Has the lifeline look again where the socket is wanted for something else than it waits for.
    pub(super) fn call(&self, wanted: Interest) {
        if let By::StandIn(attendant) | By::Lifeline(attendant) = &self.by
            && self.interest != wanted
        {
            attendant.call();
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.by {
            By::Loop => "Loop",
            By::StandIn(_) => "StandIn",
            By::Lifeline(_) => "Lifeline",
        })
    }
}
