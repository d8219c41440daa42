//! The brute-force answer that the incremental structure is held against in debug builds.

use super::{Ix, State};
use alloc::collections::BTreeSet;

/// Ring comparisons that each change may spend on the oracle: large views are compared less often, not never.
const CREDIT: usize = 100;

impl State {
    /// In debug builds: validity, least fixpoint and timers are what a recomputation from nothing gives.
    pub(super) fn check(&mut self) {
        if !cfg!(debug_assertions) || self.cases.is_empty() {
            return;
        }
        self.oracle_credit += CREDIT;
        let slots: usize = self.cases.values().map(|case| case.slots.len()).sum();
        if self.oracle_credit < slots * self.roster.len() {
            return;
        }
        self.oracle_credit = 0;
        self.compare();
    }

    fn compare(&self) {
        for (ix, case) in &self.cases {
            for slot in &case.slots {
                assert_eq!(
                    slot.accusation.epoch,
                    self.roster[*ix].note.epoch(),
                    "accusations of other epochs fall"
                );
                assert_eq!(slot.valid, self.valid_from_nothing(*ix, slot.accusation.ring), "R1");
                let held = self.members_between(&slot.accusation).into_iter().any(|ix| self.is_held(ix));
                assert_eq!(
                    slot.since.is_some(),
                    slot.valid && !held,
                    "R6: no age runs over a member that is held"
                );
            }
            assert_eq!(case.timer, self.timer_of(case), "R4: the timer is a function of the accusations");
            assert_eq!(case.rank.is_some(), self.roster[*ix].standing == super::Standing::Down);
            assert!(case.rank.is_some() || case.hold.is_none(), "only Down members are held");
        }
        let listed = |ix: &&Ix| self.cases[*ix].is_valid() && !self.is_out(**ix);
        assert!(self.cases.keys().filter(listed).eq(self.suspects.iter()), "the accused are listed");
        assert!(self.cases.keys().filter(|ix| self.cases[*ix].rank.is_some()).eq(self.downs.iter()));
        assert_eq!(self.timers.len(), self.cases.values().filter(|case| case.timer.is_some()).count());
        assert_eq!(self.down().collect::<BTreeSet<_>>(), self.least_fixpoint(), "R2: no circular support");
    }

    fn valid_from_nothing(&self, accused: Ix, ring: u8) -> bool {
        let slot = self.cases[&accused].slot(ring).expect("asked only for slots that exist");
        let accused = &self.roster[accused].note;
        let between = |id| {
            self.rings.is_closer(ring, &accused.id(), id, &slot.accusation.accuser)
                && *id != accused.id()
                && *id != slot.accusation.accuser
        };
        accused.mask().enabled(ring) && self.roster.iter().all(|(id, ix)| !between(id) || self.is_out(ix))
    }

    /// R2's definition, word by word: the least S ⊆ T whose members are held or accused validly over S and the others
    /// that are out.
    fn least_fixpoint(&self) -> BTreeSet<Ix> {
        let candidates: BTreeSet<Ix> = self.down().collect();
        let mut least = BTreeSet::new();
        loop {
            let out = |ix: &Ix| self.is_out(*ix) && (!candidates.contains(ix) || least.contains(ix));
            let joins = |ix: &&Ix| {
                let case = &self.cases[*ix];
                case.hold.is_some()
                    || case
                        .slots
                        .iter()
                        .any(|slot| slot.valid && self.members_between(&slot.accusation).iter().all(out))
            };
            let more: BTreeSet<Ix> = candidates.iter().filter(joins).copied().collect();
            if more == least {
                return least;
            }
            least = more;
        }
    }
}
