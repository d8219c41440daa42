//! Accusations and timers: who is accused, who is down, and why (R1, R2, R4, R6).
//!
//! R2 asks for the least fixpoint. It is kept up incrementally: each Down member has a *rank*, the order of its
//! derivation, and is supported by an accusation whose members between have lower ranks, so that no two hold each
//! other up. A member that loses such support while it still has valid accusations makes the whole fixpoint be found
//! anew ([`State::refound`]); that is rare, because most accusations reach over nobody.

use super::{Case, Ix, Standing, State, roster::Slot};
use crate::{accusation::Accusation, action::Notice, id::MemberId, time::Mono};
use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};
use core::time::Duration;

/// What to do with an accusation, before its signature is looked at: cheap checks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consider {
    /// Held already.
    Duplicate,
    /// A closer one is held.
    Farther,
    /// Of an older epoch.
    Stale,
    /// Of a newer epoch: its note is asked for.
    Future,
    /// The accused disabled this ring.
    RingDisabled,
    /// The accused is unknown, left or gray.
    NotAccusable,
    /// The accuser is unknown: its records are asked for.
    UnknownAccuser,
    /// A live member that nobody accuses stands between.
    Blocked,
    /// Worth a signature check.
    Fresh,
}

impl State {
    /// R1 and R2, all but the signature.
    pub(crate) fn consider(&self, accusation: &Accusation) -> Consider {
        let Some(accused) = self.roster.ix(&accusation.accused) else { return Consider::NotAccusable };
        let peer = &self.roster[accused];
        if accusation.epoch < peer.note.epoch() {
            mark!(R1Stale);
            return Consider::Stale;
        }
        if accusation.epoch > peer.note.epoch() {
            mark!(R1Future);
            return Consider::Future;
        }
        if !self.is_enabled(accused, accusation.ring) {
            mark!(R1Disabled);
            return Consider::RingDisabled;
        }
        if matches!(peer.standing, Standing::Left | Standing::Gray) {
            return Consider::NotAccusable;
        }
        let Some(accuser) = self.roster.ix(&accusation.accuser) else {
            mark!(R1UnknownAccuser);
            return Consider::UnknownAccuser;
        };
        if let Some(held) = self.cases.get(&accused).and_then(|case| case.slot(accusation.ring))
            && let Some(no) = self.not_better(accusation, &held.accusation)
        {
            return no;
        }
        if self.over(accusation.ring, accuser, accused).all(|ix| self.is_out(ix) || self.is_accused(ix)) {
            Consider::Fresh
        } else {
            mark!(R1Blocked);
            Consider::Blocked
        }
    }

    /// R2: the closest accuser's is kept; of equal accusers, the lower hash.
    fn not_better(&self, new: &Accusation, held: &Accusation) -> Option<Consider> {
        if new.accuser == held.accuser {
            return (new.hash() >= held.hash()).then_some(Consider::Duplicate);
        }
        let closer = self.rings.is_closer(new.ring, &new.accused, &new.accuser, &held.accuser);
        (!closer && !planted!(LastAccuser)).then_some(Consider::Farther)
    }

    /// Members strictly between accuser and accused, who may be known or not.
    fn between<'a>(&'a self, accusation: &'a Accusation) -> impl Iterator<Item = Ix> + 'a {
        let between =
            self.rings.between(&self.roster, accusation.ring, &accusation.accuser, &accusation.accused);
        between.filter(|_| !planted!(NonPredecessor))
    }

    /// The same of two that are on the rings: back from the accused, which costs one place on the ring, not two.
    fn over(&self, ring: u8, accuser: Ix, accused: Ix) -> impl Iterator<Item = Ix> {
        debug_assert!(self.newcomers.is_empty(), "a walk would go past an accuser that is not on the ring");
        let before = self.rings.predecessors(&self.roster, ring, &self.roster[accused].certificate.id);
        before.take_while(move |ix| *ix != accuser).filter(|_| !planted!(NonPredecessor))
    }

    /// The same for an accusation that sits in a slot.
    fn over_slot(&self, accused: Ix, slot: &Slot) -> impl Iterator<Item = Ix> {
        self.over(slot.ring, slot.accuser, accused)
    }

    /// Whether the note held lets its owner be accused on `ring`.
    fn is_enabled(&self, accused: Ix, ring: u8) -> bool {
        self.roster[accused].note.mask().enabled(ring) || planted!(IgnoredMask)
    }

