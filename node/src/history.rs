//! The last transitions that this member saw, with their evidence (for `explain`).

use crate::limits::HISTORY_MAX;
use ifrit_core::{
    action::Notice,
    id::MemberId,
    time::{Mono, Now, Wall},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One change, when it was seen, and the evidence inside the notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Its number since the start, from 0.
    pub seq: u64,
    /// When, on this member's monotonic clock.
    pub at: Mono,
    /// When, on its wall clock.
    pub wall: Wall,
    /// What.
    pub notice: Notice,
}

/// The last [`HISTORY_MAX`] transitions, or as many as [`Limits`](crate::limits::Limits) say. Beyond that the oldest one of whoever has the most falls out: a member that leaves
/// and returns all the time, or equivocates, washes out its own past only.
#[derive(Clone, Debug)]
pub struct History {
    most: usize,
    entries: VecDeque<Transition>,
    next: u64,
    /// How many entries there are about each, and who has how many.
    counts: BTreeMap<Option<MemberId>, usize>,
    order: BTreeSet<(usize, Option<MemberId>)>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(HISTORY_MAX)
    }
}

impl History {
    /// One that keeps so many transitions.
    pub(crate) fn new(most: usize) -> Self {
        let (entries, counts, order) = (VecDeque::new(), BTreeMap::new(), BTreeSet::new());
        Self { most, entries, next: 0, counts, order }
    }

    /// All that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Transition> + ExactSizeIterator {
        self.entries.iter()
    }

    /// Those about `member`, oldest first. O(kept).
    pub fn of(&self, member: MemberId) -> impl DoubleEndedIterator<Item = &Transition> {
        self.iter().filter(move |transition| transition.notice.subject() == Some(member))
    }

    /// How many fell out.
    pub fn forgotten(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    /// Records `notice` if it is a transition. What any peer can cause at will (misbehaviour, delays) is none: else a
    /// liar could wash the evidence out.
    pub(crate) fn record(&mut self, now: Now, notice: &Notice) {
        if self.most == 0 || !is_transition(notice) {
            return;
        }
        if self.entries.len() == self.most {
            self.forget_one();
        }
        let notice = notice.clone();
        self.count(notice.subject(), 1);
        self.entries.push_back(Transition { seq: self.next, at: now.mono, wall: now.wall, notice });
        self.next += 1;
    }

    /// The oldest entry of all, if nobody has more than its subject; else the oldest one of who has the most.
    fn forget_one(&mut self) {
        let Some(&(most, whose)) = self.order.last() else { return };
        let of = |entry: &Transition| entry.notice.subject();
        let first = self.entries.front().map(of);
        let fair = first.is_some_and(|first| self.counts.get(&first) == Some(&most));
        let at = if fair { Some(0) } else { self.entries.iter().position(|entry| of(entry) == whose) };
        if let Some(gone) = at.and_then(|at| self.entries.remove(at)) {
            self.count(gone.notice.subject(), -1);
        }
    }

    fn count(&mut self, of: Option<MemberId>, change: isize) {
        let count = self.counts.remove(&of).unwrap_or(0);
        self.order.remove(&(count, of));
        let count = count.saturating_add_signed(change);
        if count > 0 {
            self.counts.insert(of, count);
            self.order.insert((count, of));
        }
    }
}

fn is_transition(notice: &Notice) -> bool {
    !matches!(notice, Notice::Misbehaviour { .. } | Notice::Slow { .. } | Notice::Updated { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(n: u8) -> Notice {
        Notice::Up { member: MemberId([n; 32]), epoch: u64::from(n) }
    }

    #[test]
    fn the_oldest_transitions_fall_out() {
        for most in [HISTORY_MAX, 20, 0] {
            let mut history = History::new(most);
            let total = most as u64 + 10;
            for n in 0..total {
                history.record(Now { mono: Mono(n), wall: Wall(n) }, &up((n % 7) as u8));
            }
            assert_eq!(history.iter().len(), most);
            assert_eq!(history.forgotten(), if most == 0 { 0 } else { 10 });
            assert_eq!(history.iter().next().map(|t| t.seq), (most > 0).then_some(10));
            assert!(history.of(MemberId([3; 32])).all(|t| t.seq % 7 == 3));
        }
    }

    #[test]
    fn what_a_peer_can_cause_at_will_washes_nothing_out() {
        let mut history = History::default();
        history.record(Now::default(), &up(1));
        for _ in 0..2 * HISTORY_MAX {
            let peer = MemberId([9; 32]);
            history.record(Now::default(), &Notice::Slow { peer, rtt_ms: 1 });
        }
        assert_eq!(history.iter().len(), 1);
    }

    #[test]
    fn a_member_that_comes_and_goes_washes_out_its_own_past_only() {
        let mut history = History::default();
        for n in 1..=100 {
            history.record(Now::default(), &up(n));
        }
        for _ in 0..3 * HISTORY_MAX {
            history.record(Now::default(), &Notice::Left { member: MemberId([200; 32]) });
            let peer = MemberId([201; 32]);
            history.record(Now::default(), &Notice::ClockWrong { ahead_ms: 1, peer });
        }
        assert_eq!(history.iter().len(), HISTORY_MAX);
        assert!((1..=100).all(|n| history.of(MemberId([n; 32])).count() == 1));
        assert_eq!(history.counts.values().sum::<usize>(), HISTORY_MAX);
        assert_eq!(history.counts.len(), history.order.len());
    }
}
