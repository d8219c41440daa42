//! Broadcast: what a member says reaches all correct members, in its order, once.
//!
//! A broadcast is signed by its author and travels as it was signed, so relays can withhold it but not change it. Each
//! member tells its ring neighbours which numbers of which run it has ([`Frame::Range`]), and they pull what they lack;
//! so a body goes to each member about once, and catching up after a partition, a restart or a late join is no other
//! thing than hearing of the first range on a new link. Any path of correct members between author and receiver is
//! enough, and that there is one is what the rings are for.
//!
//! A relay that is silent costs Δ/8, then another one is asked; one that gives garbage is not listened to for a while.
//! Neither takes the message's place: only what verifies counts (R10's lesson). Numbers that nobody has any more are told
//! as missed, never passed over in silence: later ones of the same run are here, and for Δ (4Δ, if somebody who is in
//! good standing still offers them) they did not come. What nobody here has ever heard of cannot be told: the tail of a
//! run whose author crashed before anybody pulled it.
//!
//! An author's rate is judged by each receiver on its own (a bucket of bytes); what is over it is pulled later, and no
//! other author waits for it.
//!
//! **Not promised**: that two members deliver the same body when an author signs two for one number. Each delivers one;
//! whoever sees both tells so.
//!
//! What was said longer ago than it is kept nobody is told any more, whoever has it: who has forgotten that it was told, or
//! is new, cannot be told it as new.
//!
//! This is a state machine without links or clocks: [`Frame`]s go in and out.

mod bucket;
mod fetch;
mod frame;
mod held;
mod peer;
mod plan;
#[cfg(test)]
mod tests;

pub(crate) use self::frame::{Frame, Inlet};
use self::{
    bucket::Bucket,
    fetch::{Ask, Fetch, Offer},
    held::Held,
    peer::{Give, Peer},
};
use crate::limits::*;
use ifrit_core::{
    broadcast::{Message, MessageError, RunId},
    crypto::{Signature, Signed},
    id::MemberId,
    params::NetworkParams,
    time::{Mono, Now, Wall},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    time::Duration,
};

/// Between looks at what has been kept for long enough.
const TIDY_PERIOD: Duration = Duration::from_secs(10);

/// What it asks of the view.
pub(crate) trait Judge {
    /// Whether the author's certificate, with a note in lease, is held.
    fn knows(&self, author: &MemberId) -> bool;
    /// Whether the signature is the author's.
    fn verifies(&self, message: &Message) -> bool;
    /// Whether it was said too long ago to be told, or not yet.
    fn is_untimely(&self, message: &Message) -> bool;
}

/// Whether a message was said longer ago than it is kept, or by a clock that is too far ahead.
pub(crate) fn untimely(network: &NetworkParams, now: Wall, message: &Message) -> bool {
    let allowance = Duration::from_secs(network.allowance_s.into());
    message.at() > now + allowance || message.at() + BROADCAST_KEPT_TIME + allowance < now
}

/// What it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The next of a run.
    Delivered(Message),
    /// These of a run will not come.
    Missed { of: RunId, numbers: Range<u64> },
    /// The author has signed two bodies for one number. Told once per run.
    Equivocation { of: RunId, ours: Signed, theirs: Signed },
    /// A relay gave what is no broadcast, or has no valid signature.
    Garbage { relay: MemberId },
}

/// When something is due, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Run(RunId),
    Peer(MemberId),
}

/// All broadcasts of one member.
#[derive(Debug)]
pub(crate) struct Broadcasts {
    network: NetworkParams,
    me: MemberId,
    delta: Duration,
    /// The run of this member.
    mine: Option<RunId>,
    held: Held,
    fetches: BTreeMap<RunId, Fetch>,
    peers: BTreeMap<MemberId, Peer>,
    timers: BTreeSet<(Mono, Due)>,
    /// Peers for whom there may be frames.
    stirred: BTreeSet<MemberId>,
    told: VecDeque<Told>,
    /// Offers so far, which orders them.
    offers: u64,
    /// Bodies that are asked for, in all, and not late.
    asked: usize,
    /// Bytes that wait for earlier ones, in all.
    waiting: usize,
    /// What neighbours that have gone may still be given, until it is all that there is: who comes anew has no more.
    spent: BTreeMap<MemberId, Bucket>,
    tidy_at: Mono,
}

