//! The network between members: latency, loss, partitions, and what a packet costs.
//!
//! # Costs
//! Measured on quinn-proto with 4-byte connection ids, UDP and IPv4 headers included.

use crate::rng::{Class, Faults, below, exponential};
use core::time::Duration;
use ifrit_core::time::Mono;
use std::collections::BTreeSet;

/// Bytes around a datagram's payload: a 32-byte ping is 93 bytes on the wire.
pub const UDP_OVERHEAD: u64 = 28;
/// A QUIC packet with one datagram frame: what it costs beside the datagram's bytes.
pub const DATAGRAM_OVERHEAD: u64 = 61;
/// Bytes of a packet that only acknowledges.
pub const ACK_ONLY: u64 = 57;
/// Bytes of a probe of QUIC's loss detection (PTO).
pub const PROBE: u64 = 57;
/// Bytes around the frames in one packet.
pub const PACKET_OVERHEAD: u64 = 54;
/// Bytes around one frame inside a packet: STREAM frame header and our length.
pub const FRAME_OVERHEAD: u64 = 8;
/// Payload of a full packet.
pub const PACKET_ROOM: u64 = 1200 + 28 - PACKET_OVERHEAD;
/// A dialer's share of a handshake.
pub const HANDSHAKE_DIALER: u64 = 2736;
/// An acceptor's share of a handshake.
pub const HANDSHAKE_ACCEPTOR: u64 = 1541;
/// A client's first packet, which is padded; what a dial to nobody costs per try.
pub const INITIAL: u64 = 1228;
/// A packet that closes or resets a link.
pub const CLOSE: u64 = 80;

/// A handshake that takes longer has failed.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// First wait for a handshake's answer, doubling (3 × QUIC's initial round trip of 100 ms).
pub const HANDSHAKE_PTO: Duration = Duration::from_millis(300);
/// A link that hears nothing for so long is gone.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long QUIC may keep an acknowledgement back.
pub const ACK_DELAY: Duration = Duration::from_millis(25);

/// What waits for a member's uplink longer than this is dropped: a router's buffer.
pub const UPLINK_QUEUE: Duration = Duration::from_millis(200);

/// How long a packet takes, one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Evenly between the two.
    Uniform(Duration, Duration),
    /// Exponential above `min` with this mean, cut at `max`.
    Exponential {
        /// The least.
        min: Duration,
        /// The mean, `min` included.
        mean: Duration,
        /// The most.
        max: Duration,
    },
}

impl Latency {
    /// A latency from 64 random bits.
    pub fn draw(&self, bits: u64) -> Duration {
        match *self {
            Self::Fixed(value) => value,
            Self::Uniform(min, max) => {
                min + Duration::from_nanos(below(bits, nanos(max.saturating_sub(min)) + 1))
            }
            Self::Exponential { min, mean, max } => {
                let scale = u128::from(nanos(mean.saturating_sub(min)));
                let extra = ((scale * u128::from(exponential(bits))) >> 32) as u64;
                (min + Duration::from_nanos(extra)).min(max)
            }
        }
    }