    /// R1 for an accusation that sits in a slot: accuser and accused are in the roster and the epoch fits.
    ///
    /// R6: an accusation over a member that is only held is valid, but its age does not run: else two silent members
    /// whose accusations reach over each other are held and put down in turns, for ever. So gives whether it is valid, and
    /// whether its age runs.
    fn validity(&self, accused: Ix, slot: &Slot) -> (bool, bool) {
        debug_assert_eq!(slot.accusation.epoch, self.roster[accused].note.epoch());
        let skipped = |ix: Ix| self.is_out(ix) || planted!(SkipAccused) && self.is_accused(ix);
        let void = planted!(AccuserMatters) && (self.is_out(slot.accuser) || self.is_accused(slot.accuser));
        let mut ages = true;
        let mut clear = self.over_slot(accused, slot).inspect(|ix| ages &= !self.is_held(*ix));
        let valid = self.is_enabled(accused, slot.ring) && clear.all(skipped) && !void;
        drop(clear);
        (valid, valid && ages)
    }

    /// Takes in an accusation that is [`Consider::Fresh`] and whose signature held.
    pub(crate) fn accuse(&mut self, accusation: Arc<Accusation>, now: Mono) {
        debug_assert_eq!(self.consider(&accusation), Consider::Fresh);
        let (Some(accused), Some(accuser)) =
            (self.roster.ix(&accusation.accused), self.roster.ix(&accusation.accuser))
        else {
            return;
        };
        let case = self.cases.entry(accused).or_default();
        let old = case.slots.iter().position(|slot| slot.ring == accusation.ring);
        if old.is_some() {
            mark!(R2Closer);
        }
        // R4: a closer one that replaces a valid one inherits its age. It is valid too: less stands between.
        let (since, waited) = old
            .map(|at| case.slots.remove(at))
            .map_or((None, Duration::ZERO), |slot| (slot.since, slot.waited));
        if since.is_some() {
            mark!(R4Inherit);
        }
        let (ring, valid) = (accusation.ring, since.is_some());
        let at = case.slots.partition_point(|slot| slot.ring < ring);
        case.slots.insert(at, Slot { ring, accuser, accusation, valid, open: true, since, waited });
        self.dirty.insert(accused);
        self.settle(now);
        self.push_parked(accused);
    }

    /// R7: the first parked accusation of a member and epoch is pushed too.
    fn push_parked(&mut self, accused: Ix) {
        let Some(case) = self.cases.get_mut(&accused) else { return };
        if !case.is_valid()
            && !case.pushed_parked
            && !planted!(ParkedKept)
            && let Some(slot) = case.slots.first()
        {
            mark!(R7PushParked);
            case.pushed_parked = true;
            self.pushes.push(Arc::clone(&slot.accusation));
        }
    }

    /// Judges again whatever a change touched, until nothing changes any more.
    pub(super) fn settle(&mut self, now: Mono) {
        loop {
            while let Some(ix) = self.dirty.pop_first() {
                self.judge(ix, now);
            }
            if !self.shaken {
                break;
            }
            self.shaken = false;
            mark!(R2Refound);
            self.refound(now);
        }
        self.check();
    }

    fn judge(&mut self, ix: Ix, now: Mono) {
        let Some(mut case) = self.cases.get_mut(&ix).map(core::mem::take) else { return };
        let was_valid = case.is_valid();
        let mut shows = false;
        for at in 0..case.slots.len() {
            if !core::mem::take(&mut case.slots[at].open) {
                continue;
            }
            let (valid, ages) = self.validity(ix, &case.slots[at]);
            let slot = &mut case.slots[at];
            shows |= slot.valid || valid;
            match (slot.valid, valid) {
                (false, false) => mark!(R2Parked),
                (false, true) if case.pushed_parked => mark!(R2Unparked),
                (_, _) => {}
            }
            if slot.valid && !valid {
                self.touch(ix); // R6: the duty on that ring is somebody's again
            }
            slot.valid = valid;
            slot.since = ages.then(|| slot.since.unwrap_or(now));
        }
        let is_valid = case.is_valid();
        if was_valid != is_valid {
            self.roster[ix].troubled = now;
            self.touch(ix);
        }
        if is_valid
            && (!case.pushed_valid || planted!(PushAll))
            && let Some(slot) = case.slots.iter().find(|slot| slot.valid)
        {
            let accusation = Arc::clone(&slot.accusation);
            case.pushed_valid = true;
            mark!(R1Valid);
            if cfg!(ifrit_bug) && self.between(&accusation).next().is_some() {
                mark!(R1OverOut);
            }
            self.pushes.push(Arc::clone(&accusation));
            if case.rank.is_none() {
                self.notices.push(Notice::Accused { accusation });
            }
        }
        if let Some(rank) = case.rank {
            // A held one that has an accusation again may stand on it; one without support must be held.
            self.shaken |= case.hold.is_some() == is_valid || (is_valid && !self.supports(ix, &case, rank));
        }
        if is_valid && !self.is_out(ix) {
            self.suspects.insert(ix);
        } else {
            self.suspects.remove(&ix);
        }
        self.cases.insert(ix, case);
        self.retime(ix);
        if shows {
            self.leaves.insert(ix);
        }
    }

