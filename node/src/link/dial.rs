//! Dials: a few in flight, the rest in a queue.

use super::{
    Link, LinkEvent, Links,
    one::{Side, Stage},
    tls::ANYBODY,
};
use crate::limits::*;
use ifrit_core::{id::MemberId, time::Now};
use std::{collections::VecDeque, net::SocketAddr, time::Instant};

/// Whom to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Member(MemberId),
    Seed(u32),
}

/// Dials that wait, and how many do not.
#[derive(Debug, Default)]
pub(super) struct Dials {
    waiting: VecDeque<(Target, SocketAddr)>,
    /// Dials that count as in flight.
    in_flight: usize,
    /// All dials that have no end yet, those that heard nothing included.
    open: usize,
}

impl Dials {
    pub(super) fn waits_for(&self, member: &MemberId) -> bool {
        self.waiting.iter().any(|(target, _)| *target == Target::Member(*member))
    }

    pub(super) fn forget(&mut self, member: &MemberId) {
        self.waiting.retain(|(target, _)| *target != Target::Member(*member));
    }

    /// How many wait, and how many have no end yet.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.waiting.len(), self.open)
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.open == 0 && self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<(Target, SocketAddr)> {
        let room = self.in_flight < DIALS_MAX && self.open < DIALS_SILENT_MAX;
        if room { self.waiting.pop_front() } else { None }
    }
}

impl Links {
    /// Opens a link to a member. `Up` or `Down` follows, unless there is a link already.
    pub(crate) fn dial(&mut self, now: Now, member: MemberId, addr: SocketAddr) {
        let at = self.tick(now);
        if member == self.me {
            return self.events.push_back(LinkEvent::Down { member });
        }
        if self.up(&member).is_some() || self.dials.waits_for(&member) {
            return;
        }
        if !self.joins_dial(member) {
            self.enqueue(at, Target::Member(member), addr);
        }
    }

    /// If a dial is under way (a seed turned out to be this member), it answers for the member, too.
    fn joins_dial(&mut self, member: MemberId) -> bool {
        let Some(dial) = self.peers.get(&member).and_then(|peer| peer.dial) else { return false };
        if let Some(link) = &mut self.slots[dial] {
            link.side = Side::Dialed(Some(member));
        }
        true
    }

    /// Opens a link to whoever is at this address. `SeedUp` or `SeedDown` follows.
    pub(crate) fn dial_seed(&mut self, now: Now, seed: u32, addr: SocketAddr) {
        let at = self.tick(now);
        self.enqueue(at, Target::Seed(seed), addr);
    }

    fn enqueue(&mut self, at: Instant, target: Target, addr: SocketAddr) {
        if self.dials.waiting.len() >= DIALS_WAITING_MAX {
            return self.came_to_nothing(target);
        }
        self.dials.waiting.push_back((target, addr));
        self.start_dials(at);
    }

    /// Starts dials while there is room.
    pub(super) fn start_dials(&mut self, at: Instant) {
        while let Some((target, addr)) = self.dials.next() {
            self.connect(at, target, addr);
        }
    }

    fn connect(&mut self, at: Instant, target: Target, addr: SocketAddr) {
        let (name, side) = match target {
            Target::Member(member) if self.up(&member).is_some() || self.joins_dial(member) => return,
            Target::Member(member) => (member.base32(), Side::Dialed(Some(member))),
            Target::Seed(_) => (ANYBODY.to_owned(), Side::Dialed(None)),
        };
        let Ok((handle, conn)) = self.endpoint.connect(at, self.client.clone(), addr, &name) else {
            return self.came_to_nothing(target);
        };
        self.counters.dials += 1;
        self.dials.in_flight += 1;
        self.dials.open += 1;
        let generation = self.next_generation();
        let mut link = Link::new(conn, handle, generation, side, at);
        match target {
            Target::Member(member) => self.peers.entry(member).or_default().dial = Some(handle.0),
            Target::Seed(seed) => link.seeds.push(seed),
        }
        self.insert(link);
    }

    fn came_to_nothing(&mut self, target: Target) {
        self.counters.dials_failed += 1;
        self.events.push_back(match target {
            Target::Member(member) => LinkEvent::Down { member },
            Target::Seed(seed) => LinkEvent::SeedDown { seed },
        });
    }

    /// Gives the dial's place in flight to another one.
    pub(super) fn release(&mut self, slot: usize) {
        if let Some(link) = &mut self.slots[slot]
            && std::mem::take(&mut link.in_flight)
        {
            self.dials.in_flight -= 1;
        }
    }

    /// A dial has ended, well or not.
    pub(super) fn dial_over(&mut self, slot: usize) {
        self.release(slot);
        debug_assert!(self.slots[slot].as_ref().is_some_and(|link| link.stage != Stage::Up));
        self.dials.open -= 1;
        // Whoever waits is started by the next `work`.
        self.dials_wait = !self.dials.waiting.is_empty();
    }
}
