//! Which rings a member lets itself be accused on.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A set of rings, one bit each; ring numbers are 0 to k − 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Mask([u64; 4]);

impl Mask {
    /// All of the first `k` rings.
    pub fn all(k: u8) -> Self {
        let mut mask = Self::default();
        (0..k).for_each(|ring| mask.enable(ring));
        mask
    }

    /// Whether `ring` is in the set.
    pub fn enabled(&self, ring: u8) -> bool {
        self.0[usize::from(ring / 64)] >> (ring % 64) & 1 == 1
    }

    /// Puts `ring` in.
    pub fn enable(&mut self, ring: u8) {
        self.0[usize::from(ring / 64)] |= 1 << (ring % 64);
    }

    /// Takes `ring` out.
    pub fn disable(&mut self, ring: u8) {
        self.0[usize::from(ring / 64)] &= !(1 << (ring % 64));
    }

    /// How many rings are in.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether a note of a network with `k` rings may carry it: bits from `k` on are 0, and at least k − t are set,
    /// where t = (k − 1) / 2 (DESIGN section 4, "Note").
    pub fn is_legal(&self, k: u8) -> bool {
        let t = u32::from(k.saturating_sub(1) / 2) + u32::from(planted!(ExtraRing));
        (k..=254).all(|ring| !self.enabled(ring)) && !self.enabled(255) && self.count() + t >= u32::from(k)
    }

    /// The rings in the set, ascending.
    pub fn rings(&self) -> impl Iterator<Item = u8> + use<> {
        let mask = *self;
        (0..=254).filter(move |ring| mask.enabled(*ring))
    }

    /// ⌈k / 8⌉ bytes, ring 0 in the lowest bit of the first.
    pub(crate) fn write(&self, k: u8, out: &mut alloc::vec::Vec<u8>) {
        let bytes = self.0.iter().flat_map(|word| word.to_le_bytes());
        out.extend(bytes.take(usize::from(k).div_ceil(8)));
    }

    /// The reverse of [`Mask::write`]; excess bits are kept, and then not legal.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut words = [[0u8; 8]; 4];
        bytes.iter().take(32).enumerate().for_each(|(i, byte)| words[i / 8][i % 8] = *byte);
        Self(words.map(u64::from_le_bytes))
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.rings()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_never_more_than_t_disabled(k in 0u8..=127, off in proptest::collection::vec(any::<u8>(), 0..20)) {
            let k = 2 * k + 1;
            let mut mask = Mask::all(k);
            off.iter().for_each(|ring| mask.disable(ring % k));
            let disabled = u32::from(k) - mask.count();
            prop_assert_eq!(mask.is_legal(k), disabled <= u32::from(k / 2));
            let mut bytes = alloc::vec::Vec::new();
            mask.write(k, &mut bytes);
            prop_assert_eq!(Mask::read(&bytes), mask);
        }

        #[test]
        fn bits_from_k_on_are_illegal(k in 0u8..=126, ring in any::<u8>()) {
            let k = 2 * k + 1;
            let mut mask = Mask::all(k);
            mask.enable(ring);
            prop_assert_eq!(mask.is_legal(k), ring < k);
        }
    }
}
