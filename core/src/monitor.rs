//! Who is watched, and how a silence becomes an accusation (R5, R6).
//!
//! **R5, staggered monitors.** The monitors of one member take turns by the wall clock: the cycle of (enabled rings) / R has a
//! turn for each of its enabled rings, and whoever watches it on a ring pings at that ring's turn. So some monitor pings each
//! member every 1/R, not k times at once and then never for most of a cycle, which is what happens when phases are left to
//! the moments at which links came up. Clocks that do not agree cost evenness, nothing else: from one ping of a monitor to
//! its next there never is more than a cycle and a ping's time, whatever the clock says, and no verdict looks at it.

use crate::{
    gray::Strain,
    id::MemberId,
    limits::MEDIAN_OTHERS_MIN,
    mask::Mask,
    params::Params,
    state::{Ix, State, Touched},
    time::{Mono, Now},
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
    rings: Mask,
    enabled: Mask,
    next: Mono,
    /// The ping under way: when it is missed.
    pending: Option<Pending>,
    misses: u32,
    /// It says that it is gray (R8): its silence accuses nobody and is no haste.
    gray: bool,
    /// A ping was missed, and no pong came since.
    escalated: bool,
    /// Whether it answered in time when it showed life last; unknown while one that did may be dead (R8).
    answered: Option<bool>,
    /// How long its pongs took.
    trip: RoundTrip,
}

/// How long the pongs of a watched member took since it is watched, for operators: no verdict looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrip {
    /// How many came.
    pub count: u64,
    /// The last.
    pub last: Duration,
    /// The mean, the last eight weighing most.
    pub mean: Duration,
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl RoundTrip {
    fn add(&mut self, took: Duration) {
        if self.count == 0 {
            *self = Self { count: 0, last: took, mean: took, least: took, most: took };
        }
        self.count += 1;
        self.last = took;
        self.mean = self.mean - self.mean / 8 + took / 8;
        (self.least, self.most) = (self.least.min(took), self.most.max(took));
    }
}

/// How the pings of one watched member do, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watched {
    /// Who.
    pub id: MemberId,
    /// The rings on which it is watched.
    pub rings: Mask,
    /// How long its pongs took.
    pub round_trip: RoundTrip,
    /// Pings missed since the last pong.
    pub misses: u32,
    /// The share of pings lost of late, in parts per million; before any, what the network's parameters assume.
    pub loss_ppm: u32,
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
    /// All that the last look along the rings met, sorted: while none of them changes, it would show the same again.
    met: Vec<Ix>,
}

