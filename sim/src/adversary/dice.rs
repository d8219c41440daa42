//! Chance of a liar's own.

use crate::rng::{below, mix};

/// A stream of chance.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        below(self.bits(), bound as u64) as usize
    }

    /// Whether something of this probability, in ppm, happens.
    pub(super) fn hits(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < ppm as usize
    }

    /// One of them by chance.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.below(from.len())) }
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.bits() as u8).collect()
    }
}
