//! Who is watched, and how a silence becomes an accusation (R5, R6).

use crate::{
    id::MemberId,
    limits::MEDIAN_OTHERS_MIN,
    params::Params,
    seed::Rng,
    state::{Ix, State},
    time::Mono,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

/// Weight of a new sample in a loss estimate: 1/16.
const LOSS_SHIFT: u32 = 4;

/// What there is to do about the watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Ping it, or dial it if there is no link.
    Ping(MemberId),
    /// It was silent often enough: accuse it.
    Accuse(MemberId),
}

/// One watched member.
#[derive(Debug)]
struct Watch {
    /// Its note's epoch: a new note starts the count anew.
    epoch: u64,
    /// Rings on which we watch it, and rings enabled in its mask.
    rings: u32,
    enabled: u32,
    next: Mono,
    /// The ping under way: when it is missed.
    pending: Option<Pending>,
    misses: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    token: u64,
    sent: Mono,
    missed_at: Mono,
    /// A sign of life came, if not the pong.
    acked: bool,
}

/// Loss of pings to one member, in ppm.
type Losses = BTreeMap<MemberId, u32>;

/// The members on whom this one keeps an eye.
#[derive(Debug)]
pub(crate) struct Monitor {
    watched: BTreeMap<MemberId, Watch>,
    /// (time, who): when to look at it next.
    queue: BTreeSet<(Mono, MemberId)>,
    losses: Losses,
    token: u64,
    /// Closest members before and after that are not out, and past accused ones: gossip is accepted from them.
    pub(crate) neighbours: BTreeSet<MemberId>,
    /// Of these, the ones after: this member dials them.
    pub(crate) successors: BTreeSet<MemberId>,
    /// The successors changed since links to them were looked at.
    pub(crate) is_new: bool,
}

impl Monitor {
    pub(crate) fn new() -> Self {
        Self {
            watched: BTreeMap::new(),
            queue: BTreeSet::new(),
            losses: BTreeMap::new(),
            token: 0,
            neighbours: BTreeSet::new(),
            successors: BTreeSet::new(),
            is_new: true,
        }
    }

    /// Looks anew at who is to be watched. Gives the accusations that are this member's duty (R6): Down members on
    /// enabled rings without a valid accusation, of which it is the closest predecessor that is not out.
    ///
    /// Costs k short walks along the rings.
    pub(crate) fn retarget(
        &mut self,
        state: &State,
        me: &MemberId,
        now: Mono,
        rng: &mut Rng,
    ) -> Vec<(Ix, u8)> {
        // Rings on which we watch it, and whether it stands behind one that is accused or out.
        let mut counts: BTreeMap<Ix, (u32, bool)> = BTreeMap::new();
        let mut duty = Vec::new();
        self.neighbours.clear();
        self.successors.clear();
        self.is_new = true;
        for ring in 0..state.params.rings {
            let (mut behind, mut closest) = (false, true);
            for ix in state.rings.successors(&state.roster, ring, me) {
                let mut count = || {
                    let entry = counts.entry(ix).or_default();
                    *entry = (entry.0 + 1, entry.1 | behind);
                };
                if state.is_out(ix) {
                    // R6: it is the duty of the closest that is not out; an accused one is not.
                    if closest {
                        owes(state, ix, ring, &mut duty);
                    }
                    if state.case(ix).is_some_and(|case| case.hold.is_some()) || is_gray(state, ix) {
                        count();
                    }
                    behind = true;
                    continue;
                }
                self.successors.insert(state.id(ix));
                if state.roster[ix].note.mask().enabled(ring) {
                    count();
                }
                // Past an accused one the next is pinged too, at once (R5).
                if !state.is_accused(ix) {
                    break;
                }
                mark!(R5Past);
                (behind, closest) = (true, false);
            }
            for ix in state.rings.predecessors(&state.roster, ring, me) {
                if state.is_out(ix) {
                    continue;
                }
                self.neighbours.insert(state.id(ix));
                if !state.is_accused(ix) {
                    break;
                }
            }
        }
        self.neighbours.extend(self.successors.iter().copied());
        self.watch(state, &counts, now, rng);
        duty
    }

