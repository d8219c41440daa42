//! Whole nodes, with the real core, real TLS and a network in virtual time.

mod succession;

use super::*;
use crate::{
    app::{Failure, RequestError},
    ca::Authority,
    identity::Identity,
    limits::Limits,
    link::tests::world::{START, addr, authority, id, identity},
};
use ifrit_core::{
    config::{Probation, Stored},
    crypto::hash,
    view::State,
};
use std::collections::BTreeMap;

const LATENCY: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(30);

/// Where virtual time begins: nothing else of the real clock is used.
#[expect(clippy::disallowed_methods, reason = "quinn wants a std Instant, which cannot be made otherwise")]
fn origin() -> Instant {
    Instant::now()
}

pub(crate) struct World {
    now: Mono,
    origin: Instant,
    authority: Authority,
    pub(crate) nodes: BTreeMap<u8, Node>,
    pub(crate) told: BTreeMap<u8, Vec<NodeEvent>>,
    /// What the disks hold.
    disks: BTreeMap<u8, Stored>,
    /// The bundles of roots there.
    roots: BTreeMap<u8, Vec<u8>>,
    wire: BTreeMap<(Mono, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    timers: BTreeMap<u8, Mono>,
    sent: u64,
    loss: u64,
    /// What names stand for, if not for the address that they spell.
    names: BTreeMap<String, Vec<SocketAddr>>,
}

fn seed_name(n: u8) -> String {
    addr(n).to_string()
}

impl World {
    fn new() -> Self {
        Self {
            now: Mono(0),
            origin: origin(),
            authority: authority(0),
            nodes: BTreeMap::new(),
            told: BTreeMap::new(),
            disks: BTreeMap::new(),
            roots: BTreeMap::new(),
            wire: BTreeMap::new(),
            timers: BTreeMap::new(),
            sent: 0,
            loss: 0,
            names: BTreeMap::new(),
        }
    }

    pub(crate) fn at(&self) -> Now {
        Now { mono: self.now, wall: START + self.now.since(Mono(0)) + Duration::from_secs(60) }
    }

    fn start(&mut self, n: u8, seeds: &[u8]) {
        self.start_as(identity(&self.authority, n), n, seeds);
    }

    fn start_as(&mut self, identity: Identity, n: u8, seeds: &[u8]) {
        let config = NodeConfig {
            identity,
            addrs: vec![addr(n)],
            tags: vec![n],
            seeds: seeds.iter().map(|&seed| seed_name(seed)).collect(),
            stored: self.disks.get(&n).cloned().unwrap_or_default(),
            seed: Seed(hash(b"node test", &[&[n], &self.sent.to_le_bytes()])),
            limits: Limits::default(),
            probation: Probation::default(),
        };
        let node = Node::new(config, self.origin, self.at()).expect("a good configuration");
        self.nodes.insert(n, node);
        self.told.insert(n, Vec::new());
        self.drain(n);
    }

    /// Members 1 to `n`, all of which know the first.
    pub(crate) fn joined(n: u8) -> Self {
        let mut world = Self::new();
        for n in 1..=n {
            world.start(n, if n == 1 { &[] } else { &[1] });
        }
        world.until(|world| world.all_live(n));
        world
    }

    fn live(&self, n: u8) -> usize {
        self.nodes[&n].view().live()
    }

    fn all_live(&self, count: u8) -> bool {
        self.nodes.keys().all(|&n| self.live(n) == usize::from(count))
    }

    fn handle(&mut self, n: u8, input: Input<'_>) {
        let now = self.at();
        if let Some(node) = self.nodes.get_mut(&n) {
            node.handle(now, input).expect("not refused");
            self.drain(n);
        }
    }

    /// Carries out what a node wants.
    pub(crate) fn drain(&mut self, n: u8) {
        let now = self.at();
        let mut todo = Vec::new();
        let Some(node) = self.nodes.get_mut(&n) else { return };
        loop {
            match node.poll(now) {
                Output::Datagram { to, segment, bytes, .. } => {
                    for bytes in bytes.chunks(segment.unwrap_or(bytes.len())) {
                        self.sent += 1;
                        let draw = hash(b"loss", &[&self.sent.to_le_bytes()])[0];
                        if u64::from(draw) * 100 >= self.loss * 256 {
                            self.wire.insert((self.now + LATENCY, self.sent), (addr(n), to, bytes.to_vec()));
                        }
                    }
                }
                Output::Resolve { seed, name } => {
                    let spelt = || name.parse().into_iter().collect();
                    todo.push((seed, self.names.get(name).cloned().unwrap_or_else(spelt)));
                }
                Output::Persist { seq, what } => {
                    let disk = self.disks.entry(n).or_default();
                    match what {
                        Save::EpochCeiling(ceiling) => disk.epoch_ceiling = ceiling,
                        Save::Records(records) => disk.records = records,
                        Save::Certificate(_) => {}
                        Save::Root(bundle) => _ = self.roots.insert(n, bundle),
                    }
                    node.handle(now, Input::Persisted { seq }).expect("never refused");
                }
                Output::Notify(event) => self.told.entry(n).or_default().push(event),
                Output::Wait { until, .. } => {
                    self.timers.remove(&n);
                    until.map(|until| self.timers.insert(n, until));
                    break;
                }
            }
        }
        for (seed, addrs) in todo {
            self.handle(n, Input::Resolved { seed, addrs: &addrs });
        }
    }

