//! Which of several links to one member is the one.

use super::{
    Close, LinkEvent, Links,
    one::{Side, Stage},
};
use crate::limits::{DIAL_PATIENCE, HANDSHAKE_TIMEOUT, SPARE_WAIT};
use ifrit_core::id::MemberId;
use quinn_proto::Connection;
use rustls_pki_types::CertificateDer;
use std::time::Instant;

/// The links to one member, by slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Peer {
    /// The one that the core sees.
    pub(super) active: Option<usize>,
    /// Further ones, dialed by the peer and held back, the newest last. Two: a peer that starts again dials this member both
    /// by its id and as its seed, and itself gives one of them up.
    pub(super) spares: [Option<usize>; 2],
    /// Our dial that is under way.
    pub(super) dial: Option<usize>,
}

impl Peer {
    /// Forgets `slot` in whatever place it has.
    fn forget(&mut self, slot: usize) {
        let Self { active, spares: [older, newer], dial } = self;
        for place in [active, older, newer, dial] {
            if *place == Some(slot) {
                *place = None;
            }
        }
    }

    /// Keeps `slot` as the newest spare; the oldest gives way if there is no room.
    fn hold(&mut self, slot: usize) -> Option<usize> {
        let [older, newer] = self.spares;
        let (kept, gives_way) = if newer.is_some() { (newer, older) } else { (older, None) };
        self.spares = [kept, Some(slot)];
        gives_way
    }

    /// Takes the newest spare.
    fn take_spare(&mut self) -> Option<usize> {
        let [older, newer] = &mut self.spares;
        newer.take().or_else(|| older.take())
    }
}

impl Links {
    /// TLS is done, at our end.
    pub(super) fn connected(&mut self, slot: usize, at: Instant) {
        if self.slots[slot].as_ref().is_none_or(|link| link.stage != Stage::Handshake) {
            // Closed by us before quinn got to tell.
            return;
        }
        let certificate = self.with(slot, |link| certificate_of(&link.conn)).flatten().unwrap_or_default();
        let id = self.setup.tls.id_of(&certificate);
        let Some(link) = &mut self.slots[slot] else { return };
        let expected = match link.side {
            Side::Dialed(Some(member)) => id == Some(member),
            Side::Dialed(None) | Side::Accepted => true,
        };
        // The verifier has seen to both; this is a second lock on the same door.
        let Some(id) = id.filter(|&id| expected && id != self.me) else {
            return self.lose(slot, at, Close::Misbehaviour);
        };
        link.member = Some(id);
        link.certificate = certificate;
        if link.accepted() {
            self.half_open -= 1;
            self.counters.accepts += 1;
            self.arrived(slot, id, at);
        } else {
            link.stage = Stage::Unconfirmed;
            self.answered(slot, id, at);
        }
    }

    /// A peer has dialed us.
    fn arrived(&mut self, slot: usize, id: MemberId, at: Instant) {
        let peer = *self.peers.entry(id).or_default();
        if peer.active.is_some() || (peer.dial.is_some() && self.me < id) {
            return self.hold(slot, id, at);
        }
        self.dials.forget(&id);
        if let Some(loser) = peer.dial {
            self.move_seeds(loser, slot);
            self.shut(loser, at, Close::Duplicate);
        }
        self.activate(slot, id);
    }

    /// A peer has answered our dial; whether it accepts us is not known yet.
    fn answered(&mut self, slot: usize, id: MemberId, at: Instant) {
        let peer = *self.peers.entry(id).or_default();
        let other = peer.dial.filter(|&other| other != slot);
        if self.up(&id).is_some() {
            // Only a seed, or a dial that its own member overtook: what we have is as good.
            self.tell_seeds(slot, id);
            self.set_dial(id, other);
            return self.shut(slot, at, Close::Duplicate);
        }
        match other {
            Some(other) if self.slots[other].as_ref().is_some_and(|link| link.member.is_some()) => {
                self.move_seeds(slot, other);
                self.shut(slot, at, Close::Duplicate);
            }
            // The other one may hang at an old address; this one does not.
            Some(other) => {
                self.move_seeds(other, slot);
                self.shut(other, at, Close::Duplicate);
                self.adopt(slot, id);
            }
            None => self.set_dial(id, Some(slot)),
        }
    }

    /// Makes `slot` the dial that answers for `id`.
    fn adopt(&mut self, slot: usize, id: MemberId) {
        self.set_dial(id, Some(slot));
        if let Some(link) = &mut self.slots[slot] {
            link.side = Side::Dialed(Some(id));
        }
    }

    fn set_dial(&mut self, id: MemberId, slot: Option<usize>) {
        self.peers.entry(id).or_default().dial = slot;
    }