    fn watch(&mut self, state: &State, counts: &BTreeMap<Ix, (u32, bool)>, now: Mono, rng: &mut Rng) {
        let wanted: BTreeSet<MemberId> = counts.keys().map(|ix| state.id(*ix)).collect();
        let gone: Vec<MemberId> = self.watched.keys().filter(|id| !wanted.contains(id)).copied().collect();
        for id in gone {
            let watch = self.watched.remove(&id).expect("it was just listed");
            self.queue.remove(&(watch.at(), id));
            self.losses.remove(&id);
        }
        for (ix, (rings, behind)) in counts {
            let (id, note) = (state.id(*ix), &state.roster[*ix].note);
            let enabled = note.mask().count();
            let interval = interval(&state.params, enabled, *rings);
            let fresh = || Watch {
                epoch: note.epoch(),
                rings: *rings,
                enabled,
                // Monitors of one member are staggered by chance; past an accused one there is no time to lose.
                next: if *behind {
                    now
                } else {
                    now + Duration::from_nanos(rng.below(interval.as_nanos() as u64))
                },
                pending: None,
                misses: 0,
            };
            let watch = self.watched.entry(id).or_insert_with(fresh);
            self.queue.remove(&(watch.at(), id));
            (watch.rings, watch.enabled) = (*rings, enabled);
            if watch.epoch != note.epoch() {
                (watch.epoch, watch.misses) = (note.epoch(), 0);
            }
            watch.next = watch.next.min(now + interval);
            self.queue.insert((watch.at(), id));
        }
    }

    /// When there is something to do next.
    pub(crate) fn next(&self) -> Option<Mono> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The next thing to do now.
    pub(crate) fn poll(&mut self, params: &Params, now: Mono) -> Option<Probe> {
        let (at, id) = self.queue.first().copied()?;
        if at > now {
            return None;
        }
        let needed = self.needed(params, &id);
        let watch = self.watched.get_mut(&id)?;
        self.queue.remove(&(at, id));
        let probe = match watch.pending.take() {
            None => Probe::Ping(id),
            Some(pending) if pending.acked => {
                // Alive, though the pong was lost.
                mark!(R5AckedOnly);
                watch.misses = 0;
                watch.next = now + interval(params, watch.enabled, watch.rings);
                sample(&mut self.losses, id, true, params);
                self.queue.insert((watch.at(), id));
                return self.poll(params, now);
            }
            Some(_) => {
                mark!(R5Miss);
                watch.misses += 1;
                sample(&mut self.losses, id, true, params);
                if watch.misses >= needed { Probe::Accuse(id) } else { Probe::Ping(id) }
            }
        };
        if matches!(probe, Probe::Accuse(_)) {
            // Accused or not, it is looked at again at the usual pace.
            watch.misses = needed.saturating_sub(1);
            watch.next = now + params.ping_timeout * 4;
        } else {
            watch.next = now + params.ping_timeout;
        }
        self.queue.insert((watch.at(), id));
        Some(probe)
    }

    /// A ping goes out, or a dial in its place; gives its token. It is missed after `patience`.
    pub(crate) fn on_sent(&mut self, id: &MemberId, now: Mono, patience: Duration) -> u64 {
        self.token += 1;
        if let Some(watch) = self.watched.get_mut(id) {
            self.queue.remove(&(watch.at(), *id));
            watch.pending =
                Some(Pending { token: self.token, sent: now, missed_at: now + patience, acked: false });
            self.queue.insert((watch.at(), *id));
        }
        self.token
    }

    /// Nothing could be sent (a dial withheld, a ping that did not reach the wire): no miss.
    pub(crate) fn on_withheld(&mut self, id: &MemberId, again: Mono) {
        if let Some(watch) = self.watched.get_mut(id) {
            self.queue.remove(&(watch.at(), *id));
            watch.pending = None;
            watch.next = again;
            self.queue.insert((watch.at(), *id));
        }
    }

    /// The ping with this token never reached the wire.
    pub(crate) fn on_unsent(&mut self, token: u64, now: Mono, params: &Params) {
        let hit = self
            .watched
            .iter()
            .find(|(_, watch)| watch.pending.is_some_and(|pending| pending.token == token));
        if let Some(id) = hit.map(|(id, _)| *id) {
            self.on_withheld(&id, now + params.ping_timeout);
        }
    }

