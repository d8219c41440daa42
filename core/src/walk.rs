//! Anti-entropy: walks down the trie with a peer whose root differs (R13).

use crate::{
    crypto::ShortHash,
    event::Lane,
    id::MemberId,
    limits::{ANNOUNCE_MAX, REFUSAL_MEMORY_MAX, WALK_SPACING_MIN, WALKS_FREE, WANTS_WAITING},
    links::Walk,
    member::Member,
    time::{Mono, Now},
    trie::{
        Prefix,
        walk::{Ask, Tell, answer, compare},
    },
    wire::{Frame, Want, brief},
};
use alloc::{collections::VecDeque, vec::Vec};

/// Trie nodes asked for at a time: their answers fit a page.
const NODES_PER_ASK: usize = 16;

impl Member {
    /// The peer's root differs: find where, unless its walks were of no use (R13).
    pub(crate) fn walk(&mut self, peer: MemberId, now: Mono) {
        let deadline = now + self.state.params.delta * 2;
        let news = self.news;
        let Some(link) = self.links.get_mut(&peer) else { return };
        if link.walk.is_some() || link.next_walk > now || !link.wants.is_empty() || link.asked > 0 {
            return;
        }
        // Charged only if since the last walk nothing new came from anybody.
        if link.news_before == Some(news) || planted!(NewsCharged) {
            link.walk_charges = link.walk_charges.saturating_add(1);
        } else {
            link.walk_charges = 0;
        }
        link.news_before = Some(news);
        if link.walk_charges > WALKS_FREE {
            mark!(R13Charged);
            let doublings = u32::from(link.walk_charges - WALKS_FREE - 1).min(16);
            link.next_walk = now + (WALK_SPACING_MIN * (1 << doublings)).min(REFUSAL_MEMORY_MAX);
        }
        link.walked = false;
        link.walk = Some(Walk { frontier: VecDeque::new(), deadline });
        self.gossip.walking.insert(peer);
        mark!(R13Walk);
        self.counters.walks += 1;
        self.show_list(peer);
        self.state.settle_trie();
        let nodes = alloc::vec![(Prefix::ROOT, self.state.trie.root().into())];
        self.send(peer, Lane::Walk, Frame::Ask(Ask { nodes }).encode());
    }

    pub(crate) fn on_ask(&mut self, from: MemberId, ask: &Ask) {
        // R14: what differs may be the list. Once per walk: whoever begins one asks for the root.
        if ask.nodes.first().is_some_and(|(prefix, _)| *prefix == Prefix::ROOT) {
            self.show_list(from);
        }
        if self.is_spent(&from, self.now.mono) {
            return;
        }
        self.state.settle_trie();
        let differs = |(prefix, root): &(Prefix, ShortHash)| {
            *prefix == Prefix::ROOT && *root != ShortHash::from(self.state.trie.root())
        };
        if ask.nodes.first().is_some_and(differs) && self.is_busy_for(&from, self.now.mono) {
            return self.put_off(from, self.now.mono);
        }
        let tell = answer(&self.state.trie, &self.state.roster, ask);
        let frame = Frame::Tell(tell).encode();
        let bytes = frame.len();
        if self.served.admit(from, bytes, self.state_bytes(), self.now.mono) {
            self.send(from, Lane::Walk, frame);
        }
    }

    pub(crate) fn on_tell(&mut self, from: MemberId, tell: &Tell, now: Now) {
        let pause = now.mono + self.state.params.delta / 8;
        let Some(link) = self.links.get_mut(&from).filter(|link| link.walk.is_some()) else { return };
        link.busy = tell.nodes.is_empty();
        if link.busy {
            (link.walk, link.next_walk) = (None, link.next_walk.max(pause));
            return;
        }
        self.state.settle_trie();
        let differences = compare(&self.state.trie, &self.state.roster, tell);
        let mut mine = Vec::new();
        for id in &differences.members {
            match self.state.roster.ix(id) {
                Some(ix) => {
                    mine.push(*id);
                    if differences.lacked.binary_search(id).is_err() {
                        let want = self.want_newer(ix);
                        self.want(&from, want);
                    }
                }
                None => {
                    let want = Want::stranger(brief(id), true);
                    self.want(&from, want);
                }
            }
        }
        for chunk in mine.chunks(ANNOUNCE_MAX) {
            let frame = Frame::Redirect(self.summaries(chunk.iter())).encode();
            self.send(from, Lane::Walk, frame);
        }
        let deadline = now.mono + self.state.params.delta * 2;
        let Some(link) = self.links.get_mut(&from) else { return };
        let Some(walk) = &mut link.walk else { return };
        walk.frontier.extend(differences.deeper);
        walk.frontier.truncate(WANTS_WAITING);
        walk.deadline = deadline;
        if walk.frontier.is_empty() {
            (link.walk, link.walked) = (None, true);
            return self.on_walked(from, now.mono);
        }
        let take = walk.frontier.len().min(NODES_PER_ASK);
        let nodes = walk.frontier.drain(..take).collect();
        self.send(from, Lane::Walk, Frame::Ask(Ask { nodes }).encode());
    }

    pub(crate) fn next_walk_deadline(&self) -> Option<Mono> {
        let walk = |id| self.links.get(id).and_then(|link| link.walk.as_ref());
        self.gossip.walking.iter().filter_map(walk).map(|walk| walk.deadline).min()
    }
}
