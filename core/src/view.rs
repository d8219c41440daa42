//! Read-only queries.

use crate::{
    accusation::Accusation,
    certificate::Root,
    crypto::{Hash, PublicKey, ShortHash},
    id::MemberId,
    load::Load,
    mask::Mask,
    member::Member,
    params::Params,
    revocation::Revocations,
    shared::Saved,
    state::{Ix, Standing},
    time::{Mono, Wall},
};
use alloc::{sync::Arc, vec::Vec};
use core::net::SocketAddr;

pub use crate::monitor::{RoundTrip, Watched};

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
    /// Out: the CA revoked it (R14).
    Revoked,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Live, Self::Accused, Self::Down, Self::Gray, Self::Left, Self::Expired, Self::Revoked];

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

/// What is held against one member, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The member.
    pub member: MemberView,
    /// Whether a hold keeps it out (R6), and until when.
    pub held_until: Option<Mono>,
    /// When it goes down if nothing happens.
    pub deadline: Option<Mono>,
    /// Every accusation of its epoch that is held.
    pub accusations: Vec<Charge>,
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
    /// The minor version of the wire that it speaks; `None` without a link to it.
    pub minor: Option<u16>,
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

    /// The network's root as it is believed now: it may have followed the one in the [`Config`](crate::config::Config).
    pub fn root(&self) -> &Root {
        &self.0.config.root
    }

    /// The epoch of this member's last note.
    pub fn epoch(&self) -> u64 {
        self.0.own.epoch
    }

    /// Whether it is joined (R16).
    pub fn joined(&self) -> bool {
        self.0.contacts.joined()
    }

    /// Joined, but with fewer contacts than the promise asks for (R16).
    pub fn unconfirmed(&self) -> bool {
        self.0.contacts.unconfirmed()
    }

    /// Everything that follows from network parameters and preset.
    pub fn params(&self) -> &Params {
        &self.0.state.params
    }

    /// The view's digest: equal views have equal digests (R13).
    pub fn digest(&self) -> Hash {
        self.0.digest()
    }

    /// Since when it has been so: how old the view is, on this member's clock. In a quiet network that is the age of the last
    /// note that was renewed.
    pub fn digest_since(&self) -> Mono {
        self.0.digest_since
    }

    /// How many are live, oneself included.
    pub fn live(&self) -> usize {
        self.0.state.live()
    }

    /// How many have a note in lease, oneself included.
    pub fn known(&self) -> usize {
        self.0.state.roster.len()
    }

    /// How many stand in each of [`State::ALL`], oneself included. O(N), no allocation.
    pub fn tally(&self) -> [usize; State::ALL.len()] {
        self.0.state.roster.iter().fold([0; State::ALL.len()], |mut tally, (_, ix)| {
            tally[self.standing(ix) as usize] += 1;
            tally
        })
    }

    /// All members with a note in lease, oneself included, by id. O(N).
    pub fn members(&self) -> impl Iterator<Item = MemberView> + '_ {
        self.0.state.roster.iter().map(|(_, ix)| self.show(ix))
    }

    /// One member. O(log N).
    ///
    /// Of one that was revoked nothing is kept but that: its epoch is 0, and it has no addresses.
    pub fn member(&self, id: &MemberId) -> Option<MemberView> {
        let known = self.0.state.roster.ix(id).map(|ix| self.show(ix));
        known.or_else(|| self.0.state.is_revoked(id).then(|| self.show_revoked(*id)))
    }

    /// The CA's revocation list that this view holds (R14).
    pub fn revocations(&self) -> Option<&Revocations> {
        self.0.state.revoked.as_deref()
    }

    /// How one member stands. O(log N), no allocation.
    pub fn state_of(&self, id: &MemberId) -> Option<State> {
        let known = self.0.state.roster.ix(id).map(|ix| self.standing(ix));
        known.or_else(|| self.0.state.is_revoked(id).then_some(State::Revoked))
    }

    /// The signed note of a member, as it travels.
    pub fn note(&self, id: &MemberId) -> Option<&[u8]> {
        self.0.state.roster.by_id(id).map(|peer| peer.note.signed().bytes())
    }

    /// The certificate of a member.
    pub fn certificate(&self, id: &MemberId) -> Option<&[u8]> {
        self.0.state.roster.by_id(id).map(|peer| peer.certificate.der())
    }

    /// When a member's certificate ends. O(log N).
    pub fn certificate_end(&self, id: &MemberId) -> Option<Wall> {
        self.0.state.roster.by_id(id).map(|peer| peer.certificate.not_after)
    }

    /// The key of a member's certificate. O(log N).
    pub fn key(&self, id: &MemberId) -> Option<PublicKey> {
        self.0.state.roster.by_id(id).map(|peer| peer.certificate.key())
    }

    /// The ring neighbours with whom it gossips: successors and predecessors that are not out.
    pub fn neighbours(&self) -> impl Iterator<Item = &MemberId> {
        self.0.monitor.neighbours.iter()
    }

    /// The closest members before and after this one on a ring that are not out; one if they are the same, none if it is
    /// alone. None on a ring that does not exist.
    pub fn beside(&self, ring: u8) -> Vec<MemberId> {
        let (state, me) = (&self.0.state, &self.0.me);
        if ring >= state.params.rings {
            return Vec::new();
        }
        let after = state.rings.successors(&state.roster, ring, me).find(|ix| !state.is_out(*ix));
        let both = state.predecessor(ring, me).into_iter().chain(after);
        let mut beside: Vec<_> = both.map(|ix| state.id(ix)).filter(|id| id != me).collect();
        beside.dedup();
        beside
    }

    /// All members of a ring in its order, from this one on: how each stands, and whether it lets itself be accused there
    /// (R3). Nobody on a ring that does not exist. O(N) for all.
    pub fn ring(&self, ring: u8) -> impl Iterator<Item = (MemberId, State, bool)> + '_ {
        let state = &self.0.state;
        let mine = (ring < state.params.rings).then_some(self.0.my_ix);
        let others =
            mine.into_iter().flat_map(move |_| state.rings.successors(&state.roster, ring, &self.0.me));
        mine.into_iter().chain(others).map(move |ix| {
            let enabled = state.roster[ix].note.mask().enabled(ring);
            (state.id(ix), self.standing(ix), enabled)
        })
    }

    /// Whether a ring neighbour's view is equal to this one, by its last ping or pong. Ring neighbours ping each other all
    /// the time, so of them it is known without asking; while something spreads, views differ for a moment. `None` of
    /// everybody else, whose last word may be old, and until the first ping on the link.
    pub fn agrees_with(&self, id: &MemberId) -> Option<bool> {
        let link = self.0.links.get(id).filter(|_| self.0.monitor.neighbours.contains(id))?;
        Some(link.shown? == ShortHash::from(self.digest()))
    }

    /// Everybody that this member watches, and how their pings do, by id.
    pub fn watched(&self) -> impl Iterator<Item = Watched> + '_ {
        self.0.monitor.watched(self.0.state.params.loss_ppm)
    }

    /// Members with a link that is up.
    pub fn links(&self) -> impl Iterator<Item = &MemberId> {
        self.0.links.keys()
    }

    /// Why a member stands as it does.
    pub fn explain(&self, id: &MemberId) -> Option<Explanation> {
        let state = &self.0.state;
        let ix = state.roster.ix(id)?;
        let rings = state.roster[ix].note.mask().rings();
        let watchers = rings
            .filter_map(|ring| state.predecessor(ring, id).map(|watcher| (ring, state.id(watcher))))
            .collect();
        let Charged { member, held_until, deadline, accusations } = self.charges_of(ix);
        let minor = self.0.links.get(id).and_then(|link| link.minor);
        Some(Explanation { member, watchers, held_until, deadline, accusations, minor })
    }

    /// What is held against a member; nothing of strangers. Unlike [`View::explain`] it looks along no ring.
    pub fn charges(&self, id: &MemberId) -> Option<Charged> {
        self.0.state.roster.ix(id).map(|ix| self.charges_of(ix))
    }

    /// Everybody of whom an accusation is held, valid or parked, and whoever is held (R6).
    pub fn charged(&self) -> impl Iterator<Item = Charged> + '_ {
        self.0.state.charged().map(|ix| self.charges_of(ix))
    }

    fn charges_of(&self, ix: Ix) -> Charged {
        let case = self.0.state.case(ix);
        let charge = |slot: &crate::state::Slot| Charge {
            accusation: Arc::clone(&slot.accusation),
            valid: slot.valid,
            since: slot.since,
        };
        Charged {
            member: self.show(ix),
            held_until: case.and_then(|case| case.hold),
            deadline: case.filter(|case| case.rank.is_none()).and_then(|case| case.timer),
            accusations: case.map(|case| case.slots.iter().map(charge).collect()).unwrap_or_default(),
        }
    }

    /// What is held for peers and on their account.
    pub fn load(&self) -> Load {
        self.0.load()
    }

    /// Whether an application message of this member is accepted: only live members' are.
    pub fn admit(&self, id: &MemberId, kind: Admit) -> bool {
        match kind {
            Admit::Request | Admit::Stream => self.state_of(id).is_some_and(State::is_live),
        }
    }

    /// Appends the records worth keeping over a restart, for [`Stored`](crate::config::Stored). O(N).
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        self.saved().snapshot(&self.0.me, out);
    }

    /// The same, to be written out later.
    pub fn saved(&self) -> Saved {
        Saved::of(&self.0.state)
    }

    fn show(&self, ix: Ix) -> MemberView {
        let peer = &self.0.state.roster[ix];
        MemberView {
            id: peer.note.id(),
            state: self.standing(ix),
            since: self.0.state.accused_since(ix).unwrap_or(peer.since),
            epoch: peer.note.epoch(),
            mask: peer.note.mask(),
            addrs: peer.note.addrs(),
            tags: peer.note.tags().to_vec(),
        }
    }

    fn show_revoked(&self, id: MemberId) -> MemberView {
        MemberView {
            id,
            state: State::Revoked,
            since: self.0.state.revoked_since,
            epoch: 0,
            mask: Mask::all(self.0.state.params.rings),
            addrs: Vec::new(),
            tags: Vec::new(),
        }
    }

    fn standing(&self, ix: Ix) -> State {
        match self.0.state.roster[ix].standing {
            _ if ix == self.0.my_ix && self.0.state.is_revoked(&self.0.me) => State::Revoked,
            Standing::Live if self.0.state.is_accused(ix) => State::Accused,
            Standing::Live => State::Live,
            Standing::Down => State::Down,
            Standing::Gray => State::Gray,
            Standing::Left => State::Left,
        }
    }
}
