//! Senders in line: the order of calls is the order on the wire, whoever calls and however long each has
//! to wait. Knows tickets, not who holds them.

use std::collections::VecDeque;

/// A place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// What is to be sent: a message, or a part of the one that is being sent in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    Whole,
    Part,
}

#[derive(Debug, Default)]
pub(super) struct Senders {
    line: VecDeque<Ticket>,
    drawn: u64,
    /// A message is being sent in parts: the next one is sent after its last.
    in_parts: bool,
    /// Who waits at the head of the line is to send one of these parts.
    part_waits: bool,
}

impl Senders {
    /// Whether this sender comes next; without a ticket it comes behind all that have one.
    pub(super) fn is_next(&self, ticket: Option<Ticket>, share: Share) -> bool {
        let blocked = self.in_parts && share == Share::Whole;
        let first = share == Share::Part && ticket.is_none();
        !blocked && (first || self.line.front().copied() == ticket)
    }

    /// Gives a place in the line: the last one, and to a part the first.
    pub(super) fn wait(&mut self, ticket: Option<Ticket>, share: Share) -> Ticket {
        ticket.unwrap_or_else(|| {
            self.drawn += 1;
            let ticket = Ticket(self.drawn);
            match share {
                Share::Whole => self.line.push_back(ticket),
                Share::Part => {
                    self.part_waits = true;
                    self.line.push_front(ticket);
                }
            }
            ticket
        })
    }

    /// This sender has sent, or does not want to any more.
    pub(super) fn leave(&mut self, ticket: Option<Ticket>) {
        if ticket.is_some() && self.line.front().copied() == ticket {
            self.line.pop_front();
            self.part_waits = false;
        } else if let Some(ticket) = ticket {
            self.line.retain(|waiting| *waiting != ticket);
        }
    }

    pub(super) fn begin_parts(&mut self) {
        self.in_parts = true;
    }

    pub(super) fn end_parts(&mut self) {
        self.in_parts = false;
    }

    /// Who is to send as soon as there is room.
    pub(super) fn next(&self) -> Option<Ticket> {
        let blocked = self.in_parts && !self.part_waits;
        if blocked { None } else { self.line.front().copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_calls_is_kept_and_a_part_comes_first() {
        let mut senders = Senders::default();
        assert!(senders.is_next(None, Share::Whole));
        let first = senders.wait(None, Share::Whole);
        let second = senders.wait(None, Share::Whole);
        assert!(
            !senders.is_next(None, Share::Whole) && !senders.is_next(Some(second), Share::Whole)
        );
        assert!(senders.is_next(Some(first), Share::Whole));
        assert_eq!(senders.next(), Some(first));

        senders.leave(Some(first));
        senders.begin_parts();
        assert!(!senders.is_next(Some(second), Share::Whole) && senders.next().is_none());
        assert!(senders.is_next(None, Share::Part));
        let part = senders.wait(None, Share::Part);
        assert!(senders.is_next(Some(part), Share::Part));
        assert_eq!(senders.next(), Some(part));

        senders.leave(Some(part));
        senders.end_parts();
        assert_eq!(senders.next(), Some(second));
    }

    #[test]
    fn who_gives_up_holds_up_nobody() {
        let mut senders = Senders::default();
        let [first, second, third] = [(); 3].map(|()| senders.wait(None, Share::Whole));
        senders.leave(Some(second));
        assert_eq!(senders.next(), Some(first));
        senders.leave(Some(first));
        assert_eq!(senders.next(), Some(third));
        senders.leave(Some(third));
        assert!(senders.is_next(None, Share::Whole));
    }
}
