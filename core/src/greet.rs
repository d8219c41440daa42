//! What two members say to each other about each other: hello, what is held against whom, clocks, redirects.

use crate::{
    accusation::Accusation,
    crypto,
    event::Lane,
    id::MemberId,
    member::Member,
    tags::{FRAME_LATER, HASH_CHARGES},
    time::{Mono, Now},
    wire::{Frame, Hello},
};
use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

/// This build's minor version of the wire. A later one may say more, never other things: frames with new tags, which are
/// skipped here, and more at the end of datagrams. Nobody is refused for its minor, so builds are exchanged one by one.
pub(crate) const MINOR: u16 = 0;

impl Member {
    /// First on a new link: hello, then our own records; then what is held against the peer, if anything is. Whoever was
    /// accused for want of a link could not be told before (R3).
    pub(crate) fn greet(&mut self, peer: MemberId, now: Mono) {
        let out_at = self.out_at(&peer);
        self.say_hello(peer, out_at);
        self.show_list(peer);
        // The handshake has shown the certificate, unless it is newer than this run.
        let mine = self.bundle(self.my_ix, self.own.is_renewed, true, &[]);
        let mine = Frame::Records(alloc::vec![mine]).encode();
        self.send(peer, Lane::Urgent, mine);
        self.show_charges(peer, now);
    }

    fn say_hello(&mut self, peer: MemberId, out_at: u64) {
        let minor = self.own.minor;
        let later = minor > MINOR; // only when a test says so
        let hello = Hello { minor, features: u64::from(later), out_at };
        self.send(peer, Lane::Urgent, Frame::Hello(hello).encode());
        if later {
            self.send(peer, Lane::Urgent, alloc::vec![FRAME_LATER; 16]);
        }
    }

    /// The epoch at which `peer` is down here; 0 if it is not.
    fn out_at(&self, peer: &MemberId) -> u64 {
        let Some(ix) = self.state.roster.ix(peer) else { return 0 };
        if self.state.case(ix).is_some_and(|case| case.rank.is_some()) {
            self.state.roster[ix].note.epoch()
        } else {
            0
        }
    }

    /// R3: all that is held against a peer, once on each link: nothing is lost there, and the accused keeps what it is accused of.
    /// Whoever never takes its answer, for a wrong clock say, would show it every Δ.
    pub(crate) fn show_charges(&mut self, peer: MemberId, now: Mono) {
        let Some(ix) = self.state.roster.ix(&peer) else { return };
        let Some(case) = self.state.case(ix) else { return };
        let held: Vec<Arc<Accusation>> = case.slots.iter().map(|slot| Arc::clone(&slot.accusation)).collect();
        let hashes: Vec<&[u8]> = held.iter().map(|held| &held.hash()[..]).collect();
        let all = crypto::hash(HASH_CHARGES, &hashes);
        if self.links.get(&peer).is_none_or(|link| link.charges_shown == Some(all)) {
            return;
        }
        for accusation in held {
            let frame = self.accusation_frame(&accusation, true, now);
            // R13: else whoever is down is given them all for each handshake.
            let state = self.state_bytes();
            if !self.served.admit(peer, frame.len(), state, now) {
                return;
            }
            self.send(peer, Lane::Urgent, frame);
        }
        if let Some(link) = self.links.get_mut(&peer) {
            link.charges_shown = Some(all);
        }
    }

    /// A peer that is out here and pings is told so, once per Δ: so partitions heal (R3).
    pub(crate) fn show_out(&mut self, peer: MemberId, now: Mono) {
        let out_at = self.out_at(&peer);
        if out_at > 0 && self.may_tell(&peer, now) {
            self.say_hello(peer, out_at);
            self.show_charges(peer, now);
        }
    }

    pub(crate) fn may_tell(&mut self, peer: &MemberId, now: Mono) -> bool {
        let delta = self.state.params.delta;
        let Some(link) = self.links.get_mut(peer) else { return false };
        let may = link.told == Mono(0) || now.since(link.told) >= delta;
        if may {
            link.told = now;
        }
        may
    }

    pub(crate) fn on_hello(&mut self, from: MemberId, hello: Hello, now: Now) {
        if let Some(link) = self.links.get_mut(&from) {
            link.minor = Some(hello.minor);
        }
        if hello.out_at > 0 && hello.out_at == self.own.epoch {
            self.gray.on_accused(hello.out_at, now.mono);
        }
        if hello.out_at > 0 && self.own.on_shown_out(from, hello.out_at, now.mono) {
            self.own_due = Some(now.mono);
        }
    }

    /// A stale note of the peer's own: show it how far it has been (R15).
    pub(crate) fn show_own_records(&mut self, peer: MemberId, now: Now) {
        if let Some(ix) = self.state.roster.ix(&peer)
            && self.may_tell(&peer, now.mono)
        {
            let frame = self.note_frame(ix, now.mono);
            self.send(peer, Lane::Urgent, frame);
        }
    }

    /// A refusal for time is told to the owner (R9).
    pub(crate) fn tell_clock(&mut self, peer: MemberId, now: Now) {
        if self.may_tell(&peer, now.mono) {
            self.send(peer, Lane::Urgent, Frame::Clock(now.wall.0).encode());
        }
    }

    /// R13: once per Δ, a peer that is no neighbour is shown those it should have.
    pub(crate) fn redirect(&mut self, peer: MemberId, now: Mono) {
        let delta = self.state.params.delta;
        let Some(link) = self.links.get_mut(&peer) else { return };
        if link.told_redirect != Mono(0) && now.since(link.told_redirect) < delta {
            link.charge(1, now);
            return;
        }
        mark!(R13Redirect);
        link.told_redirect = now;
        let neighbours: BTreeSet<MemberId> = (0..self.network.rings)
            .filter_map(|ring| self.state.predecessor(ring, &peer))
            .map(|ix| self.state.id(ix))
            .collect();
        let frame = Frame::Redirect(self.summaries(neighbours.iter())).encode();
        self.send(peer, Lane::Records, frame);
    }
}
