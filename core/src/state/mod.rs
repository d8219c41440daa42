//! What one view holds: members, accusations, timers, and who is out.
//!
//! Every change goes through here: rings, trie, timers and verdicts follow from the records held, and in debug builds
//! [`oracle`] compares them with a recomputation from nothing.

mod oracle;
mod roster;
mod sorted;
#[cfg(test)]
mod tests;
mod touched;
mod verdict;

pub(crate) use roster::{Case, Ix, Peer, Roster, Slot, Standing};
pub(crate) use sorted::Sorted;
pub(crate) use touched::Touched;
pub(crate) use verdict::Consider;

use crate::{
    accusation::Accusation,
    action::Notice,
    certificate::Certificate,
    crypto::{self, Hash},
    id::MemberId,
    note::Note,
    params::{NetworkParams, Params},
    revocation::Revocations,
    ring::Rings,
    tags::{HASH_LEAF, HASH_VIEW},
    time::{Mono, Now, Wall},
    trie::Trie,
    wire::HeldList,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

/// Records held, and all that follows from them. A clone shares members, rings and trie until one of them changes.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) params: Params,
    pub(crate) roster: Roster,
    pub(crate) rings: Rings,
    pub(crate) trie: Trie,
    /// The CA's last word on who is a member no more (R14): none of them is in the roster, but this member itself.
    pub(crate) revoked: Option<Arc<Revocations>>,
    /// When that came.
    pub(crate) revoked_since: Mono,
    cases: BTreeMap<Ix, Case>,
    /// Live members with a valid accusation, and members that are down: what is asked often is listed.
    suspects: BTreeSet<Ix>,
    downs: BTreeSet<Ix>,
    /// Ends of leases and certificates.
    untils: Sorted<(Mono, Ix)>,
    /// When a case's oldest age reaches 2Δ, or its hold ends.
    timers: BTreeSet<(Mono, Ix)>,
    /// New members that are not on the rings yet: they enter as one batch.
    newcomers: Vec<Ix>,
    /// Cases to judge again.
    dirty: BTreeSet<Ix>,
    /// Whose leaf in the trie is to be hashed anew: once for all that a turn changes.
    leaves: BTreeSet<Ix>,
    /// The last derivation's rank (R2).
    rank: u64,
    /// Some Down member may have lost its support.
    shaken: bool,
    /// Ages stand still since then (R4).
    frozen: Option<Mono>,
    /// When a link to somebody who was out here came up last (R6).
    pub(crate) healed: Option<Mono>,
    live: usize,
    /// What debug builds may spend on [`oracle`].
    oracle_credit: usize,
    /// Who is out, accused or known changed since it was last looked at.
    pub(crate) changed: bool,
    /// And whose.
    pub(crate) touched: Touched,
    /// For the application.
    pub(crate) notices: Vec<Notice>,
    /// First valid and first parked accusations (R7).
    pub(crate) pushes: Vec<Arc<Accusation>>,
}

/// What came of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adopted {
    /// The member was unknown or out, and is live.
    Up,
    /// Accusations fell.
    Rebutted,
    /// Only news.
    Updated,
}

impl State {
    /// Ages stand still until [`State::thaw`].
    pub(crate) fn new(network: &NetworkParams, now: Mono) -> Self {
        Self {
            params: Params::derive(network),
            roster: Roster::default(),
            rings: Rings::new(network.id, network.rings),
            trie: Trie::default(),
            revoked: None,
            revoked_since: now,
            cases: BTreeMap::new(),
            suspects: BTreeSet::new(),
            downs: BTreeSet::new(),
            untils: Sorted::default(),
            timers: BTreeSet::new(),
            newcomers: Vec::new(),
            dirty: BTreeSet::new(),
            leaves: BTreeSet::new(),
            rank: 0,
            shaken: false,
            frozen: (!planted!(AgesBeforeJoin)).then_some(now),
            healed: None,
            live: 0,
            oracle_credit: 0,
            changed: true,
            touched: Touched::all(),
            notices: Vec::new(),
            pushes: Vec::new(),
        }
    }

