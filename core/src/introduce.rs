//! Many newcomers at once: room for their links, and whom a busy member names in its place (R16).
//!
//! **R16, introductions.** A member serves in walks at most [`BULK_MIN`] bytes or twice its view per Δ, whoever asks; beyond, a
//! walk is answered by "not now", and by the names of a few members whom the newcomer should have as neighbours. It pulls
//! their records, synchronises with them, and comes back to its contact when little is left to differ. So the thousand that
//! start together through one seed feed each other. Those introduced never count among the c contacts: they only stand in
//! for the one that named them, so that such a newcomer is joined `Unconfirmed`, and goes on trying: fed by others it differs from its
//! contacts by nothing, and a walk that finds equal roots is never put off.
//!
//! Liars may take all that is served: with its share of an hour ([`SERVED_MIN`](crate::limits::SERVED_MIN), or twice the view) each of
//! them keeps a member busy for one to four Δ. Whoever comes meanwhile is `Unconfirmed` until it has seen what its contacts see:
//! for 0.3 s with 4 liars among 40; if all whom its contacts name are liars too, until they have had their share.
//!
//! **R16, others.** A member of whose own contacts none answers takes those that call it in their place, and c of those of whom it
//! has heard, others when these do not answer either: its disk may know only members that have gone since, or its seed may crash
//! on its first words. Others, who hold it out, try it now and then (heal). All these count as introduced.

use crate::{
    action::HangUp,
    event::Lane,
    growth::Growth,
    id::MemberId,
    limits::{BULK_MIN, INTRODUCED_ALL_MAX, INTRODUCED_MAX, STRANGER_LINKS_MAX},
    links::Link,
    member::Member,
    pack::pack,
    time::Mono,
    trie::walk::Tell,
    wire::{Brief, Frame, Summary, brief},
};
use alloc::{collections::BTreeMap, vec::Vec};

/// Those whom contacts named, and how the view grows meanwhile.
#[derive(Debug)]
pub(crate) struct Introduced {
    members: BTreeMap<Brief, Standing>,
    /// How others' news make the view grow.
    pub(crate) growth: Growth,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    by: MemberId,
    tried: bool,
    met: bool,
}

impl Introduced {
    pub(crate) fn new() -> Self {
        Self { members: BTreeMap::new(), growth: Growth::default() }
    }

    /// `by` names somebody in its place.
    fn name(&mut self, by: MemberId, who: Brief) {
        let named = self.members.values().filter(|standing| standing.by == by).count();
        let room = named < INTRODUCED_MAX && self.members.len() < INTRODUCED_ALL_MAX;
        if room && !self.members.values().any(|standing| brief(&standing.by) == who) {
            self.members.entry(who).or_insert(Standing { by, tried: false, met: false });
        }
    }

    pub(crate) fn contains(&self, member: &MemberId) -> bool {
        self.members.contains_key(&brief(member))
    }

    /// No link to it, or no more: it is not waited for.
    pub(crate) fn tried(&mut self, member: &MemberId) {
        if let Some(standing) = self.members.get_mut(&brief(member)) {
            standing.tried = true;
        }
    }

    /// It was synchronised with.
    pub(crate) fn met(&mut self, member: &MemberId) {
        if let Some(standing) = self.members.get_mut(&brief(member)) {
            standing.met = true;
        }
    }

    pub(crate) fn is_met(&self, member: &MemberId) -> bool {
        self.members.get(&brief(member)).is_some_and(|standing| standing.met)
    }

    pub(crate) fn any_met(&self) -> bool {
        self.members.values().any(|standing| standing.met)
    }
}

impl Member {
    // ---- who gives ------------------------------------------------------------------------------------------------

    /// A stranger's link gives way to a new one when it had its time, or when it has been served and says nothing more: else
    /// members that keep links for ever keep newcomers out, and a boot's first those that come after. The longest useless goes
    /// first. Whether there was one.
    pub(crate) fn make_room(&mut self, now: Mono) -> bool {
        let silence = now - self.state.params.delta / 8;
        let over = |(id, link): &(&MemberId, &Link)| {
            !link.dialed
                && (link.keep <= now || link.is_served(silence))
                && !self.monitor.neighbours.contains(*id)
        };
        let oldest = self.links.iter().filter(over).min_by_key(|(_, link)| link.useful);
        let Some(member) = oldest.map(|(id, _)| *id) else { return false };
        self.hang_up(member, HangUp::Crowded);
        true
    }

