//! Whole members, `stack = "node"`: QUIC, TLS and the core as in production, over a virtual UDP.
//!
//! Each UDP packet takes its own latency and is lost on its own; nothing else of the link model
//! ([`transport`](crate::transport)) is used, which is how that is checked. For about 100 members: a handshake costs four
//! signatures and a link end 20 kB. Signatures are real. A liar's [`Tamper`](crate::tamper::Tamper) may send, but filters
//! nothing: what a whole member sends is encrypted.

mod tls;

use self::tls::Chance;
use crate::{
    happen::{Happening, Save, What},
    net::UDP_OVERHEAD,
    node::{Fate, Records},
    rng::Class,
    world::World,
};
use core::net::SocketAddr;
use ifrit_core::{
    config::{ConfigError, Probation},
    crypto::P256Signer,
    event::{Event, Lane, Refused},
    id::MemberId,
    member::Member,
    seed::Seed,
    time::{Mono, Now},
};
use ifrit_node::{
    identity::Identity,
    limits::Limits,
    node::{self, Input, Node, NodeConfig, NodeError, NodeEvent, Output},
};
use serde::Serialize;
use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Instant};

/// What runs in the processes of a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stack {
    /// The core alone, over modelled links.
    #[default]
    Core,
    /// Whole nodes, over UDP.
    Node,
}

/// Strategies whose liars only speak: those that whole members can follow.
pub const SPEAKERS: &[&str] = &[
    "false-accuser",
    "chain-accuser",
    "equivocator",
    "epoch-pumper",
    "flooder",
    "heal-drainer",
    "patience-trainer",
];

/// A whole member that runs.
#[derive(Debug)]
pub(crate) struct Whole {
    node: Node,
    chance: Chance,
    /// UDP packets sent to each address: counters of fault decisions.
    sent: BTreeMap<SocketAddr, u64>,
    /// What its application was told and has not heard, news of members aside.
    told: Vec<NodeEvent>,
}

/// Where virtual time begins: nothing else of the real clock is used.
#[expect(clippy::disallowed_methods, reason = "quinn wants a std Instant, which cannot be made otherwise")]
pub(crate) fn origin() -> Instant {
    Instant::now()
}

impl World {
    /// Starts a whole member from its disk.
    pub(crate) fn start_whole(&mut self, index: usize) {
        let process = &self.nodes[index];
        let signer = P256Signer::from_scalar(&process.scalar).expect("a key's scalar");
        let identity = Identity::new(self.network.root().der(), &process.certificate, signer);
        let life = u64::from(process.life);
        let config = NodeConfig {
            identity: identity.expect("the world's certificates are right"),
            addrs: vec![process.addr],
            tags: Vec::new(),
            seeds: process.seeds.iter().map(|seed| self.nodes[*seed].addr.to_string()).collect(),
            stored: self.disk(index),
            seed: Seed(self.faults.bytes(Class::Run, index, life)),
            limits: Limits::default(),
            probation: Probation::default(),
        };
        let mut chance = Chance::new(self.faults.bytes(Class::Tls, index, life));
        let (origin, now) = (self.origin, process.clock.at(self.now));
        let provider = Arc::new(tls::provider());
        let node = chance.during(|| Node::with_provider(config, origin, now, provider));
        let node = match node {
            // Its disk says so (R14): the process ends as soon as it has begun.
            Err(NodeError::Config(ConfigError::Revoked(_))) => return self.nodes[index].fate = Fate::Dead,
            node => node.expect("the world's identities and clocks are right"),
        };
        self.nodes[index].whole =
            Some(Box::new(Whole { node, chance, sent: BTreeMap::new(), told: Vec::new() }));
        self.drain_whole(index);
    }

    /// The core inside a whole member.
    pub(crate) fn whole_member(&self, index: usize) -> Option<&Member> {
        Some(self.nodes[index].whole.as_ref()?.node.member())
    }

    /// Hands over what is not of the link model's.
    pub(crate) fn give_whole(&mut self, index: usize, event: Event<'_>) -> Result<(), Refused> {
        match event {
            Event::Wake => self.input(index, Input::Wake),
            Event::Persisted { seq } => self.input(index, Input::Persisted { seq }),
            Event::Command(command) => self.input(index, Input::Command(command)),
            _ => Ok(()),
        }
    }

    /// A UDP packet arrives.
    pub(crate) fn udp(&mut self, index: usize, from: SocketAddr, ecn: Option<u8>, bytes: &[u8]) {
        // Only commands are ever refused.
        self.input(index, Input::Datagram { from, local: None, ecn, bytes }).ok();
    }

    /// Sends a frame as if the core of a whole member had.
    pub(crate) fn send_whole(&mut self, index: usize, to: MemberId, lane: Lane, frame: &[u8]) {
        let now = self.nodes[index].clock.at(self.now);
        if let Some(whole) = &mut self.nodes[index].whole {
            whole.chance.during(|| whole.node.send_as_is(now, to, lane, frame));
            self.drain_whole(index);
        }
    }

