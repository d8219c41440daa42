//! What a network fixes, and every period, bound and quota that follows from it.

use crate::id::NetworkId;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Where the network runs. It decides time-outs; it is the network's, no member changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Preset {
    /// One data centre: round trips of a few ms.
    Lan,
    /// Several continents: round trips up to 400 ms.
    Wan,
    /// One machine.
    Local,
}

/// The parameters in the CA root's extension (DESIGN section 4, "Network"): the same for every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkParams {
    /// The network's id.
    pub id: NetworkId,
    /// k: odd, 1 to 255.
    pub rings: u8,
    /// N: how many members are expected.
    pub members: u32,
    /// Share of identities that may lie, in parts per million.
    pub byzantine_ppm: u32,
    /// ε: accepted probability of failure, in parts per million.
    pub epsilon_ppm: u32,
    /// Where it runs.
    pub preset: Preset,
    /// Δ in ms: within it, a message reaches every correct member.
    pub delta_ms: u32,
    /// Lease of a note in seconds (R9).
    pub lease_s: u32,
    /// How far clocks may differ, in seconds.
    pub allowance_s: u32,
}

/// Why parameters are not a network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// k must be odd, and 1 to 255.
    #[error("the number of rings must be odd and between 1 and 255")]
    Rings,
    /// No k up to 255 keeps the promise for this N, p and ε.
    #[error("no number of rings up to 255 is enough: lower the expected members or the share of liars")]
    TooManyLiars,
    /// A share must lie strictly between 0 and 1/2.
    #[error("the share of liars must be above 0 and below 0.5")]
    Byzantine,
    /// ε must lie strictly between 0 and 1.
    #[error("epsilon must be above 0 and below 1")]
    Epsilon,
    /// Δ, lease and members must not be 0.
    #[error("delta, lease and members must not be zero")]
    Zero,
}

/// What `ca init` is told.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Expected members.
    pub members: u32,
    /// Share of liars in ppm; 100,000 if rings are given directly.
    pub byzantine_ppm: u32,
    /// ε in ppm; 1,000 if rings are given directly.
    pub epsilon_ppm: u32,
    /// k, if it is given directly.
    pub rings: Option<u8>,
    /// Where it runs.
    pub preset: Preset,
    /// Δ, if it is given directly.
    pub delta: Option<Duration>,
    /// Lease, if it is given directly.
    pub lease: Option<Duration>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            members: 1000,
            byzantine_ppm: 100_000,
            epsilon_ppm: 1_000,
            rings: None,
            preset: Preset::Lan,
            delta: None,
            lease: None,
        }
    }
}

/// Clock allowance (R9): what NTP-less machines keep.
const ALLOWANCE_S: u32 = 600;
/// Lease up to 10⁴ members; beyond, it grows with N (R9), so that renewals stay about one per 9 s.
const LEASE_S: u32 = 24 * 3600;

impl NetworkParams {
    /// The parameters for `wish`, with `id` as the network's id.
    pub fn new(id: NetworkId, wish: &Wish) -> Result<Self, ParamsError> {
        let rings = match wish.rings {
            Some(rings) => rings,
            None => rings_for(wish.members, wish.byzantine_ppm, wish.epsilon_ppm)?,
        };
        let lease_s = wish.lease.map_or_else(
            || u64::from(LEASE_S) * u64::from(wish.members.max(10_000)) / 10_000,
            |lease| lease.as_secs(),
        );
        let delta = wish.delta.unwrap_or_else(|| delta_for(wish.members, wish.preset));
        let params = Self {
            id,
            rings,
            members: wish.members,
            byzantine_ppm: wish.byzantine_ppm,
            epsilon_ppm: wish.epsilon_ppm,
            preset: wish.preset,
            delta_ms: u32::try_from(delta.as_millis()).unwrap_or(u32::MAX),
            lease_s: u32::try_from(lease_s).unwrap_or(u32::MAX),
            allowance_s: ALLOWANCE_S,
        };
        params.check()?;
        Ok(params)
    }