    /// The pong of a ping; gives the round trip.
    pub(crate) fn on_pong(
        &mut self,
        id: &MemberId,
        token: u64,
        now: Mono,
        params: &Params,
    ) -> Option<Duration> {
        let watch = self.watched.get_mut(id)?;
        let pending = watch.pending.filter(|pending| pending.token == token)?;
        self.queue.remove(&(watch.at(), *id));
        (watch.pending, watch.misses) = (None, 0);
        watch.next = now + interval(params, watch.enabled, watch.rings);
        self.queue.insert((watch.at(), *id));
        sample(&mut self.losses, *id, false, params);
        Some(now.since(pending.sent))
    }

    /// A sign of life: the peer acknowledged what was sent after the ping.
    pub(crate) fn on_acked(&mut self, id: &MemberId) {
        if let Some(watch) = self.watched.get_mut(id) {
            watch.misses = 0;
            if let Some(pending) = &mut watch.pending {
                pending.acked = true;
            }
        }
    }

    /// The link to it came up: ping it soon.
    pub(crate) fn on_link(&mut self, id: &MemberId, now: Mono) {
        if let Some(watch) = self.watched.get_mut(id) {
            self.queue.remove(&(watch.at(), *id));
            (watch.pending, watch.misses) = (None, 0);
            watch.next = now;
            self.queue.insert((watch.at(), *id));
        }
    }

    /// This member's own loop was late: whatever waits for an answer waits longer (local health).
    pub(crate) fn set_back(&mut self, stretch: Duration) {
        self.queue.clear();
        for (id, watch) in &mut self.watched {
            if let Some(pending) = &mut watch.pending {
                pending.missed_at = pending.missed_at + stretch;
            }
            self.queue.insert((watch.at(), *id));
        }
    }

    /// R5: misses needed, by the median loss over all *others* that one monitors, never by the accused's own.
    fn needed(&self, params: &Params, accused: &MemberId) -> u32 {
        if planted!(OwnLoss) {
            return params.misses(self.losses.get(accused).copied().unwrap_or(params.loss_ppm));
        }
        let mut others: Vec<u32> =
            self.losses.iter().filter(|(id, _)| *id != accused).map(|(_, loss)| *loss).collect();
        let loss = if others.len() < MEDIAN_OTHERS_MIN {
            params.loss_ppm
        } else {
            mark!(R5Median);
            let middle = others.len() / 2;
            *others.select_nth_unstable(middle).1
        };
        params.misses(loss.max(params.loss_ppm))
    }
}

impl Watch {
    /// When to look at it: at the end of a ping under way, else at the next one.
    fn at(&self) -> Mono {
        self.pending.map_or(self.next, |pending| pending.missed_at)
    }
}

/// R6: a Down member on an enabled ring without a valid accusation; none in a hold.
fn owes(state: &State, ix: Ix, ring: u8, duty: &mut Vec<(Ix, u8)>) {
    let Some(case) = state.case(ix).filter(|_| !planted!(NoDuty)) else { return };
    let empty = case.slot(ring).is_none_or(|slot| !slot.valid);
    if case.rank.is_some() && case.hold.is_none() && empty && state.roster[ix].note.mask().enabled(ring) {
        duty.push((ix, ring));
    }
}

fn is_gray(state: &State, ix: Ix) -> bool {
    state.roster[ix].standing == crate::state::Standing::Gray
}

/// R5: each member is pinged R times a second in all, so one ring's monitor pings every (enabled rings) / R.
fn interval(params: &Params, enabled: u32, rings: u32) -> Duration {
    params.ping_period * enabled.max(1) / rings.max(1)
}

fn sample(losses: &mut Losses, id: MemberId, lost: bool, params: &Params) {
    let loss = losses.entry(id).or_insert(params.loss_ppm);
    let new = if lost { 1_000_000 } else { 0 };
    *loss = *loss - (*loss >> LOSS_SHIFT) + (new >> LOSS_SHIFT);
}
