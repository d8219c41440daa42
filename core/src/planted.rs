//! Bugs on purpose, and marks of what ran: proof that the checks bite (DESIGN section 7).
//!
//! Without `--cfg ifrit_bug` every `planted!` is the constant `false` and every `mark!` is nothing. With it one build holds
//! all bugs, and `plant` chooses the one that is on in this process. `sim/tests/bugs.rs` says which check catches which.

/// Whether this planted bug is on: `false` in every build that is not made for it.
#[cfg(not(ifrit_bug))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

/// Counts that this place was reached: nothing in every build that is not made for it.
#[cfg(not(ifrit_bug))]
macro_rules! mark {
    ($mark:ident) => {
        ()
    };
}

#[cfg(ifrit_bug)]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is_on($crate::planted::Bug::$bug)
    };
}

#[cfg(ifrit_bug)]
macro_rules! mark {
    ($mark:ident) => {
        $crate::planted::reached($crate::planted::Mark::$mark)
    };
}

#[cfg(ifrit_bug)]
pub use on::*;

#[cfg(ifrit_bug)]
mod on {
    use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

    /// An enum of names, each with a line on what it is.
    macro_rules! names {
        ($(#[$doc:meta])* $kind:ident { $($name:ident: $about:literal,)* }) => {
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub enum $kind { $(#[doc = $about] $name),* }

            impl $kind {
                /// All of them.
                pub const ALL: &[Self] = &[$(Self::$name),*];

                /// What it is, in a line that begins with its rule.
                pub fn about(self) -> &'static str {
                    match self { $(Self::$name => $about),* }
                }
            }
        };
    }

    names! {
        /// A planted bug.
        Bug {
            NonPredecessor: "R1: an accusation counts whoever stands between accuser and accused",
            IgnoredMask: "R1: an accusation on a disabled ring counts",
            SkipAccused: "R1: members that are merely accused are skipped",
            AccuserMatters: "R2: the word of an accused or Down accuser is void",
            Circle: "R2: accusations of Down members may hold each other up",
            LastAccuser: "R2: of two accusers on one ring the last that came is kept",
            NarrowAnswer: "R3: the accused answers only what is valid in its own view",
            NoDisabling: "R3: rings are never disabled",
            UnanswerableDisables: "R3: rings are disabled for accusations that need no answer",
            ExtraRing: "R3: t+1 rings may be disabled",
            SlowAnswer: "R3: two answers are 4Δ apart",
            RenewalsShared: "R3: renewals for those that hold a member out are counted for all peers together",
            TimerSurvives: "R4: a rebuttal does not end the accusations and their timer",
            FireFirst: "R4: a timer fires before what was received about its member is handled",
            OwnDelta: "R4: delta is taken from one's own round trips",
            FloodSetsBack: "R4: a flooding link sets ages back without end",
            LateFires: "R4: a stretch in which the own loop stood still counts for ages",
            AgesBeforeJoin: "R4: ages run before the member is joined",
            OwnLoss: "R5: the misses needed follow from the accused's own loss",
            NoLinkNoMiss: "R5: a dial that does not complete is no miss",
            NoDuty: "R6: nobody accuses a Down member by duty",
            NoHold: "R6: a Down member that loses its support returns at once",
            AccusationsFirst: "R7: accusations travel ahead of what they rest on",
            ParkedKept: "R7: parked accusations are not pushed",
            PushAll: "R7: accusations on further rings are pushed too",
            StallHides: "R7: what one announcer keeps back is not asked of another",
            GrayEasily: "R8: whoever is accused for long enough turns gray",
            PastLease: "R9: notes past their lease count",
            FutureNotes: "R9: notes dated ahead of the clock count",
            ClockExpires: "R9: a jump of the wall clock ends leases",
            FailedBody: "R10: a failed signature marks the body",
            RefusalBlamed: "R10: what the view refuses is misbehaviour",
            GarbageSpends: "R12: garbage takes a note's place in the bucket and in the queue",
            Redials: "R12: dials do not wait",
            WaitsStay: "R12: a handshake does not start the waits between dials over",
            FirstOfEpoch: "R12: of two notes of one epoch the first that came is kept",
            NewsCharged: "R13: walks that brought news are charged, and are not forgiven",
            EmptyLeaf: "R13: the digest does not cover accusations",
            ForgedList: "R14: a revocation list needs no signature of the CA",
            AnySuccessor: "R14: a root follows that the old one did not sign for",
            OlderList: "R14: an older revocation list replaces a newer one",
            RevokedHeard: "R14: the records and links of a revoked member are taken",
            AnyKey: "R14: a certificate with another key replaces the one held",
            EpochRepeats: "R15: after a restart epochs begin anew",
            NoJump: "R15: a foreign note with one's own id is not jumped above",
            OneContact: "R16: one contact is enough",
            StallerKept: "R16: a contact that brings nothing is not dropped",
            StrangersRefused: "who talks to whom: accusations of oneself are not taken from strangers",
        }
    }

    names! {
        /// A place that a sweep must reach.
        Mark {
            R1Valid: "R1: an accusation becomes valid",
            R1OverOut: "R1: an accusation is valid over members that are out",
            R1Blocked: "R1: an accusation is refused over a live member",
            R1Disabled: "R1: an accusation is refused on a disabled ring",
            R1Stale: "R1: an accusation of an older epoch is dropped",
            R1Future: "R1: an accusation of a newer epoch asks for the note",
            R1UnknownAccuser: "R1: an accuser's records are asked for",
            R2Closer: "R2: a closer accuser replaces one that is held",
            R2Farther: "R2: a farther accuser is dropped",
            R2Parked: "R2: an accusation is parked",
            R2Unparked: "R2: a parked accusation becomes valid",
            R2Refound: "R2: the fixpoint is found anew",
            R3Answer: "R3: a rebuttal is signed",
            R3Wide: "R3: an accusation is answered that is not valid in one's own view",
            R3Disable: "R3: a ring is disabled for a valid accusation",
            R3DisableTwice: "R3: a ring is disabled that was accused twice",
            R3Late: "R3: a valid accusation comes behind the answer",
            R3Full: "R3: t rings are disabled and the longest comes back",
            R3RingBack: "R3: a ring comes back because its predecessor changed",
            R3ShownOut: "R3: a peer shows that it holds this member out",
            R3ShownOften: "R3: a peer shows it too often",
            R4Down: "R4: a timer fires",
            R4Saved: "R4: what was received is handled before a timer fires",
            R4Late: "R4: the own loop was late",
            R4Inherit: "R4: a closer accusation inherits the age",
            R4Freeze: "R4: ages stand still for a heal",
            R5Miss: "R5: a ping is missed",
            R5Accuse: "R5: silence becomes an accusation",
            R5AckedOnly: "R5: a lost pong is made up for by an acknowledgement",
            R5Median: "R5: the median of the others' loss counts",
            R5DialMiss: "R5: a dial in a ping's place",
            R5Past: "R5: a member behind an accused one is pinged",
            R6Duty: "R6: a Down member is accused by duty",
            R6Hold: "R6: a Down member is held",
            R6HoldEnds: "R6: a hold ends and the member returns",
            R7PushParked: "R7: a parked accusation is pushed",
            R7Later: "R7: further rings follow after delta",
            R7Another: "R7: another announcer is asked",
            R7AskedAfter: "R7: a member that is asked after asks what it is accused of",
            R9Renew: "R9: a clock that jumped is believed after asking",
            R9Ahead: "R9: a note dated ahead is refused",
            R9OutOfLease: "R9: a note past its lease is refused",
            R9ToldClock: "R9: a member is told that its clock is wrong",
            R10Remembered: "R10: a failed signature is known again",
            R10Blamed: "R10: a failed signature ends the link",
            R11Over: "R11: a link owes more than it may",
            R12Waits: "R12: a note waits for its bucket",
            R12OutOfTurn: "R12: a waiting note is verified out of turn",
            R12Equivocation: "R12: two notes of one epoch",
            R12Withheld: "R12: a dial is withheld",
            R13Walk: "R13: a walk begins",
            R13Charged: "R13: a walk is spaced",
            R13AskAccused: "R13: neighbours are asked after the accused",
            R13Redirect: "R13: a stranger is redirected",
            R14Renewed: "R14: a later certificate replaces one that is held",
            R15Jump: "R15: a foreign note is jumped above",
            R15ShowOwn: "R15: a member with an old note is shown its newer one",
            R16Confirmed: "R16: joined with enough contacts",
            R16Unconfirmed: "R16: joined with all that answer",
            R16Alone: "R16: joined without a contact",
            R16More: "R16: further members of an earlier view become contacts",
            R16Seed: "R16: a seed is tried again",
            Heal: "heal: a member that is down is dialled",
            Left: "leave: a note says goodbye",
        }
    }

    /// The bug that is on, counted from 1.
    static PLANTED: AtomicUsize = AtomicUsize::new(0);

    /// Turns this bug on in the whole process, and every other off.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(0, |bug| bug as usize + 1), Relaxed);
    }

    pub(crate) fn is_on(bug: Bug) -> bool {
        PLANTED.load(Relaxed) == bug as usize + 1
    }

    static REACHED: [AtomicU64; Mark::ALL.len()] = [const { AtomicU64::new(0) }; Mark::ALL.len()];

    pub(crate) fn reached(mark: Mark) {
        REACHED[mark as usize].fetch_add(1, Relaxed);
    }

    /// How often a mark was reached since this was last asked of it.
    pub fn take_count(mark: Mark) -> u64 {
        REACHED[mark as usize].swap(0, Relaxed)
    }
}
