//! Which views are right, and until when some were wrong.
//!
//! The view of an *observer* is right when it holds live exactly those that it should:
//!
//! - **Observers** are correct members that run. Not: members that have left, and members that are paused, lossy or delayed by an
//!   event of their own, have a clock that is wrong by more than the network's allowance, or an expired certificate, while
//!   that lasts (*blurred*). Liars observe nothing that counts.
//! - **Live** should be whoever runs, liars too: nobody may hide a member that answers. Who has left should be out at once, and
//!   so should who has crashed; so a view is wrong from a crash until it is noticed, and `converged_at` tells when.
//! - **Nobody cares** how a blurred member is held: it may be gray, down or live. Afterwards it should be live again.
//! - **In a partition** the members of the own side should be live and all others out. While it lets packets pass one way,
//!   nobody cares about other sides: they hear, but cannot answer.
//! - **Revoked** members should be out where the CA's list is. On a side of a partition on which nobody has it nobody cares.
//! - **A certificate's end**: its member is blurred from then on, and should be out twice the allowance later.
//!
//! Being disturbed for the figures of healthy members lasts longer: see [`Truth::is_disturbed`].

use super::Truth;
use crate::views::Views;
use ifrit_core::time::Mono;

/// Which views are right; see `run/expected.rs` for what that means.
#[derive(Debug)]
pub struct Expected {
    /// By side of the partition.
    sides: Vec<Side>,
    /// By member: its side, if its view counts.
    observes: Vec<Option<u32>>,
    /// By member: how many it holds wrongly.
    wrong: Vec<u32>,
    wrong_views: usize,
    last_wrong: Mono,
}

#[derive(Debug)]
struct Side {
    live: Vec<u64>,
    matters: Vec<u64>,
}

fn has(bits: &[u64], member: usize) -> bool {
    bits[member / 64] >> (member % 64) & 1 == 1
}

impl Side {
    fn new(side: u32, truth: &Truth, blurred: &[bool]) -> Self {
        let words = truth.facts.len().div_ceil(64);
        let (mut live, mut matters) = (vec![0; words], vec![0; words]);
        let lists = truth.facts.iter().filter(|fact| fact.group == side).map(|fact| fact.list);
        let list = lists.max().unwrap_or(0);
        for (member, fact) in truth.facts.iter().enumerate() {
            let bit = 1 << (member % 64);
            let here = fact.group == side;
            if fact.runs() && fact.left.is_none() && here {
                live[member / 64] |= bit;
            }
            let unheard = here && fact.runs() && fact.revoked.is_some_and(|named| named > list);
            if !blurred[member] && !unheard && (here || !truth.oneway) {
                matters[member / 64] |= bit;
            }
        }
        Self { live, matters }
    }

    fn wrong(&self, row: &[u64]) -> u32 {
        let words = row.iter().zip(&self.live).zip(&self.matters);
        words.map(|((held, live), matters)| ((held ^ live) & matters).count_ones()).sum()
    }
}

impl Expected {
    pub(super) fn new(members: usize) -> Self {
        Self {
            sides: Vec::new(),
            observes: vec![None; members],
            wrong: vec![0; members],
            wrong_views: 0,
            last_wrong: Mono(0),
        }
    }

    /// Something is so from now on that was not: looks at every view.
    pub(super) fn renew(&mut self, truth: &Truth, blurred: &[bool], views: &Views, now: Mono) {
        self.touch(now);
        let sides = truth.facts.iter().map(|fact| fact.group).max().unwrap_or(0);
        self.sides = (0..=sides).map(|side| Side::new(side, truth, blurred)).collect();
        for (member, fact) in truth.facts.iter().enumerate() {
            let observes = fact.correct && fact.runs() && fact.left.is_none() && !blurred[member];
            self.observes[member] = observes.then_some(fact.group);
            self.wrong[member] =
                if observes { self.sides[fact.group as usize].wrong(views.row(member)) } else { 0 };
        }
        self.wrong_views = self.wrong.iter().filter(|wrong| **wrong > 0).count();
    }

    /// `observer` holds `subject` otherwise than before.
    pub(super) fn changed(&mut self, observer: usize, subject: usize, live: bool, now: Mono) {
        let Some(side) = self.observes[observer] else { return };
        let side = &self.sides[side as usize];
        if !has(&side.matters, subject) {
            return;
        }
        let right = has(&side.live, subject) == live;
        self.touch(now);
        let was_wrong = self.wrong[observer] > 0;
        self.wrong[observer] = if right { self.wrong[observer] - 1 } else { self.wrong[observer] + 1 };
        self.wrong_views = self.wrong_views + usize::from(self.wrong[observer] > 0) - usize::from(was_wrong);
    }

    /// Up to now things were as they were.
    fn touch(&mut self, now: Mono) {
        if self.wrong_views > 0 {
            self.last_wrong = now;
        }
    }

    /// The last moment at which some view was wrong, `Mono(0)` if none ever was; `None` if one is now.
    pub(super) fn converged_at(&self) -> Option<Mono> {
        (self.wrong_views == 0).then_some(self.last_wrong)
    }

    /// Whom `observer` should hold live, and of whom that matters, a bit each; `None` if its view does not count.
    pub fn of(&self, observer: usize) -> Option<(&[u64], &[u64])> {
        let side = &self.sides[self.observes[observer]? as usize];
        Some((&side.live, &side.matters))
    }

    /// How large views should be: on the largest side, if there are several.
    pub(super) fn size(&self) -> u64 {
        let sizes =
            self.sides.iter().map(|side| side.live.iter().map(|word| u64::from(word.count_ones())).sum());
        sizes.max().unwrap_or(0)
    }
}