    /// Whether a valid accusation reaches only over members that are out for reasons older than `rank`.
    fn supports(&self, ix: Ix, case: &Case, rank: u64) -> bool {
        let older = |ix: Ix| self.cases.get(&ix).and_then(|case| case.rank).is_none_or(|other| other < rank);
        let mut valid = case.slots.iter().filter(|slot| slot.valid);
        valid.any(|slot| planted!(Circle) || self.over_slot(ix, slot).all(older))
    }

    /// R2: finds the least fixpoint over all Down members anew; those outside are held (R6).
    fn refound(&mut self, now: Mono) {
        let mut open: Vec<Ix> = self.down().collect();
        let unfounded: BTreeSet<Ix> = {
            let mut outside: BTreeSet<Ix> = open.iter().copied().collect();
            // A hold stands only while no accusation does.
            outside.retain(|ix| self.cases[ix].hold.is_none() || self.cases[ix].is_valid());
            open.retain(|ix| outside.contains(ix));
            for base in
                self.cases.iter_mut().filter(|(ix, case)| case.rank.is_some() && !outside.contains(ix))
            {
                base.1.rank = Some(0);
            }
            outside
        };
        let mut unfounded = unfounded;
        loop {
            let founded: Vec<Ix> =
                open.iter().copied().filter(|ix| self.is_founded(*ix, &unfounded)).collect();
            if founded.is_empty() {
                break;
            }
            for ix in founded {
                self.rank += 1;
                unfounded.remove(&ix);
                if let Some(case) = self.cases.get_mut(&ix) {
                    case.rank = Some(self.rank);
                    if case.hold.take().is_some() {
                        self.touch(ix);
                        self.disturb(ix);
                    }
                }
            }
            open.retain(|ix| unfounded.contains(ix));
        }
        for ix in open {
            self.hold(ix, now);
        }
        self.down().collect::<Vec<_>>().into_iter().for_each(|ix| self.retime(ix));
    }

    fn is_founded(&self, ix: Ix, unfounded: &BTreeSet<Ix>) -> bool {
        let mut valid = self.cases[&ix].slots.iter().filter(|slot| slot.valid);
        valid.any(|slot| self.over_slot(ix, slot).all(|between| !unfounded.contains(&between)))
    }

    /// R6: Down without support, for the detection bound + 2Δ, in which the new monitor pings it.
    ///
    /// What falls within 4Δ after a heal is held for 4Δ only, the time of the heal's walk, which brings what others hold
    /// against it: whoever was cut off alone holds nearly all others down, most of whom never hear of it.
    fn hold(&mut self, ix: Ix, now: Mono) {
        let walk = self.params.delta * 4;
        let healed = self.healed.is_some_and(|at| now.since(at) <= walk);
        let until = now + if healed { walk } else { self.params.detection + self.params.delta * 2 };
        if let Some(case) = self.cases.get_mut(&ix) {
            case.rank = Some(0);
            if case.hold.is_none() {
                mark!(R6Hold);
                case.hold = Some(if planted!(NoHold) { now } else { until });
                self.disturb(ix);
            }
        }
        self.touch(ix);
    }

    /// Whether it is out by a hold only (R6).
    pub(super) fn is_held(&self, ix: Ix) -> bool {
        self.cases.get(&ix).is_some_and(|case| case.hold.is_some())
    }

    /// R4: the timer is a function of the accusations held.
    fn retime(&mut self, ix: Ix) {
        let Some(case) = self.cases.get(&ix) else { return };
        let timer = self.timer_of(case);
        if timer == case.timer {
            return;
        }
        if let Some(old) = case.timer {
            self.timers.remove(&(old, ix));
        }
        if let Some(new) = timer {
            self.timers.insert((new, ix));
        }
        if let Some(case) = self.cases.get_mut(&ix) {
            case.timer = timer;
        }
    }

