//! The lifeline's rounds: once a second it looks at every open connection for those whose event loop leaves
//! them alone, a moment later at these again, and whenever a deadline has come at its connection.
//!
//! An idle connection costs one entry of a poll(2) a second, and a message nothing. It has a thread of its
//! own, which sleeps through: tokio's timer wakes twice for each second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Ward;
use crate::drive::panics;

/// How long a loop may leave a link alone before the next look, at most.
pub const LONGEST_SWEEP: Duration = Duration::from_secs(1);
/// However near a deadline is, others have a turn before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// A suspicion is looked into after this part of a sweep: the loop may be about to come.
const LOOK_AGAIN: u32 = 4;
/// So many sockets are asked about at a time.
const TOGETHER: usize = 256;
/// So many links may do what is due within the second, so that an idle process with a few connections
/// need not wake for each ping.
const EARLY: usize = 16;

#[derive(Default)]
pub(super) struct Rounds {
    plan: Mutex<Plan>,
    changed: Condvar,
}

/// A ward by its address, which is its own for as long as somebody may ask for it. It is taken out of the
/// plan with its end, for even a weak reference keeps its memory.
type Id = usize;

#[derive(Default)]
struct Plan {
    wards: BTreeMap<Id, Weak<dyn Ward>>,
    sweep: Option<Instant>,
    /// Wards that have something to read or to write, and when to see whether they still have.
    suspects: Vec<Suspect>,
    look_again: Option<Instant>,
    deadlines: BTreeSet<(Instant, Id)>,
    over: bool,
    /// Nobody makes the rounds any more.
    ended: bool,
}

struct Suspect {
    ward: Weak<dyn Ward>,
    /// How often it had been served.
    served: u64,
}

impl Rounds {
    /// Until the lifeline ends.
    pub(super) fn make(&self) {
        let mut last = None;
        while self.wait() {
            if last.is_some_and(|last: Instant| last.elapsed() < SHORTEST_PAUSE) {
                thread::sleep(SHORTEST_PAUSE);
            }
            last = Some(Instant::now());
            // A bug at one connection is not to end the rounds of all.
            let _told_there = panics::caught(|| {
                self.keep_deadlines();
                self.look_again();
                self.sweep();
            });
        }
        self.plan().ended = true;
        self.changed.notify_all();
    }

    /// Has them end, and waits for that as long as `patience`.
    pub(super) fn end(&self, patience: Duration) {
        let mut plan = self.plan();
        plan.over = true;
        self.changed.notify_all();
        let _ended = self.changed.wait_timeout_while(plan, patience, |plan| !plan.ended);
    }

    /// Waits until there is something to do; false at the end.
    fn wait(&self) -> bool {
        let mut plan = self.plan();
        while !plan.over {
            let left = plan.next().map(|next| next.saturating_duration_since(Instant::now()));
            plan = match left {
                Some(left) if left.is_zero() => return true,
                Some(left) => {
                    let waited = self.changed.wait_timeout(plan, left);
                    waited.map_or_else(|poisoned| poisoned.into_inner().0, |(plan, _)| plan)
                }
                None => self.changed.wait(plan).unwrap_or_else(PoisonError::into_inner),
            };
        }
        false
    }

    pub(super) fn enlist(&self, ward: Weak<dyn Ward>, sweep: Duration) {
        let mut plan = self.plan();
        plan.wards.insert(id(&ward), ward);
        let sweep = Instant::now() + sweep;
        if plan.sweep.is_none_or(|next| sweep < next) {
            plan.sweep = Some(sweep);
            self.changed.notify_all();
        }
    }

    /// Has the rounds come to at that time, in place of the one it was told before.
    pub(super) fn remind(&self, ward: &Weak<dyn Ward>, told: Option<Instant>, at: Instant) {
        let id = id(ward);
        let mut plan = self.plan();
        if let Some(told) = told {
            plan.deadlines.remove(&(told, id));
        }
        let sooner = plan.next().is_none_or(|next| at < next);
        plan.deadlines.insert((at, id));
        if sooner {
            self.changed.notify_all();
        }
    }