    /// Ring neighbours always have room (R5).
    pub(crate) fn is_crowded(&self, member: &MemberId) -> bool {
        let strangers = || self.links.keys().filter(|id| !self.monitor.neighbours.contains(*id)).count();
        !self.monitor.neighbours.contains(member)
            && self.links.len() > STRANGER_LINKS_MAX
            && strangers() > STRANGER_LINKS_MAX
    }

    /// Whether a walk is put off because others have had all that is served per Δ. Neighbours of some standing never are.
    pub(crate) fn is_busy_for(&mut self, peer: &MemberId, now: Mono) -> bool {
        let standing =
            self.links.get(peer).is_some_and(|link| link.keep - self.keep() + self.state.params.delta <= now);
        let allowed = BULK_MIN.max(2 * self.state_bytes());
        !(standing && self.monitor.neighbours.contains(peer))
            && self.served.is_busy(allowed, self.state.params.delta, now)
    }

    /// "Not now; ask these": some of those that it should have as neighbours.
    pub(crate) fn put_off(&mut self, peer: MemberId, now: Mono) {
        let not_now = Frame::Tell(Tell { nodes: Vec::new() }).encode();
        self.send(peer, Lane::Walk, not_now);
        let delta = self.state.params.delta;
        let Some(link) = self.links.get_mut(&peer) else { return };
        if link.told_redirect != Mono(0) && now.since(link.told_redirect) < delta {
            return link.charge(1, now);
        }
        link.told_redirect = now;
        let mut others: Vec<MemberId> = (0..self.network.rings)
            .filter_map(|ring| self.state.predecessor(ring, &peer))
            .map(|ix| self.state.id(ix))
            .filter(|id| *id != self.me)
            .collect();
        others.sort_unstable();
        others.dedup();
        let take = INTRODUCED_MAX.min(others.len());
        self.rng.draw(&mut others, take);
        // Whole, and ahead of their names: so the link is needed no longer.
        let all = others.iter().filter_map(|id| self.state.roster.ix(id));
        let records = Frame::Records(all.map(|ix| self.bundle(ix, true, true, &[])).collect()).encode();
        self.send(peer, Lane::Records, pack(records));
        let names = Frame::Redirect(self.summaries(others.iter())).encode();
        self.send(peer, Lane::Records, names);
    }

    // ---- who takes ------------------------------------------------------------------------------------------------

    /// A contact names others.
    pub(crate) fn on_introduction(&mut self, from: MemberId, summaries: &[Summary]) {
        if self.contacts.joined() || !self.contacts.is_contact(&from) {
            return;
        }
        for summary in summaries.iter().filter(|summary| summary.id != brief(&self.me)) {
            self.contacts.introduced.name(from, summary.id);
        }
    }

    /// Nobody whom this member knows by itself answers: whoever calls is as good as introduced, and so are a few others.
    pub(crate) fn meet_others(&mut self, now: Mono) {
        self.contacts.introduced.members.retain(|_, standing| standing.met || !standing.tried);
        let is_stranger = |id: &&MemberId| !self.contacts.is_contact(id) && **id != self.me;
        let live = self.state.roster.iter().filter(|(_, ix)| !self.state.is_out(*ix)).map(|(id, _)| id);
        let mut heard: Vec<MemberId> = live.filter(is_stranger).copied().collect();
        self.rng.draw(&mut heard, self.state.params.contacts);
        let callers = self.links.iter().filter(|(_, link)| !link.dialed).map(|(id, _)| id);
        let callers: Vec<MemberId> = callers.filter(is_stranger).copied().collect();
        for who in callers.into_iter().chain(heard) {
            self.contacts.introduced.name(who, brief(&who));
            if let Some(link) = self.links.get_mut(&who) {
                link.useful = now;
            }
        }
    }

    /// Links to those introduced, once their records are here.
    pub(crate) fn dial_introduced(&mut self, now: Mono) {
        let waiting: Vec<MemberId> = self
            .contacts
            .introduced
            .members
            .iter()
            .filter(|(_, standing)| !standing.met && !standing.tried)
            .filter_map(|(who, _)| self.state.roster.by_brief(who))
            .map(|ix| self.state.id(ix))
            .collect();
        for member in waiting {
            self.dial(member, now);
        }
    }
}
