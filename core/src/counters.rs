//! Numbers for operators.
//!
//! Nothing in the protocol looks at them: a member that counts does what one that does not would do. Each costs an addition
//! where the thing happens, and none grows with the number of members.

use crate::{
    action::{HangUp, Notice},
    state::Consider,
    tags,
};
use core::time::Duration;

/// What happened so far, for operators. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Signatures checked.
    pub verified: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Signatures made.
    pub signed: u64,
    /// Records that were new.
    pub news: u64,
    /// Records that were held already.
    pub duplicates: u64,
    /// Records refused for time or view.
    pub refusals: u64,
    /// Frames and datagrams with unknown tags, skipped.
    pub unknown: u64,
    /// Frames and datagrams that broke the rules.
    pub misbehaved: u64,
    /// Pings sent.
    pub pings: u64,
    /// Pings missed.
    pub misses: u64,
    /// Accusations signed.
    pub accusations: u64,
    /// What became of the accusations received.
    pub charges: Charges,
    /// Times that it said that it is gray (R8).
    pub grays: u64,
    /// Rebuttals signed.
    pub rebuttals: u64,
    /// Walks begun.
    pub walks: u64,
    /// Events refused for back-pressure.
    pub refused: u64,
    /// Frames dropped because a lane was full; anti-entropy brings their records.
    pub dropped: u64,
    /// Times that the own loop was late (R4).
    pub late: u64,
    /// Round trips of its pings.
    pub round_trips: RoundTrips,
    /// Bytes of frames and pings handed out, by what is in them.
    pub sent: Traffic,
    /// The same, taken in.
    pub received: Traffic,
    /// What was told to the application.
    pub told: Told,
    /// Links that it closed.
    pub hung_up: HungUp,
}

/// Accusations received, by what became of them. Each is in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Charges {
    /// New, well signed, and kept: valid, or for when what it rests on comes.
    pub taken: u64,
    /// New, well signed, and against this member.
    pub of_me: u64,
    /// Held already.
    pub duplicate: u64,
    /// Of an epoch older than the note held: answered long ago.
    pub stale: u64,
    /// Of a ring on which a closer one is held (R2).
    pub farther: u64,
    /// Of an epoch newer than the note held: the note is asked for.
    pub future: u64,
    /// By a stranger: who that is is asked for.
    pub unknown_accuser: u64,
    /// Of a ring that the accused has disabled (R3).
    pub ring_disabled: u64,
    /// Of a stranger, or of somebody who has left.
    pub not_accusable: u64,
    /// Somebody between the two is not out (R1).
    pub blocked: u64,
    /// Of a newer version, or of another network.
    pub foreign: u64,
    /// It does not parse.
    pub malformed: u64,
    /// Its signature does not hold.
    pub bad_signature: u64,
}

impl Charges {
    /// A fresh one is counted once its signature has been looked at.
    pub(crate) fn considered(&mut self, considered: Consider) {
        let count = match considered {
            Consider::Fresh => return,
            Consider::Duplicate => &mut self.duplicate,
            Consider::Stale => &mut self.stale,
            Consider::Farther => &mut self.farther,
            Consider::Future => &mut self.future,
            Consider::UnknownAccuser => &mut self.unknown_accuser,
            Consider::RingDisabled => &mut self.ring_disabled,
            Consider::NotAccusable => &mut self.not_accusable,
            Consider::Blocked => &mut self.blocked,
        };
        *count += 1;
    }

    /// Each by name.
    pub fn each(&self) -> [(&'static str, u64); 13] {
        [
            ("taken", self.taken),
            ("of_me", self.of_me),
            ("duplicate", self.duplicate),
            ("stale", self.stale),
            ("farther", self.farther),
            ("future", self.future),
            ("unknown_accuser", self.unknown_accuser),
            ("ring_disabled", self.ring_disabled),
            ("not_accusable", self.not_accusable),
            ("blocked", self.blocked),
            ("foreign", self.foreign),
            ("malformed", self.malformed),
            ("bad_signature", self.bad_signature),
        ]
    }
}

/// How many round trips took how long, from a ping to its pong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrips {
    /// How many were as long as the bound with the same index in [`RoundTrips::BOUNDS`], or shorter, and longer than the
    /// one before; the last, how many were longer than all.
    pub counts: [u64; Self::BOUNDS.len() + 1],
    /// All of them together.
    pub total: Duration,
}