    pub(super) fn forget(&self, ward: &Weak<dyn Ward>, told: Option<Instant>) {
        let id = id(ward);
        let mut plan = self.plan();
        let ward = plan.wards.remove(&id);
        if let Some(told) = told {
            plan.deadlines.remove(&(told, id));
        }
        drop(plan);
        drop(ward);
    }

    fn keep_deadlines(&self) {
        let now = Instant::now();
        let due = self.plan().take_due(now);
        for (at, ward) in due {
            if let Some(ward) = ward.upgrade() {
                ward.keep_deadline(at, now);
            }
        }
    }

    /// Has the lifeline stand in for the loops that have not come meanwhile.
    fn look_again(&self) {
        let now = Instant::now();
        let suspects = {
            let mut plan = self.plan();
            if plan.look_again.is_none_or(|look| now < look) {
                return;
            }
            plan.look_again = None;
            std::mem::take(&mut plan.suspects)
        };
        for Suspect { ward, served } in suspects {
            if let Some(ward) = ward.upgrade() {
                ward.stand_in(served);
            }
        }
    }

    /// Looks at every ward, if it is time for that.
    fn sweep(&self) {
        let now = Instant::now();
        let wards: Vec<_> = {
            let mut plan = self.plan();
            if plan.sweep.is_none_or(|sweep| now < sweep) {
                return;
            }
            plan.sweep = None;
            plan.wards.values().cloned().collect()
        };
        let (mut shortest, mut suspects) = (LONGEST_SWEEP, Vec::new());
        for some in wards.chunks(TOGETHER) {
            let some: Vec<_> = some.iter().filter_map(Weak::upgrade).collect();
            for ward in &some {
                shortest = shortest.min(ward.sweep());
            }
            suspects.extend(unserved(&some));
        }
        let mut plan = self.plan();
        if !suspects.is_empty() {
            plan.suspects = suspects;
            plan.look_again = Some(now + shortest / LOOK_AGAIN);
        }
        if !wards.is_empty() {
            let next = now + shortest;
            plan.sweep = Some(plan.sweep.map_or(next, |sweep| sweep.min(next)));
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn next(&self) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        self.sweep.into_iter().chain(self.look_again).chain(deadline).min()
    }

    /// The deadlines that have come, and a few that come within a second.
    fn take_due(&mut self, now: Instant) -> Vec<(Instant, Weak<dyn Ward>)> {
        let (mut due, mut early) = (Vec::new(), EARLY);
        while let Some(&(at, id)) = self.deadlines.first() {
            if at > now {
                if early == 0 || at > now + LONGEST_SWEEP {
                    break;
                }
                early -= 1;
            }
            self.deadlines.pop_first();
            due.extend(self.wards.get(&id).map(|ward| (at, Weak::clone(ward))));
        }
        due
    }
}

fn id(ward: &Weak<dyn Ward>) -> Id {
    ward.as_ptr().cast::<()>() as Id
}

/// Those of them whose socket could be read, or written where that is wanted.
fn unserved(wards: &[Arc<dyn Ward>]) -> Vec<Suspect> {
    let unserved: Vec<_> = wards.iter().filter_map(|ward| Some((ward, ward.unserved()?))).collect();
    let mut asked: Vec<_> = unserved
        .iter()
        .map(|(_, unserved)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, unserved.interest.read);
            flags.set(PollFlags::OUT, unserved.interest.write);
            PollFd::new(&*unserved.socket, flags)
        })
        .collect();
    // Where the system cannot say, the next sweep asks again.
    if asked.is_empty() || poll(&mut asked, Some(&Timespec::default())).is_err() {
        return Vec::new();
    }
    let answers = unserved.iter().zip(&asked);
    let ready = answers.filter(|(_, answer)| !answer.revents().is_empty());
    ready
        .map(|((ward, unserved), _)| Suspect {
            ward: Arc::downgrade(ward),
            served: unserved.served,
        })
        .collect()
}