impl Broadcasts {
    pub(crate) fn new(network: NetworkParams, me: MemberId, kept: usize) -> Self {
        Self {
            network,
            me,
            delta: Duration::from_millis(network.delta_ms.into()),
            mine: None,
            held: Held::new(kept),
            fetches: BTreeMap::new(),
            peers: BTreeMap::new(),
            timers: BTreeSet::new(),
            stirred: BTreeSet::new(),
            told: VecDeque::new(),
            offers: 0,
            asked: 0,
            waiting: 0,
            spent: BTreeMap::new(),
            tidy_at: Mono::default(),
        }
    }

    /// Bytes kept for others.
    pub(crate) fn kept(&self) -> usize {
        self.held.bytes()
    }

    /// Says `bytes` to everybody and gives its number, or when there is room again. `run` is one epoch of this run and
    /// counts the first time only.
    pub(crate) fn publish(
        &mut self,
        Now { mono: now, wall }: Now,
        run: u64,
        bytes: &[u8],
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Result<u64, Mono> {
        let of = *self.mine.get_or_insert(RunId { author: self.me, run });
        let quota = self.held.quota(now, self.me);
        if !quota.has_some(now) {
            return Err(quota.ready_at());
        }
        quota.take(now, bytes.len() + BROADCAST_OVERHEAD);
        // Of an own run from before a restart nothing is lost that was not over.
        self.open(now, of);
        let sequence = self.held.range(of).0.end;
        self.held.append(now, Message::new(&self.network, of, sequence, wall, bytes, sign));
        self.tell_all(of, &Fetch::default());
        Ok(sequence)
    }

    /// A neighbour can be talked to.
    pub(crate) fn up(&mut self, now: Mono, id: MemberId) {
        if self.peers.contains_key(&id) {
            return;
        }
        let mut peer = Peer::new(now);
        if let Some(given) = self.spent.remove(&id) {
            peer.given = given;
        }
        self.held.runs().for_each(|of| peer.tell(of));
        self.peers.insert(id, peer);
        self.stirred.insert(id);
    }

    /// A neighbour can no longer be talked to: what was asked of it is asked of others.
    pub(crate) fn down(&mut self, now: Mono, id: &MemberId, judge: &impl Judge) {
        let lost = self.forsake(id);
        if let Some(mut peer) = self.peers.remove(id)
            && !peer.given.is_full(now)
        {
            self.spent.insert(*id, peer.given);
        }
        self.stirred.remove(id);
        lost.into_iter().for_each(|of| self.plan(now, of, judge));
    }

    /// Takes a frame of a neighbour.
    pub(crate) fn receive(&mut self, now: Mono, from: MemberId, frame: Frame, judge: &impl Judge) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        match frame {
            Frame::Pull { of, from: first, count } => self.on_pull(from, of, first, count),
            Frame::Again => {
                peer.retell = true;
                let at = peer.retell_at.max(now);
                self.timers.insert((at, Due::Peer(from)));
            }
            _ if peer.deaf_until.is_some() => {}
            Frame::Range { of, first, next, tip } => self.on_range(now, from, of, first..next, tip, judge),
            Frame::Body(bytes) => self.on_body(now, from, &bytes, judge),
        }
    }

