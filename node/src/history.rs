//! The last transitions that this member saw, with their evidence (for `explain`).

use crate::limits::HISTORY_MAX;
use ifrit_core::{
    action::Notice,
    id::MemberId,
    time::{Mono, Now, Wall},
};
use std::collections::VecDeque;

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

/// The last [`HISTORY_MAX`] transitions; older ones fall out.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: VecDeque<Transition>,
    next: u64,
}

impl History {
    /// All that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Transition> + ExactSizeIterator {
        self.entries.iter()
    }

    /// Those about `member`, oldest first. O(kept).
    pub fn of(&self, member: MemberId) -> impl DoubleEndedIterator<Item = &Transition> {
        self.iter().filter(move |transition| subject(&transition.notice) == Some(member))
    }

    /// How many fell out.
    pub fn forgotten(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    /// Records `notice` if it is a transition. What any peer can cause at will (misbehaviour, delays) is none: else a
    /// liar could wash the evidence out.
    pub(crate) fn record(&mut self, now: Now, notice: &Notice) {
        if !is_transition(notice) {
            return;
        }
        if self.entries.len() == HISTORY_MAX {
            self.entries.pop_front();
        }
        let notice = notice.clone();
        self.entries.push_back(Transition { seq: self.next, at: now.mono, wall: now.wall, notice });
        self.next += 1;
    }
}

fn is_transition(notice: &Notice) -> bool {
    !matches!(notice, Notice::Misbehaviour { .. } | Notice::Slow { .. } | Notice::Updated { .. })
}

/// Whom a notice is about; `None` if it is about this member itself or the network.
pub fn subject(notice: &Notice) -> Option<MemberId> {
    match notice {
        Notice::Up { member, .. }
        | Notice::Rebutted { member, .. }
        | Notice::Gray { member }
        | Notice::Left { member }
        | Notice::Expired { member }
        | Notice::Updated { member, .. }
        | Notice::Equivocation { member, .. } => Some(*member),
        Notice::Accused { accusation } | Notice::Down { accusation } => Some(accusation.accused),
        Notice::Misbehaviour { peer, .. } | Notice::ClockWrong { peer, .. } | Notice::Slow { peer, .. } => {
            Some(*peer)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(n: u8) -> Notice {
        Notice::Up { member: MemberId([n; 32]), epoch: u64::from(n) }
    }

    #[test]
    fn the_oldest_transitions_fall_out() {
        let mut history = History::default();
        let total = HISTORY_MAX as u64 + 10;
        for n in 0..total {
            history.record(Now { mono: Mono(n), wall: Wall(n) }, &up((n % 7) as u8));
        }
        assert_eq!(history.iter().len(), HISTORY_MAX);
        assert_eq!(history.forgotten(), 10);
        assert_eq!(history.iter().next().map(|t| t.seq), Some(10));
        assert!(history.of(MemberId([3; 32])).all(|t| t.seq % 7 == 3));
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
}
