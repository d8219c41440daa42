//! What is so, beside what members believe: who keeps to the protocol, runs, is reachable, is disturbed.

use core::time::Duration;
use ifrit_core::time::Mono;
use std::collections::BTreeMap;

/// What is so of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Keeps to the protocol during the whole run.
    pub correct: bool,
    /// Its process started then (the last time).
    pub started: Option<Mono>,
    /// Its process ended then, without a word; `None` while it runs.
    pub crashed: Option<Mono>,
    /// It said goodbye then, or all have forgotten it since its certificate ended.
    pub left: Option<Mono>,
    /// A loss, pause, skew, delay or partition that names it, or the end of its certificate, lasts until then, [`Mono::NEVER`] while no end is planned;
    /// `Mono(0)` if there was none.
    pub trouble: Mono,
    /// Its side of the present partition; all 0 without one.
    pub group: u32,
    /// The first of the CA's lists that names it, if one does; it counts as one that has left since then.
    pub revoked: Option<u64>,
    /// The latest of the CA's lists that it should have by and by: somebody on its side was handed it. 0 without one.
    pub list: u64,
}

impl Fact {
    /// Whether its process runs, or is paused.
    pub fn runs(&self) -> bool {
        self.started.is_some() && self.crashed.is_none()
    }
}

/// What is so of all members; the timeline keeps it up to date.
#[derive(Clone, Debug)]
pub struct Truth {
    /// By member.
    pub facts: Vec<Fact>,
    /// A disturbance is over for the figures this long after its end: the detection bound.
    pub grace: Duration,
    /// When the last entry of the timeline will have happened or ended, and liars that stop will have stopped;
    /// `Mono(0)` if there is nothing of that kind.
    pub last_disturbance: Mono,
    /// The partition lets packets pass from earlier groups to later ones.
    pub oneway: bool,
}

impl Truth {
    /// What is so when `running` of `members` have just started, at `now`.
    pub(super) fn new(
        members: usize,
        running: usize,
        now: Mono,
        grace: Duration,
        last_disturbance: Mono,
    ) -> Self {
        let fact = |member| Fact {
            correct: true,
            started: (member < running).then_some(now),
            crashed: None,
            left: None,
            trouble: Mono(0),
            group: 0,
            revoked: None,
            list: 0,
        };
        Self { facts: (0..members).map(fact).collect(), grace, last_disturbance, oneway: false }
    }

    /// Whether an own event of `member` lasts, or has ended less than the detection bound ago (DESIGN section 7).
    pub fn is_disturbed(&self, member: usize, now: Mono) -> bool {
        let trouble = self.facts[member].trouble;
        trouble == Mono::NEVER || trouble != Mono(0) && now < trouble + self.grace
    }

    /// Correct, running and not disturbed.
    pub fn is_healthy(&self, member: usize, now: Mono) -> bool {
        let fact = &self.facts[member];
        fact.correct && fact.runs() && fact.left.is_none() && !self.is_disturbed(member, now)
    }

    /// Whether `observer` should hold `subject` out, if that one is gone: of a revocation one knows only through a list.
    pub fn hears_of(&self, observer: usize, subject: usize) -> bool {
        let fact = &self.facts[subject];
        fact.crashed.is_some() || fact.revoked.is_none_or(|named| named <= self.facts[observer].list)
    }

    /// On each side all get the latest list that a correct running member there has.
    pub(super) fn spread_lists(&mut self) {
        let mut latest: BTreeMap<u32, u64> = BTreeMap::new();
        for fact in self.facts.iter().filter(|fact| fact.list > 0 && fact.correct && fact.runs()) {
            let list = latest.entry(fact.group).or_default();
            *list = fact.list.max(*list);
        }
        for fact in self.facts.iter_mut().filter(|_| !latest.is_empty()) {
            fact.list = fact.list.max(latest.get(&fact.group).copied().unwrap_or(0));
        }
    }

    /// Whether nothing cuts the two from each other, either way.
    pub fn connected(&self, a: usize, b: usize) -> bool {
        self.facts[a].group == self.facts[b].group
    }
}