    pub(crate) fn step(&mut self) {
        let packet = self.wire.keys().next().map(|(at, _)| *at);
        let timer = self.timers.iter().map(|(n, at)| (*at, *n)).min();
        match (packet, timer) {
            (Some(packet), timer) if timer.is_none_or(|(at, _)| packet <= at) => {
                self.now = self.now.max(packet);
                let (_, (from, to, bytes)) = self.wire.pop_first().expect("just seen");
                let Some(n) = self.nodes.keys().copied().find(|&n| addr(n) == to) else { return };
                self.handle(n, Input::Datagram { from, local: None, ecn: None, bytes: &bytes });
            }
            (_, Some((at, n))) => {
                self.now = self.now.max(at);
                self.handle(n, Input::Wake);
            }
            (_, None) => panic!("nothing more happens"),
        }
    }

    /// Runs until `done`, or fails after five virtual minutes.
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.now + Duration::from_secs(300);
        while !done(self) {
            assert!(self.now < limit, "not within five minutes: {}", self.story());
            self.step();
        }
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.step();
        }
    }

    fn story(&self) -> String {
        let of = |(n, node): (&u8, &Node)| {
            let told: Vec<_> = self.told[n].iter().rev().take(6).collect();
            format!("{n}: {} live, {told:?}, {:?}, {:?}", node.view().live(), node.links, node.counters())
        };
        self.nodes.iter().map(of).collect::<Vec<_>>().join("\n")
    }

    fn crash(&mut self, n: u8) {
        self.nodes.remove(&n);
        self.timers.remove(&n);
    }

    fn ask(&mut self, from: u8, to: u8, body: &[u8]) -> RequestId {
        let now = self.at();
        let node = self.nodes.get_mut(&from).expect("runs");
        let request = node.request(now, id(to), body, LONG);
        self.drain(from);
        request
    }

    fn asked(&self, n: u8) -> Option<(RequestToken, MemberId, Vec<u8>)> {
        self.told[&n].iter().find_map(|event| match event {
            NodeEvent::Request { token, from, body } => Some((*token, *from, body.clone())),
            _ => None,
        })
    }

    fn end(&self, n: u8, of: RequestId) -> Option<Result<Vec<u8>, RequestError>> {
        self.told[&n].iter().find_map(|event| match event {
            NodeEvent::Reply { id, result, .. } if *id == of => Some(result.clone()),
            _ => None,
        })
    }

    fn respond(&mut self, n: u8, token: RequestToken, answer: Result<Vec<u8>, Failure>) {
        let now = self.at();
        self.nodes.get_mut(&n).expect("runs").respond(now, token, answer);
        self.drain(n);
    }
}

#[test]
fn three_nodes_join_through_a_seed() {
    let mut world = World::joined(3);
    world.until(|world| world.nodes.values().all(|node| node.view().joined()));
    world.until(|world| {
        world.nodes.values().all(|node| node.view().digest() == world.nodes[&1].view().digest())
    });
    assert_eq!(world.nodes[&2].view().member(&id(3)).map(|member| member.tags), Some(vec![3]));
    let ups = world.nodes[&3].history().iter().filter(|t| matches!(t.notice, Notice::Up { .. })).count();
    assert!(ups >= 2, "the history has the joins: {ups}");
    assert!(world.nodes.values().all(|node| node.counters().malformed == 0));
}

#[test]
fn three_nodes_join_under_loss() {
    let mut world = World::new();
    world.loss = 20;
    for n in 1..=3 {
        world.start(n, if n == 1 { &[] } else { &[1] });
    }
    world.until(|world| world.all_live(3));
}

#[test]
fn a_seed_that_is_not_there_yet_is_tried_again() {
    let mut world = World::new();
    world.start(2, &[1]);
    world.run(Duration::from_secs(20));
    world.start(1, &[]);
    world.until(|world| world.all_live(2));
}

#[test]
fn a_seed_s_name_is_looked_up_anew_at_every_try_and_all_its_addresses_are_tried() {
    let mut world = World::new();
    world.start(1, &[]);
    // Nobody is at the address that the name stands for, then it stands for none.
    world.names.insert(seed_name(9), vec![addr(9)]);
    world.start(2, &[9]);
    world.run(Duration::from_secs(20));
    world.names.insert(seed_name(9), Vec::new());
    world.run(Duration::from_secs(60));
    assert_eq!(world.live(2), 1);
    // It has moved.
    world.names.insert(seed_name(9), vec![addr(8), addr(1)]);
    world.until(|world| world.all_live(2));
}