    /// A copy for a member that starts from this view now: ages stand still until it is joined.
    pub(crate) fn fork(&self, now: Mono) -> Self {
        Self { frozen: (!planted!(AgesBeforeJoin)).then_some(now), ..self.clone() }
    }

    /// Takes in the first records of a member as if they had come at `since`.
    pub(crate) fn found(&mut self, certificate: Arc<Certificate>, note: Arc<Note>, now: Now, since: Mono) {
        let until = self.until(&certificate, &note, now);
        self.introduce(certificate, note, until, since);
    }

    /// How many are not out.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    pub(crate) fn case(&self, ix: Ix) -> Option<&Case> {
        self.cases.get(&ix)
    }

    /// Everybody with a case.
    pub(crate) fn charged(&self) -> impl Iterator<Item = Ix> + '_ {
        self.cases.keys().copied()
    }

    /// Whether a valid accusation stands against it.
    pub(crate) fn is_accused(&self, ix: Ix) -> bool {
        self.cases.get(&ix).is_some_and(Case::is_valid)
    }

    pub(crate) fn is_out(&self, ix: Ix) -> bool {
        self.roster[ix].standing.is_out()
    }

    /// Since when a live member is accused.
    pub(crate) fn accused_since(&self, ix: Ix) -> Option<Mono> {
        let case = self.cases.get(&ix).filter(|_| self.suspects.contains(&ix))?;
        case.oldest().and_then(|slot| slot.since)
    }

    /// Live members with a valid accusation.
    pub(crate) fn accused(&self) -> impl Iterator<Item = Ix> + '_ {
        self.suspects.iter().copied()
    }

    /// Members that are down.
    pub(crate) fn down(&self) -> impl Iterator<Item = Ix> + '_ {
        self.downs.iter().copied()
    }

    /// How many are down.
    pub(crate) fn down_count(&self) -> usize {
        self.downs.len()
    }

    /// Takes in a member's own first note. In a view that many share it may be there already: then nothing is copied.
    pub(crate) fn place_of(&mut self, certificate: Certificate, note: Note, now: Now) -> Ix {
        let held = self.roster.ix(&certificate.id);
        let same = |ix: &Ix| {
            let peer = &self.roster[*ix];
            peer.note.hash() == note.hash() && peer.certificate.hash == certificate.hash
        };
        match held.filter(same) {
            Some(ix) => ix,
            None => self.adopt(Arc::new(certificate), Arc::new(note), now).0,
        }
    }

    /// Takes in a certificate and a note that verified, newer than what is held (or equal in epoch and lower in hash).
    pub(crate) fn adopt(
        &mut self,
        certificate: Arc<Certificate>,
        note: Arc<Note>,
        now: Now,
    ) -> (Ix, Adopted) {
        let until = self.until(&certificate, &note, now);
        match self.roster.ix(&note.id()) {
            Some(ix) => {
                self.enter(now.mono);
                (ix, self.renew(ix, certificate, note, until, now.mono))
            }
            None => (self.introduce(certificate, note, until, now.mono), Adopted::Up),
        }
    }

    /// R14: a later certificate of a member that is known.
    pub(crate) fn recertify(&mut self, ix: Ix, certificate: Arc<Certificate>, now: Now) {
        let until = self.until(&certificate, &self.roster[ix].note.clone(), now);
        let peer = &mut self.roster[ix];
        mark!(R14Renewed);
        self.untils.remove(&(peer.until, ix));
        self.untils.insert((until, ix));
        (peer.until, peer.certificate) = (until, certificate);
        (peer.known, peer.renewed) = (now.mono, true);
        self.leaves.insert(ix);
    }

    /// The root that issued certificates that are held, or all, is the former one, and believed until then. O(N), once in years.
    pub(crate) fn succeed(&mut self, former_until: Wall, all: bool, now: Now) {
        let is_its = |ix: &Ix| all || self.roster[*ix].certificate.is_of_former();
        let all: Vec<Ix> = self.roster.iter().map(|(_, ix)| ix).filter(is_its).collect();
        for ix in all {
            let certificate = Arc::new(self.roster[ix].certificate.of_former(former_until));
            let until = self.until(&certificate, &self.roster[ix].note.clone(), now);
            let peer = &mut self.roster[ix];
            self.untils.remove(&(peer.until, ix));
            self.untils.insert((until, ix));
            (peer.until, peer.certificate) = (until, certificate);
        }
    }

    /// R9: the lease is judged by the wall clock on arrival, then counted down on the monotonic one.
    fn until(&self, certificate: &Certificate, note: &Note, now: Now) -> Mono {
        let end = self.lease_end(note).min(certificate.not_after + self.params.allowance);
        now.mono + end.since(now.wall)
    }

    fn introduce(&mut self, certificate: Arc<Certificate>, note: Arc<Note>, until: Mono, now: Mono) -> Ix {
        let id = note.id();
        let standing = Standing::said_by(&note);
        let epoch = note.epoch();
        let peer = Peer {
            certificate,
            note,
            standing,
            since: now,
            until,
            troubled: now,
            known: now,
            renewed: false,
        };
        let ix = self.roster.insert(peer);
        self.newcomers.push(ix);
        self.untils.insert((until, ix));
        self.live += usize::from(!standing.is_out());
        self.touch_all(); // it is on the rings now
        self.leaves.insert(ix);
        match standing {
            Standing::Live => self.notices.push(Notice::Up { member: id, epoch }),
            Standing::Gray => self.notices.push(Notice::Gray { member: id }),
            Standing::Left => self.notices.push(Notice::Left { member: id }),
            Standing::Down => unreachable!("no note says that its owner is down"),
        }
        ix
    }

    /// Puts the newcomers on the rings, as one batch: a page of records costs each ring one merge. Whoever asks the
    /// rings calls it first.
    pub(crate) fn enter(&mut self, now: Mono) {
        if self.newcomers.is_empty() {
            return;
        }
        let newcomers = core::mem::take(&mut self.newcomers);
        self.rings.insert_batch(&self.roster, &newcomers);
        // They stand between accusers and accused now.
        newcomers.into_iter().for_each(|ix| self.disturb(ix));
        self.settle(now);
    }

    fn renew(
        &mut self,
        ix: Ix,
        certificate: Arc<Certificate>,
        note: Arc<Note>,
        until: Mono,
        now: Mono,
    ) -> Adopted {
        let peer = &mut self.roster[ix];
        let newer = note.epoch() > peer.note.epoch();
        let changed = note.addrs() != peer.note.addrs() || note.tags() != peer.note.tags();
        let (id, epoch, said) = (note.id(), note.epoch(), Standing::said_by(&note));
        let was = peer.standing;
        self.untils.remove(&(peer.until, ix));
        self.untils.insert((until, ix));
        if certificate.der() != peer.certificate.der() {
            (peer.known, peer.renewed) = (now, true);
        }
        (peer.until, peer.certificate, peer.note) = (until, certificate, note);
        let mut accused = false;
        if newer
            && !planted!(TimerSurvives)
            && let Some(case) = self.drop_case(ix)
        {
            // A newer note answers every accusation of older epochs.
            accused = case.is_valid();
            self.roster[ix].troubled = now;
        }
        // At an equal epoch a member that is down stays so: only its mask may have changed.
        // One that says that it left is Left whichever came first, the accusation or the note: same records, same state.
        let stays = !newer && was == Standing::Down && said == Standing::Live;
        let standing = if stays { was } else { said };
        if matches!(standing, Standing::Left | Standing::Gray) {
            self.drop_case(ix);
        }
        self.stand(ix, standing, now);
        if let Some(case) = self.cases.get_mut(&ix) {
            case.slots.iter_mut().for_each(|slot| slot.open = true);
        }
        self.dirty.insert(ix);
        self.touch(ix); // the mask decides who watches whom
        self.leaves.insert(ix);
        let adopted = match (was.is_out(), standing.is_out()) {
            (true, false) => Adopted::Up,
            (_, false) if accused => Adopted::Rebutted,
            (_, _) => Adopted::Updated,
        };
        match (adopted, standing) {
            (Adopted::Up, _) => self.notices.push(Notice::Up { member: id, epoch }),
            (Adopted::Rebutted, _) => self.notices.push(Notice::Rebutted { member: id, epoch }),
            (Adopted::Updated, Standing::Gray) if was != standing => {
                self.notices.push(Notice::Gray { member: id })
            }
            (Adopted::Updated, Standing::Left) if was != standing => {
                mark!(Left);
                self.notices.push(Notice::Left { member: id })
            }
            (Adopted::Updated, Standing::Live) if changed => {
                self.notices.push(Notice::Updated { member: id, epoch });
            }
            (Adopted::Updated, _) => {}
        }
        self.settle(now);
        adopted
    }

    /// Changes how a member stands; whatever rests on it is judged again by [`State::settle`].
    fn stand(&mut self, ix: Ix, standing: Standing, now: Mono) {
        let peer = &mut self.roster[ix];
        if peer.standing == standing {
            return;
        }
        let (was, is) = (peer.standing.is_out(), standing.is_out());
        peer.standing = standing;
        peer.since = now;
        self.touch(ix);
        if standing == Standing::Down {
            self.downs.insert(ix);
        } else {
            self.downs.remove(&ix);
        }
        if is {
            self.suspects.remove(&ix);
        }
        if was != is {
            self.live = if is { self.live - 1 } else { self.live + 1 };
            self.roster[ix].troubled = now;
            self.disturb(ix);
        }
    }

    /// What follows from this member's standing is looked at again.
    fn touch(&mut self, ix: Ix) {
        self.changed = true;
        self.touched.add(ix);
    }

    /// What follows from anybody's is.
    pub(crate) fn touch_all(&mut self) {
        (self.changed, self.touched) = (true, Touched::all());
    }

    /// Marks the accusations whose validity hangs on whether `ix` is out: on each ring those after it that are accused over
    /// it. An accusation can be valid only over an unbroken run of out members, so the search ends at the first that
    /// is not out.
    pub(super) fn disturb(&mut self, ix: Ix) {
        if self.cases.is_empty() {
            return;
        }
        let me = self.roster[ix].certificate.id;
        let mut nearer = Vec::new();
        for ring in 0..self.params.rings {
            // An accuser that is met on the way, or is this member, does not reach over it.
            nearer.clear();
            nearer.push(ix);
            for next in self.rings.successors(&self.roster, ring, &me) {
                if let Some(slot) = self.cases.get_mut(&next).and_then(|case| case.slot_mut(ring))
                    && !nearer.iter().rev().any(|met| *met == slot.accuser)
                {
                    slot.open = true;
                    self.dirty.insert(next);
                }
                if !self.is_out(next) {
                    break;
                }
                nearer.push(next);
            }
        }
    }

    /// Forgets the members whose lease or certificate has ended: no tombstones (R9). `me` is kept.
    pub(crate) fn expire(&mut self, me: Ix, now: Mono) {
        self.enter(now);
        while let Some((until, ix)) = self.untils.first() {
            if until > now {
                break;
            }
            self.untils.remove(&(until, ix));
            if ix != me {
                let member = self.id(ix);
                self.forget(ix, Notice::Expired { member }, now);
            }
        }
    }

    /// R14: those in the list are members no more, but `me`, whom others forget.
    pub(crate) fn revoke(&mut self, list: Arc<Revocations>, me: Ix, now: Mono) {
        self.enter(now);
        let gone = list.entries().filter_map(|entry| self.roster.ix(&entry.id)).filter(|ix| *ix != me);
        for ix in gone.collect::<Vec<_>>() {
            self.untils.remove(&(self.roster[ix].until, ix));
            let member = self.id(ix);
            self.forget(ix, Notice::Revoked { member }, now);
        }
        (self.revoked, self.revoked_since) = (Some(list), now);
    }

    /// Whether the CA has revoked it (R14).
    pub(crate) fn is_revoked(&self, id: &MemberId) -> bool {
        self.revoked.as_ref().is_some_and(|list| list.contains(id))
    }

    /// Which revocation list is held.
    pub(crate) fn held_list(&self) -> HeldList {
        self.revoked.as_ref().map(|list| list.held()).unwrap_or_default()
    }

    /// The view's digest: records and revocation list.
    pub(crate) fn settle_digest(&mut self) -> Hash {
        let root = self.settle_trie();
        self.revoked.as_ref().map_or(root, |list| crypto::hash(HASH_VIEW, &[&root, list.hash()]))
    }

    fn forget(&mut self, ix: Ix, why: Notice, now: Mono) {
        self.drop_case(ix);
        self.dirty.remove(&ix);
        // As accuser it is certified here no longer (R1).
        let mut fallen = Vec::new();
        for (accused, case) in &mut self.cases {
            let before = case.slots.len();
            case.slots.retain(|slot| slot.accuser != ix);
            if case.slots.len() != before {
                fallen.push(*accused);
            }
        }
        self.disturb(ix);
        self.dirty.extend(fallen.iter().copied());
        self.dirty.remove(&ix);
        self.rings.remove(&self.roster, ix);
        self.leaves.remove(&ix);
        self.trie.set(&self.roster, ix, None);
        self.live -= usize::from(!self.roster[ix].standing.is_out());
        self.roster.remove(ix);
        self.touch_all();
        self.notices.push(why);
        self.leaves.extend(fallen);
        self.settle(now);
    }

    /// Hashes the leaves that changed, and the trie over them; gives its root.
    pub(crate) fn settle_trie(&mut self) -> Hash {
        for ix in core::mem::take(&mut self.leaves) {
            let leaf = self.leaf_hash(ix);
            self.trie.set(&self.roster, ix, Some(leaf));
        }
        self.trie.settle(&self.roster)
    }

    /// The hash that the trie holds of a member, or will after [`State::settle_trie`].
    pub(crate) fn leaf(&self, ix: Ix) -> Hash {
        let settled = self.trie.leaf(&self.roster, &self.roster[ix].certificate.id);
        let leaf = settled.filter(|_| !self.leaves.contains(&ix)).copied();
        debug_assert!(leaf.is_none_or(|leaf| leaf == self.leaf_hash(ix)), "a leaf changed unnoticed");
        leaf.unwrap_or_else(|| self.leaf_hash(ix))
    }

    /// Of certificate, note and valid accusations (R13): no ages.
    fn leaf_hash(&self, ix: Ix) -> Hash {
        let peer = &self.roster[ix];
        let mut parts: Vec<&[u8]> =
            alloc::vec![&peer.certificate.id.0, &peer.certificate.hash, peer.note.hash()];
        if let Some(case) = self.cases.get(&ix).filter(|_| !planted!(EmptyLeaf)) {
            let valid = case.slots.iter().filter(|slot| slot.valid);
            parts.extend(valid.map(|slot| &slot.accusation.hash()[..]));
        }
        crypto::hash(HASH_LEAF, &parts)
    }

    /// The next moment at which something here changes by time alone.
    pub(crate) fn next_lease(&self) -> Option<Mono> {
        self.untils.first().map(|(until, _)| until)
    }

    /// Whether a note's time is right here, now (R9).
    pub(crate) fn judge_time(&self, note: &Note, wall: Wall) -> Result<(), OutOfTime> {
        if note.issued() > wall + self.params.allowance && !planted!(FutureNotes) {
            mark!(R9Ahead);
            return Err(OutOfTime::Ahead);
        }
        if self.lease_end(note) < wall {
            mark!(R9OutOfLease);
            return Err(OutOfTime::Over);
        }
        Ok(())
    }

    /// When a note's lease ends, by the wall clock.
    fn lease_end(&self, note: &Note) -> Wall {
        note.issued() + self.params.lease * if planted!(PastLease) { 1000 } else { 1 }
    }

    /// The id of a member.
    pub(crate) fn id(&self, ix: Ix) -> MemberId {
        self.roster[ix].certificate.id
    }
}

/// Why a note's time is not right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfTime {
    /// Issued later than now + allowance.
    Ahead,
    /// Its lease has run out.
    Over,
}
