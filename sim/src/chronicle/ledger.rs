//! Who accused whom.

use super::Edge;
use ifrit_core::time::Mono;
use std::collections::BTreeMap;

/// Pairs that are counted; those beyond are only counted together.
const COUNTED: usize = 50_000;
/// Pairs that are kept.
const KEPT: usize = 2_000;

/// One accusation: who, whom, at which epoch, on which ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    pub(super) accuser: usize,
    pub(super) accused: usize,
    pub(super) epoch: u64,
    pub(super) ring: u8,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By (accused, accuser).
    pairs: BTreeMap<(usize, usize), Pair>,
    /// The highest epoch by which a member has answered.
    answered: BTreeMap<usize, u64>,
    /// Accusations of pairs that are not counted.
    beyond: u64,
}

#[derive(Debug)]
struct Pair {
    /// Of which epoch the last accusation is.
    epoch: u64,
    /// On which rings of that epoch.
    open: Rings,
    count: u32,
    rebutted: u32,
    downs: u32,
    first: Mono,
    last: Mono,
    rings: Rings,
}

/// A set of rings.
#[derive(Clone, Copy, Debug, Default)]
struct Rings([u64; 4]);

impl Rings {
    /// Whether it was not there yet.
    fn insert(&mut self, ring: u8) -> bool {
        let (word, bit) = (usize::from(ring / 64), 1 << (ring % 64));
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    fn list(self) -> Vec<u8> {
        (0..=u8::MAX).filter(|ring| self.0[usize::from(ring / 64)] >> (ring % 64) & 1 == 1).collect()
    }
}

impl Ledger {
    /// A correct member holds `charge` valid, or is accused by it.
    pub(super) fn accused(&mut self, charge: Charge, at: Mono) {
        if let Some(pair) = self.pair(charge, at) {
            pair.accuse(charge, at);
        }
    }

    /// A correct member has put the accused out for `charge`.
    pub(super) fn down(&mut self, charge: Charge, at: Mono) {
        if let Some(pair) = self.pair(charge, at) {
            pair.accuse(charge, at);
            pair.downs += 1;
        }
    }

    /// A note of `member` with this epoch answers everything below; told once per observer.
    pub(super) fn answered(&mut self, member: usize, epoch: u64) {
        let answered = self.answered.entry(member).or_insert(0);
        if *answered >= epoch {
            return;
        }
        *answered = epoch;
        for pair in self.pairs.range_mut((member, 0)..=(member, usize::MAX)).map(|(_, pair)| pair) {
            pair.answer(epoch);
        }
    }

    fn pair(&mut self, charge: Charge, at: Mono) -> Option<&mut Pair> {
        let key = (charge.accused, charge.accuser);
        if self.pairs.len() >= COUNTED && !self.pairs.contains_key(&key) {
            self.beyond += 1;
            return None;
        }
        Some(self.pairs.entry(key).or_insert_with(|| Pair {
            epoch: charge.epoch,
            open: Rings::default(),
            count: 0,
            rebutted: 0,
            downs: 0,
            first: at,
            last: at,
            rings: Rings::default(),
        }))
    }

    /// The edges, those that put somebody out first, then by count; and what was left out.
    pub(super) fn end(self, left_out: &mut Vec<String>) -> Vec<Edge> {
        let mut edges: Vec<_> = self.pairs.into_iter().map(|(key, pair)| pair.edge(key)).collect();
        edges.sort_by_key(|edge| std::cmp::Reverse((edge.downs, edge.count)));
        if edges.len() > KEPT {
            let (rest, all) = (edges.len() - KEPT, edges.len());
            left_out.push(format!("{rest} of {all} pairs of accuser and accused: those with the fewest"));
            edges.truncate(KEPT);
        }
        if self.beyond > 0 {
            left_out
                .push(format!("notices of accusations beyond the first {COUNTED} pairs: {}", self.beyond));
        }
        edges
    }
}

impl Pair {
    fn accuse(&mut self, charge: Charge, at: Mono) {
        self.answer(charge.epoch);
        self.epoch = self.epoch.max(charge.epoch);
        // Of an older epoch: somebody late has heard of what was counted before.
        if charge.epoch == self.epoch && self.open.insert(charge.ring) {
            self.count += 1;
            self.last = at;
            self.rings.insert(charge.ring);
        }
    }

    /// Of a member with this epoch, accusations at lower ones are answered.
    fn answer(&mut self, epoch: u64) {
        if self.epoch < epoch {
            self.rebutted += core::mem::take(&mut self.open).count();
        }
    }

    fn edge(self, (accused, accuser): (usize, usize)) -> Edge {
        Edge {
            accuser,
            accused,
            count: self.count,
            rebutted: self.rebutted,
            downs: self.downs,
            first_s: self.first.into(),
            last_s: self.last.into(),
            rings: self.rings.list(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronicle::Seconds;

    fn charge(accuser: usize, accused: usize, epoch: u64, ring: u8) -> Charge {
        Charge { accuser, accused, epoch, ring }
    }

    #[test]
    fn an_accusation_counts_once_however_many_hear_of_it() {
        let mut ledger = Ledger::default();
        for observer in 0..50 {
            ledger.accused(charge(1, 2, 10, 3), Mono(1_000_000_000 + observer));
            ledger.accused(charge(1, 2, 10, 200), Mono(1_500_000_000 + observer));
        }
        for _ in 0..50 {
            ledger.answered(2, 11);
        }
        ledger.accused(charge(1, 2, 11, 3), Mono(2_000_000_000));
        ledger.accused(charge(1, 2, 10, 3), Mono(2_500_000_000));
        ledger.down(charge(1, 2, 11, 3), Mono(4_000_000_000));
        let mut left_out = Vec::new();
        let edges = ledger.end(&mut left_out);
        let expected = Edge {
            accuser: 1,
            accused: 2,
            count: 3,
            rebutted: 2,
            downs: 1,
            first_s: Seconds(1000),
            last_s: Seconds(2000),
            rings: vec![3, 200],
        };
        assert_eq!((edges, left_out), (vec![expected], vec![]));
    }

    #[test]
    fn what_is_left_out_is_said_and_the_weightiest_stays() {
        let mut ledger = Ledger::default();
        for accuser in 0..COUNTED {
            ledger.accused(charge(accuser, 7, 1, 0), Mono(0));
        }
        ledger.accused(charge(COUNTED, 7, 1, 0), Mono(0));
        ledger.down(charge(COUNTED - 1, 7, 1, 0), Mono(0));
        let mut left_out = Vec::new();
        let edges = ledger.end(&mut left_out);
        assert_eq!((edges.len(), edges[0].accuser, left_out.len()), (KEPT, COUNTED - 1, 2));
    }
}
