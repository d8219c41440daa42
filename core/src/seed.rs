//! Randomness that is handed in: one seed, labelled child streams.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 32 bytes from which all of a member's random choices follow. Used for nothing secret; traces contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// An own stream for `label`, so that a new draw in one part moves no other.
    pub fn child(&self, label: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"ifrit seed 1");
        hash.update(self.0);
        hash.update(label.as_bytes());
        Self(hash.finalize().into())
    }

    /// A generator over this seed.
    pub fn rng(&self) -> Rng {
        let mut state = [0; 8];
        state.copy_from_slice(&self.0[..8]);
        Rng(u64::from_le_bytes(state))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small and quick; not for secrets.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias is below `bound` / 2⁶⁴.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Leaves `count` of `all`, by chance.
    pub(crate) fn draw<T>(&mut self, all: &mut Vec<T>, count: usize) {
        let count = count.min(all.len());
        for at in 0..count {
            let other = at + self.below((all.len() - at) as u64) as usize;
            all.swap(at, other);
        }
        all.truncate(count);
    }
}
