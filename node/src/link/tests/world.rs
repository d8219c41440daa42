//! The world: ends with an address each, and a network between them.

use crate::{
    app::{App, Directory, Pen},
    ca::Authority,
    identity::Identity,
    limits::Limits,
    link::{Frame, LinkEvent, Links, Packet},
    node::NodeEvent,
};
use ifrit_core::{
    crypto::{P256Signer, PublicKey, Signer, hash},
    event::Lane,
    id::{MemberId, NetworkId},
    params::Wish,
    seed::Seed,
    time::{Mono, Now, Wall},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// 2026-01-01 in ms.
pub(crate) const START: Wall = Wall(1_767_225_600_000);
pub(crate) const DAY: u64 = 24 * 3600 * 1000;
pub(crate) const RTT: Duration = Duration::from_millis(5);

pub(crate) fn authority(n: u8) -> Authority {
    let key = P256Signer::from_scalar(&[n + 1; 32]).expect("in range");
    let until = Wall(START.0 + 3650 * DAY);
    Authority::create(key, NetworkId([n; 32]), &Wish::default(), START, until).expect("a network")
}

/// Ids grow with `n`.
pub(crate) fn id(n: u8) -> MemberId {
    MemberId([n; 32])
}

pub(crate) fn identity(authority: &Authority, n: u8) -> Identity {
    identity_until(authority, n, Wall(START.0 + 365 * DAY))
}

fn signer(n: u8) -> P256Signer {
    P256Signer::from_scalar(&[n + 100; 32]).expect("in range")
}

pub(crate) fn identity_until(authority: &Authority, n: u8, until: Wall) -> Identity {
    let signer = signer(n);
    let certificate = authority.issue(&signer.public_key(), id(n), START, until, u64::from(n) + 2);
    Identity::new(&authority.root().bundle(), &certificate, signer).expect("own certificate")
}

pub(crate) fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 7000))
}

/// One member's links, and what they said.
pub(crate) struct End {
    pub(crate) links: Links,
    pub(crate) events: Vec<(Mono, LinkEvent)>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) app: App,
    /// What its application was told.
    pub(crate) told: Vec<NodeEvent>,
    pub(crate) view: Known,
    /// Refuses frames of these lanes, as a core does that has too much to do.
    pub(crate) refuse: BTreeSet<Lane>,
}

/// A view that knows all members below a number and admits whom it is told to.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    below: u8,
    pub(crate) admits: bool,
    /// Addresses that are wrong and come first.
    pub(crate) stale: Vec<SocketAddr>,
    /// Its ring neighbours.
    pub(crate) near: Vec<u8>,
}

impl Directory for Known {
    fn admits(&self, _: &MemberId) -> bool {
        self.admits
    }

    fn addrs(&self, member: &MemberId) -> Option<Vec<SocketAddr>> {
        let mut addrs = self.stale.clone();
        addrs.push(addr(member.0[0]));
        (member.0[0] < self.below).then_some(addrs)
    }

    fn key(&self, member: &MemberId) -> Option<PublicKey> {
        (member.0[0] < self.below).then(|| signer(member.0[0]).public_key())
    }

    fn neighbours(&self) -> Vec<MemberId> {
        self.near.iter().map(|n| id(*n)).collect()
    }

    fn is_neighbour(&self, member: &MemberId) -> bool {
        self.near.contains(&member.0[0])
    }

    fn beside(&self, _: u8) -> Vec<MemberId> {
        self.neighbours()
    }
}

impl End {
    pub(crate) fn saw(&self, event: &LinkEvent) -> bool {
        self.events.iter().any(|(_, seen)| seen == event)
    }

    /// Ups and downs of one member, in order.
    pub(crate) fn ups(&self, member: MemberId) -> Vec<bool> {
        let of = |event: &LinkEvent| match event {
            LinkEvent::Up { member: of, .. } if *of == member => Some(true),
            LinkEvent::Down { member: of } if *of == member => Some(false),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| of(event)).collect()
    }

    pub(crate) fn at(&self, find: impl Fn(&LinkEvent) -> bool) -> Option<Mono> {
        self.events.iter().find(|(_, event)| find(event)).map(|(at, _)| *at)
    }
}

