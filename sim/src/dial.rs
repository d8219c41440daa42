//! Handshakes; what they do is said in [`transport`](crate::transport).

use crate::{
    happen::{Dial, Happening, Link, What},
    net::{HANDSHAKE_ACCEPTOR, HANDSHAKE_DEADLINE, HANDSHAKE_DIALER, HANDSHAKE_PTO, IDLE_TIMEOUT, INITIAL},
    node::End,
    world::World,
};
use core::net::SocketAddr;
use ifrit_core::{event::Event, id::MemberId};

/// Flights of a handshake: the dialer's hello, the acceptor's, the dialer's certificate.
const FLIGHTS: u8 = 3;

impl World {
    pub(crate) fn dial(
        &mut self,
        node: usize,
        addr: SocketAddr,
        expect: Option<MemberId>,
        seed: Option<u16>,
    ) {
        let target = self.by_addr.get(&addr).copied().unwrap_or(node);
        let dials = self.dials.entry((node, target)).or_default();
        *dials += 1;
        // Sixteen fault decisions each, apart from those of the links.
        let count = 1 << 62 | *dials << 4;
        let dial = Dial { addr, expect, seed, started: self.now, flights: 0, attempt: 0, count };
        self.later(node, self.now, What::Dial(dial));
    }

    pub(crate) fn dial_seed(&mut self, node: usize, seed: u16) {
        match self.nodes[node].seeds.get(usize::from(seed)).copied() {
            Some(target) => self.dial(node, self.nodes[target].addr, None, Some(seed)),
            None => {
                let at = self.now + HANDSHAKE_PTO;
                let addr = self.nodes[node].addr;
                let dial = Dial {
                    addr,
                    expect: None,
                    seed: Some(seed),
                    started: at,
                    flights: 0,
                    attempt: 0,
                    count: 0,
                };
                self.later(node, at, What::Failed(dial));
            }
        }
    }

    fn dial_is_wanted(&self, node: usize, dial: &Dial) -> bool {
        dial.expect.is_none_or(|member| self.nodes[node].dialing.contains(&member))
    }

    /// Sends the flight that has not arrived yet.
    pub(crate) fn dial_step(&mut self, node: usize, mut dial: Dial) {
        if !self.dial_is_wanted(node, &dial) {
            return;
        }
        let target = self.by_addr.get(&dial.addr).copied().filter(|target| *target != node);
        if let Some(target) =
            target.filter(|target| self.is_wanted(*target, &dial) && self.is_alive(node, *target))
        {
            return self.already_linked(node, target, dial);
        }
        let answers = target.filter(|target| self.nodes[*target].runs());
        if dial.flights == 0 {
            self.nodes[node].sent += INITIAL;
        }
        if let Some(target) = answers {
            if !self.is_wanted(target, &dial) {
                // TLS tells at once that somebody else is there.
                let at = self.now + self.net.latency.mean() * 2;
                return self.later(node, at, What::Failed(dial));
            }
            self.fly(node, target, &mut dial);
            if dial.flights == FLIGHTS {
                return self.handshake_done(node, target, dial);
            }
        }
        let again = self.now + HANDSHAKE_PTO * (1 << dial.attempt.min(8));
        dial.attempt += 1;
        match again < dial.started + HANDSHAKE_DEADLINE {
            true => self.later(node, again, What::Dial(dial)),
            false => self.later(node, dial.started + HANDSHAKE_DEADLINE, What::Failed(dial)),
        }
    }

    fn is_wanted(&self, target: usize, dial: &Dial) -> bool {
        dial.expect.is_none_or(|member| member == self.nodes[target].id)
    }

    /// The link is there, or will be in a moment by the other's dial.
    fn already_linked(&mut self, node: usize, target: usize, dial: Dial) {
        match self.nodes[node].connecting.get(&target) {
            Some((_, at)) => self.later(node, (*at).max(self.now), What::Dial(dial)),
            None => self.dial_done(node, target, &dial),
        }
    }