    pub(super) fn timer_of(&self, case: &Case) -> Option<Mono> {
        match case.rank {
            Some(_) => case.hold,
            None => case.oldest().and_then(|slot| slot.since).map(|since| since + self.params.answer_time()),
        }
    }

    pub(super) fn drop_case(&mut self, ix: Ix) -> Option<Case> {
        let case = self.cases.remove(&ix)?;
        self.suspects.remove(&ix);
        self.downs.remove(&ix);
        if case.hold.is_some() {
            // It may stay out by its own word, and then ages over it run from now on.
            self.disturb(ix);
        }
        if let Some(timer) = case.timer {
            self.timers.remove(&(timer, ix));
        }
        Some(case)
    }

    /// When the next age or hold ends; `None` while ages stand still.
    pub(crate) fn next_timer(&self) -> Option<Mono> {
        if self.frozen.is_some() {
            return None;
        }
        self.timers.first().map(|(at, _)| *at)
    }

    /// The member whose timer has run out first, if any has. What was received about it must be handled before
    /// [`State::fire`].
    pub(crate) fn due(&self, now: Mono) -> Option<Ix> {
        if self.frozen.is_some() {
            return None;
        }
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, ix)| *ix)
    }

    /// R4 and R6: the member goes down, or its hold ends. Does nothing if its timer has not run out.
    pub(crate) fn fire(&mut self, ix: Ix, now: Mono) {
        let Some(case) = self.cases.get_mut(&ix) else { return };
        if case.timer.is_none_or(|at| at > now) {
            return;
        }
        if case.rank.is_some() {
            mark!(R6HoldEnds);
            case.rank = None;
            case.hold = None;
            // Whatever is still valid was held up in a circle: it counts from now.
            case.slots.iter_mut().filter(|slot| slot.since.is_some()).for_each(|slot| slot.since = Some(now));
            let (member, epoch) = (self.id(ix), self.roster[ix].note.epoch());
            self.stand(ix, Standing::Live, now);
            self.notices.push(Notice::Up { member, epoch });
        } else if let Some(cause) = case.oldest().map(|slot| Arc::clone(&slot.accusation)) {
            mark!(R4Down);
            self.rank += 1;
            (case.rank, case.cause) = (Some(self.rank), Some(Arc::clone(&cause)));
            self.stand(ix, Standing::Down, now);
            self.notices.push(Notice::Down { accusation: cause });
        }
        self.dirty.insert(ix);
        self.settle(now);
    }

    /// R4: ages are set back by a stretch in which this member could not have heard an answer; none below 0.
    pub(crate) fn set_back(&mut self, stretch: Duration, for_waiting: bool, now: Mono) {
        let cap = self.params.delta * 4;
        for case in self.cases.values_mut().filter(|case| case.rank.is_none()) {
            for slot in &mut case.slots {
                let stretch =
                    if for_waiting { stretch.min(cap.saturating_sub(slot.waited)) } else { stretch };
                if for_waiting {
                    slot.waited += stretch;
                }
                slot.since = slot.since.map(|since| (since + stretch).min(now));
            }
        }
        let all: Vec<Ix> = self.cases.keys().copied().collect();
        all.into_iter().for_each(|ix| self.retime(ix));
    }

    /// R4: no age runs from now on.
    pub(crate) fn freeze(&mut self, now: Mono) {
        self.frozen.get_or_insert(now);
    }

    /// Ages run again; the time between counts for none.
    pub(crate) fn thaw(&mut self, now: Mono) {
        if let Some(from) = self.frozen.take() {
            self.set_back(now.since(from), false, now);
        }
    }

    /// R3: whether `ix` is, or within 4Δ was, accused, out or unknown here.
    pub(crate) fn is_troubled(&self, ix: Ix, now: Mono) -> bool {
        self.is_out(ix) || self.is_accused(ix) || now.since(self.roster[ix].troubled) <= self.params.delta * 4
    }

    /// R1 for an accusation of this member itself, which sits in no case.
    pub(crate) fn is_valid_against_me(&self, accusation: &Accusation) -> bool {
        self.between(accusation).all(|ix| self.is_out(ix))
    }

    /// Members strictly between accuser and accused, for R3.
    pub(crate) fn members_between(&self, accusation: &Accusation) -> Vec<Ix> {
        self.between(accusation).collect()
    }

    /// The closest member before `id` on `ring` that is not out.
    pub(crate) fn predecessor(&self, ring: u8, id: &MemberId) -> Option<Ix> {
        self.rings.predecessors(&self.roster, ring, id).find(|ix| !self.is_out(*ix))
    }
}
