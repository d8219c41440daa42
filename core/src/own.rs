//! What this member says of itself: its note, its epochs, its rebuttals (R3, R12 the owner's side, R15).
//!
//! **R3, rings.** At most t rings are off: those of valid accusations, and those accused twice within 10 min without a valid one. When
//! t are off and one more is to be, the longest-disabled comes back of those without a valid accusation; if all had one, the longest-
//! disabled of all, but only for another valid one. A disabled ring comes back when its closest predecessor there has changed,
//! once in a member's life, else after 10 min, doubling to 24 h: two liars in a row changed it at will, one by turning gray and back.
//!
//! **Amplification (R3).** A rebuttal is one note, which each member pushes to at most `FAN_OUT` others: at most 4 × 300 B =
//! 1.2 kB per member. Let a *bad* ring of a member be one on which a liar stands before it with nobody correct and live between:
//! at most t, but with probability ε. Then, while no correct member comes or goes, no answering is without end.
//! * A valid accusation by a liar is on a bad ring, and turns it off. It gives way to another valid one only if all t that are off
//!   had one, so to none: all bad rings are among them. It is back after 10 min, and once earlier: 2 answers per bad ring at first,
//!   then one each time that it is back.
//! * An accusation over liars, who may be in trouble for ever, is on a bad ring too. Twice turns it off. It gives way to other rings,
//!   but the bad ones have room together: when no more others are accused, all are off.
//! * An accusation over a correct member counts within 6Δ after a valid one of that member (2Δ, and 4Δ of trouble behind it). Of
//!   these there are as few as the first point says.
//!
//! While places are free, that is 2 answers on each ring of each correct member, 2·k·N, which the simulator checks for every
//! 10 min of every run without other faults: at k = 23, 0.09·N kB/s per member. Seen: one liar that accuses over the accused got 27 in 80 s
//! (`generated:7494`). Two in a row get 3 by coming and going for a minute, and 2 while one of them always is accused; before rings came
//! back but once, and gave way, both were answered once per Δ/2, without end (159 in 66 s, 104 in 42 s). More than t liars before one
//! victim get an answer per Δ/2 without end: 1.2 kB per Δ/2 and victim.
//!
//! **R3, late accusations.** An accusation of the epoch before, valid by R1, that comes within Δ after the note that answers it
//! disables its ring too, with the next note. Else one liar that accuses over the accused first, and only then where it is
//! believed, is answered for the first, and what proves it wrong comes too late to cost it anything, each time.

use crate::{
    accusation::Accusation,
    id::MemberId,
    limits::{
        EPOCH_BLOCK, NOTE_BUCKET, NOTE_BUCKET_REBUTTALS, RENEW_FOR_PEER, RENEWALS_AT_ONCE, RING_BACK_MAX,
        RING_BACK_MIN, RING_MEMORY,
    },
    mask::Mask,
    note::Fields,
    params::Params,
    seed::Rng,
    state::State,
    time::{Mono, Now, Wall},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::{net::SocketAddr, time::Duration};

/// Own note, epochs and the accusations of oneself.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) id: MemberId,
    pub(crate) addrs: Vec<SocketAddr>,
    pub(crate) tags: Vec<u8>,
    pub(crate) epoch: u64,
    pub(crate) leaving: bool,
    /// Says so in its notes (R8).
    pub(crate) gray: bool,
    /// The minor version of the wire that it speaks.
    pub(crate) minor: u16,
    /// The certificate is newer than this run: links may have been made with the one before.
    pub(crate) is_renewed: bool,
    mask: Mask,
    /// The closest accusation per ring, answerable or not (R3).
    charges: BTreeMap<u8, Arc<Accusation>>,
    disabled: Vec<Disabled>,
    /// How often a ring was disabled: its wait doubles.
    relapses: BTreeMap<u8, u32>,
    /// When a ring was last accused without a valid accusation.
    unproved: BTreeMap<u8, Mono>,
    /// The epoch before, and rings on which a valid accusation of it came behind the answer.
    before: u64,
    late: BTreeSet<u8>,
    /// Something other than an accusation asks for a note.
    stale: bool,
    /// A peer holds us out: the next note answers it.
    shown_out: bool,
    /// When the lease is to be renewed.
    renew_at: Mono,
    /// Notes that may still be issued at once, and since when they count.
    tokens: u8,
    refilled: Mono,
    last: Option<Mono>,
    renewals: BTreeMap<MemberId, (u8, Mono)>,
    /// The highest epoch of a note with our id and signature that is not ours.
    foreign: u64,
    /// Another note of our own current epoch was seen: a clone is as far as we are.
    twin: bool,
    jump_next: Mono,
    jump_wait: Duration,
    /// Epochs below are on disk as used, and asked to be.
    persisted: u64,
    reserved: u64,
}

