//! What goes into a [`Member`](crate::member::Member).

use crate::id::MemberId;
use alloc::vec::Vec;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// Streams of frames between two members. Back-pressure is per lane; earlier ones matter more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Notes of the accused, and accusations with what they rest on.
    Urgent,
    /// Announcements, requests, records.
    Records,
    /// Anti-entropy.
    Walk,
}

impl Lane {
    /// All, in order of importance.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Records, Self::Walk];
}

/// The only cause of change. Serialisable, so that a run can be recorded and replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event<'a> {
    /// An unreliable packet of an authenticated member: a ping or a pong.
    Datagram {
        /// The authenticated sender.
        from: MemberId,
        /// The packet.
        bytes: &'a [u8],
    },
    /// One whole frame of a lane, in the order sent.
    Frame {
        /// The authenticated sender.
        from: MemberId,
        /// On which lane.
        lane: Lane,
        /// The frame.
        bytes: &'a [u8],
    },
    /// The link to a member is up, in both directions, and authenticated.
    LinkUp {
        /// The member at its other end.
        member: MemberId,
        /// Its certificate (DER), checked by TLS against the root; the core checks it again.
        certificate: &'a [u8],
    },
    /// The link is gone, or a dial came to nothing. Never refused.
    LinkDown {
        /// The member at its other end.
        member: MemberId,
    },
    /// The seed was reached and is this member; a [`Event::LinkUp`] came before, now or earlier.
    SeedUp {
        /// Its number.
        seed: u16,
        /// Who it is.
        member: MemberId,
    },
    /// The seed could not be reached.
    SeedDown {
        /// Its number.
        seed: u16,
    },
    /// A datagram never reached the wire: no miss (R5).
    Unsent {
        /// The token of [`Action::Datagram`](crate::action::Action::Datagram).
        token: u64,
    },
    /// The peer acknowledged something sent after the last ping: a sign of life.
    Acked {
        /// Who.
        member: MemberId,
    },
    /// Bytes of a lane's frames that left the queue towards a member (back-pressure).
    Written {
        /// Towards whom.
        member: MemberId,
        /// On which lane.
        lane: Lane,
        /// How many.
        bytes: u32,
    },
    /// What was asked for by [`Action::Persist`](crate::action::Action::Persist) is on disk.
    Persisted {
        /// Its number.
        seq: u64,
    },
    /// The time asked for has come, or not: a spurious or early one does nothing. Never refused.
    Wake,
    /// The application or the operator wants something.
    Command(Command),
}

/// What the application can ask of the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Say goodbye: a last note with `leaving`.
    Leave,
    /// New tags; at most [`TAGS_MAX`](crate::limits::TAGS_MAX) bytes, more is refused.
    SetTags(Vec<u8>),
    /// New addresses; at most [`ADDRS_MAX`](crate::limits::ADDRS_MAX), more is refused.
    SetAddrs(Vec<SocketAddr>),
    /// A renewed certificate of this member, same id and key (R14).
    SetCertificate(Vec<u8>),
    /// How many seeds there are now; at most [`SEEDS_MAX`](crate::limits::SEEDS_MAX).
    SetSeeds(u16),
    /// A [revocation list](crate::revocation) of the network's CA, as it was signed (R14). One that is not newer than the one held
    /// changes nothing.
    SetRevocations(Vec<u8>),
    /// Speak this minor version of the wire from the next hello on. For tests of builds beside each other: one above this
    /// build's also says what no build understands yet, wherever a later one may.
    #[doc(hidden)]
    SpeakMinor(u16),
    /// Believe the root of this [bundle](crate::certificate::Root::bundle), which follows the one believed until now: who came over
    /// a link showed it. Refused with [`Refused::WrongCertificate`] unless that one signed for it.
    SetRoot(Vec<u8>),
}

/// Why an event was refused. Nothing has changed, unless the variant says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much waits already: keep the bytes, drain the actions, stop reading this lane (R11). Nothing has changed.
    #[error("too much input waits: keep it and offer it again")]
    Backpressure,
    /// The command's bytes are over a limit. Nothing has changed.
    #[error("over the limit of {limit}")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The certificate is not this member's, not this network's or not valid. Nothing has changed.
    #[error("not a certificate of this member in this network")]
    WrongCertificate,
    /// The bytes are not a revocation list that this network's CA signed. Nothing has changed.
    #[error("not a revocation list of this network's CA")]
    WrongRevocations,
    /// The member has left; only `Wake` and draining make sense now. Nothing has changed.
    #[error("the member has left")]
    Left,
}