#[test]
fn members_of_two_minor_versions_live_together() {
    let mut world = World::joined(3);
    let speak = |world: &mut World, n, minor| {
        world.handle(n, Input::Command(Command::SpeakMinor(minor)));
    };
    // One by one, as an upgrade goes.
    for n in 1..=3 {
        world.crash(n);
        world.start(n, if n == 1 { &[2] } else { &[1] });
        speak(&mut world, n, 1);
        world.until(|world| {
            let minor = |of| world.nodes[&of].view().explain(&id(n)).and_then(|why| why.minor);
            world.nodes.keys().filter(|of| **of != n).all(|of| minor(*of) == Some(1))
        });
        world.until(|world| world.all_live(3));
        world.run(Duration::from_secs(10));
        assert!(world.all_live(3));
    }
    let down = |event: &NodeEvent| matches!(event, NodeEvent::Member(Notice::Down { .. }));
    assert!(!world.told.values().flatten().any(down));
    for node in world.nodes.values() {
        assert!(node.counters().malformed == 0 && node.member().counters().unknown > 0);
    }
}

#[test]
fn members_ask_each_other_by_id() {
    let mut world = World::joined(4);
    let request = world.ask(2, 3, b"who are you");
    world.until(|world| world.asked(3).is_some());
    let (token, from, body) = world.asked(3).expect("just seen");
    assert_eq!((from, body), (id(2), b"who are you".to_vec()));
    world.respond(3, token, Ok(b"the third".to_vec()));
    world.until(|world| world.end(2, request).is_some());
    assert_eq!(world.end(2, request), Some(Ok(b"the third".to_vec())));
    let unknown = world.ask(2, 40, b"?");
    assert_eq!(world.end(2, unknown), Some(Err(RequestError::UnknownMember)));
}

#[test]
fn a_crash_is_detected_and_a_restart_returns() {
    let mut world = World::joined(4);
    world.run(Duration::from_secs(5));
    world.crash(3);
    let before = world.now;
    world.until(|world| world.all_live(3));
    let took = world.now.since(before);
    assert!(took < Duration::from_secs(60), "{took:?}");
    let view = world.nodes[&1].view();
    assert_eq!(view.member(&id(3)).map(|member| member.state), Some(State::Down));
    let last = world.nodes[&1].history().of(id(3)).next_back().map(|t| t.notice.clone());
    assert!(matches!(last, Some(Notice::Down { .. })), "{last:?}");
    world.start(3, &[1]);
    world.until(|world| world.all_live(4));
}

#[test]
fn a_node_that_leaves_is_out_at_once() {
    let mut world = World::joined(3);
    let before = world.now;
    world.handle(3, Input::Command(Command::Leave));
    world.until(|world| world.live(1) == 2 && world.live(2) == 2);
    assert!(world.now.since(before) < Duration::from_secs(2));
    let view = world.nodes[&1].view();
    assert_eq!(view.member(&id(3)).map(|member| member.state), Some(State::Left));
}

#[test]
fn a_stopped_node_ends_its_requests_and_says_nothing_more() {
    let mut world = World::joined(2);
    let request = world.ask(1, 2, b"?");
    let now = world.at();
    world.nodes.get_mut(&1).expect("runs").stop(now);
    world.drain(1);
    assert_eq!(world.end(1, request), Some(Err(RequestError::Cancelled)));
    assert_eq!(world.timers.get(&1), None, "nothing left to do");
    let late = world.ask(1, 2, b"?");
    assert_eq!(world.end(1, late).map(|end| end.is_err()), Some(true));
}

#[test]
fn seeds_can_be_replaced() {
    let mut world = World::new();
    world.start(1, &[]);
    world.start(2, &[9]);
    world.run(Duration::from_secs(15));
    assert_eq!(world.live(2), 1);
    let now = world.at();
    world.nodes.get_mut(&2).expect("runs").set_seeds(now, vec![seed_name(1)]);
    world.drain(2);
    world.until(|world| world.all_live(2));
}

#[test]
fn eight_idle_members_stay_in_their_budget_and_agree_on_a_crash() {
    let mut world = World::joined(8);
    world.until(|world| world.nodes.values().all(|node| node.view().joined()));
    world.run(Duration::from_secs(20));
    let sent = |world: &World| -> u64 {
        let counters = world.nodes.values().map(Node::counters);
        counters.map(|counters| counters.bytes_out + 28 * counters.datagrams_out).sum()
    };
    let before = sent(&world);
    world.run(Duration::from_secs(60));
    let each = (sent(&world) - before) / 60 / 8;
    assert!(each < 1000, "{each} bytes per second and member");
    assert!(world.nodes.values().all(|node| node.counters().links == 7), "no flapping, no second links");
    world.crash(2);
    let before = world.now;
    world.until(|world| world.all_live(7));
    assert!(world.now.since(before) < Duration::from_secs(10), "{:?}", world.now.since(before));
}
