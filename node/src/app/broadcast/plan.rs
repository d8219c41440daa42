//! How a run goes on: deliver what is next, give up what nobody has, ask for the rest.

use super::{Broadcasts, Due, Judge, Told, fetch::Fetch, peer::Peer};
use crate::limits::*;
use ifrit_core::{broadcast::RunId, id::MemberId, time::Mono};
use std::time::Duration;

/// Times Δ that a gap is waited for while somebody in good standing offers what would fill it.
const HOPE: u32 = 4;

/// Parts of one gap that are believed in, one after the other: else a liar stops a run by offering number after number of
/// it. A correct neighbour offers what it has in one range.
const ISLANDS: u8 = 4;

/// What keeps later broadcasts of a run waiting.
enum Gap {
    /// Nothing, or there is hope until then.
    Until(Mono),
    /// Nobody has what comes next: it goes on here.
    Over(u64),
}

impl Broadcasts {
    /// After this, what was asked of one neighbour is asked of another one.
    fn patience(&self) -> Duration {
        self.delta / 8
    }

    /// Goes on with a run of which something may be lacking.
    pub(super) fn plan(&mut self, now: Mono, of: RunId, judge: &impl Judge) {
        let Some(mut fetch) = self.fetches.remove(&of) else { return };
        if let Some(at) = fetch.timer.take() {
            self.timers.remove(&(at, Due::Run(of)));
        }
        match self.go_on(now, of, &mut fetch, judge) {
            Some(at) => {
                fetch.timer = Some(at);
                self.timers.insert((at, Due::Run(of)));
                self.fetches.insert(of, fetch);
            }
            None => self.retire(&mut fetch, u64::MAX),
        }
    }

    /// When to look again; `None` if nothing is lacking any more, or the run is over.
    fn go_on(&mut self, now: Mono, of: RunId, fetch: &mut Fetch, judge: &impl Judge) -> Option<Mono> {
        loop {
            let next = self.held.next(of)?;
            self.retire(fetch, next);
            if self.deliver(now, of, fetch, next) {
                continue;
            }
            if fetch.offers.is_empty() && fetch.waiting.is_empty() {
                return None;
            }
            // A view that does not know the author yet is asked again, but not often: anybody can make authors up.
            let known = judge.knows(&of.author);
            let at = if known { self.ask(now, of, fetch, next) } else { now + self.delta };
            match self.gap(now, of, fetch, next) {
                Gap::Until(hope) => return Some(at.min(hope)),
                Gap::Over(to) => {
                    fetch.blocked = None;
                    self.told.push_back(Told::Missed { of, numbers: next..to });
                    self.held.skip(now, of, to);
                }
            }
        }
    }

    /// Delivers what waits for nothing; whether there was anything.
    fn deliver(&mut self, now: Mono, of: RunId, fetch: &mut Fetch, next: u64) -> bool {
        let mut at = next;
        while let Some(message) = fetch.waiting.remove(&at) {
            self.waiting -= message.signed().bytes().len();
            self.told.push_back(Told::Delivered(message.clone()));
            self.held.append(now, message);
            at += 1;
        }
        if at > next {
            (fetch.blocked, fetch.islands) = (None, 0);
            self.tell_all(of, fetch);
        }
        at > next
    }

    /// Forgets what is below `next`.
    fn retire(&mut self, fetch: &mut Fetch, next: u64) {
        let old = fetch.offers.iter().filter(|(_, offer)| offer.range.end <= next);
        for id in old.map(|(id, _)| *id).collect::<Vec<_>>() {
            fetch.offers.remove(&id);
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.offers -= 1;
            if peer.overflowed && peer.offers <= BROADCAST_OFFERS_PER_PEER / 2 {
                (peer.overflowed, peer.again) = (false, true);
                self.stirred.insert(id);
            }
        }
        let asks = fetch.asks.split_off(&next);
        self.release(std::mem::replace(&mut fetch.asks, asks).into_values().flatten());
        let waiting = fetch.waiting.split_off(&next);
        for message in std::mem::replace(&mut fetch.waiting, waiting).into_values() {
            self.waiting -= message.signed().bytes().len();
        }
    }