#[derive(Clone, Debug)]
struct Disabled {
    ring: u8,
    /// For a valid accusation.
    proved: bool,
    /// For the first time.
    first: bool,
    /// Who was closest when it was disabled.
    predecessor: Option<MemberId>,
    back: Mono,
}

/// What a new note costs beyond itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Issued {
    /// Ask the disk for this ceiling.
    pub(crate) reserve: Option<u64>,
    /// The block ran out unpersisted (R15).
    pub(crate) overrun: bool,
}

impl Own {
    /// R15: the first epoch is the higher of the stored ceiling and the wall clock in ms.
    pub(crate) fn new(
        id: MemberId,
        addrs: Vec<SocketAddr>,
        tags: Vec<u8>,
        k: u8,
        ceiling: u64,
        now: Now,
    ) -> Self {
        let first = if planted!(EpochRepeats) { 1 } else { ceiling.max(now.wall.0) };
        Self {
            id,
            addrs,
            tags,
            epoch: first.saturating_sub(1),
            leaving: false,
            gray: false,
            minor: crate::greet::MINOR,
            is_renewed: false,
            mask: Mask::all(k),
            charges: BTreeMap::new(),
            disabled: Vec::new(),
            relapses: BTreeMap::new(),
            unproved: BTreeMap::new(),
            before: 0,
            late: BTreeSet::new(),
            stale: true,
            shown_out: false,
            renew_at: Mono::NEVER,
            tokens: NOTE_BUCKET,
            refilled: now.mono,
            last: None,
            renewals: BTreeMap::new(),
            foreign: 0,
            twin: false,
            jump_next: now.mono,
            jump_wait: Duration::ZERO,
            persisted: ceiling,
            reserved: ceiling,
        }
    }

    /// Something about oneself changed: a new note is due.
    pub(crate) fn mark_stale(&mut self) {
        self.stale = true;
    }

    pub(crate) fn persisted(&mut self, ceiling: u64) {
        self.persisted = self.persisted.max(ceiling);
    }

    /// Cheap checks of an accusation of oneself: whether it is worth a signature check and, then, [`Own::charge`].
    pub(crate) fn is_news(&self, accusation: &Accusation, state: &State) -> bool {
        accusation.epoch >= self.epoch
            && accusation.epoch <= self.epoch.max(self.foreign)
            && self.mask.enabled(accusation.ring)
            && self.charges.get(&accusation.ring).is_none_or(|held| {
                if held.accuser == accusation.accuser {
                    held.epoch < accusation.epoch
                } else {
                    let rings = &state.rings;
                    rings.is_closer(accusation.ring, &self.id, &accusation.accuser, &held.accuser)
                }
            })
    }

    /// Whether a note of this member with `epoch` is ahead of all that it knows of itself (R15).
    pub(crate) fn is_ahead(&self, epoch: u64) -> bool {
        epoch > self.epoch.max(self.foreign)
    }

    /// R3: whether it is a valid accusation of the epoch before, on its way when that was answered. Worth a signature check
    /// and, then, [`Own::charge_late`].
    pub(crate) fn is_late(&self, accusation: &Accusation, state: &State, now: Mono) -> bool {
        accusation.epoch == self.before
            && self.last.is_some_and(|last| now.since(last) <= state.params.delta)
            && self.mask.enabled(accusation.ring)
            && !self.late.contains(&accusation.ring)
            && state.is_valid_against_me(accusation)
    }

    /// R3: its ring is disabled with the next note, which it does not ask for.
    pub(crate) fn charge_late(&mut self, ring: u8) {
        mark!(R3Late);
        self.late.insert(ring);
    }

    /// R3: keeps it, answerable or not.
    pub(crate) fn charge(&mut self, accusation: Arc<Accusation>) {
        self.charges.insert(accusation.ring, accusation);
    }

    /// A note with our id and key and a higher epoch (R15). `true` if it is told for the first time or again after a
    /// wait.
    pub(crate) fn on_foreign(&mut self, epoch: u64, params: &Params) -> bool {
        let news = epoch > self.foreign.max(self.epoch) || epoch == self.epoch && !self.twin;
        if planted!(NoJump) {
            return news;
        }
        self.twin |= epoch == self.epoch;
        self.foreign = self.foreign.max(epoch);
        self.stale |= self.must_jump();
        if news && self.jump_wait.is_zero() {
            self.jump_wait = params.delta;
        }
        news
    }

