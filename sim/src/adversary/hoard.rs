//! What a replayer has heard.

use super::dice::Dice;
use crate::wire::Bundle;
use std::collections::BTreeSet;

/// Kept at most.
const KEPT: usize = 2000;

/// Different records, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Hoard {
    all: Vec<Bundle>,
    seen: BTreeSet<Vec<u8>>,
}

impl Hoard {
    /// Keeps it, if there is room and its first record was not heard before.
    pub(super) fn keep(&mut self, bundle: Bundle) {
        let Some(first) = bundle.note.as_ref().or_else(|| bundle.accusations.first()) else { return };
        if self.all.len() < KEPT && self.seen.insert(first.clone()) {
            self.all.push(bundle);
        }
    }

    /// `count` of those of which `which` holds, by chance.
    pub(super) fn some(&self, count: usize, dice: &mut Dice, which: impl Fn(&Bundle) -> bool) -> Vec<Bundle> {
        let fit: Vec<_> = self.all.iter().filter(|bundle| which(bundle)).collect();
        (0..count).filter_map(|_| dice.pick(&fit).copied().cloned()).collect()
    }
}
