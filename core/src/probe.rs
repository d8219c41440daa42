//! Pings, misses and accusations (R5, R6).

use crate::{
    accusation::Fields,
    event::Lane,
    id::MemberId,
    limits::{BULK, FIRST_DIAL_PINGS},
    member::Member,
    monitor::{Monitor, Probe},
    outbox::Out,
    state::{Consider, Ix},
    time::{Mono, Now},
};
use alloc::vec::Vec;

impl Member {
    /// Pings whoever is due, accuses whoever was silent, and keeps links to the successors.
    pub(crate) fn probe(&mut self, now: Now) {
        if !self.watches() {
            return;
        }
        let params = self.state.params;
        while let Some(probe) = self.monitor.poll(&params, now) {
            match probe {
                Probe::Ping(member) => self.ping(member, now.mono),
                Probe::Accuse(member) => self.accuse_silent(member, now),
            }
        }
        self.dial_successors(now.mono);
    }

    fn ping(&mut self, member: MemberId, now: Mono) {
        let timeout = self.state.params.ping_timeout;
        if self.links.contains_key(&member) {
            let token = self.monitor.on_sent(&member, now, timeout);
            self.counters.pings += 1;
            let bytes = self.ping_bytes(false, token);
            self.out.push(Out::Datagram { to: member, token, bytes });
            return;
        }
        // A dial that does not complete in the ping's time is a miss; one that is withheld is none (R5, R12), unless the
        // last one failed just now: somebody else who answers at a crashed member's address must not keep it in longer
        // than nobody does. After a new note the count starts anew: only dials begun since then count.
        mark!(R5DialMiss);
        if planted!(NoLinkNoMiss) {
            self.dial(member, now);
            self.monitor.on_withheld(&member, now + timeout);
        } else if self.dials.is_flying(&member) || self.dials.is_vain(&member, now) {
            self.monitor.on_sent(&member, now, timeout);
        } else if self.dial(member, now) {
            self.monitor.on_sent(&member, now, timeout * FIRST_DIAL_PINGS);
        } else if self.state.roster.by_id(&member).is_some_and(|peer| peer.note.addrs().is_empty()) {
            // R5: no link is a miss. Whoever gives no address must keep the links itself, else it is never missed.
            self.monitor.on_sent(&member, now, timeout);
        } else {
            mark!(R12Withheld);
            let again = self.dials.next(&member).unwrap_or(now + timeout).max(now + timeout);
            self.monitor.on_withheld(&member, again);
        }
    }

    fn accuse_silent(&mut self, member: MemberId, now: Now) {
        self.counters.misses += 1;
        let Some(ix) = self.state.roster.ix(&member) else { return };
        // R6: one that is held is pinged in order to be accused anew, else a crashed one would return with the hold's end.
        let held = self.state.case(ix).is_some_and(|case| case.hold.is_some());
        if self.state.is_out(ix) && !held {
            return;
        }
        for ring in self.state.roster[ix].note.mask().rings().collect::<Vec<_>>() {
            if self.state.predecessor(ring, &member) == Some(self.my_ix) {
                mark!(R5Accuse);
                self.accuse(ix, ring, now);
            }
        }
    }

    /// R6: what is owed is signed while the budget lasts; the rest follows at once.
    pub(crate) fn accuse_by_duty(&mut self, now: Now) {
        for (ix, ring) in core::mem::take(&mut self.duties) {
            mark!(R6Duty);
            self.accuse(ix, ring, now);
        }
    }

    fn accuse(&mut self, accused: Ix, ring: u8, now: Now) {
        // R8: its own links may be what is silent.
        if self.gray.holds_fire() {
            return;
        }
        let note = &self.state.roster[accused].note;
        let fields = Fields { accused: note.id(), epoch: note.epoch(), ring, accuser: self.me };
        let held = self.state.case(accused).and_then(|case| case.slot(ring));
        if held.is_some_and(|slot| slot.accusation.accuser == self.me) {
            return;
        }
        if self.signs == 0 {
            self.duties.push((accused, ring));
            return;
        }
        self.signs -= 1;
        self.counters.signed += 1;
        self.counters.accusations += 1;
        let accusation = fields.sign(&self.network, &mut *self.signer);
        if self.state.consider(&accusation) == Consider::Fresh {
            self.news += 1;
            let held = self.store.accusation(accusation.clone());
            self.state.accuse(held, now.mono);
            // R7: the accuser sends its own to the accused directly, with all that it rests on, also when another's
            // was first and is the one that is pushed.
            let frame = self.accusation_frame(&accusation, true, now.mono);
            self.send(accusation.accused, Lane::Urgent, frame);
            self.gossip.announce_later(self.state.id(accused), now.mono, self.state.params.delta);
        }
    }

    /// Those that this member should dial and has no link to: who follows it; all neighbours, if nobody can dial it.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = &MemberId> {
        let Monitor { neighbours, successors, .. } = &self.monitor;
        let wanted = if self.own.addrs.is_empty() { neighbours } else { successors };
        wanted.iter().filter(|id| !self.links.contains_key(*id))
    }

    /// Ring neighbours have links: each member dials those that follow it. While its view grows in bulk it waits, for 4Δ at most: of
    /// those that follow it in half a view few do in the whole one (R16), and a handshake costs as much as eight members' records.
    fn dial_successors(&mut self, now: Mono) {
        if core::mem::take(&mut self.monitor.is_new) {
            self.next_dials = now;
        }
        if self.next_dials > now {
            return;
        }
        if self.gossip.growth.is_bulk(BULK) && self.gossip.growth.ends(self.state.params.delta) > now {
            self.next_dials = self.gossip.growth.ends(self.state.params.delta);
            return;
        }
        self.next_dials = now + self.state.params.delta;
        let lacking: Vec<MemberId> = self.lacking().copied().collect();
        for member in lacking {
            self.dial(member, now);
        }
    }
}