    /// The first byte of a lane has come: the peer accepts our dial, so it has no other link to us that it trusts.
    pub(super) fn confirmed(&mut self, slot: usize, at: Instant) {
        let Some(id) = self.slots[slot].as_ref().and_then(|link| link.member) else { return };
        self.dial_over(slot);
        let peer = self.peers.entry(id).or_default();
        if let Some(old) = peer.active.take() {
            self.shut(old, at, Close::Duplicate);
            self.events.push_back(LinkEvent::Down { member: id });
        }
        self.activate(slot, id);
    }

    /// Makes a link the one to its member.
    fn activate(&mut self, slot: usize, member: MemberId) {
        let peer = self.peers.entry(member).or_default();
        peer.forget(slot);
        peer.active = Some(slot);
        let Some(link) = &mut self.slots[slot] else { return };
        link.stage = Stage::Up;
        let certificate = std::mem::take(&mut link.certificate);
        let accepted = link.accepted();
        self.counters.links += 1;
        self.events.push_back(LinkEvent::Up { member, certificate });
        self.tell_seeds(slot, member);
        if accepted {
            self.with(slot, |link| link.confirm());
        }
        self.mark(slot);
    }

    /// Holds a second link back, and asks the first one whether it is alive.
    fn hold(&mut self, slot: usize, id: MemberId, at: Instant) {
        let peer = self.peers.entry(id).or_default();
        let (active, gives_way) = (peer.active, peer.hold(slot));
        if let Some(older) = gives_way {
            self.shut(older, at, Close::Duplicate);
        }
        if let Some(link) = &mut self.slots[slot] {
            link.stage = Stage::Spare { until: at + SPARE_WAIT };
        }
        if let Some(active) = active {
            self.with(active, |link| {
                link.acks_then = link.acks();
                link.conn.ping();
            });
            self.mark(active);
        }
    }

    /// The spare has waited long enough: it stays if the other one shows no life.
    fn decide(&mut self, slot: usize, at: Instant) {
        let Some(id) = self.slots[slot].as_ref().and_then(|link| link.member) else { return };
        match self.peers.get(&id).and_then(|peer| peer.active) {
            Some(active) if self.with(active, |link| link.acks() > link.acks_then) == Some(true) => {
                self.peers.entry(id).or_default().forget(slot);
                self.shut(slot, at, Close::Duplicate);
            }
            // Its end lets the spare in.
            Some(active) => self.lose(active, at, Close::Duplicate),
            None => self.activate(slot, id),
        }
    }

    /// The link of the core to `member` is gone; a spare takes its place.
    pub(super) fn down(&mut self, member: MemberId) {
        self.events.push_back(LinkEvent::Down { member });
        self.promote(member);
    }

    fn promote(&mut self, member: MemberId) -> bool {
        let Some(spare) = self.peers.get_mut(&member).and_then(Peer::take_spare) else {
            return false;
        };
        self.activate(spare, member);
        true
    }

    /// A dial came to nothing.
    pub(super) fn dial_ended(&mut self, target: Option<MemberId>, known: Option<MemberId>) {
        let Some(member) = target.or(known) else { return };
        let linked = self.peers.get(&member).is_some_and(|peer| peer.active.is_some());
        if !linked && !self.promote(member) && target.is_some() {
            self.events.push_back(LinkEvent::Down { member });
        }
    }

    /// Forgets `slot` among the links of `member`.
    pub(super) fn forget(&mut self, slot: usize, member: MemberId) {
        let Some(peer) = self.peers.get_mut(&member) else { return };
        peer.forget(slot);
        if *peer == Peer::default() {
            self.peers.remove(&member);
        }
    }

    /// Ends a stage whose time is over.
    pub(super) fn overdue(&mut self, slot: usize, at: Instant) {
        let Some(link) = &mut self.slots[slot] else { return };
        match link.stage {
            Stage::Handshake | Stage::Unconfirmed if at >= link.started + HANDSHAKE_TIMEOUT => {
                self.lose(slot, at, Close::Timeout);
            }
            Stage::Handshake if at >= link.started + DIAL_PATIENCE && link.heard_nothing() => {
                self.release(slot);
            }
            Stage::Spare { until } if until <= at => self.decide(slot, at),
            _ => {}
        }
    }

    fn move_seeds(&mut self, from: usize, to: usize) {
        let seeds = self.slots[from].as_mut().map(|link| std::mem::take(&mut link.seeds));
        if let (Some(seeds), Some(link)) = (seeds, &mut self.slots[to]) {
            link.seeds.extend(seeds);
        }
    }

    fn tell_seeds(&mut self, slot: usize, member: MemberId) {
        let Some(link) = &mut self.slots[slot] else { return };
        let seeds = std::mem::take(&mut link.seeds);
        self.events.extend(seeds.into_iter().map(|seed| LinkEvent::SeedUp { seed, member }));
    }
}

/// The peer's leaf.
fn certificate_of(conn: &Connection) -> Option<Vec<u8>> {
    let chain = conn.crypto_session().peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    Some(chain.first()?.to_vec())
}
