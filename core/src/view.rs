//! Read-only queries.

use crate::{accusation::Accusation, crypto::Hash, id::MemberId, mask::Mask, member::Member, time::Mono};
use alloc::{sync::Arc, vec::Vec};
use core::net::SocketAddr;

/// How a member stands in a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Alive, and nobody accuses it validly.
    Live,
    /// Alive, and validly accused.
    Accused,
    /// Out: silent for 2Δ under a valid accusation.
    Down,
    /// Out: it says that it is gray (R8).
    Gray,
    /// Out: it has left.
    Left,
    /// Out: its certificate has ended.
    Expired,
    /// Out: the CA revoked it.
    Revoked,
}

impl State {
    /// Live or accused: a member of the live view.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::Accused)
    }
}

/// One member as a view holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub id: MemberId,
    /// How it stands.
    pub state: State,
    /// Since when, on this member's clock.
    pub since: Mono,
    /// The epoch of its note.
    pub epoch: u64,
    /// Its ring mask.
    pub mask: Mask,
    /// Its addresses.
    pub addrs: Vec<SocketAddr>,
    /// Its tags.
    pub tags: Vec<u8>,
}

/// Everything that a view can say about one member, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The member.
    pub member: MemberView,
    /// Who watches it: per enabled ring the closest predecessor that is not out.
    pub watchers: Vec<(u8, MemberId)>,
    /// Whether a hold keeps it out (R6), and until when.
    pub held_until: Option<Mono>,
    /// When it goes down if nothing happens.
    pub deadline: Option<Mono>,
    /// Every accusation of its epoch that is held.
    pub accusations: Vec<Charge>,
}

/// An accusation as a view holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The signed evidence.
    pub accusation: Arc<Accusation>,
    /// Valid by R1; else parked.
    pub valid: bool,
    /// Since when it has been valid, set back by R4.
    pub since: Option<Mono>,
}

/// What an application message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// A request.
    Request,
    /// A stream.
    Stream,
}

/// Read-only queries on a [`Member`].
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(pub(crate) &'a Member);

impl View<'_> {
    /// This member's id.
    pub fn me(&self) -> MemberId {
        self.0.me
    }

    /// Whether it is joined (R16).
    pub fn joined(&self) -> bool {
        false
    }

    /// The view's digest: equal views have equal digests (R13).
    pub fn digest(&self) -> Hash {
        [0; 32]
    }

    /// How many are live, oneself included.
    pub fn live(&self) -> usize {
        1
    }

    /// All members with a note in lease, oneself included, by id. O(N).
    pub fn members(&self) -> impl Iterator<Item = MemberView> + '_ {
        core::iter::empty()
    }

    /// One member.
    pub fn member(&self, _id: &MemberId) -> Option<MemberView> {
        None
    }

    /// Why a member stands as it does.
    pub fn explain(&self, _id: &MemberId) -> Option<Explanation> {
        None
    }

    /// Whether an application message of this member is accepted: only live members' are.
    pub fn admit(&self, _id: &MemberId, _kind: Admit) -> bool {
        false
    }

    /// Appends the records worth keeping over a restart, for [`Stored`](crate::config::Stored). O(N).
    pub fn snapshot(&self, _out: &mut Vec<u8>) {}
}