    /// Whether to go on waiting for `next` while later ones are here.
    fn gap(&mut self, now: Mono, of: RunId, fetch: &mut Fetch, next: u64) -> Gap {
        let Some(first) = fetch.waiting.keys().next().copied() else {
            fetch.blocked = None;
            return Gap::Until(Mono::NEVER);
        };
        let since = *fetch.blocked.get_or_insert(now);
        // Time during which nobody may be asked is nobody's silence.
        let may_ask = self.asked < BROADCAST_PULLS_MAX && self.held.quota(now, of.author).has_some(now);
        let trusted = |peer: &MemberId| self.peers.get(peer).is_some_and(Peer::is_trusted);
        let offers = |peer: &MemberId| fetch.offers[peer].range.contains(&next) && trusted(peer);
        if !may_ask && fetch.offers.keys().any(|peer| offers(peer) && !fetch.was_asked(next, peer)) {
            fetch.blocked = None;
            return Gap::Until(now + self.patience());
        }
        let hope = if fetch.offers.keys().any(offers) { HOPE } else { 1 };
        let until = since + self.delta * hope;
        if now < until {
            return Gap::Until(until);
        }
        // Nor is what they offer beyond it believed.
        let others = |peer: &MemberId| trusted(peer) && !fetch.was_asked(next, peer);
        let offered = fetch.next_offered(next + 1, others).filter(|_| fetch.islands < ISLANDS);
        fetch.islands += u8::from(offered.is_some());
        Gap::Over(offered.unwrap_or(first).min(first))
    }

    /// Asks for what is offered, the next ones first; when to look again.
    fn ask(&mut self, now: Mono, of: RunId, fetch: &mut Fetch, next: u64) -> Mono {
        let mut again = now + self.delta;
        let (mut from, mut is_next) = (next, true);
        for _ in 0..BROADCAST_WINDOW {
            // Nobody gets to the last number, but anybody can say it.
            let offered = fetch.next_offered(from, |_| true).filter(|sequence| *sequence < u64::MAX);
            let Some(sequence) = offered else { break };
            from = sequence + 1;
            if fetch.waiting.contains_key(&sequence) {
                continue;
            }
            let first = std::mem::take(&mut is_next);
            let late = fetch.late_at(sequence, first, self.patience(), &self.peers);
            if let Some(at) = late.filter(|at| *at > now) {
                again = again.min(at);
                continue;
            }
            for id in fetch.blame(sequence) {
                self.asked -= 1;
                self.peers.get_mut(&id).into_iter().for_each(|peer| peer.faults += 1);
            }
            if !self.has_room(fetch, first || late.is_some()) {
                break;
            }
            let quota = self.held.quota(now, of.author);
            if late.is_none() && !quota.has_some(now) {
                again = again.min(quota.ready_at());
                break;
            }
            let Some(id) = self.choose(fetch, sequence, first) else { continue };
            self.ask_one(now, of, fetch, sequence, id);
            again = again.min(now + self.patience());
        }
        again
    }

    /// Whether one more may be asked for. What comes next always finds room where it waits, and what was asked before
    /// has its room.
    fn has_room(&self, fetch: &Fetch, is_next: bool) -> bool {
        let waits = fetch.waiting.len() + fetch.asks.len() >= BROADCAST_WINDOW
            || self.waiting >= BROADCAST_WAITING_BYTES;
        self.asked < BROADCAST_PULLS_MAX && (is_next || !waits)
    }

    /// Of those who offer it and were not asked for it: the one with the fewest faults, then the least to do, then
    /// who offered first. A part of what each may be asked is kept for what comes next, which else waits behind what runs
    /// with more to come ask for; and a part of what all may be asked for others, whatever liars leave ungiven.
    fn choose(&self, fetch: &Fetch, sequence: u64, is_next: bool) -> Option<MemberId> {
        let (own, parts) =
            if is_next { (BROADCAST_PULLS_PER_PEER, 4) } else { (BROADCAST_PULLS_PER_PEER * 3 / 4, 8) };
        let limit = fair_share(own, BROADCAST_PULLS_MAX.saturating_sub(self.asked), parts);

        let offers = fetch
            .offers
            .iter()
            .filter(|(id, offer)| offer.range.contains(&sequence) && !fetch.was_asked(sequence, id));
        let free = offers.filter_map(|(id, offer)| {
            let peer = self.peers.get(id).filter(|peer| peer.is_free(limit))?;
            Some(((peer.faults, peer.asked, offer.order), *id))
        });
        free.min().map(|(_, id)| id)
    }

    fn ask_one(&mut self, now: Mono, of: RunId, fetch: &mut Fetch, sequence: u64, id: MemberId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.asked += 1;
        peer.pulls.push_back((of, sequence));
        self.asked += 1;
        fetch.ask(now, sequence, id);
        self.stirred.insert(id);
    }
}