    /// Whether a CA may have said this.
    pub fn check(&self) -> Result<(), ParamsError> {
        if self.rings.is_multiple_of(2) {
            return Err(ParamsError::Rings);
        }
        if self.byzantine_ppm == 0 || self.byzantine_ppm >= 500_000 {
            return Err(ParamsError::Byzantine);
        }
        if self.epsilon_ppm == 0 || self.epsilon_ppm >= 1_000_000 {
            return Err(ParamsError::Epsilon);
        }
        if self.members == 0 || self.delta_ms == 0 || self.lease_s == 0 {
            return Err(ParamsError::Zero);
        }
        Ok(())
    }

    /// t: how many liar predecessors a member can bear; k = 2t + 1.
    pub fn tolerance(&self) -> u8 {
        self.rings / 2
    }

    /// How many liars among `members` the rings bear: the most with which the probability that any member has more than t of
    /// them before it is at most ε (R17). A member's predecessors are drawn from all others. For people: no member asks.
    pub fn liars_borne(&self, members: u32) -> u32 {
        let epsilon = f64::from(self.epsilon_ppm) / 1e6;
        let bears = |liars: u32| {
            let share = f64::from(liars) / f64::from(members.max(2) - 1);
            share < 0.5 && f64::from(members) * binomial_tail(self.rings, share) <= epsilon
        };
        let (mut borne, mut too_many) = (0, members.max(1));
        while too_many - borne > 1 {
            let middle = borne + (too_many - borne) / 2;
            *(if bears(middle) { &mut borne } else { &mut too_many }) = middle;
        }
        borne
    }
}

/// The least odd k = 2t + 1 with `members · P[Binomial(k, p) > t] ≤ ε`.
///
/// Only a CA calls it, once: members read k from the root.
pub fn rings_for(members: u32, byzantine_ppm: u32, epsilon_ppm: u32) -> Result<u8, ParamsError> {
    if byzantine_ppm == 0 || byzantine_ppm >= 500_000 {
        return Err(ParamsError::Byzantine);
    }
    if epsilon_ppm == 0 || epsilon_ppm >= 1_000_000 {
        return Err(ParamsError::Epsilon);
    }
    let (p, epsilon) = (f64::from(byzantine_ppm) / 1e6, f64::from(epsilon_ppm) / 1e6);
    (1..=255u8)
        .step_by(2)
        .find(|k| f64::from(members) * binomial_tail(*k, p) <= epsilon)
        .ok_or(ParamsError::TooManyLiars)
}

/// P[Binomial(k, p) > k / 2], by the recurrence of its terms.
fn binomial_tail(k: u8, p: f64) -> f64 {
    let q = 1.0 - p;
    let mut term = (0..k).fold(1.0, |product, _| product * q);
    let mut tail = 0.0;
    for i in 1..=k {
        term *= f64::from(k - i + 1) / f64::from(i) * (p / q);
        if i > k / 2 {
            tail += term;
        }
    }
    tail
}

/// Gray takes no less, with however few rings (R8): longer than a link takes to come back after a heal.
const GRAY_AFTER_MIN: Duration = Duration::from_secs(10);

/// Members that a record is pushed to by each that first hears it (R7).
pub const FAN_OUT: u32 = 4;

/// Δ from N, fan-out, anti-entropy period and preset (R4).
///
/// Twice the push's hops, each with the preset's time for one hop, and three digest periods: a record that the push
/// missed is found by the first digests exchanged (each member sends and answers `pings_per_second` of them).
pub fn delta_for(members: u32, preset: Preset) -> Duration {
    let times = Times::of(preset);
    times.hop * 2 * hops(members) + times.ping_period * 3 / 2
}

/// Hops of a push to all of `members`, and one more.
fn hops(members: u32) -> u32 {
    (0..32).find(|hops| FAN_OUT.saturating_pow(*hops) >= members).unwrap_or(32) + 1
}

/// What a preset says; all else is computed.
struct Times {
    /// One hop of a push, processing included.
    hop: Duration,
    /// A ping that is not answered in this time is missed.
    ping_timeout: Duration,
    /// 1/R: the time between two pings of one member by all of its monitors (R5).
    ping_period: Duration,
    /// Loss of a ping and its answer together, in ppm, before anything is measured.
    loss_ppm: u32,
}

