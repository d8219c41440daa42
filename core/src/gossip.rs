//! How records travel: pushes, announcements and pulls, walks (R7, R13).
//!
//! **The accused is told (R7, R13).** An accuser sends its own accusation to the accused, but a liar does not; those that push
//! it tell the accused by chance, and once. Its own walks may take over 2Δ: a slandered member watches few. But all its ring
//! neighbours ask it for a newer note of itself once per Δ/2. Whoever is asked for one above its current epoch asks back what is
//! held against it, each time and each peer: of those that ask first, some may be liars.
//!
//! **The accused are asked after (R13).** Whatever the walks' charges, once per Δ/2 each accused and a third of the ring
//! neighbours, in turn, are asked for newer notes of the accused. So all neighbours have been asked before an age reaches 2Δ;
//! to ask all of them each time was most of what a crash costs.

use crate::{
    accusation::Accusation,
    action::{Misbehaviour, Notice},
    crypto::Hash,
    event::Lane,
    growth::Growth,
    id::MemberId,
    limits::{ANNOUNCE_MAX, BESIDE_MAX, BULK, CERTIFICATE_NEWS, PAGE, WANT_MAX},
    member::Member,
    outbox::Out,
    pack::{pack, unpack},
    state::{Ix, State},
    time::{Mono, Now},
    wire::{Brief, Bundle, Datagram, Frame, FrameError, Summary, Want, brief, held},
};
use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::{ops::Bound, time::Duration};

/// Turns of Δ/2 in which all ring neighbours are asked after the accused: fewer than an age of 2Δ has.
const ASK_TURNS: usize = 3;

/// What waits to be announced or pulled.
#[derive(Debug, Default)]
pub(crate) struct Gossip {
    /// What changed here, and who told.
    announced: BTreeMap<MemberId, Option<MemberId>>,
    /// Not announced before: what comes in bulk is told in bulk.
    next_announce: Mono,
    /// R7: accusations on further rings follow after Δ, all of a member's at once, and in rounds of Δ/2.
    later: BTreeSet<(Mono, MemberId)>,
    scheduled: BTreeSet<MemberId>,
    pub(crate) pulls: BTreeMap<Brief, Pull>,
    /// When pulls are looked at again.
    pub(crate) pulls_at: Option<Mono>,
    /// When the accused are asked after again (R13), and who was asked last.
    ask_after: Option<Mono>,
    asked: Option<MemberId>,
    /// Links with wants, and links with a walk; others may be among them for a while. Looking at all links at each event
    /// costs more than all else.
    pub(crate) wanting: BTreeSet<MemberId>,
    /// Since they were looked at, something more is wanted, or somebody may be asked more.
    pub(crate) askable: bool,
    pub(crate) walking: BTreeSet<MemberId>,
    /// Peers that showed another root and wait for their turn (R13).
    pub(crate) differing: VecDeque<MemberId>,
    /// How news make the view grow.
    pub(crate) growth: Growth,
    /// When a walk began last, and the count of news then.
    pub(crate) walk_begun: Mono,
    pub(crate) walk_news: u64,
}

#[derive(Debug)]
pub(crate) struct Pull {
    pub(crate) from: MemberId,
    pub(crate) want: Want,
    /// Then another announcer is asked, or the pull forgotten.
    pub(crate) until: Mono,
    /// Who else has it, and what they showed.
    pub(crate) others: Vec<(MemberId, Option<Brief>)>,
}

impl Gossip {
    /// The member's records changed here, by what `from` told: neighbours are told soon, but for that one.
    pub(crate) fn announce(&mut self, id: MemberId, from: Option<MemberId>) {
        self.announced.insert(id, from);
    }

    /// R7: once Δ is over, with all that is told in the same half of one: of many that crash together each would else cost
    /// announcements of its own.
    pub(crate) fn announce_later(&mut self, id: MemberId, now: Mono, delta: Duration) {
        if self.scheduled.insert(id) {
            let step = (delta / 2).as_nanos().max(1) as u64;
            let at = Mono((now + delta).0.div_ceil(step).saturating_mul(step));
            self.later.insert((at, id));
        }
    }

