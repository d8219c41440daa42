//! Asking for what others announce or show: of one at a time, once (R7).

use crate::{
    event::Lane,
    gossip::Pull,
    id::MemberId,
    limits::{ANNOUNCE_MAX, ANNOUNCERS_MAX, ASKED_MAX, PULLS_MAX, WANT_MAX, WANTS_WAITING},
    member::Member,
    pack::pack,
    time::Mono,
    wire::{Brief, Frame, Want, brief},
};
use alloc::vec::Vec;

impl Member {
    /// Asks `from` once it has room; one announcer at a time, others are remembered (R7).
    pub(crate) fn want(&mut self, from: &MemberId, want: Want) {
        self.want_shown(from, want, None);
    }

    /// The same; `leaf` is what `from` says that it holds.
    pub(crate) fn want_shown(&mut self, from: &MemberId, want: Want, leaf: Option<Brief>) {
        // R14: others may not know yet that it is a member no more.
        if self.state.revoked.as_ref().is_some_and(|list| list.contains_brief(&want.id)) {
            return;
        }
        if let Some(pull) = self.gossip.pulls.get_mut(&want.id) {
            let is_new = pull.from != *from && !pull.others.iter().any(|(other, _)| other == from);
            if is_new && pull.others.len() < ANNOUNCERS_MAX {
                pull.others.push((*from, leaf));
            }
            return;
        }
        if let Some(link) = self.links.get_mut(from)
            && link.wants.len() < WANTS_WAITING
            && !link.wants.iter().rev().take(ANNOUNCE_MAX).any(|(waits, _)| waits.id == want.id)
        {
            link.wants.push_back((want, leaf));
            self.gossip.wanting.insert(*from);
            self.gossip.askable = true;
        }
    }

    /// Whether what was wanted has come from elsewhere: what was shown is held, or a stranger is none any more.
    pub(crate) fn has_come(&self, want: &Want, leaf: Option<Brief>) -> bool {
        self.state
            .roster
            .by_brief(&want.id)
            .is_some_and(|ix| leaf.map_or(want.certificate, |leaf| leaf == self.summary(ix).leaf))
    }

    /// Sends the requests for which there is room.
    pub(crate) fn flush_wants(&mut self, now: Mono) {
        if !core::mem::take(&mut self.gossip.askable) {
            return;
        }
        let links = &self.links;
        self.gossip.wanting.retain(|id| links.get(id).is_some_and(|link| !link.wants.is_empty()));
        let ready: Vec<MemberId> =
            self.gossip.wanting.iter().filter(|id| links[*id].asked < ASKED_MAX).copied().collect();
        for peer in ready {
            let wants = self.next_wants(peer, now);
            for chunk in wants.chunks(WANT_MAX) {
                self.send(peer, Lane::Records, pack(Frame::Want(chunk.to_vec()).encode()));
            }
        }
    }

    pub(crate) fn next_wants(&mut self, peer: MemberId, now: Mono) -> Vec<Want> {
        let mut wants = Vec::new();
        let until = now + self.state.params.delta * 2;
        while let Some(link) = self.links.get_mut(&peer).filter(|link| link.asked < ASKED_MAX)
            && let Some((want, leaf)) = link.wants.pop_front()
        {
            let is_full = self.gossip.pulls.len() >= PULLS_MAX;
            if is_full || self.gossip.pulls.contains_key(&want.id) || self.has_come(&want, leaf) {
                continue;
            }
            if let Some(link) = self.links.get_mut(&peer) {
                link.asked += 1;
            }
            let pull = Pull { from: peer, want: want.clone(), until, others: Vec::new() };
            self.gossip.pulls.insert(want.id, pull);
            wants.push(want);
        }
        if !wants.is_empty() {
            let look = now + self.state.params.delta / 8;
            self.gossip.pulls_at = Some(self.gossip.pulls_at.map_or(look, |at| at.min(look)));
        }
        wants
    }

    /// Records of `id` came from `from`: whatever was asked of it is answered, and whether it was asked. If it brought
    /// nothing new, somebody else may: an empty answer must not hide what others announced.
    pub(crate) fn pulled(&mut self, id: &MemberId, from: &MemberId, news: bool, now: Mono) -> bool {
        let key = brief(id);
        if self.gossip.pulls.get(&key).is_none_or(|pull| pull.from != *from) {
            return false;
        }
        if let Some(link) = self.links.get_mut(from) {
            link.asked = link.asked.saturating_sub(1);
            self.gossip.askable = true;
            if !self.contacts.joined() && link.asked == 0 && link.wants.is_empty() {
                self.contacts.wake(now); // perhaps that was the last that it lacked
            }
        }
        if let Some(pull) = self.gossip.pulls.remove(&key)
            && !news
        {
            self.ask_another(pull, now);
        }
        true
    }

    /// R7: the next announcer is asked; the further ones stay remembered, else two that stall hide what others would
    /// have told.
    pub(crate) fn ask_another(&mut self, pull: Pull, now: Mono) {
        let lacks = |(other, leaf): &(MemberId, Option<Brief>)| {
            self.links.contains_key(other) && !self.has_come(&pull.want, *leaf)
        };
        let mut others: Vec<_> = pull.others.iter().filter(|other| lacks(other)).copied().collect();
        if others.is_empty() || planted!(StallHides) {
            return;
        }
        mark!(R7Another);
        let (from, _) = others.remove(0);
        let want = match self.state.roster.by_brief(&pull.want.id) {
            Some(ix) => self.want_newer(ix),
            None => pull.want,
        };
        if let Some(link) = self.links.get_mut(&from) {
            link.asked += 1;
        }
        let until = now + self.state.params.delta * 2;
        self.gossip.pulls.insert(want.id, Pull { from, want: want.clone(), until, others });
        self.gossip.pulls_at = self.gossip.pulls_at.or_else(|| Some(now + self.state.params.delta / 8));
        self.send(from, Lane::Records, Frame::Want(alloc::vec![want]).encode());
    }

    /// R7: after Δ/8 another announcer is asked; without one, the pull is forgotten after 2Δ.
    pub(crate) fn tend_pulls(&mut self, now: Mono) {
        if self.gossip.pulls_at.is_none_or(|at| at > now) {
            return;
        }
        let patience = self.state.params.delta / 8;
        let asked_at = |pull: &Pull| pull.until - self.state.params.delta * 2;
        let over =
            |pull: &Pull| pull.until <= now || (!pull.others.is_empty() && asked_at(pull) + patience <= now);
        let stale: Vec<Brief> =
            self.gossip.pulls.iter().filter(|(_, pull)| over(pull)).map(|(id, _)| *id).collect();
        for id in stale {
            let Some(pull) = self.gossip.pulls.remove(&id) else { continue };
            if let Some(link) = self.links.get_mut(&pull.from) {
                link.asked = link.asked.saturating_sub(1);
                // R16: it showed what it did not bring. It may have crashed on these words: it was not synchronised with.
                link.walked &= now < pull.until;
                self.gossip.askable = true;
            }
            self.ask_another(pull, now);
        }
        self.gossip.pulls_at = (!self.gossip.pulls.is_empty()).then(|| now + patience);
    }
}