impl Times {
    fn of(preset: Preset) -> Self {
        let ms = Duration::from_millis;
        match preset {
            Preset::Local => {
                Self { hop: ms(10), ping_timeout: ms(100), ping_period: ms(250), loss_ppm: 10_000 }
            }
            Preset::Lan => {
                Self { hop: ms(20), ping_timeout: ms(150), ping_period: ms(434), loss_ppm: 20_000 }
            }
            Preset::Wan => {
                Self { hop: ms(250), ping_timeout: ms(1000), ping_period: ms(1000), loss_ppm: 40_000 }
            }
        }
    }
}

/// Everything that follows from (network parameters, preset). The simulator's bounds and the calculator use it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Δ.
    pub delta: Duration,
    /// k.
    pub rings: u8,
    /// t.
    pub tolerance: u8,
    /// Lease of a note (R9).
    pub lease: Duration,
    /// Clock allowance (R9).
    pub allowance: Duration,
    /// 1/R: the time between two pings of one member in all (R5).
    pub ping_period: Duration,
    /// A ping not answered in this time is a miss (R5).
    pub ping_timeout: Duration,
    /// The loss before anything is measured, in ppm (R5).
    pub loss_ppm: u32,
    /// Contacts that a newcomer synchronises with (R16).
    pub contacts: usize,
    /// Fan-out of pushes (R7).
    pub fan_out: usize,
    /// Time from a crash to its being known everywhere, with the most patient monitors.
    pub detection: Duration,
    /// For how long a member must be accused and strained before it says that it is gray (R8): everybody whom it watches
    /// was pinged at least once meanwhile, so nothing that has passed by still counts.
    pub gray_after: Duration,
    /// Time between attempts to reach members that are out ("Heal").
    pub heal_period: Duration,
    /// First wait between attempts on one seed, doubling to 60 s.
    pub seed_wait: Duration,
    /// Announcements of this long travel together: one hop's time, which Δ counts with (R7).
    pub gather: Duration,
}

impl Params {
    /// Derives all.
    pub fn derive(network: &NetworkParams) -> Self {
        let times = Times::of(network.preset);
        let delta = Duration::from_millis(u64::from(network.delta_ms));
        let probes = times.ping_timeout * (crate::limits::MISSES_MAX + 1);
        Self {
            delta,
            rings: network.rings,
            tolerance: network.tolerance(),
            lease: Duration::from_secs(u64::from(network.lease_s)),
            allowance: Duration::from_secs(u64::from(network.allowance_s)),
            ping_period: times.ping_period,
            ping_timeout: times.ping_timeout,
            loss_ppm: times.loss_ppm,
            contacts: contacts(network),
            fan_out: FAN_OUT as usize,
            // The last of at most k monitors pings once in k periods; then probes, the push, and 2Δ.
            detection: times.ping_period * u32::from(network.rings) + probes + delta * 3,
            gray_after: (times.ping_period * u32::from(network.rings)).max(GRAY_AFTER_MIN),
            heal_period: delta * 2,
            seed_wait: delta.max(Duration::from_millis(500)),
            gather: times.hop,
        }
    }

    /// Time between two pings of one watched member by its monitor on one ring, with all rings enabled (R5).
    pub fn ping_interval(&self) -> Duration {
        self.ping_period * u32::from(self.rings)
    }

    /// How long an accused member has to answer (R4): 2Δ.
    pub fn answer_time(&self) -> Duration {
        self.delta * 2
    }

    /// Round trips longer than this are told ([`Notice::Slow`](crate::action::Notice::Slow)): Δ/2, for Δ no longer covers them
    /// for sure (R4).
    pub fn slow(&self) -> Duration {
        self.delta / 2
    }

    /// Time from a crash to its being known to all of `members` that is to be expected while nothing else is wrong: half a
    /// ping period until somebody pings it next, then so many misses in a row, the push of the accusation, and 2Δ for an answer
    /// that does not come. `loss_ppm` is what monitors measure. [`Params::detection`] is the bound. For people.
    pub fn expected_detection(&self, members: u32, loss_ppm: u32) -> Duration {
        let probes = self.ping_timeout * self.misses(loss_ppm);
        self.ping_period / 2 + probes + self.gather * hops(members) + self.answer_time()
    }