    /// Flights arrive until one is lost. What is sent again goes twice, as QUIC's probes do.
    fn fly(&self, node: usize, target: usize, dial: &mut Dial) {
        let copies = if dial.attempt == 0 { 1 } else { 2 };
        while dial.flights < FLIGHTS {
            let (from, to) = if dial.flights == 1 { (target, node) } else { (node, target) };
            let base = dial.count << 8 | u64::from(dial.attempt) << 4 | u64::from(dial.flights) << 1;
            if (0..copies).all(|copy| self.net.loses(from, to, base | copy)) {
                return;
            }
            dial.flights += 1;
        }
    }

    fn handshake_done(&mut self, node: usize, target: usize, dial: Dial) {
        self.nodes[node].sent += HANDSHAKE_DIALER - INITIAL;
        let takes = |from, to, n| self.net.takes(from, to, dial.count << 8 | n);
        let at = self.now + takes(node, target, 1) + takes(target, node, 2) + takes(node, target, 3);
        self.queue.push(at, Happening { node: target, life: None, what: What::Accept { from: node, dial } });
    }

    /// Whether both ends know of the same link.
    fn is_alive(&self, one: usize, other: usize) -> bool {
        let generation = self.nodes[one].generation(other);
        generation.is_some() && generation == self.nodes[other].generation(one)
    }

    /// The handshake has come to its end at the acceptor.
    pub(crate) fn accept(&mut self, node: usize, from: usize, dial: Dial) {
        self.nodes[node].sent += HANDSHAKE_ACCEPTOR;
        if self.nodes[from].is_dead() || !self.dial_is_wanted(from, &dial) {
            return;
        }
        let count = dial.count << 8 | 5;
        let at = self.now + self.net.takes(node, from, count);
        if self.is_alive(node, from) {
            let generation = self.nodes[from].generation(node).expect("the link is alive");
            return self.later(from, at, What::Connected { peer: node, generation, dial });
        }
        if !self.net.passes(node, from) {
            return self.later(from, dial.started + HANDSHAKE_DEADLINE, What::Failed(dial));
        }
        self.drop_stale(node, from);
        let generation = self.generations.entry((node.min(from), node.max(from))).or_default();
        *generation += 1;
        let generation = *generation;
        self.nodes[from].connecting.insert(node, (generation, at));
        self.later(from, at, What::Connected { peer: node, generation, dial });
        self.link_up(node, from, generation);
    }

    fn drop_stale(&mut self, node: usize, peer: usize) {
        if let Some(end) = self.nodes[node].ends.get(&peer) {
            let link = Link { peer, generation: end.generation };
            self.link_down(node, link);
        }
    }

    pub(crate) fn connected(&mut self, node: usize, peer: usize, generation: u32, dial: &Dial) {
        if self.nodes[node].connecting.get(&peer).is_some_and(|(pending, _)| *pending == generation) {
            self.nodes[node].connecting.remove(&peer);
            self.drop_stale(node, peer);
            self.link_up(node, peer, generation);
        }
        match self.nodes[node].ends.contains_key(&peer) {
            true => self.dial_done(node, peer, dial),
            false => self.dial_failed(node, dial),
        }
    }

    fn link_up(&mut self, node: usize, peer: usize, generation: u32) {
        let link = Link { peer, generation };
        self.nodes[node].ends.insert(peer, End::new(generation, self.now));
        self.later(node, self.now + IDLE_TIMEOUT, What::Idle { link });
        let member = self.nodes[peer].id;
        self.nodes[node].dialing.remove(&member);
        let certificate = self.nodes[peer].certificate.clone();
        self.tell(node, Event::LinkUp { member, certificate: &certificate });
    }

    fn dial_done(&mut self, node: usize, peer: usize, dial: &Dial) {
        let member = self.nodes[peer].id;
        if let Some(seed) = dial.seed {
            self.tell(node, Event::SeedUp { seed, member });
        }
    }

    pub(crate) fn dial_failed(&mut self, node: usize, dial: &Dial) {
        if let Some(seed) = dial.seed {
            self.tell(node, Event::SeedDown { seed });
        }
        if let Some(member) = dial.expect
            && self.nodes[node].dialing.remove(&member)
        {
            self.tell(node, Event::LinkDown { member });
        }
    }
}