    /// When [`Broadcasts::wake`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let tidy = (self.held.bytes() > 0).then_some(self.tidy_at);
        self.timers.first().map(|(at, _)| *at).into_iter().chain(tidy).min()
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Mono, judge: &impl Judge) {
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, due)) = self.timers.pop_first() else { break };
            match due {
                Due::Run(of) => self.plan(now, of, judge),
                Due::Peer(id) => self.peer_due(now, id),
            }
        }
        if self.tidy_at <= now {
            self.tidy_at = now + TIDY_PERIOD;
            let memory = BROADCAST_KEPT_TIME + 2 * Duration::from_secs(self.network.allowance_s.into());
            self.held.tidy(now, memory, judge);
            self.spent.retain(|_, given| !given.is_full(now));
        }
    }

    /// The next thing to tell.
    pub(crate) fn next_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// A neighbour for whom there may be frames. Ask for them until there are none, now or when it can take more.
    pub(crate) fn next_stirred(&mut self) -> Option<MemberId> {
        self.stirred.pop_first()
    }

    /// The next frame that tells or gives something.
    pub(crate) fn next_content(&mut self, now: Mono, to: &MemberId) -> Option<Frame> {
        loop {
            let peer = self.peers.get_mut(to)?;
            if peer.wants_content() && !peer.given.has_some(now) {
                self.timers.insert((peer.given.ready_at(), Due::Peer(*to)));
                return None;
            }
            if let Some(of) = peer.next_untold() {
                let (range, tip) = self.held.range(of);
                let offer = self.fetches.get(&of).and_then(|fetch| fetch.offers.get(to));
                if range.is_empty() || offer.is_some_and(|offer| offer.range.end >= range.end) {
                    continue;
                }
                peer.given.take(now, Frame::RANGE_BYTES);
                return Some(Frame::Range { of, first: range.start, next: range.end, tip });
            }
            let (of, sequence) = match peer.gives.pop_front()? {
                Give::Body(of, sequence) => (of, sequence),
                Give::Range(of) => {
                    let (range, tip) = self.held.range(of);
                    peer.given.take(now, BROADCAST_OVERHEAD);
                    return Some(Frame::Range { of, first: range.start, next: range.end, tip });
                }
            };
            match self.held.get(of, sequence) {
                Some(message) => {
                    peer.given.take(now, message.signed().bytes().len());
                    return Some(Frame::Body(message.signed().bytes().to_vec()));
                }
                None => {
                    // One answer for all of a run that is not here: it says what is.
                    let held = &self.held;
                    let is_answered = |give: &Give| matches!(give, Give::Body(run, number) if *run == of && held.get(of, *number).is_none());
                    peer.gives.retain(|give| !is_answered(give));
                    peer.gives.push_front(Give::Range(of));
                }
            }
        }
    }

    /// The next frame that asks for something.
    pub(crate) fn next_pull(&mut self, of: &MemberId) -> Option<Frame> {
        let peer = self.peers.get_mut(of)?;
        if std::mem::take(&mut peer.again) {
            return Some(Frame::Again);
        }
        let (of, from) = peer.pulls.pop_front()?;
        let mut count = 1;
        while peer.pulls.front() == Some(&(of, from + u64::from(count))) {
            peer.pulls.pop_front();
            count += 1;
        }
        Some(Frame::Pull { of, from, count })
    }

    fn on_pull(&mut self, from: MemberId, of: RunId, first: u64, count: u32) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let room = BROADCAST_PULLS_PER_PEER.saturating_sub(peer.gives.len());
        // Whoever asks for more than it may will ask again.
        let count = u64::from(count).min(room as u64);
        peer.gives.extend((first..first.saturating_add(count)).map(|sequence| Give::Body(of, sequence)));
        self.stirred.insert(from);
    }

    fn on_range(
        &mut self,
        now: Mono,
        from: MemberId,
        of: RunId,
        range: Range<u64>,
        tip: frame::Tip,
        judge: &impl Judge,
    ) {
        let Some(next) = self.held.next(of).filter(|_| self.mine != Some(of)) else { return };
        if range.end >= next
            && let Some(peer) = self.peers.get_mut(&from)
        {
            peer.untell(of);
        }
        // One with nothing in it offers nothing, however far it claims to be.
        if range.end <= next || range.is_empty() {
            self.doubt(from, of, range.clone().next_back(), tip);
            if self.withdraw(&from, of, &range) {
                self.plan(now, of, judge);
            }
            return;
        }
        let lost = self.fetches.entry(of).or_default().unask_all(&from, &range);
        self.release(lost);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let fetch = self.fetches.entry(of).or_default();
        if let Some(offer) = fetch.offers.get_mut(&from) {
            offer.range = range;
        } else if peer.offers < BROADCAST_OFFERS_PER_PEER {
            peer.offers += 1;
            self.offers += 1;
            fetch.offers.insert(from, Offer { range, order: self.offers });
        } else {
            peer.overflowed = true;
        }
        self.plan(now, of, judge);
    }

    fn on_body(&mut self, now: Mono, from: MemberId, bytes: &[u8], judge: &impl Judge) {
        let message = match Message::parse(bytes, &self.network) {
            Ok(message) => message,
            Err(MessageError::NewerVersion | MessageError::OtherNetwork) => return,
            Err(MessageError::Malformed) => return self.garbage(now, from, judge),
        };
        let (of, sequence) = (message.of(), message.sequence());
        let ask = self.fetches.get_mut(&of).and_then(|fetch| fetch.unask(sequence, &from));
        let Some(ask) = ask else { return self.compare(now, from, &message, judge) };
        self.release([ask]);
        if !judge.knows(&of.author) {
            // It went out of the view after it was asked for, which is nobody's fault (R10).
            return self.plan(now, of, judge);
        }
        if judge.is_untimely(&message) {
            // As good as not there. A correct neighbour has dropped it, too.
            self.forgo(&from, of, sequence);
            return self.plan(now, of, judge);
        }
        if !judge.verifies(&message) {
            self.garbage(now, from, judge);
            return self.plan(now, of, judge);
        }
        self.peers.get_mut(&from).into_iter().for_each(|peer| peer.gave(now));
        self.held.quota(now, of.author).take(now, message.bytes().len() + BROADCAST_OVERHEAD);
        if let Some(fetch) = self.fetches.get_mut(&of) {
            self.waiting += message.signed().bytes().len();
            fetch.waiting.insert(sequence, message);
            let others = fetch.asks.remove(&sequence).unwrap_or_default();
            self.release(others);
        }
        self.open(now, of);
        self.plan(now, of, judge);
    }

    /// A body that nobody waits for: late, or another than the one that was delivered.
    fn compare(&mut self, now: Mono, from: MemberId, message: &Message, judge: &impl Judge) {
        let (of, sequence) = (message.of(), message.sequence());
        let fetch = self.fetches.get(&of);
        let waits = fetch.and_then(|fetch| fetch.waiting.get(&sequence));
        let Some(ours) = self.held.get(of, sequence).or(waits).map(Message::signed) else { return };
        if ours.body() == message.signed().body() || self.held.is_equivocated(of) || !judge.knows(&of.author)
        {
            return;
        }
        let told = Told::Equivocation { of, ours: ours.clone(), theirs: message.signed().clone() };
        if !judge.verifies(message) {
            self.garbage(now, from, judge);
        } else if self.held.equivocated(of) {
            self.told.push_back(told);
        }
    }

    /// If a neighbour's tip is not ours, asks for its body, which proves that the author has made two.
    fn doubt(&mut self, from: MemberId, of: RunId, last: Option<u64>, tip: frame::Tip) {
        let Some(last) = last else { return };
        let differs = self.held.get(of, last).is_some_and(|ours| held::tip(ours) != tip);
        let Some(peer) = self.peers.get_mut(&from).filter(|_| differs) else { return };
        if peer.doubts < BROADCAST_DOUBTS_MAX {
            peer.doubts += 1;
            peer.pulls.push_back((of, last));
            self.stirred.insert(from);
        }
    }

    /// What a relay gave is worth nothing: it is not listened to for a while.
    fn garbage(&mut self, now: Mono, from: MemberId, judge: &impl Judge) {
        self.told.push_back(Told::Garbage { relay: from });
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let until = peer.deafen(now);
        self.timers.insert((until, Due::Peer(from)));
        for of in self.forsake(&from) {
            self.plan(now, of, judge);
        }
    }

    fn peer_due(&mut self, now: Mono, id: MemberId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.deaf_until.is_some_and(|until| until <= now) {
            peer.deaf_until = None;
            peer.again = true;
        }
        if peer.retell && peer.retell_at <= now {
            (peer.retell, peer.retell_at) = (false, now + self.delta);
            self.held.runs().for_each(|of| peer.tell(of));
        }
        self.stirred.insert(id);
    }

    /// Everybody is told of a run, but those who have said that they have it.
    fn tell_all(&mut self, of: RunId, fetch: &Fetch) {
        let next = self.held.range(of).0.end;
        for (id, peer) in &mut self.peers {
            if fetch.offers.get(id).is_none_or(|offer| offer.range.end < next) {
                peer.tell(of);
                self.stirred.insert(*id);
            }
        }
    }

    /// Makes place for a run. If an older one ends for it, what is known to be missing of that is told.
    fn open(&mut self, now: Mono, of: RunId) {
        let Some((ended, next)) = self.held.open(now, of) else { return };
        let Some(fetch) = self.fetches.get(&ended) else { return };
        if let Some((last, _)) = fetch.waiting.last_key_value() {
            self.told.push_back(Told::Missed { of: ended, numbers: next..last + 1 });
        }
    }

    /// A neighbour's offer and what was asked by it are void; the runs that this concerns.
    fn forsake(&mut self, id: &MemberId) -> Vec<RunId> {
        let of = |fetch: &Fetch| fetch.offers.contains_key(id);
        let runs: Vec<_> = self.fetches.iter().filter(|(_, fetch)| of(fetch)).map(|(of, _)| *of).collect();
        runs.into_iter().filter(|of| self.withdraw(id, *of, &(0..0))).collect()
    }

    /// These are no longer waited for.
    fn release(&mut self, asks: impl IntoIterator<Item = Ask>) {
        for ask in asks {
            self.asked -= usize::from(!ask.blamed);
            self.peers.get_mut(&ask.peer).into_iter().for_each(|peer| peer.asked -= 1);
        }
    }

    /// What a neighbour has of a run begins after `sequence`.
    fn forgo(&mut self, id: &MemberId, of: RunId, sequence: u64) {
        let offer = self.fetches.get_mut(&of).and_then(|fetch| fetch.offers.get_mut(id));
        let Some(offer) = offer.filter(|offer| offer.range.contains(&sequence)) else { return };
        offer.range.start = sequence + 1;
        if offer.range.is_empty() {
            self.withdraw(id, of, &(0..0));
        }
    }

    /// A neighbour has no more of a run than `range`, which is nothing new; whether it had offered more.
    fn withdraw(&mut self, id: &MemberId, of: RunId, range: &Range<u64>) -> bool {
        let Some(fetch) = self.fetches.get_mut(&of) else { return false };
        let lost = fetch.unask_all(id, range);
        let offered = fetch.offers.remove(id).is_some();
        self.release(lost);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.offers -= usize::from(offered);
        }
        offered
    }

    /// Entries of all lists, and bytes kept or waiting.
    #[cfg(test)]
    fn load(&self) -> (usize, usize) {
        let peers: usize = self.peers.values().map(Peer::entries).sum();
        (peers + self.fetches.len() + self.timers.len(), self.held.bytes() + self.waiting)
    }
}
