//! Fault decisions: counter-based hashes, so that removing one thing moves no other.

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Class {
    /// Whether a packet is lost.
    Loss = 1,
    /// How long a packet takes.
    Latency = 2,
    /// When a member starts.
    Start = 3,
    /// The seed of a member's run.
    Run = 4,
    /// Where a member's monotonic clock begins.
    Clock = 5,
    /// Who is chosen.
    Choice = 6,
    /// Keys and ids.
    Identity = 7,
    /// Whether a packet is held back.
    Reorder = 8,
    /// When something happens again.
    Arrival = 9,
    /// What a liar draws from.
    Liar = 10,
    /// What TLS draws.
    Tls = 11,
    /// Whether a packet arrives twice.
    Duplicate = 12,
}

/// All decisions of one run.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    seed: u64,
}

/// One round of SplitMix64's finaliser: every input bit reaches every output bit.
pub fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Faults {
    /// The decisions of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// 64 bits for the `n`-th decision of `class` from `source` to `destination`.
    pub fn bits(&self, class: Class, source: usize, destination: usize, n: u64) -> u64 {
        [class as u64, source as u64, destination as u64, n]
            .iter()
            .fold(mix(self.seed), |state, word| mix(state ^ word))
    }

    /// Whether something of probability `ppm` / 10⁶ happens.
    pub fn chance(&self, ppm: u32, class: Class, source: usize, destination: usize, n: u64) -> bool {
        ppm > 0 && below(self.bits(class, source, destination, n), 1_000_000) < u64::from(ppm)
    }

    /// 32 bytes.
    pub fn bytes(&self, class: Class, source: usize, n: u64) -> [u8; 32] {
        let mut out = [0; 32];
        for (i, chunk) in out.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&self.bits(class, source, i, n).to_le_bytes());
        }
        out
    }
}

/// Maps 64 random bits to a number below `bound`.
pub fn below(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// −ln(u) of a uniform u, in 2⁻³² units, from 64 random bits: integers only, so that every machine agrees.
///
/// The mantissa's logarithm is linear between powers of two: at most 0.06 too high, 0.04 on average.
pub fn exponential(bits: u64) -> u64 {
    const LN2: u128 = 2_977_044_472; // ln 2 · 2³²
    let bits = bits | 1;
    let zeros = bits.leading_zeros();
    let mantissa = (bits << zeros) << 1 >> 32; // u = 2^-(zeros+1) · (1 + mantissa / 2³²)
    let log2 = (u128::from(zeros + 1) << 32) - u128::from(mantissa);
    ((log2 * LN2) >> 32) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_has_its_rate() {
        let faults = Faults::new(7);
        let lost = (0..100_000).filter(|n| faults.chance(200_000, Class::Loss, 1, 2, *n)).count();
        assert!((19_500..20_500).contains(&lost), "{lost}");
        assert!(!faults.chance(0, Class::Loss, 1, 2, 3));
        assert!(faults.chance(1_000_000, Class::Loss, 1, 2, 3));
    }

    #[test]
    fn decisions_depend_on_everything_and_on_nothing_else() {
        let bits =
            |seed, class, source, destination, n| Faults::new(seed).bits(class, source, destination, n);
        let one = bits(1, Class::Loss, 2, 3, 4);
        assert_eq!(one, bits(1, Class::Loss, 2, 3, 4));
        assert_ne!(one, bits(2, Class::Loss, 2, 3, 4));
        assert_ne!(one, bits(1, Class::Latency, 2, 3, 4));
        assert_ne!(one, bits(1, Class::Loss, 3, 2, 4));
        assert_ne!(one, bits(1, Class::Loss, 2, 3, 5));
    }

    #[test]
    fn exponential_has_about_mean_one() {
        let faults = Faults::new(3);
        let sum: u128 =
            (0..100_000).map(|n| u128::from(exponential(faults.bits(Class::Latency, 0, 0, n)))).sum();
        let mean = (sum / 100_000 * 1000) >> 32;
        assert!((1020..1060).contains(&mean), "{mean}");
    }
}