    /// Whether a clone of this member is as far as it is, or farther.
    pub(crate) fn must_jump(&self) -> bool {
        self.twin || self.foreign > self.epoch
    }

    /// Whether a clone's note of the current epoch was seen already.
    pub(crate) fn has_twin(&self) -> bool {
        self.twin
    }

    /// A linked peer shows that it holds us out at `epoch` (R3): renew, but not for ever at its word.
    /// Whether it is to be renewed.
    pub(crate) fn on_shown_out(&mut self, peer: MemberId, epoch: u64, now: Mono) -> bool {
        // A gray member is out by its own word.
        if epoch != self.epoch || self.leaving || self.gray {
            return false;
        }
        self.renewals.retain(|_, (_, until)| *until > now);
        let peer = if planted!(RenewalsShared) { self.id } else { peer };
        let (count, until) = self.renewals.entry(peer).or_insert((0, now + RENEW_FOR_PEER));
        if *count >= RENEWALS_AT_ONCE {
            mark!(R3ShownOften);
            return false;
        }
        *count += 1;
        *until = now + RENEW_FOR_PEER;
        mark!(R3ShownOut);
        self.shown_out = true;
        true
    }

    /// R3: every correctly signed accusation of the current epoch on an enabled ring whose members between are, or
    /// lately were, accused, out or unknown here, or are near the end of certificate or lease.
    fn is_answerable(&self, accusation: &Accusation, state: &State, now: Mono) -> bool {
        let near_end = now + state.params.allowance * 2;
        accusation.epoch >= self.epoch
            && self.mask.enabled(accusation.ring)
            && state.members_between(accusation).into_iter().all(|ix| match planted!(NarrowAnswer) {
                false => state.is_troubled(ix, now) || state.roster[ix].until <= near_end,
                true => state.is_out(ix),
            })
    }

    /// When a note is to be issued: now, later, or not for anything known.
    pub(crate) fn due(&mut self, state: &State, now: Mono) -> Option<Mono> {
        self.refill(state, now);
        let half = state.params.delta / 2;
        let apart = if planted!(SlowAnswer) { half * 8 } else { half };
        let free = self.last.map_or(now, |last| last + apart);
        let spare = self.tokens > NOTE_BUCKET_REBUTTALS || self.leaving;
        let later = if spare { free } else { self.refilled + half };
        let must_jump = self.must_jump();
        if self.is_asked(state, now) {
            return Some(free.max(if self.tokens > 0 { now } else { self.refilled + half }));
        }
        if self.stale {
            return Some(if must_jump { later.max(self.jump_next) } else { later });
        }
        let ring = self.ring_back(state, now).map(|_| later);
        let timed = self.disabled.iter().map(|ring| ring.back).chain([self.renew_at]).min();
        match (ring, timed) {
            (Some(at), _) => Some(at),
            (None, Some(at)) if at == Mono::NEVER => None,
            (None, at) => at.map(|at| at.max(later)),
        }
    }

    /// Whether an accusation or a peer that holds this member out asks for an answer. Of a gray one nobody does (R8).
    pub(crate) fn is_asked(&self, state: &State, now: Mono) -> bool {
        let charged = || self.charges.values().any(|held| self.is_answerable(held, state, now));
        !self.gray && (self.shown_out || (!self.leaving && charged()))
    }

    fn refill(&mut self, state: &State, now: Mono) {
        let half = state.params.delta / 2;
        while self.tokens < NOTE_BUCKET && now.since(self.refilled) >= half {
            self.tokens += 1;
            self.refilled = self.refilled + half;
        }
        if self.tokens == NOTE_BUCKET {
            self.refilled = now;
        }
    }

    /// R3: the disabled ring that comes back next: its time has come, or its closest predecessor changed. That counts once for
    /// each ring: a liar that turns gray and back, or leaves, changes it at will.
    fn ring_back(&self, state: &State, now: Mono) -> Option<usize> {
        let closest = |ring| state.predecessor(ring, &self.id).map(|ix| state.id(ix));
        self.disabled
            .iter()
            .position(|held| held.back <= now || held.first && closest(held.ring) != held.predecessor)
    }

