//! What comes out of a [`Member`](crate::member::Member).

use crate::{
    accusation::Accusation,
    event::Lane,
    id::MemberId,
    time::{Mono, Wall},
};
use alloc::sync::Arc;
use core::net::SocketAddr;

/// One thing to do. Exhaustive: a driver that ignores a new one must not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Action<'a> {
    /// Send an unreliable packet.
    Datagram {
        /// To whom; the link is up.
        to: MemberId,
        /// To be told back in [`Event::Unsent`](crate::event::Event::Unsent).
        token: u64,
        /// The packet.
        bytes: &'a [u8],
    },
    /// Send a frame, reliably and in order within its lane.
    Frame {
        /// To whom; the link is up.
        to: MemberId,
        /// On which lane.
        lane: Lane,
        /// The frame.
        bytes: &'a [u8],
    },
    /// Open a link. Answered by `LinkUp` or `LinkDown`.
    Dial {
        /// To whom: the peer's certificate must carry this id.
        member: MemberId,
        /// Where.
        addr: SocketAddr,
    },
    /// Open a link to whoever is at this seed, looked up anew. Answered by `SeedUp` or `SeedDown`.
    DialSeed {
        /// Its number.
        seed: u16,
    },
    /// Close a link. Answered by nothing: the core has forgotten it.
    HangUp {
        /// To whom.
        member: MemberId,
        /// Why.
        why: HangUp,
    },
    /// Put something on disk and say so with `Persisted`.
    Persist {
        /// To be told back.
        seq: u64,
        /// What.
        what: Persist,
    },
    /// Tell the application.
    Notify(Notice),
    /// Nothing more to do before `until`, or before the next event.
    Wait {
        /// When to send [`Event::Wake`](crate::event::Event::Wake); `None` if only an event can bring work.
        until: Option<Mono>,
        /// What it waits for.
        why: Why,
    },
}

/// What to put on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persist {
    /// Epochs below this may be used from now on (R15).
    EpochCeiling(u64),
    /// The view is worth saving: take [`View::snapshot`](crate::view::View::snapshot).
    Records,
}

/// Why a link is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HangUp {
    /// Nobody needs it any more.
    Idle,
    /// The peer misbehaved.
    Misbehaviour,
    /// The peer's certificate has ended or was revoked (R14).
    Expired,
    /// More links than there is room for.
    Crowded,
    /// This member leaves.
    Leaving,
}

/// What the member waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// Nothing.
    Idle,
    /// More of what was received: call again at once.
    Backlog,
    /// A ping is due or may be missed.
    Monitor,
    /// An accusation becomes old enough (R4).
    Suspicion,
    /// A lease or a certificate ends.
    Lease,
    /// An own note is due.
    OwnNote,
    /// Seeds, contacts, heal.
    Contact,
    /// Walks and pulls.
    Gossip,
}

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// A known frame or datagram that does not parse.
    Malformed,
    /// A signature that does not hold.
    BadSignature,
    /// A note with an illegal ring mask, well signed.
    IllegalMask,
    /// A frame over its limits.
    TooLarge,
    /// A certificate that is not this network's.
    ForeignCertificate,
}

/// What the application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// This member is joined (R16).
    Joined {
        /// Fewer contacts answered than the promise asks for; it goes on trying.
        unconfirmed: bool,
    },
    /// A member is live.
    Up {
        /// Who.
        member: MemberId,
        /// Its note's epoch.
        epoch: u64,
    },
    /// A member is accused, validly; it is still live.
    Accused {
        /// The evidence: accused, accuser, ring and epoch, signed.
        accusation: Arc<Accusation>,
    },
    /// A member answered all accusations with a newer note.
    Rebutted {
        /// Who.
        member: MemberId,
        /// Its new epoch.
        epoch: u64,
    },
    /// A member is down.
    Down {
        /// The evidence that put it out, signed.
        accusation: Arc<Accusation>,
    },
    /// A member says that it is gray (R8).
    Gray {
        /// Who.
        member: MemberId,
    },
    /// A member has left.
    Left {
        /// Who.
        member: MemberId,
    },
    /// A member's lease or certificate has ended.
    Expired {
        /// Who.
        member: MemberId,
    },
    /// The CA has revoked a member: it is out for good. If it is this member itself, it is silent from now on: stop it.
    Revoked {
        /// Who.
        member: MemberId,
    },
    /// Another root has followed the network's, and is believed from now on ([`View::root`](crate::view::View::root)):
    /// certificates of the old one hold until `until` at most, so this member's is to be renewed by then.
    Succeeded {
        /// When the old root is believed no more.
        until: Wall,
    },
    /// A live member's addresses or tags changed.
    Updated {
        /// Who.
        member: MemberId,
        /// Its new epoch.
        epoch: u64,
    },
    /// This member is accused; it answers by itself (R3).
    AccusedMyself {
        /// The evidence.
        accusation: Arc<Accusation>,
    },
    /// Two different notes of one epoch were seen; the lower hash stays. No verdict: a restored backup does it too.
    Equivocation {
        /// Whose.
        member: MemberId,
        /// The epoch.
        epoch: u64,
    },
    /// Another process uses this member's key (R15).
    IdentityInUse {
        /// The foreign note's epoch.
        epoch: u64,
    },
    /// A peer did wrong.
    Misbehaviour {
        /// Who.
        peer: MemberId,
        /// What.
        kind: Misbehaviour,
    },
    /// Others refuse this member's notes for their time: check the clock (R9).
    ClockWrong {
        /// Their clock minus ours, as they say, in ms.
        ahead_ms: i64,
        /// Who says so.
        peer: MemberId,
    },
    /// A measured delay is above Δ/2: the network's Δ is too short for it (R4).
    Slow {
        /// To whom.
        peer: MemberId,
        /// The round trip.
        rtt_ms: u32,
    },
    /// A block of epochs ran out before the disk took the next one (R15).
    EpochOverrun {
        /// The first epoch beyond it.
        epoch: u64,
    },
    /// No seed answers; it goes on trying.
    SeedsUnreachable,
}

impl Notice {
    /// Whom it is about; `None` if it is about this member itself or the network.
    pub fn subject(&self) -> Option<MemberId> {
        match self {
            Self::Up { member, .. }
            | Self::Rebutted { member, .. }
            | Self::Gray { member }
            | Self::Left { member }
            | Self::Expired { member }
            | Self::Revoked { member }
            | Self::Updated { member, .. }
            | Self::Equivocation { member, .. } => Some(*member),
            Self::Accused { accusation } | Self::Down { accusation } => Some(accusation.accused),
            Self::Misbehaviour { peer, .. } | Self::ClockWrong { peer, .. } | Self::Slow { peer, .. } => {
                Some(*peer)
            }
            Self::Joined { .. }
            | Self::AccusedMyself { .. }
            | Self::IdentityInUse { .. }
            | Self::EpochOverrun { .. }
            | Self::Succeeded { .. }
            | Self::SeedsUnreachable => None,
        }
    }
}