    /// The same, and `more`.
    pub fn plus(self, more: Duration) -> Self {
        match self {
            Self::Fixed(value) => Self::Fixed(value + more),
            Self::Uniform(min, max) => Self::Uniform(min + more, max + more),
            Self::Exponential { min, mean, max } => {
                Self::Exponential { min: min + more, mean: mean + more, max: max + more }
            }
        }
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Fixed(value) => value,
            Self::Uniform(min, max) => (min + max) / 2,
            Self::Exponential { mean, .. } => mean,
        }
    }

    /// The most.
    pub fn most(&self) -> Duration {
        match *self {
            Self::Fixed(most) | Self::Uniform(_, most) | Self::Exponential { max: most, .. } => most,
        }
    }

    /// QUIC's wait before it probes: 1.5 round trips and the peer's delay of acknowledgements.
    pub fn probe_wait(&self) -> Duration {
        self.mean() * 3 + ACK_DELAY
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The network. Every packet asks it twice: whether it arrives, and when.
#[derive(Debug)]
pub struct Net {
    faults: Faults,
    /// How long packets take.
    pub latency: Latency,
    /// Loss that strikes every packet, in ppm.
    pub loss_ppm: u32,
    /// Loss of all that one member sends or should receive, in ppm, by member.
    pub member_loss_ppm: Vec<u32>,
    /// Loss that a liar brings about by itself, in ppm, by member: whatever else the scenario does to it.
    pub own_loss_ppm: Vec<u32>,
    /// What every packet to or from a member takes more, by member.
    pub member_delay: Vec<Duration>,
    /// Packets that arrive twice, in ppm. QUIC drops the second: only whole members notice.
    pub duplicate_ppm: u32,
    /// Packets that are held back, so that later ones overtake them, in ppm.
    pub reorder_ppm: u32,
    /// Bytes per second that each member can send; `None`: as many as it likes.
    pub bandwidth: Option<u64>,
    /// Until when a member's uplink is busy.
    busy: Vec<Mono>,
    /// The partition: packets pass only within a group.
    groups: Vec<u32>,
    /// Packets from a group to a later one pass too.
    oneway: bool,
    /// Single directions that are cut.
    cuts: BTreeSet<(usize, usize)>,
}

impl Net {
    /// A network of `members` without faults.
    pub fn new(faults: Faults, members: usize, latency: Latency, loss_ppm: u32) -> Self {
        Self {
            faults,
            latency,
            loss_ppm,
            member_loss_ppm: vec![0; members],
            own_loss_ppm: vec![0; members],
            member_delay: vec![Duration::ZERO; members],
            duplicate_ppm: 0,
            reorder_ppm: 0,
            bandwidth: None,
            busy: vec![Mono(0); members],
            groups: vec![0; members],
            oneway: false,
            cuts: BTreeSet::new(),
        }
    }

    /// Cuts the network into groups; members in none form one more. With `oneway`, packets still pass from an
    /// earlier group to a later one.
    pub fn partition(&mut self, groups: &[Vec<usize>], oneway: bool) {
        self.groups.fill(u32::try_from(groups.len()).unwrap_or(u32::MAX));
        for (number, group) in (0..).zip(groups) {
            group.iter().for_each(|member| self.groups[*member] = number);
        }
        self.oneway = oneway;
    }

    /// Ends the partition and all cuts.
    pub fn heal(&mut self) {
        self.groups.fill(0);
        self.cuts.clear();
    }

    /// Drops all packets from `source` to `destination` from now on.
    pub fn cut(&mut self, source: usize, destination: usize) {
        self.cuts.insert((source, destination));
    }

    /// Whether packets pass at all.
    pub fn passes(&self, source: usize, destination: usize) -> bool {
        let (from, to) = (self.groups[source], self.groups[destination]);
        (from == to || self.oneway && from < to) && !self.cuts.contains(&(source, destination))
    }

    /// All that may lose a packet, each in ppm.
    fn losses(&self, source: usize, destination: usize) -> [u32; 5] {
        let (all, own) = (&self.member_loss_ppm, &self.own_loss_ppm);
        [self.loss_ppm, all[source], all[destination], own[source], own[destination]]
    }

    /// Whether packets from `source` to `destination` may be lost.
    pub fn is_lossy(&self, source: usize, destination: usize) -> bool {
        self.losses(source, destination).into_iter().any(|ppm| ppm > 0)
    }

    /// Whether the `n`-th packet from `source` to `destination` is lost.
    pub fn loses(&self, source: usize, destination: usize, n: u64) -> bool {
        let passes = |all, ppm: u32| all * (1_000_000 - u64::from(ppm.min(1_000_000))) / 1_000_000;
        let survives = self.losses(source, destination).into_iter().fold(1_000_000u64, passes);
        let ppm = 1_000_000 - u32::try_from(survives).expect("at most 10⁶");
        !self.passes(source, destination) || self.faults.chance(ppm, Class::Loss, source, destination, n)
    }

    /// Whether the `n`-th packet from `source` to `destination` arrives twice.
    pub fn duplicates(&self, source: usize, destination: usize, n: u64) -> bool {
        self.faults.chance(self.duplicate_ppm, Class::Duplicate, source, destination, n)
    }

    /// How long the `n`-th packet from `source` to `destination` takes.
    pub fn takes(&self, source: usize, destination: usize, n: u64) -> Duration {
        let draw = |n| self.latency.draw(self.faults.bits(Class::Latency, source, destination, n));
        let held_back = self.faults.chance(self.reorder_ppm, Class::Reorder, source, destination, n);
        let more = if held_back { draw(!n) + self.latency.mean() * 2 } else { Duration::ZERO };
        draw(n) + more + self.member_delay[source] + self.member_delay[destination]
    }

    /// How long `bytes` of `source` take to its uplink's end, those before them included; `None` if they find no room.
    pub(crate) fn uplink(&mut self, source: usize, bytes: u64, now: Mono) -> Option<Duration> {
        let Some(rate) = self.bandwidth else { return Some(Duration::ZERO) };
        let takes = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate.max(1));
        let done = self.busy[source].max(now) + takes;
        let waits = done.since(now);
        if waits > takes.max(UPLINK_QUEUE) {
            return None;
        }
        self.busy[source] = done;
        Some(waits)
    }

    /// QUIC's wait before it probes.
    pub fn probe_wait(&self) -> Duration {
        self.latency.probe_wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_cuts_between_groups_and_heals() {
        let latency = Latency::Fixed(Duration::from_millis(1));
        let mut net = Net::new(Faults::new(1), 4, latency, 0);
        net.partition(&[vec![0, 1], vec![2]], false);
        let pass = |net: &Net| {
            (0..4).flat_map(|a| (0..4).map(move |b| (a, b))).filter(|(a, b)| net.passes(*a, *b)).count()
        };
        assert_eq!(pass(&net), 4 + 1 + 1);
        net.partition(&[vec![0, 1]], true);
        assert!(net.passes(0, 3) && !net.passes(3, 0), "one way");
        net.heal();
        net.cut(1, 2);
        assert_eq!(pass(&net), 15);
        net.heal();
        assert_eq!(pass(&net), 16);
    }

    #[test]
    fn losses_of_net_and_members_multiply() {
        let latency = Latency::Fixed(Duration::from_millis(1));
        let mut net = Net::new(Faults::new(1), 2, latency, 100_000);
        net.member_loss_ppm[1] = 800_000;
        let lost = (0..10_000).filter(|n| net.loses(0, 1, *n)).count();
        assert!((8_000..8_400).contains(&lost), "{lost}");
        net.own_loss_ppm[0] = 500_000;
        let lost = (0..10_000).filter(|n| net.loses(0, 1, *n)).count();
        assert!((8_950..9_250).contains(&lost), "{lost}");
    }

    #[test]
    fn an_uplink_sends_at_its_rate_and_drops_what_waits_too_long() {
        let mut net = Net::new(Faults::new(1), 1, Latency::Fixed(Duration::ZERO), 0);
        assert_eq!(net.uplink(0, 1_000_000, Mono(0)), Some(Duration::ZERO), "no limit");
        net.bandwidth = Some(10_000);
        let ms = Duration::from_millis;
        let waits: Vec<_> = (0..3).map(|_| net.uplink(0, 1000, Mono(0))).collect();
        assert_eq!(waits, [Some(ms(100)), Some(ms(200)), None]);
        assert_eq!(net.uplink(0, 1000, Mono(0) + ms(150)), Some(ms(150)));
    }

    #[test]
    fn delays_of_members_add_and_packets_held_back_are_overtaken() {
        let ms = Duration::from_millis;
        let mut net = Net::new(Faults::new(1), 2, Latency::Fixed(ms(10)), 0);
        net.member_delay[1] = ms(50);
        assert_eq!((net.takes(0, 1, 7), net.takes(1, 0, 7)), (ms(60), ms(60)));
        net.reorder_ppm = 100_000;
        let held_back = (0..10_000).filter(|n| net.takes(0, 1, *n) == ms(60 + 30)).count();
        assert!((900..1100).contains(&held_back), "{held_back}");
    }

    #[test]
    fn latency_stays_within_its_bounds() {
        let ms = Duration::from_millis;
        let faults = Faults::new(5);
        for latency in
            [Latency::Uniform(ms(1), ms(5)), Latency::Exponential { min: ms(1), mean: ms(3), max: ms(20) }]
        {
            let drawn: Vec<_> =
                (0..1000).map(|n| latency.draw(faults.bits(Class::Latency, 0, 1, n))).collect();
            assert!(drawn.iter().all(|took| (ms(1)..=ms(20)).contains(took)));
            let mean = drawn.iter().sum::<Duration>() / 1000;
            assert!((ms(2) + ms(1) / 2..ms(4)).contains(&mean), "{mean:?}");
        }
    }
}
