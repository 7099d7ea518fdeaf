//! The lifeline's rounds: at most once a second, where no deadline is nearer, it comes by every open
//! link. It has the link do what is due, and finds those whose event loop leaves readable data alone.
//!
//! An idle connection costs one entry of a poll(2) a second, and a message nothing.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::Notify;
use tokio::time::{sleep_until, timeout_at};

use super::Link;

/// How long a loop may leave a link alone before the next look, at most.
pub const LONGEST_SWEEP: Duration = Duration::from_secs(1);
/// However near a deadline is, others have a turn before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Rounds {
    plan: Mutex<Plan>,
    changed: Notify,
}

#[derive(Default)]
struct Plan {
    links: Vec<Weak<Link>>,
    next: Option<Instant>,
}

/// What a link says when the rounds come by.
pub(in crate::drive) struct Visit {
    /// Come again then, at the latest.
    pub(in crate::drive) next: Instant,
    /// Is there anything to do on this socket, which nobody does?
    pub(in crate::drive) unserved: Option<Unserved>,
}

pub(in crate::drive) struct Unserved {
    pub(in crate::drive) socket: Arc<TcpStream>,
    pub(in crate::drive) reads: bool,
    pub(in crate::drive) writes: bool,
}

pub(super) async fn make(rounds: Arc<Rounds>) {
    loop {
        let Some(next) = rounds.plan().next else {
            rounds.changed.notified().await;
            continue;
        };
        if timeout_at(next.into(), rounds.changed.notified()).await.is_err() {
            rounds.go();
            sleep_until((Instant::now() + SHORTEST_PAUSE).into()).await;
        }
    }
}

impl Rounds {
    pub(super) fn enlist(&self, link: Weak<Link>, first: Instant) {
        self.plan().links.push(link);
        self.remind(first);
    }

    pub(super) fn remind(&self, at: Instant) {
        let mut plan = self.plan();
        if plan.next.is_none_or(|next| at < next) {
            plan.next = Some(at);
            self.changed.notify_one();
        }
    }

    fn go(&self) {
        let (mut links, now) = {
            let mut plan = self.plan();
            plan.next = None;
            (std::mem::take(&mut plan.links), Instant::now())
        };
        let mut next: Option<Instant> = None;
        let mut unserved = Vec::new();
        links.retain(|weak| {
            let Some(link) = weak.upgrade() else { return false };
            let Some(visit) = link.visit(now) else { return false };
            next = Some(next.map_or(visit.next, |next| next.min(visit.next)));
            unserved.extend(visit.unserved.map(|socket| (link, socket)));
            true
        });
        for link in ready(&unserved) {
            let visit = link.found_unserved(now);
            next = next.min(visit).or(next);
        }
        let mut plan = self.plan();
        plan.links.append(&mut links);
        let next = plan.next.into_iter().chain(next).min();
        plan.next = next;
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of them whose socket could be read, or written where that is wanted.
fn ready(unserved: &[(Arc<Link>, Unserved)]) -> impl Iterator<Item = &Arc<Link>> {
    let mut asked: Vec<_> = unserved
        .iter()
        .map(|(_, unserved)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, unserved.reads);
            flags.set(PollFlags::OUT, unserved.writes);
            PollFd::new(&*unserved.socket, flags)
        })
        .collect();
    // Where the system cannot say, the next round asks again.
    let told = !asked.is_empty() && poll(&mut asked, Some(&Timespec::default())).is_ok();
    let answers = asked.into_iter().map(move |fd| told && !fd.revents().is_empty());
    let answers: Vec<_> = answers.collect();
    unserved.iter().zip(answers).filter_map(|((link, _), ready)| ready.then_some(link))
}