    /// What was asked of it may be asked of others.
    pub(crate) fn link_down(&mut self, peer: &MemberId) {
        for pull in self.pulls.values_mut().filter(|pull| pull.from == *peer) {
            pull.until = Mono(0);
        }
        if !self.pulls.is_empty() {
            self.pulls_at = Some(Mono(0));
        }
    }

    /// Records asked for and not yet here.
    pub(crate) fn pulls(&self) -> usize {
        self.pulls.len()
    }

    pub(crate) fn next(&self) -> Option<Mono> {
        let later = self.later.first().map(|(at, _)| *at);
        let announce = (!self.announced.is_empty()).then_some(self.next_announce);
        later.into_iter().chain(announce).chain(self.pulls_at).chain(self.ask_after).min()
    }
}

impl Member {
    pub(crate) fn on_frame(&mut self, from: MemberId, lane: Lane, bytes: &[u8], now: Now) {
        let Some(link) = self.links.get_mut(&from) else {
            return; // of a link that is gone here
        };
        link.heard = now.mono;
        self.counters.received.frame(bytes);
        let unpacked = unpack(bytes).ok_or(FrameError::Malformed);
        match unpacked.as_deref().map_err(|error| *error).and_then(Frame::decode) {
            Ok(Frame::Hello(hello)) => self.on_hello(from, hello, now),
            Ok(Frame::Records(bundles)) => self.on_records(from, &bundles, now),
            Ok(Frame::Announce(summaries)) => self.on_announce(from, &summaries, now),
            Ok(Frame::Redirect(summaries)) => self.on_redirect(from, lane, &summaries),
            Ok(Frame::Want(wants)) => self.on_want(from, &wants, now),
            Ok(Frame::Ask(ask)) => self.on_ask(from, &ask),
            Ok(Frame::Tell(tell)) => self.on_tell(from, &tell, now),
            Ok(Frame::Clock(wall)) => self.on_clock(from, wall, now),
            Ok(Frame::ClockAsk) => self.tell_clock(from, now),
            Ok(Frame::Holds(held)) => self.on_holds(from, held, now.mono),
            Ok(Frame::Revocations(list)) => self.on_list(from, list, now),
            Err(FrameError::Unknown) => self.counters.unknown += 1,
            Err(FrameError::Malformed) => self.misbehaved(from, Misbehaviour::Malformed, now.mono),
            Err(FrameError::TooLarge) => self.misbehaved(from, Misbehaviour::TooLarge, now.mono),
        }
    }

    pub(crate) fn on_datagram(&mut self, from: MemberId, bytes: &[u8], now: Now) {
        if !self.links.contains_key(&from) {
            return;
        }
        self.counters.received.pings += bytes.len() as u64;
        let datagram = match Datagram::decode(bytes) {
            Ok(datagram) => datagram,
            Err(FrameError::Unknown) => {
                self.counters.unknown += 1;
                return;
            }
            Err(FrameError::Malformed | FrameError::TooLarge) => {
                return self.misbehaved(from, Misbehaviour::Malformed, now.mono);
            }
        };
        self.on_strain(&from, datagram.strain, now.mono);
        if let Some(link) = self.links.get_mut(&from) {
            link.shown = Some(datagram.digest);
        }
        if datagram.pong {
            let params = self.state.params;
            let to_ear = self.gray.on_pong(&from, datagram.token);
            if to_ear {
                self.own_due = Some(now.mono);
            }
            let rtt = self.monitor.on_pong(&from, datagram.token, now, &params);
            if let Some(rtt) = rtt {
                self.counters.round_trips.add(rtt);
                self.note_rtt(from, rtt);
            }
            // Of two peers that see a difference the pinger walks. A pong that nobody asked for takes no other's turn.
            if (to_ear || rtt.is_some()) && datagram.digest != self.digest().into() {
                self.differs(from, now.mono);
            }
        } else {
            let bytes = self.ping_bytes(true, datagram.token);
            self.out.push(Out::Datagram { to: from, token: 0, bytes });
            self.show_out(from, now.mono);
        }
    }

