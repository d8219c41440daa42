//! Bytes held for others: how many for whom, and what gives way when they are too many.

use ifrit_core::id::MemberId;
use std::collections::{BTreeMap, BTreeSet};

/// What each member has here, by what holds it. Nothing in it is looked through: a peer that may cause a look at
/// everything for each byte that it sends is a peer that stops the node.
#[derive(Debug)]
pub(super) struct Ledger<K> {
    of: BTreeMap<MemberId, Account<K>>,
    /// Who has how many.
    sizes: BTreeSet<(usize, MemberId)>,
    total: usize,
}

#[derive(Debug)]
struct Account<K> {
    bytes: usize,
    each: BTreeSet<(usize, K)>,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self { of: BTreeMap::new(), sizes: BTreeSet::new(), total: 0 }
    }
}

impl<K: Ord + Copy> Ledger<K> {
    /// Of all.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Of one member.
    pub(super) fn of(&self, member: &MemberId) -> usize {
        self.of.get(member).map_or(0, |account| account.bytes)
    }

    /// What `key` holds for a member is `new` bytes now; it was `old`.
    pub(super) fn set(&mut self, member: MemberId, key: K, old: usize, new: usize) {
        if old == new {
            return;
        }
        let account = self.of.entry(member).or_insert_with(|| Account { bytes: 0, each: BTreeSet::new() });
        self.sizes.remove(&(account.bytes, member));
        account.each.remove(&(old, key));
        if new > 0 {
            account.each.insert((new, key));
        }
        account.bytes = account.bytes - old + new;
        self.total = self.total - old + new;
        if account.each.is_empty() {
            self.of.remove(&member);
        } else {
            self.sizes.insert((account.bytes, member));
        }
    }

    /// The largest of whoever has most.
    pub(super) fn largest(&self) -> Option<(MemberId, K)> {
        let (_, most) = self.sizes.last()?;
        let (_, key) = self.of.get(most)?.each.last()?;
        Some((*most, *key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_whoever_has_most_gives_way() {
        let mut ledger = Ledger::default();
        let [a, b] = [1, 2].map(|n| MemberId([n; 32]));
        ledger.set(a, 1, 0, 50);
        ledger.set(b, 2, 0, 30);
        ledger.set(b, 3, 0, 10);
        assert_eq!((ledger.total(), ledger.of(&b), ledger.largest()), (90, 40, Some((a, 1))));
        ledger.set(b, 3, 10, 25);
        assert_eq!(ledger.largest(), Some((b, 2)));
        ledger.set(b, 2, 30, 0);
        ledger.set(a, 1, 50, 0);
        assert_eq!((ledger.total(), ledger.of(&a), ledger.largest()), (25, 0, Some((b, 3))));
        ledger.set(b, 3, 25, 0);
        assert_eq!((ledger.total(), ledger.largest()), (0, None));
        assert!(ledger.of.is_empty() && ledger.sizes.is_empty());
    }
}