/// A host that has all addresses of an IPv6 network.
pub(crate) const MANY_ADDRS: u8 = u8::MAX;

/// Where a member really is.
fn place(hosts: &BTreeMap<u8, u8>, n: u8) -> SocketAddr {
    match hosts.get(&n) {
        Some(&MANY_ADDRS) => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()], 7000)),
        Some(host) => SocketAddr::new(addr(*host).ip(), 8000 + u16::from(n)),
        None => addr(n),
    }
}

/// A long header of type 3; the bit between may be greased.
fn is_retry(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0xb0 == 0xb0)
}

/// Where virtual time begins: nothing else of the real clock is used.
#[expect(clippy::disallowed_methods, reason = "quinn wants a std Instant, which cannot be made otherwise")]
fn origin() -> Instant {
    Instant::now()
}

pub(crate) struct World {
    pub(crate) now: Mono,
    origin: Instant,
    pub(crate) ends: BTreeMap<u8, End>,
    wire: BTreeMap<(Mono, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sent: u64,
    /// Share of packets lost, in percent.
    pub(crate) loss: u64,
    /// Round trip of every packet.
    pub(crate) rtt: Duration,
    /// Members that begin handshakes, with a Retry where one is asked for, and take no other answer.
    pub(crate) deaf: BTreeSet<u8>,
    /// Members of one host, by its number: they differ in their ports.
    pub(crate) hosts: BTreeMap<u8, u8>,
    /// Addresses that nothing reaches and nothing leaves.
    pub(crate) black: BTreeSet<u8>,
    /// Flips bits of this share of packets, in percent, besides.
    pub(crate) noise: u64,
    pub(crate) authority: Authority,
    pub(crate) wall_ahead: Duration,
}

impl World {
    pub(crate) fn new(members: u8) -> Self {
        let mut world = Self {
            now: Mono(0),
            origin: origin(),
            ends: BTreeMap::new(),
            wire: BTreeMap::new(),
            sent: 0,
            loss: 0,
            rtt: RTT,
            deaf: BTreeSet::new(),
            hosts: BTreeMap::new(),
            black: BTreeSet::new(),
            noise: 0,
            authority: authority(0),
            wall_ahead: Duration::ZERO,
        };
        for n in 1..=members {
            world.start(n);
        }
        world
    }

    /// Starts member `n`, or starts it anew.
    pub(crate) fn start(&mut self, n: u8) {
        let identity = identity(&self.authority, n);
        self.start_as(n, &identity);
    }

    pub(crate) fn start_as(&mut self, n: u8, identity: &Identity) {
        let seed = Seed(hash(b"test", &[&[n], &self.sent.to_le_bytes()]));
        let links = Links::new(identity, seed, self.origin, Arc::new(crate::link::provider()))
            .expect("a good identity");
        let view = Known { below: 50, admits: true, stale: Vec::new(), near: Vec::new() };
        let end = End {
            links,
            events: Vec::new(),
            frames: Vec::new(),
            app: App::new(Pen::new(identity), &Limits::default()),
            told: Vec::new(),
            view,
            refuse: BTreeSet::new(),
        };
        self.ends.insert(n, end);
    }

    pub(crate) fn at(&self) -> Now {
        Now { mono: self.now, wall: START + self.now.since(Mono(0)) + self.wall_ahead }
    }

    pub(crate) fn end(&mut self, n: u8) -> &mut End {
        self.ends.get_mut(&n).expect("started")
    }

    pub(crate) fn dial(&mut self, from: u8, to: u8) {
        let now = self.at();
        self.end(from).links.dial(now, id(to), addr(to));
    }

    pub(crate) fn frame(&mut self, from: u8, to: u8, lane: Lane, bytes: &[u8]) {
        let now = self.at();
        assert!(self.end(from).links.send_frame(now, id(to), lane, bytes), "a link");
    }

    pub(crate) fn ping(&mut self, from: u8, to: u8, bytes: &[u8]) -> bool {
        let now = self.at();
        self.end(from).links.send_ping(now, id(to), bytes)
    }

    /// Two members with a link between them.
    pub(crate) fn pair() -> Self {
        let mut world = Self::new(2);
        world.dial(1, 2);
        world.until(|world| world.linked(1, 2));
        world
    }

