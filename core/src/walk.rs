//! Anti-entropy: walks down the trie with a peer whose root differs (R13).
//!
//! **R13, in turn.** What two peers would show is mostly the same, and mostly under way already while news spread. So a member walks
//! with one peer at a time: with the next that has shown another root since when the walk is done, and what it asked for has come, and
//! it brought nothing; else Δ/4 after it began. So nobody who stalls is waited for, and each that answers a ping has its turn: in
//! Δ there are four, and two pings. A pong that nobody asked for has none. Walks over a healed link and with contacts begin at
//! once. Without turns each member of a boot of 400 began 30 walks in its first half second, and had five sixths of what it was
//! shown.

use crate::{
    crypto::ShortHash,
    event::Lane,
    gossip::Gossip,
    id::MemberId,
    limits::{ANNOUNCE_MAX, REFUSAL_MEMORY_MAX, WALK_SPACING_MIN, WALKS_FREE, WALKS_WAITING, WANTS_WAITING},
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
    /// R13: the peer shows another root. It has its turn after those that showed one before.
    pub(crate) fn differs(&mut self, peer: MemberId, now: Mono) {
        let waits = &mut self.gossip.differing;
        let may = self.links.get(&peer).is_some_and(|link| link.next_walk <= now);
        if may && waits.len() < WALKS_WAITING && !waits.contains(&peer) {
            waits.push_back(peer);
        }
        self.next_walk(now);
    }

    /// R13: begins the walk whose turn it is.
    pub(crate) fn next_walk(&mut self, now: Mono) {
        while !self.is_fed(now)
            && let Some(peer) = self.gossip.differing.pop_front()
        {
            let shown = self.links.get(&peer).and_then(|link| link.shown);
            if shown.is_some_and(|shown| shown != self.digest().into()) {
                self.walk(peer, now);
            }
        }
    }

    /// R13: whether what others would show may come without them: the last walk, or what was asked for, is under way or has
    /// brought something, and it is not long since.
    fn is_fed(&self, now: Mono) -> bool {
        let Gossip { walking, wanting, pulls, walk_begun, walk_news, .. } = &self.gossip;
        let is_idle = walking.is_empty() && wanting.is_empty() && pulls.is_empty();
        now.since(*walk_begun) < self.state.params.delta / 4 && !(is_idle && *walk_news == self.news)
    }

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
        (self.gossip.walk_begun, self.gossip.walk_news) = (now, news);
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

    /// When a walk is given up, or the next one's turn comes.
    pub(crate) fn next_walk_deadline(&self) -> Option<Mono> {
        let Gossip { walking, differing, walk_begun, .. } = &self.gossip;
        let walk = |id| self.links.get(id).and_then(|link| link.walk.as_ref());
        let turn = (!differing.is_empty()).then(|| *walk_begun + self.state.params.delta / 4);
        walking.iter().filter_map(walk).map(|walk| walk.deadline).chain(turn).min()
    }
}