    /// Lets the application of a whole member do something; `None` if it does not run.
    pub fn on_node<T>(&mut self, index: usize, act: impl FnOnce(&mut Node, Now) -> T) -> Option<T> {
        let now = self.nodes[index].clock.at(self.now);
        let whole = self.nodes[index].whole.as_mut()?;
        let done = whole.chance.during(|| act(&mut whole.node, now));
        self.drain_whole(index);
        Some(done)
    }

    /// What the application of a whole member was told since this was asked last, news of members aside.
    pub fn told(&mut self, index: usize) -> Vec<NodeEvent> {
        self.nodes[index].whole.as_mut().map(|whole| std::mem::take(&mut whole.told)).unwrap_or_default()
    }

    fn input(&mut self, index: usize, input: Input<'_>) -> Result<(), Refused> {
        let now = self.nodes[index].clock.at(self.now);
        let Some(whole) = &mut self.nodes[index].whole else { return Ok(()) };
        self.handled += 1;
        let done = whole.chance.during(|| whole.node.handle(now, input));
        self.drain_whole(index);
        done
    }

    /// Does all that a whole member wants.
    fn drain_whole(&mut self, index: usize) {
        let Some(mut whole) = self.nodes[index].whole.take() else { return };
        let mut chance = whole.chance;
        chance.during(|| self.drain_turn(index, &mut whole));
        whole.chance = chance;
        self.nodes[index].whole = Some(whole);
    }

    fn drain_turn(&mut self, index: usize, whole: &mut Whole) {
        let now = self.nodes[index].clock.at(self.now);
        loop {
            let mut resolved = None;
            match whole.node.poll(now) {
                Output::Datagram { to, ecn, segment, bytes } => {
                    let sent = whole.sent.entry(to).or_default();
                    for bytes in bytes.chunks(segment.unwrap_or(bytes.len()).max(1)) {
                        *sent += 1;
                        self.send_udp(index, to, ecn, bytes, *sent);
                    }
                }
                Output::Resolve { seed, name } => resolved = Some((seed, name.parse().ok())),
                Output::Persist { seq, what } => self.save_whole(index, seq, what),
                Output::Notify(NodeEvent::Member(notice)) => self.observe(index, notice),
                Output::Notify(event) => whole.told.push(event),
                Output::Wait { until, .. } => return self.plan_wake(index, until),
            }
            if let Some((seed, addr)) = resolved {
                let addrs: Vec<SocketAddr> = addr.into_iter().collect();
                whole.node.handle(now, Input::Resolved { seed, addrs: &addrs }).ok();
            }
        }
    }

    fn save_whole(&mut self, index: usize, seq: u64, what: node::Save) {
        let Some(takes) = self.setup.disk else { return };
        let what = match what {
            node::Save::EpochCeiling(ceiling) => Save::EpochCeiling(ceiling),
            node::Save::Records(records) => Save::Records(Records::Bytes(records)),
            // The world gives each life the certificate that it has renewed last.
            node::Save::Certificate(_) | node::Save::Root(_) => return,
        };
        self.later(index, self.now + takes, What::Persisted { seq, what: Some(what) });
    }

    /// Puts one packet on the wire. Faults are decided by the pair, the sender's life and the packet's number.
    fn send_udp(&mut self, index: usize, to: SocketAddr, ecn: Option<u8>, bytes: &[u8], number: u64) {
        let process = &mut self.nodes[index];
        process.sent += bytes.len() as u64 + UDP_OVERHEAD;
        let (from, count) = (process.addr, u64::from(process.life) << 40 | number);
        self.fold(&[self.now.0, 10, index as u64], bytes);
        let Some(peer) = self.by_addr.get(&to).copied() else { return };
        if self.net.loses(index, peer, count) {
            return;
        }
        let at = self.now + self.net.takes(index, peer, count);
        self.put_udp(peer, at, from, ecn, bytes);
        if self.net.duplicates(index, peer, count) {
            let again = self.now + self.net.takes(index, peer, count | 1 << 63);
            self.put_udp(peer, again, from, ecn, bytes);
        }
    }

    fn put_udp(&mut self, node: usize, at: Mono, from: SocketAddr, ecn: Option<u8>, bytes: &[u8]) {
        let bytes: Rc<[u8]> = bytes.into();
        self.queue.push(at, Happening { node, life: None, what: What::Udp { from, ecn, bytes } });
    }

    /// A member that was stopped in good order says goodbye to its links.
    pub(crate) fn stop_whole(&mut self, index: usize) {
        let now = self.nodes[index].clock.at(self.now);
        if let Fate::Running = self.nodes[index].fate
            && let Some(whole) = &mut self.nodes[index].whole
        {
            whole.chance.during(|| whole.node.stop(now));
            self.drain_whole(index);
        }
    }
}
