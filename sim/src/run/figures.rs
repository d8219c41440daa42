//! What is counted during a run.

use super::{
    Truth,
    outcome::{Detection, FalseRemovals, Rates, Transitions, round},
};
use crate::{views::Views, world::World};
use core::time::Duration;
use ifrit_core::time::Mono;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Figures {
    /// Who put whom Down falsely.
    removed: Views,
    removals: FalseRemovals,
    /// Who has held whom live in both their lives: the first sight is no change.
    met: Views,
    /// Who holds whom out since that one was disturbed.
    gone: Views,
    healthy: u64,
    /// The first epoch of each member's present life; 0 of the first life.
    born: Vec<u64>,
    /// By disturbed subject and observer.
    disturbed: BTreeMap<usize, Vec<u16>>,
    crashes: BTreeMap<usize, Crash>,
    /// How long each (crashed, observer) pair took.
    detected: Vec<Duration>,
    undetected: Vec<Undetected>,
    traffic: Vec<Sender>,
}

/// A crash that not all who should have noticed yet.
#[derive(Debug)]
struct Crash {
    at: Mono,
    /// By observer: whether it should notice, and has not yet.
    waiting: Vec<bool>,
}

/// A crash that some healthy members did not notice.
#[derive(Debug)]
pub(super) struct Undetected {
    pub(super) member: usize,
    pub(super) at: Mono,
    pub(super) observers: Vec<usize>,
}

/// What a member sent while it ran.
#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    before: u64,
    since: Option<Mono>,
    ran: Duration,
}

impl Figures {
    pub(super) fn new(members: usize) -> Self {
        Self {
            removed: Views::new(members),
            removals: FalseRemovals::default(),
            met: Views::new(members),
            gone: Views::new(members),
            healthy: 0,
            born: vec![0; members],
            disturbed: BTreeMap::new(),
            crashes: BTreeMap::new(),
            detected: Vec::new(),
            undetected: Vec::new(),
            traffic: vec![Sender::default(); members],
        }
    }

    /// The run begins with these views.
    pub(super) fn begin(&mut self, views: &Views, world: &World) {
        self.met = views.clone();
        for (member, sender) in self.traffic.iter_mut().enumerate() {
            sender.before = world.sent(member);
        }
    }

    /// A process starts. Who holds its last life live still has met it; all others will.
    pub(super) fn starts(&mut self, member: usize, views: &Views, now: Mono) {
        self.traffic[member].since = Some(now);
        self.crashes.remove(&member);
        for observer in 0..self.traffic.len() {
            self.met.set(observer, member, views.live(observer, member), now);
        }
    }

    /// A process that has started speaks from this epoch on.
    pub(super) fn speaks(&mut self, member: usize, epoch: u64) {
        self.born[member] = epoch;
    }

    /// A process ends; with `crash` the others should find out.
    pub(super) fn ends(&mut self, member: usize, crash: bool, truth: &Truth, views: &Views, now: Mono) {
        let sender = &mut self.traffic[member];
        sender.ran += sender.since.take().map_or(Duration::ZERO, |since| now.since(since));
        self.met.clear(member, now);
        for crash in self.crashes.values_mut() {
            crash.waiting[member] = false;
        }
        if crash {
            let should = |observer: usize| {
                observer != member
                    && truth.is_healthy(observer, now)
                    && truth.connected(observer, member)
                    && views.live(observer, member)
            };
            let waiting = (0..truth.facts.len()).map(should).collect();
            self.crashes.insert(member, Crash { at: now, waiting });
        }
    }

    /// `observer` put `subject` Down, for a note of this epoch. One of an earlier life was rightly accused: it has not met
    /// the present one.
    pub(super) fn down(&mut self, observer: usize, subject: usize, epoch: u64, truth: &Truth, now: Mono) {
        if epoch >= self.born[subject]
            && truth.is_healthy(observer, now)
            && truth.is_healthy(subject, now)
            && self.removed.set(observer, subject, true, now)
        {
            self.removals.pairs += 1;
        }
        if epoch < self.born[subject] {
            self.met.set(observer, subject, false, now);
        }
    }