impl RoundTrips {
    /// From a fast local network to the slowest that the `wan` preset bears.
    pub const BOUNDS: [Duration; 12] = [
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_secs(1),
    ];

    pub(crate) fn add(&mut self, took: Duration) {
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < took);
        self.counts[bucket] += 1;
        self.total = self.total.saturating_add(took);
    }
}

/// Bytes by what they are for, before links add theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Pings and pongs.
    pub pings: u64,
    /// The first words on a link.
    pub hello: u64,
    /// Certificates, notes and accusations.
    pub records: u64,
    /// Summaries of what is new here.
    pub announce: u64,
    /// Requests for records.
    pub want: u64,
    /// Anti-entropy: walks down the trie (R13).
    pub walk: u64,
    /// Whom else to ask.
    pub redirect: u64,
    /// What the wall clock says (R9).
    pub clock: u64,
    /// Who is revoked (R14).
    pub revocations: u64,
    /// Of a newer version.
    pub unknown: u64,
}

impl Traffic {
    /// Each by name.
    pub fn each(&self) -> [(&'static str, u64); 10] {
        [
            ("pings", self.pings),
            ("hello", self.hello),
            ("records", self.records),
            ("announce", self.announce),
            ("want", self.want),
            ("walk", self.walk),
            ("redirect", self.redirect),
            ("clock", self.clock),
            ("revocations", self.revocations),
            ("unknown", self.unknown),
        ]
    }

    pub(crate) fn frame(&mut self, bytes: &[u8]) {
        let Some(tag) = bytes.first() else { return };
        let sum = match *tag {
            tags::FRAME_HELLO => &mut self.hello,
            tags::FRAME_RECORDS | tags::FRAME_PACKED => &mut self.records,
            tags::FRAME_ANNOUNCE => &mut self.announce,
            tags::FRAME_WANT => &mut self.want,
            tags::FRAME_WALK_ASK | tags::FRAME_WALK_TELL => &mut self.walk,
            tags::FRAME_REDIRECT => &mut self.redirect,
            tags::FRAME_CLOCK | tags::FRAME_CLOCK_ASK => &mut self.clock,
            tags::FRAME_HOLDS | tags::FRAME_REVOCATIONS => &mut self.revocations,
            _ => &mut self.unknown,
        };
        *sum += bytes.len() as u64;
    }
}

/// What the application was told, by kind: see [`Notice`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the notice of that name")]
pub struct Told {
    pub joined: u64,
    pub up: u64,
    pub accused: u64,
    pub rebutted: u64,
    pub down: u64,
    pub gray: u64,
    pub left: u64,
    pub expired: u64,
    pub revoked: u64,
    pub succeeded: u64,
    pub updated: u64,
    pub accused_myself: u64,
    pub equivocation: u64,
    pub identity_in_use: u64,
    pub misbehaviour: u64,
    pub clock_wrong: u64,
    pub slow: u64,
    pub epoch_overrun: u64,
    pub seeds_unreachable: u64,
}

impl Told {
    /// Each by name.
    pub fn each(&self) -> [(&'static str, u64); 19] {
        [
            ("joined", self.joined),
            ("up", self.up),
            ("accused", self.accused),
            ("rebutted", self.rebutted),
            ("down", self.down),
            ("gray", self.gray),
            ("left", self.left),
            ("expired", self.expired),
            ("revoked", self.revoked),
            ("succeeded", self.succeeded),
            ("updated", self.updated),
            ("accused_myself", self.accused_myself),
            ("equivocation", self.equivocation),
            ("identity_in_use", self.identity_in_use),
            ("misbehaviour", self.misbehaviour),
            ("clock_wrong", self.clock_wrong),
            ("slow", self.slow),
            ("epoch_overrun", self.epoch_overrun),
            ("seeds_unreachable", self.seeds_unreachable),
        ]
    }

    pub(crate) fn count(&mut self, notice: &Notice) {
        let count = match notice {
            Notice::Joined { .. } => &mut self.joined,
            Notice::Up { .. } => &mut self.up,
            Notice::Accused { .. } => &mut self.accused,
            Notice::Rebutted { .. } => &mut self.rebutted,
            Notice::Down { .. } => &mut self.down,
            Notice::Gray { .. } => &mut self.gray,
            Notice::Left { .. } => &mut self.left,
            Notice::Expired { .. } => &mut self.expired,
            Notice::Revoked { .. } => &mut self.revoked,
            Notice::Succeeded { .. } => &mut self.succeeded,
            Notice::Updated { .. } => &mut self.updated,
            Notice::AccusedMyself { .. } => &mut self.accused_myself,
            Notice::Equivocation { .. } => &mut self.equivocation,
            Notice::IdentityInUse { .. } => &mut self.identity_in_use,
            Notice::Misbehaviour { .. } => &mut self.misbehaviour,
            Notice::ClockWrong { .. } => &mut self.clock_wrong,
            Notice::Slow { .. } => &mut self.slow,
            Notice::EpochOverrun { .. } => &mut self.epoch_overrun,
            Notice::SeedsUnreachable => &mut self.seeds_unreachable,
        };
        *count += 1;
    }
}

/// Links that this member closed, by why: see [`HangUp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the reason of that name")]
pub struct HungUp {
    pub idle: u64,
    pub misbehaviour: u64,
    pub expired: u64,
    pub crowded: u64,
    pub leaving: u64,
}

impl HungUp {
    /// Each by name.
    pub fn each(&self) -> [(&'static str, u64); 5] {
        [
            ("idle", self.idle),
            ("misbehaviour", self.misbehaviour),
            ("expired", self.expired),
            ("crowded", self.crowded),
            ("leaving", self.leaving),
        ]
    }

    pub(crate) fn count(&mut self, why: HangUp) {
        let count = match why {
            HangUp::Idle => &mut self.idle,
            HangUp::Misbehaviour => &mut self.misbehaviour,
            HangUp::Expired => &mut self.expired,
            HangUp::Crowded => &mut self.crowded,
            HangUp::Leaving => &mut self.leaving,
        };
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_is_counted_below_the_first_bound_that_it_does_not_exceed() {
        let mut trips = RoundTrips::default();
        for (us, bucket) in [(0, 0), (100, 0), (101, 1), (250, 1), (1_000_000, 11), (1_000_001, 12)] {
            let before = trips.counts[bucket];
            trips.add(Duration::from_micros(us));
            assert_eq!(trips.counts[bucket], before + 1, "{us} us");
        }
        assert_eq!(trips.total, Duration::from_micros(2_000_452));
        assert!(RoundTrips::BOUNDS.is_sorted());
    }

    #[test]
    fn bytes_go_to_what_they_are_for() {
        let mut traffic = Traffic::default();
        for (tag, bytes) in [
            (tags::FRAME_PACKED, 3),
            (tags::FRAME_RECORDS, 4),
            (tags::FRAME_WALK_ASK, 5),
            (tags::FRAME_WALK_TELL, 6),
            (250, 7),
        ] {
            traffic.frame(&alloc::vec![tag; bytes]);
        }
        traffic.frame(&[]);
        assert_eq!((traffic.records, traffic.walk, traffic.unknown), (7, 11, 7));
        assert_eq!(traffic.each().iter().map(|(_, bytes)| bytes).sum::<u64>(), 25);
    }
}