/// What a look along the rings shows.
#[derive(Debug, Default)]
struct Sight {
    /// Rings on which each is watched, and whether it stands behind one that is accused or out.
    wanted: BTreeMap<Ix, (Mask, bool)>,
    duty: Vec<(Ix, u8)>,
    /// Sorted, once the look is over.
    neighbours: Vec<Ix>,
    successors: Vec<Ix>,
    met: Vec<Ix>,
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
            met: Vec::new(),
        }
    }

    /// Whether a look along the rings may show something new.
    pub(crate) fn concerns(&self, touched: &Touched) -> bool {
        touched.any_of(&self.met)
    }

    /// Looks anew at who is to be watched. Gives the accusations that are this member's duty (R6): Down members on
    /// enabled rings without a valid accusation, of which it is the closest predecessor that is not out.
    ///
    /// Costs k short walks along the rings.
    pub(crate) fn retarget(&mut self, state: &State, me: &MemberId, now: Now) -> Vec<(Ix, u8)> {
        let sight = look(state, me);
        self.neighbours = sight.neighbours.iter().map(|ix| state.id(*ix)).collect();
        self.successors = sight.successors.iter().map(|ix| state.id(*ix)).collect();
        self.met = sight.met;
        self.is_new = true;
        self.watch(state, &sight.wanted, now);
        sight.duty
    }

    /// Whether a look would show what the last one did.
    pub(crate) fn is_current(&self, state: &State, me: &MemberId) -> bool {
        let sight = look(state, me);
        let watched = |(ix, (rings, _)): (&Ix, &(Mask, bool))| {
            let note = &state.roster[*ix].note;
            self.watched.get(&note.id()).is_some_and(|watch| {
                (watch.rings, watch.enabled, watch.epoch) == (*rings, note.mask(), note.epoch())
            })
        };
        let same = |sight: &[Ix], held: &BTreeSet<MemberId>| {
            sight.len() == held.len() && sight.iter().all(|ix| held.contains(&state.id(*ix)))
        };
        same(&sight.neighbours, &self.neighbours)
            && same(&sight.successors, &self.successors)
            && sight.wanted.len() == self.watched.len()
            && sight.wanted.iter().all(watched)
    }

    fn watch(&mut self, state: &State, wanted: &BTreeMap<Ix, (Mask, bool)>, now: Now) {
        let ids: BTreeSet<MemberId> = wanted.keys().map(|ix| state.id(*ix)).collect();
        let gone: Vec<MemberId> = self.watched.keys().filter(|id| !ids.contains(id)).copied().collect();
        for id in gone {
            let watch = self.watched.remove(&id).expect("it was just listed");
            self.queue.remove(&(watch.at(), id));
            self.losses.remove(&id);
        }
        for (ix, (rings, behind)) in wanted {
            let (id, note) = (state.id(*ix), &state.roster[*ix].note);
            let (rings, enabled) = (*rings, note.mask());
            let turn = || next_turn(&state.params, &id, rings, enabled, now);
            let fresh = || Watch {
                epoch: note.epoch(),
                rings,
                enabled,
                // Past an accused one there is no time to lose.
                next: if *behind { now.mono } else { turn() },
                pending: None,
                misses: 0,
                gray: false,
                escalated: false,
                answered: None,
                trip: RoundTrip::default(),
            };
            let watch = self.watched.entry(id).or_insert_with(fresh);
            let before = watch.at();
            watch.gray = note.gray();
            if watch.epoch != note.epoch() {
                (watch.epoch, watch.misses) = (note.epoch(), 0);
                if watch.escalated {
                    watch.answered = Some(false); // it lives: the silence was the link's
                }
            }
            if (watch.rings, watch.enabled) != (rings, enabled) {
                (watch.rings, watch.enabled) = (rings, enabled);
                watch.next = watch.next.min(turn());
            }
            if watch.at() != before {
                self.queue.remove(&(before, id));
            }
            self.queue.insert((watch.at(), id));
        }
    }

    /// Whether it left the last ping unanswered.
    pub(crate) fn is_silent(&self, id: &MemberId) -> bool {
        self.watched.get(id).is_some_and(|watch| watch.misses > 0)
    }

    /// When there is something to do next.
    pub(crate) fn next(&self) -> Option<Mono> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The next thing to do now.
    pub(crate) fn poll(&mut self, params: &Params, now: Now) -> Option<Probe> {
        let (at, id) = self.queue.first().copied()?;
        if at > now.mono {
            return None;
        }
        let watch = self.watched.get_mut(&id)?;
        self.queue.remove(&(at, id));
        let probe = match watch.pending.take() {
            None => Probe::Ping(id),
            Some(pending) if pending.acked => {
                // Alive, though the pong was lost.
                mark!(R5AckedOnly);
                (watch.misses, watch.escalated, watch.answered) = (0, false, Some(false));
                watch.next = next_turn(params, &id, watch.rings, watch.enabled, now);
                sample(&mut self.losses, id, true, params);
                self.queue.insert((watch.at(), id));
                return self.poll(params, now);
            }
            Some(_) if watch.gray => {
                watch.next = next_turn(params, &id, watch.rings, watch.enabled, now);
                self.queue.insert((watch.at(), id));
                return self.poll(params, now);
            }
            Some(_) => {
                mark!(R5Miss);
                watch.misses += 1;
                watch.escalated = true;
                watch.answered = watch.answered.filter(|in_time| !in_time);
                self.missed(params, id, now.mono)
            }
        };
        let watch = self.watched.get_mut(&id)?;
        if probe == Probe::Ping(id) {
            watch.next = now.mono + params.ping_timeout;
        }
        self.queue.insert((watch.at(), id));
        Some(probe)
    }

    /// A ping more was missed: whether that makes an accusation.
    fn missed(&mut self, params: &Params, id: MemberId, now: Mono) -> Probe {
        let needed = self.needed(params, &id);
        sample(&mut self.losses, id, true, params);
        let Some(watch) = self.watched.get_mut(&id).filter(|watch| watch.misses >= needed) else {
            return Probe::Ping(id);
        };
        // Accused or not, it is looked at again at the usual pace.
        watch.misses = needed.saturating_sub(1);
        watch.next = now + params.ping_timeout * 4;
        Probe::Accuse(id)
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
        now: Now,
        params: &Params,
    ) -> Option<Duration> {
        let watch = self.watched.get_mut(id)?;
        let pending = watch.pending.filter(|pending| pending.token == token)?;
        self.queue.remove(&(watch.at(), *id));
        (watch.pending, watch.misses) = (None, 0);
        (watch.answered, watch.escalated) = (Some(!watch.escalated), false);
        watch.next = next_turn(params, id, watch.rings, watch.enabled, now);
        self.queue.insert((watch.at(), *id));
        sample(&mut self.losses, *id, false, params);
        let took = now.mono.since(pending.sent);
        watch.trip.add(took);
        Some(took)
    }

    /// A sign of life: the peer acknowledged what was sent after the ping.
    pub(crate) fn on_acked(&mut self, id: &MemberId) {
        if let Some(watch) = self.watched.get_mut(id) {
            watch.misses = 0;
            if watch.escalated {
                watch.answered = Some(false);
            }
            if let Some(pending) = &mut watch.pending {
                pending.acked = true;
            }
        }
    }

    /// The link to it came up: ping it soon.
    pub(crate) fn on_link(&mut self, id: &MemberId, now: Mono) {
        if let Some(watch) = self.watched.get_mut(id) {
            self.queue.remove(&(watch.at(), *id));
            (watch.pending, watch.misses, watch.escalated) = (None, 0, false);
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

    /// How the pings of everybody watched do.
    pub(crate) fn watched(&self, assumed_ppm: u32) -> impl Iterator<Item = Watched> + '_ {
        self.watched.iter().map(move |(id, watch)| Watched {
            id: *id,
            rings: watch.rings,
            round_trip: watch.trip,
            misses: watch.misses,
            loss_ppm: self.losses.get(id).copied().unwrap_or(assumed_ppm),
        })
    }

    /// R8: what the last pings came to. Gray members are known to answer badly: they count for nothing.
    pub(crate) fn strain(&self) -> Strain {
        self.watched.values().filter(|watch| !watch.gray).fold(Strain::default(), |strain, watch| Strain {
            watched: strain.watched + 1,
            answered: strain.answered + u32::from(watch.answered == Some(true)),
            late: strain.late + u32::from(watch.answered == Some(false)),
        })
    }

    /// Whether somebody watched has missed a ping and not answered since, or was late when it showed life last.
    pub(crate) fn is_any_late(&self) -> bool {
        self.watched.values().any(|watch| (watch.escalated || watch.answered == Some(false)) && !watch.gray)
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

/// Along all rings, both ways, as far as somebody is who is well.
fn look(state: &State, me: &MemberId) -> Sight {
    let mut sight = Sight::default();
    for ring in 0..state.params.rings {
        let (mut behind, mut closest) = (false, true);
        for ix in state.rings.successors(&state.roster, ring, me) {
            sight.met.push(ix);
            let mut want = || {
                let entry = sight.wanted.entry(ix).or_default();
                entry.0.enable(ring);
                entry.1 |= behind;
            };
            if state.is_out(ix) {
                // R6: it is the duty of the closest that is not out; an accused one is not.
                if closest {
                    owes(state, ix, ring, &mut sight.duty);
                }
                if state.case(ix).is_some_and(|case| case.hold.is_some()) || is_gray(state, ix) {
                    want();
                }
                if is_gray(state, ix) {
                    sight.neighbours.push(ix); // still gossiped with (R8)
                }
                behind = true;
                continue;
            }
            sight.successors.push(ix);
            if state.roster[ix].note.mask().enabled(ring) {
                want();
            }
            // Past an accused one the next is pinged too, at once (R5).
            if !state.is_accused(ix) {
                break;
            }
            mark!(R5Past);
            (behind, closest) = (true, false);
        }
        for ix in state.rings.predecessors(&state.roster, ring, me) {
            sight.met.push(ix);
            if state.is_out(ix) && !is_gray(state, ix) {
                continue;
            }
            sight.neighbours.push(ix);
            if state.is_out(ix) {
                continue;
            }
            if !state.is_accused(ix) {
                break;
            }
        }
    }
    sight.neighbours.extend(sight.successors.iter().copied());
    for list in [&mut sight.neighbours, &mut sight.successors, &mut sight.met] {
        list.sort_unstable();
        list.dedup();
    }
    sight
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

/// R5: when this member's next turn comes to ping `id`, which it watches on `rings`: each enabled ring has one turn in a cycle
/// of (enabled rings) / R.
fn next_turn(params: &Params, id: &MemberId, rings: Mask, enabled: Mask, now: Now) -> Mono {
    let period = params.ping_period.as_millis() as u64;
    let cycle = period * u64::from(enabled.count().max(1));
    // Ids are random: cycles of different members begin at different moments.
    let begin = u64::from_le_bytes([id.0[0], id.0[1], id.0[2], id.0[3], 0, 0, 0, 0]);
    // A ping and its answer are over before the next turn.
    let pause = params.ping_timeout.as_millis() as u64;
    let from = now.wall.0.wrapping_add(pause);
    let wait = |ring: u8| {
        let turn = enabled.rings().take_while(|other| *other < ring).count() as u64;
        (begin + turn * period + cycle - from % cycle) % cycle
    };
    let wait = rings.rings().map(wait).min().unwrap_or(cycle);
    now.mono + Duration::from_millis(pause + wait)
}

fn sample(losses: &mut Losses, id: MemberId, lost: bool, params: &Params) {
    let loss = losses.entry(id).or_insert(params.loss_ppm);
    let new = if lost { 1_000_000 } else { 0 };
    *loss = *loss - (*loss >> LOSS_SHIFT) + (new >> LOSS_SHIFT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::NetworkId,
        params::{NetworkParams, Wish},
        time::Wall,
    };
    use proptest::prelude::*;

    #[test]
    fn r8_somebody_is_late_who_was_so_last_or_is_silent_now_unless_it_is_gray() {
        let late = |escalated, answered, gray| {
            let (rings, next) = (Mask::all(1), Mono(0));
            let watch = Watch {
                epoch: 1,
                rings,
                enabled: rings,
                next,
                pending: None,
                misses: 0,
                gray,
                escalated,
                answered,
                trip: RoundTrip::default(),
            };
            let mut monitor = Monitor::new();
            monitor.watched.insert(MemberId([1; 32]), watch);
            monitor.is_any_late()
        };
        assert!(!late(false, Some(true), false) && !late(false, None, false));
        assert!(late(false, Some(false), false), "it showed life late, and is not silent just now");
        assert!(late(true, None, false) && late(true, Some(true), false), "silent");
        assert!(!late(true, Some(false), true), "a gray one is known to be");
    }

    proptest! {
        #[test]
        fn r5_the_monitors_of_a_member_take_turns(id in any::<[u8; 32]>(), wall in 0..1u64 << 50, off in 0..12u8) {
            let wish = Wish { rings: Some(23), ..Wish::default() };
            let network = NetworkParams::new(NetworkId([0; 32]), &wish).expect("a network");
            let (params, id) = (Params::derive(&network), MemberId(id));
            let mut enabled = Mask::all(23);
            (0..off).for_each(|ring| enabled.disable(ring * 2));
            let now = Now { mono: Mono(5), wall: Wall(wall) };
            let mut turns: Vec<Mono> = enabled
                .rings()
                .map(|ring| {
                    let mut rings = Mask::default();
                    rings.enable(ring);
                    next_turn(&params, &id, rings, enabled, now)
                })
                .collect();
            turns.sort();
            let first = turns[0].since(now.mono);
            prop_assert!(first >= params.ping_timeout && first < params.ping_timeout + params.ping_period);
            for pair in turns.windows(2) {
                prop_assert_eq!(pair[1].since(pair[0]), params.ping_period);
            }
            prop_assert_eq!(next_turn(&params, &id, enabled, enabled, now), turns[0]);
        }
    }
}