    /// `observer` holds `subject` otherwise than before.
    pub(super) fn changed(&mut self, observer: usize, subject: usize, live: bool, truth: &Truth, now: Mono) {
        if !live {
            self.notices(observer, subject, truth, now);
        }
        // What is said of an earlier life is none of the present one's.
        let first_sight =
            if live { self.met.set(observer, subject, true, now) } else { !self.met.live(observer, subject) };
        let fact = &truth.facts[observer];
        if first_sight || !fact.correct || !fact.runs() || fact.left.is_some() {
            return;
        }
        // Whoever went while it was disturbed comes back for the same reason, however late: gray and back is two changes.
        let returns =
            self.gone.set(observer, subject, !live && truth.is_disturbed(subject, now), now) && live;
        let disturbed = truth.is_disturbed(subject, now) || returns;
        if truth.is_healthy(observer, now) && truth.is_healthy(subject, now) && !returns {
            self.healthy += 1;
        } else if truth.facts[subject].correct && truth.facts[subject].runs() && disturbed {
            let seen = self.disturbed.entry(subject).or_insert_with(|| vec![0; truth.facts.len()]);
            seen[observer] = seen[observer].saturating_add(1);
        }
    }

    fn notices(&mut self, observer: usize, subject: usize, truth: &Truth, now: Mono) {
        let Some(crash) = self.crashes.get_mut(&subject) else { return };
        if core::mem::take(&mut crash.waiting[observer]) && truth.is_healthy(observer, now) {
            self.detected.push(now.since(crash.at));
        }
    }

    /// The run is over.
    pub(super) fn end(&mut self, truth: &Truth, world: &World, now: Mono) -> &[Undetected] {
        for (member, crash) in &self.crashes {
            let late =
                |observer: &usize| crash.waiting[*observer] && should_know(truth, world, *observer, now);
            let observers: Vec<_> = (0..truth.facts.len()).filter(late).collect();
            // What happened a moment ago cannot be known yet.
            if !observers.is_empty() && now >= crash.at + truth.grace {
                self.undetected.push(Undetected { member: *member, at: crash.at, observers });
            }
        }
        for sender in &mut self.traffic {
            sender.ran += sender.since.take().map_or(Duration::ZERO, |since| now.since(since));
        }
        &self.undetected
    }

    /// How long the oldest crash has waited that some healthy member has not noticed.
    pub(super) fn unnoticed(&self, truth: &Truth, world: &World, now: Mono) -> Option<Duration> {
        let open = |crash: &&Crash| {
            (0..).zip(&crash.waiting).any(|(at, waits)| *waits && should_know(truth, world, at, now))
        };
        self.crashes.values().filter(open).map(|crash| now.since(crash.at)).max()
    }

    pub(super) fn false_removals(&self, members: usize) -> FalseRemovals {
        let removed = |subject: &usize| (0..members).any(|observer| self.removed.live(observer, *subject));
        let members = if self.removals.pairs == 0 { 0 } else { (0..members).filter(removed).count() as u64 };
        FalseRemovals { members, ..self.removals }
    }

    pub(super) fn transitions(&self) -> Transitions {
        let most = self.disturbed.values().flatten().max().copied().unwrap_or(0);
        Transitions { healthy: self.healthy, disturbed_max: most.into() }
    }

    pub(super) fn detection(&mut self) -> Detection {
        self.detected.sort_unstable();
        let at = |share: f64| nearest(&self.detected, share).map(|span| round(span.as_secs_f64()));
        Detection {
            first_s: at(0.0),
            p50_s: at(0.5),
            p99_s: at(0.99),
            all_s: at(1.0).filter(|_| self.undetected.is_empty()),
        }
    }

    /// Bytes per second of correct members; and the mean of bytes.
    pub(super) fn traffic(&self, truth: &Truth, world: &World) -> (Rates, f64) {
        let senders = self.traffic.iter().enumerate();
        let ran = senders.filter(|(member, sender)| truth.facts[*member].correct && !sender.ran.is_zero());
        let sent: Vec<_> = ran
            .map(|(member, sender)| ((world.sent(member) - sender.before) as f64, sender.ran.as_secs_f64()))
            .collect();
        let mut rates: Vec<_> = sent.iter().map(|(bytes, ran)| bytes / ran).collect();
        rates.sort_by(f64::total_cmp);
        let mean = |sum: f64| if sent.is_empty() { 0.0 } else { sum / sent.len() as f64 };
        let rates = Rates {
            mean: round(mean(rates.iter().sum())),
            p99: round(nearest(&rates, 0.99).unwrap_or(0.0)),
            max: round(nearest(&rates, 1.0).unwrap_or(0.0)),
        };
        (rates, mean(sent.iter().map(|(bytes, _)| bytes).sum()))
    }
}

/// Healthy and joined: before that no age runs (R4), and nobody goes down.
fn should_know(truth: &Truth, world: &World, member: usize, now: Mono) -> bool {
    truth.is_healthy(member, now) && world.running_member(member).is_some_and(|member| member.view().joined())
}

/// The value at this share of sorted values, by nearest rank.
fn nearest<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}