    /// The fields of the next note. The caller signs it, takes it in and spreads it. Call only when [`Own::due`].
    pub(crate) fn issue(&mut self, state: &State, now: Now, rng: &mut Rng) -> (Fields, Issued) {
        let answerable = |held: &&Arc<Accusation>| !self.gray && self.is_answerable(held, state, now.mono);
        let answered: Vec<Arc<Accusation>> = self.charges.values().filter(answerable).cloned().collect();
        let answered =
            if planted!(UnanswerableDisables) { self.charges.values().cloned().collect() } else { answered };
        let answers = !answered.is_empty() || (self.shown_out && !self.gray);
        if answered.is_empty()
            && let Some(at) = self.ring_back(state, now.mono)
        {
            let back = self.disabled.remove(at);
            mark!(R3RingBack);
            self.mask.enable(back.ring);
        }
        for accusation in &answered {
            self.disable_for(accusation, state, now.mono);
        }
        for ring in core::mem::take(&mut self.late) {
            if self.mask.enabled(ring) {
                self.disable(ring, true, state, now.mono);
            }
        }
        self.note_jump(now.mono, &state.params);
        self.before = self.epoch;
        self.epoch = self.epoch.max(self.foreign).saturating_add(1);
        // Accusations of older epochs have been answered.
        self.charges.clear();
        self.twin = false;
        (self.stale, self.shown_out) = (false, false);
        self.tokens = self.tokens.saturating_sub(1);
        self.last = Some(now.mono);
        let half = state.params.lease / 2;
        let spread = u64::try_from((half / 2).as_nanos()).unwrap_or(u64::MAX);
        self.renew_at = now.mono + half + Duration::from_nanos(rng.below(spread));
        (self.fields(answers, now.wall), self.reserve())
    }

    fn note_jump(&mut self, now: Mono, params: &Params) {
        if self.must_jump() {
            mark!(R15Jump);
            self.jump_wait = (self.jump_wait * 2).clamp(params.delta.min(RENEW_FOR_PEER), RENEW_FOR_PEER);
            self.jump_next = now + self.jump_wait;
        }
    }

    fn fields(&self, answers: bool, issued: Wall) -> Fields {
        Fields {
            id: self.id,
            epoch: self.epoch,
            issued,
            leaving: self.leaving,
            gray: self.gray,
            answers,
            mask: self.mask,
            addrs: self.addrs.clone(),
            tags: self.tags.clone(),
        }
    }

    /// R15: blocks are asked for ahead, so that no rebuttal waits for a disk.
    fn reserve(&mut self) -> Issued {
        let overrun = self.persisted > 0 && self.epoch == self.persisted && self.reserved > self.persisted;
        let reserve = (self.epoch.saturating_add(EPOCH_BLOCK / 2) >= self.reserved).then(|| {
            self.reserved = self.epoch.saturating_add(EPOCH_BLOCK);
            self.reserved
        });
        Issued { reserve, overrun }
    }

    /// R3: disables the ring of a valid accusation, and one accused twice within 10 min without a valid one.
    fn disable_for(&mut self, accusation: &Accusation, state: &State, now: Mono) {
        let proved = state.is_valid_against_me(accusation);
        if !proved {
            mark!(R3Wide);
            let before = self.unproved.insert(accusation.ring, now);
            if before.is_none_or(|at| now.since(at) > RING_MEMORY) {
                return;
            }
            mark!(R3DisableTwice);
        }
        self.disable(accusation.ring, proved, state, now);
    }

    /// R3: `proved` if it is for a valid accusation.
    fn disable(&mut self, ring: u8, proved: bool, state: &State, now: Mono) {
        if planted!(NoDisabling) || !self.make_room(proved, &state.params) {
            return;
        }
        let relapses = self.relapses.entry(ring).or_insert(0);
        let wait = RING_BACK_MIN.saturating_mul(1 << (*relapses).min(16)).min(RING_BACK_MAX);
        let first = *relapses == 0;
        *relapses += 1;
        mark!(R3Disable);
        self.mask.disable(ring);
        let predecessor = state.predecessor(ring, &self.id).map(|ix| state.id(ix));
        self.disabled.push(Disabled { ring, proved, first, predecessor, back: now + wait });
    }

    /// R3: at most t rings are off. For one more the longest-disabled comes back of those without a valid accusation; if all had
    /// one, the longest-disabled of all, but only for another valid one. Whether there is room now.
    fn make_room(&mut self, proved: bool, params: &Params) -> bool {
        let most = usize::from(params.tolerance) + usize::from(planted!(ExtraRing));
        if self.disabled.len() < most {
            return true;
        }
        let unproved = self.disabled.iter().position(|held| !held.proved);
        // With t = 0 no ring may ever be disabled.
        let longest = (proved && most > 0).then_some(0);
        let Some(at) = unproved.or(longest) else { return false };
        mark!(R3Full);
        let back = self.disabled.remove(at);
        self.mask.enable(back.ring);
        true
    }
}