    /// R4: Δ must cover what is measured.
    fn note_rtt(&mut self, peer: MemberId, rtt: Duration) {
        if planted!(OwnDelta) {
            self.state.params.delta = rtt * 4;
        }
        if rtt > self.state.params.slow() {
            let rtt_ms = u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX);
            self.out.push(Out::Notify(Notice::Slow { peer, rtt_ms }));
        }
    }

    // ---- what is pushed -------------------------------------------------------------------------------------------

    /// A note is new here: flagged ones and those that answer are pushed whole, all else is announced (R7).
    pub(crate) fn spread_note(&mut self, ix: Ix, urgent: bool, from: Option<MemberId>, now: Now) {
        let id = self.state.id(ix);
        if !urgent {
            // What a newcomer finds in others' views is news to nobody else.
            if self.contacts.joined()
                || now.wall.since(self.state.roster[ix].note.issued()) < CERTIFICATE_NEWS
            {
                self.gossip.announce(id, from);
            }
            return;
        }
        let frame = self.note_frame(ix, now.mono);
        // Everybody linked is told of one's own leave: there is no second chance to say it.
        let to = if ix == self.my_ix && self.own.leaving {
            self.links.keys().copied().collect()
        } else {
            self.relays(ring_of(self.state.roster[ix].note.hash(), self.network.rings), from)
        };
        to.into_iter().for_each(|peer| {
            self.send(peer, Lane::Urgent, frame.clone());
        });
    }

    pub(crate) fn note_frame(&self, ix: Ix, now: Mono) -> Vec<u8> {
        Frame::Records(alloc::vec![self.bundle(ix, self.is_new(ix, now), true, &[])]).encode()
    }

    /// Whether neighbours may not have its certificate yet.
    fn is_new(&self, ix: Ix, now: Mono) -> bool {
        now.since(self.state.roster[ix].known) < CERTIFICATE_NEWS
    }

    pub(crate) fn bundle<'a>(
        &'a self,
        ix: Ix,
        der: bool,
        note: bool,
        accusations: &[&'a Accusation],
    ) -> Bundle<'a> {
        let peer = &self.state.roster[ix];
        Bundle {
            id: peer.note.id(),
            certificate: der.then(|| peer.certificate.der()),
            note: note.then(|| peer.note.signed().bytes()),
            accusations: accusations.iter().map(|accusation| accusation.signed().bytes()).collect(),
        }
    }

    /// R7: an accusation travels behind what it rests on.
    pub(crate) fn accusation_frame(&self, accusation: &Accusation, certificates: bool, now: Mono) -> Vec<u8> {
        let mut bundles = Vec::new();
        for ix in self.state.members_between(accusation) {
            let held: Vec<&Accusation> = self
                .state
                .case(ix)
                .and_then(|case| case.oldest().or_else(|| case.slots.first()))
                .map(|slot| &*slot.accusation)
                .into_iter()
                .collect();
            bundles.push(self.bundle(ix, certificates || self.is_new(ix, now), true, &held));
            if bundles.iter().map(bundle_len).sum::<usize>() > PAGE {
                break; // the rest comes by anti-entropy
            }
        }
        if let Some(ix) = self.state.roster.ix(&accusation.accuser) {
            bundles.push(self.bundle(ix, certificates || self.is_new(ix, now), true, &[]));
        }
        if let Some(ix) = self.state.roster.ix(&accusation.accused) {
            bundles.push(self.bundle(ix, self.is_new(ix, now), true, &[accusation]));
        }
        if planted!(AccusationsFirst) {
            bundles.reverse();
        }
        Frame::Records(bundles).encode()
    }

    fn push_accusation(&mut self, accusation: &Accusation, now: Now) {
        let frame = self.accusation_frame(accusation, false, now.mono);
        let mut to = self.relays(ring_of(accusation.hash(), self.network.rings), None);
        // R3: the accuser may have no link to the accused, so some of those who have one tell it too.
        let accused = accusation.accused;
        if self.links.contains_key(&accused) && !to.contains(&accused) {
            let chance = self.rng.below(self.monitor.neighbours.len().max(1) as u64);
            to.extend((chance < 2 * self.state.params.fan_out as u64).then_some(accused));
        }
        for peer in to {
            self.send(peer, Lane::Urgent, frame.clone());
        }
    }

    /// R7: to whom a record is pushed, `FAN_OUT` in all: the next before and after this member on one ring, which is the same
    /// ring for that record at every member, and others by chance, but not to `but`, from whom it came.
    ///
    /// By chance alone one member in fifty is not reached at all, and has it from the next digests only. Round the ring
    /// nobody is left out, but where one crashed or lies; and who would cut one off there does not know the ring before.
    pub(crate) fn relays(&mut self, ring: u8, but: Option<MemberId>) -> Vec<MemberId> {
        let State { rings, roster, .. } = &self.state;
        let well = |ix: &Ix| self.is_well(&self.state.id(*ix)) && !self.state.is_out(*ix);
        let after = rings.successors(roster, ring, &self.me).take(BESIDE_MAX).find(well);
        let before = rings.predecessors(roster, ring, &self.me).take(BESIDE_MAX).find(well);
        let mut relays: Vec<MemberId> = after.into_iter().chain(before).map(|ix| self.state.id(ix)).collect();
        relays.dedup();
        relays.retain(|id| Some(*id) != but);
        for peer in self.some_neighbours(but) {
            if relays.len() < self.state.params.fan_out && !relays.contains(&peer) {
                relays.push(peer);
            }
        }
        relays
    }

    /// Whether it has a link, answered the last ping of ours, and nobody accuses it.
    fn is_well(&self, id: &MemberId) -> bool {
        let accused = || {
            self.state.charged().next().is_some()
                && self.state.roster.ix(id).is_some_and(|ix| self.state.is_accused(ix))
        };
        self.links.contains_key(id) && !self.monitor.is_silent(id) && !accused()
    }

    /// `FAN_OUT` neighbours with a link, by chance, other than `but`; those that seem well if there are enough.
    fn some_neighbours(&mut self, but: Option<MemberId>) -> Vec<MemberId> {
        let linked = |id: &&MemberId| self.links.contains_key(*id) && Some(**id) != but;
        let mut all: Vec<MemberId> = self.monitor.neighbours.iter().filter(linked).copied().collect();
        let well: Vec<MemberId> = all.iter().filter(|id| self.is_well(id)).copied().collect();
        if well.len() >= self.state.params.fan_out {
            all = well;
        }
        if all.is_empty() {
            // Before it is joined a member has contacts only.
            all = self.links.keys().filter(|id| Some(**id) != but).copied().collect();
        }
        self.rng.draw(&mut all, self.state.params.fan_out);
        all
    }

    /// Pushes and announcements of this turn.
    pub(crate) fn flush_gossip(&mut self, now: Now) {
        for accusation in core::mem::take(&mut self.state.pushes) {
            self.push_accusation(&accusation, now);
            self.gossip.announce_later(accusation.accused, now.mono, self.state.params.delta);
        }
        self.flush_announced(now.mono);
        self.flush_wants(now.mono);
    }

    /// R7: what is announced is gathered for a hop's time, and for Δ/8 while news come in bulk, so that a boot's travel by the
    /// hundred; what comes alone goes at once.
    fn flush_announced(&mut self, now: Mono) {
        if self.gossip.announced.is_empty() || self.gossip.next_announce > now {
            return;
        }
        let announced = core::mem::take(&mut self.gossip.announced);
        let params = &self.state.params;
        let pause = if announced.len() < BULK { params.gather } else { params.delta / 8 };
        self.gossip.next_announce = now + pause;
        for peer in self.some_neighbours(None) {
            let others = |(_, from): &(&MemberId, &Option<MemberId>)| **from != Some(peer);
            let ids: Vec<MemberId> = announced.iter().filter(others).map(|(id, _)| *id).collect();
            for chunk in ids.chunks(ANNOUNCE_MAX) {
                let frame = Frame::Announce(self.summaries(chunk.iter())).encode();
                self.send(peer, Lane::Records, frame);
            }
        }
    }

    pub(crate) fn summaries<'a>(&self, ids: impl Iterator<Item = &'a MemberId>) -> Vec<Summary> {
        ids.filter_map(|id| self.state.roster.ix(id)).map(|ix| self.summary(ix)).collect()
    }

    /// What is held of a member.
    pub(crate) fn summary(&self, ix: Ix) -> Summary {
        Summary::new(&self.state.id(ix), &self.state.leaf(ix))
    }

    // ---- what is pulled -------------------------------------------------------------------------------------------

    fn on_announce(&mut self, from: MemberId, summaries: &[Summary], now: Now) {
        if self.contacts.joined() && !self.monitor.neighbours.contains(&from) {
            return self.redirect(from, now.mono);
        }
        let roster = &self.state.roster;
        if !self.contacts.joined() && summaries.iter().any(|summary| roster.by_brief(&summary.id).is_none()) {
            self.contacts.introduced.growth.came(now.mono, self.state.params.delta);
        }
        summaries.iter().for_each(|summary| self.consider_summary(from, summary));
    }

    fn on_redirect(&mut self, from: MemberId, lane: Lane, summaries: &[Summary]) {
        // In a walk it says "mine": nobody is named in the peer's place.
        if lane != Lane::Walk {
            self.on_introduction(from, summaries);
        }
        summaries.iter().for_each(|summary| self.consider_summary(from, summary));
    }

    fn consider_summary(&mut self, from: MemberId, summary: &Summary) {
        if summary.id == brief(&self.me) {
            return;
        }
        let held = self.state.roster.by_brief(&summary.id);
        let want = match held {
            Some(ix) if self.summary(ix) == *summary => return,
            Some(ix) => self.want_newer(ix),
            None => Want::stranger(summary.id, true),
        };
        self.want_shown(&from, want, Some(summary.leaf));
    }

    pub(crate) fn want_newer(&self, ix: Ix) -> Want {
        let peer = &self.state.roster[ix];
        let mut note = [0; 8];
        note.copy_from_slice(&peer.note.hash()[..8]);
        let valid = self.valid_charges(ix).map(|accusation| held(accusation.hash())).collect();
        let id = brief(&peer.certificate.id);
        Want { id, epoch: peer.note.epoch(), note, certificate: false, accusations: Some(valid) }
    }

    /// The valid accusations of a member.
    fn valid_charges(&self, ix: Ix) -> impl Iterator<Item = &Accusation> {
        let slots = self.state.case(ix).map_or(&[][..], |case| &case.slots);
        slots.iter().filter(|slot| slot.valid).map(|slot| &*slot.accusation)
    }

    /// Serves records, within what one identity may have (R13).
    fn on_want(&mut self, from: MemberId, wants: &[Want], now: Now) {
        if self.is_spent(&from, now.mono) {
            return;
        }
        if wants.iter().any(|want| self.is_asked_after(want)) {
            mark!(R7AskedAfter);
            let frame = Frame::Want(alloc::vec![self.want_newer(self.my_ix)]).encode();
            self.send(from, Lane::Urgent, frame);
        }
        let mut page: Vec<Bundle<'_>> = Vec::new();
        let mut frames = Vec::new();
        let mut size = 0;
        let state_bytes = self.state_bytes();
        for want in wants {
            let Some(bundle) = self.serve(want, now.mono) else { continue };
            let bytes = bundle_len(&bundle);
            if size > 0 && size + bytes > PAGE {
                frames.push((Frame::Records(core::mem::take(&mut page)).encode(), size));
                size = 0;
            }
            size += bytes;
            page.push(bundle);
        }
        if !page.is_empty() {
            frames.push((Frame::Records(page).encode(), size));
        }
        for (frame, size) in frames {
            let frame = pack(frame);
            if !self.served.admit(from, size, state_bytes, now.mono) {
                break;
            }
            self.send(from, Lane::Records, frame);
        }
    }

    /// R7: whoever asks for a newer note of this member holds it accused; not news while an answer is due anyway.
    fn is_asked_after(&self, want: &Want) -> bool {
        let current = want.epoch == self.own.epoch && want.accusations.is_none();
        current && want.id == brief(&self.me) && !self.own.is_asked(&self.state, self.now.mono)
    }

    /// R13: the peer has had all the bytes that it may; its question is charged.
    pub(crate) fn is_spent(&mut self, peer: &MemberId, now: Mono) -> bool {
        let spent = self.served.is_spent(peer, self.state_bytes(), now);
        if spent && let Some(link) = self.links.get_mut(peer) {
            link.charge(1, now);
        }
        spent
    }

    /// About what the whole view takes on the wire.
    pub(crate) fn state_bytes(&self) -> u64 {
        self.state.roster.len() as u64 * 1024
    }

    fn serve(&self, want: &Want, now: Mono) -> Option<Bundle<'_>> {
        let ix = self.state.roster.by_brief(&want.id)?;
        let note = &self.state.roster[ix].note;
        let newer = want.lacks(note.epoch(), note.hash());
        let accusations: Vec<&Accusation> = match &want.accusations {
            Some(known) if note.epoch() >= want.epoch => {
                let same = note.epoch() == want.epoch;
                let lacks = |accusation: &&Accusation| !same || !known.contains(&held(accusation.hash()));
                self.valid_charges(ix).filter(lacks).collect()
            }
            Some(_) | None => Vec::new(),
        };
        // An empty bundle still says "this is all that I have" to whoever waits for an answer.
        if accusations.is_empty() && !newer && !want.certificate && want.accusations.is_none() {
            return None;
        }
        // R14: the peer has the rest, so a renewed certificate may be what its leaf differs by.
        let renewed = accusations.is_empty() && !newer && self.state.roster[ix].renewed;
        let certificate = want.certificate || renewed || newer && self.is_new(ix, now);
        Some(self.bundle(ix, certificate, newer || want.certificate, &accusations))
    }

    /// Timed work of gossip.
    pub(crate) fn tend_gossip(&mut self, now: Now) {
        while let Some((at, id)) = self.gossip.later.first().copied() {
            if at > now.mono {
                break;
            }
            self.gossip.later.remove(&(at, id));
            self.gossip.scheduled.remove(&id);
            // R7: only if the note is still current: a newer one has ended the case.
            if self.state.roster.ix(&id).is_some_and(|ix| self.state.case(ix).is_some()) {
                mark!(R7Later);
                self.gossip.announce(id, None);
            }
        }
        self.tend_pulls(now.mono);
        self.ask_after_accused(now.mono);
        let links = &mut self.links;
        self.gossip.walking.retain(|id| {
            let Some(link) = links.get_mut(id) else { return false };
            link.walk = link.walk.take().filter(|walk| walk.deadline > now.mono);
            link.walk.is_some()
        });
        self.next_walk(now.mono);
    }

    /// R13: the neighbours whose turn it is to be asked: all have had theirs after [`ASK_TURNS`].
    fn next_asked(&mut self) -> BTreeSet<MemberId> {
        let all = &self.monitor.neighbours;
        let after = self.gossip.asked.map_or(Bound::Unbounded, Bound::Excluded);
        let turn = all.range((after, Bound::Unbounded)).chain(all).take(all.len().div_ceil(ASK_TURNS));
        let turn: Vec<MemberId> = turn.copied().collect();
        self.gossip.asked = turn.last().copied();
        turn.into_iter().collect()
    }

    /// R13: whatever the walks' charges, ring neighbours are asked for newer notes of the accused.
    fn ask_after_accused(&mut self, now: Mono) {
        if self.state.accused().next().is_none() {
            self.gossip.ask_after = None;
            return;
        }
        let at = *self.gossip.ask_after.get_or_insert(now + self.state.params.delta / 2);
        if at > now {
            return;
        }
        self.gossip.ask_after = Some(now + self.state.params.delta / 2);
        mark!(R13AskAccused);
        // More than fit a frame take turns.
        let skip = self.rng.below(self.state.accused().count().div_ceil(WANT_MAX) as u64) as usize;
        let accused: Vec<Ix> = self.state.accused().skip(skip * WANT_MAX).take(WANT_MAX).collect();
        let newer = |ix: &Ix| Want { accusations: None, ..self.want_newer(*ix) };
        let frame = Frame::Want(accused.iter().map(newer).collect()).encode();
        let mut peers = self.next_asked();
        peers.extend(accused.iter().map(|ix| self.state.id(*ix)));
        for peer in peers {
            self.send(peer, Lane::Urgent, frame.clone());
        }
    }
}

/// The ring round which a record is pushed.
pub(crate) fn ring_of(record: &Hash, rings: u8) -> u8 {
    record[0] % rings
}

fn bundle_len(bundle: &Bundle<'_>) -> usize {
    const HEAD: usize = 40;
    HEAD + bundle.certificate.map_or(0, <[u8]>::len)
        + bundle.note.map_or(0, <[u8]>::len)
        + bundle.accusations.iter().map(|bytes| bytes.len() + 2).sum::<usize>()
}