    pub(crate) fn linked(&self, a: u8, b: u8) -> bool {
        self.ends[&a].links.is_up(&id(b)) && self.ends[&b].links.is_up(&id(a))
    }

    pub(crate) fn inject(&mut self, from: u8, to: u8, bytes: Vec<u8>) {
        self.sent += 1;
        self.wire.insert((self.now, self.sent), (addr(from), addr(to), bytes));
    }

    /// Runs until `done`, or fails after ten virtual minutes.
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.now + Duration::from_secs(600);
        self.settle();
        while !done(self) {
            assert!(self.now < limit, "not within ten minutes: {}", self.story());
            assert!(self.step(), "nothing more happens: {}", self.story());
        }
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.settle();
        while self.next().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    fn story(&self) -> String {
        let events = |(n, end): (&u8, &End)| {
            let ups = (1..6).map(|of| end.ups(id(of))).collect::<Vec<_>>();
            format!("{n}: ups {ups:?} {:?} {:?}", end.links, end.links.counters)
        };
        self.ends.iter().map(events).collect::<Vec<_>>().join("\n")
    }

    fn next(&self) -> Option<Mono> {
        let packet = self.wire.keys().next().map(|(at, _)| *at);
        let timers = |end: &End| end.links.deadline().into_iter().chain(end.app.deadline()).min();
        let timer = self.ends.values().filter_map(timers).min();
        Some(packet.into_iter().chain(timer).min()?.max(self.now))
    }

    /// Goes to the next moment at which something happens.
    fn step(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.now = next;
        let now = self.at();
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= next) {
            let (from, to, bytes) = entry.remove();
            let hosts = &self.hosts;
            let end = self.ends.iter_mut().find(|(n, _)| place(hosts, **n) == to);
            let end = end.filter(|(n, _)| !self.deaf.contains(n) || is_retry(&bytes));
            end.into_iter().for_each(|(_, end)| end.links.datagram(now, from, None, None, &bytes));
        }
        for end in self.ends.values_mut() {
            end.links.wake(now);
            end.app.wake(now, &mut end.links, &end.view);
        }
        self.settle();
        true
    }

    /// Lets all members do their work.
    pub(crate) fn settle(&mut self) {
        let now = self.at();
        let mut sent = Vec::new();
        for (n, end) in &mut self.ends {
            loop {
                let mut busy = end.links.work(now) || end.links.transmit(now);
                while let Some(packet) = end.links.next_packet() {
                    sent.push((*n, packet));
                    busy = true;
                }
                while let Some(event) = end.links.next_event() {
                    end.app.on_link(now, &event, &mut end.links, &end.view);
                    end.events.push((now.mono, event));
                    busy = true;
                }
                while end.app.read(now, 64 * 1024, &mut end.links, &end.view).is_some() {
                    busy = true;
                }
                while let Some(event) = end.app.next_event() {
                    end.told.push(event);
                }
                for lane in Lane::ALL {
                    while let Some(frame) = end.links.next_frame(now, lane) {
                        busy = true;
                        if end.refuse.contains(&lane) {
                            end.links.keep_frame(frame);
                        } else {
                            end.frames.push(frame);
                        }
                    }
                }
                if !busy {
                    break;
                }
            }
        }
        sent.into_iter().for_each(|(from, packet)| self.send(from, &packet));
    }

    fn send(&mut self, from: u8, packet: &Packet) {
        let segment = packet.segment.unwrap_or(packet.bytes.len());
        for bytes in packet.bytes.chunks(segment.max(1)) {
            self.sent += 1;
            let draw = hash(b"loss", &[&self.sent.to_le_bytes()]);
            let swallowed = self.black.iter().any(|&n| addr(n) == packet.to || n == from);
            if swallowed || u64::from(draw[0]) * 100 < self.loss * 256 {
                continue;
            }
            let mut bytes = bytes.to_vec();
            if u64::from(draw[1]) * 100 < self.noise * 256 {
                let place = usize::from(draw[2]) % bytes.len();
                bytes[place] ^= draw[3] | 1;
            }
            self.wire
                .insert((self.now + self.rtt / 2, self.sent), (place(&self.hosts, from), packet.to, bytes));
        }
    }
}