    /// Consecutive misses that accuse (R5): the least m with lossᵐ ≤ 10⁻⁶, at least 3, at most
    /// [`MISSES_MAX`](crate::limits::MISSES_MAX).
    pub fn misses(&self, loss_ppm: u32) -> u32 {
        const MISTAKE: u64 = 1_000_000; // 10⁻⁶ in units of 10⁻¹²
        let mut chance: u64 = 1_000_000_000_000;
        for misses in 1..crate::limits::MISSES_MAX {
            chance = (u128::from(chance) * u128::from(loss_ppm.min(1_000_000)) / 1_000_000) as u64;
            if chance <= MISTAKE && misses >= 3 {
                return misses;
            }
        }
        crate::limits::MISSES_MAX
    }
}

/// c = ⌈log ε / log p⌉: the least c with pᶜ ≤ ε (R16).
fn contacts(network: &NetworkParams) -> usize {
    let mut chance = 1_000_000_000_000u128;
    let epsilon = u128::from(network.epsilon_ppm) * 1_000_000;
    (1..=64)
        .find(|_| {
            chance = chance * u128::from(network.byzantine_ppm) / 1_000_000;
            chance <= epsilon
        })
        .unwrap_or(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_follow_the_design_s_examples() {
        for (members, byzantine_ppm, rings) in [
            (1_000, 50_000, 15),
            (1_000, 100_000, 23),
            (1_000, 200_000, 51),
            (10_000, 100_000, 27),
            (100_000, 100_000, 31),
        ] {
            assert_eq!(rings_for(members, byzantine_ppm, 1_000), Ok(rings), "N={members} p={byzantine_ppm}");
        }
        assert_eq!(rings_for(1000, 499_999, 1), Err(ParamsError::TooManyLiars));
    }

    /// What the README promises of 23 rings.
    #[test]
    fn r17_small_networks_bear_few_liars() {
        let network = NetworkParams::new(NetworkId([0; 32]), &Wish::default()).expect("defaults");
        for (members, liars) in
            [(0, 0), (1, 0), (2, 0), (3, 0), (6, 0), (7, 1), (10, 1), (50, 6), (100, 13), (1_000, 107)]
        {
            assert_eq!(network.liars_borne(members), liars, "of {members}");
        }
        // With the N, p and ε that they were made for, the rings bear what was wished.
        for (members, byzantine_ppm) in [(100, 200_000), (1_000, 50_000), (100_000, 100_000)] {
            let wish = Wish { members, byzantine_ppm, ..Wish::default() };
            let network = NetworkParams::new(NetworkId([0; 32]), &wish).expect("possible");
            let wished = u64::from(members) * u64::from(byzantine_ppm) / 1_000_000;
            assert!(u64::from(network.liars_borne(members)) >= wished - 1, "{members}");
        }
    }

    #[test]
    fn what_is_expected_stays_within_the_bound() {
        for preset in [Preset::Local, Preset::Lan, Preset::Wan] {
            for members in [2, 100, 1_000, 100_000] {
                let wish = Wish { members, preset, ..Wish::default() };
                let network = NetworkParams::new(NetworkId([0; 32]), &wish).expect("possible");
                let params = Params::derive(&network);
                for loss_ppm in [0, params.loss_ppm, 999_999] {
                    let expected = params.expected_detection(members, loss_ppm);
                    assert!(expected < params.detection, "{preset:?} {members} {loss_ppm}");
                }
            }
        }
    }

    #[test]
    fn contacts_are_three_at_the_defaults() {
        let network = NetworkParams::new(NetworkId([0; 32]), &Wish::default()).expect("defaults");
        assert_eq!(Params::derive(&network).contacts, 3);
        assert_eq!(Params::derive(&network).misses(20_000), 4);
        assert_eq!(Params::derive(&network).misses(999_999), crate::limits::MISSES_MAX);
    }
}
