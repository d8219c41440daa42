//! The world: members, time, and what is observed.

use crate::{
    brain::{self, Bear, Brain},
    full::{self, Stack},
    happen::{Happening, What},
    net::{Latency, Net},
    network::{Credentials, Crypto, Network},
    node::{Clock, Disk, Fate, Node},
    queue::Queue,
    rng::{Class, Faults, mix},
    store::Interned,
};
use core::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use ifrit_core::{
    action::Notice,
    event::Lane,
    id::MemberId,
    mask::Mask,
    member::Member,
    params::{Params, Wish},
    shared::Shared,
    time::{Mono, Now, Wall},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many members there are in the beginning.
    pub members: usize,
    /// How many more exist, numbered after them, for whoever starts them later: newcomers.
    pub newcomers: usize,
    /// From which all chance follows.
    pub seed: u64,
    /// The network; the expected members are `members` unless changed.
    pub wish: Wish,
    /// How long packets take.
    pub latency: Latency,
    /// Loss of every packet, in ppm.
    pub loss_ppm: u32,
    /// How members sign.
    pub crypto: Crypto,
    /// How long the disk takes; `None`: it never answers.
    pub disk: Option<Duration>,
    /// What runs in a process, if it is the core.
    pub bear: Bear,
    /// Whether cores run, or whole members.
    pub stack: Stack,
}

impl Setup {
    /// `members` with the defaults: LAN preset, rings for 10 % liars, 0.5 to 5 ms one way, no loss, ideal signatures.
    pub fn new(members: usize, seed: u64) -> Self {
        let expected = u32::try_from(members).expect("at most 2³² members");
        Self {
            members,
            newcomers: 0,
            seed,
            wish: Wish { members: expected, ..Wish::default() },
            latency: Latency::Uniform(Duration::from_micros(500), Duration::from_millis(5)),
            loss_ppm: 0,
            crypto: Crypto::Ideal,
            disk: Some(Duration::from_millis(5)),
            bear: brain::real,
            stack: Stack::Core,
        }
    }

    /// Whole members, with real signatures.
    pub fn whole(mut self) -> Self {
        (self.stack, self.crypto) = (Stack::Node, Crypto::Real);
        self
    }

    /// With this many rings.
    pub fn rings(mut self, rings: u8) -> Self {
        self.wish.rings = Some(rings);
        self
    }
}

/// Something an application was told.
#[derive(Clone, Debug)]
pub struct Observed {
    /// When, in world time.
    pub at: Mono,
    /// Whose application.
    pub observer: usize,
    /// What.
    pub notice: Notice,
}

/// Something one member said to another, as it left it.
#[derive(Clone, Debug)]
pub struct Said {
    /// When, in world time.
    pub at: Mono,
    /// Who.
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// Whether it is a frame; else it is a datagram.
    pub frame: bool,
    /// What.
    pub bytes: Vec<u8>,
}

/// A deterministic world.
#[derive(Debug)]
pub struct World {
    pub(crate) now: Mono,
    pub(crate) queue: Queue<Happening>,
    pub(crate) nodes: Vec<Node>,
    /// The network between the members.
    pub net: Net,
    pub(crate) network: Network,
    /// What members start from: nobody's records yet, and the store of all.
    pub(crate) nobody: Shared,
    pub(crate) setup: Setup,
    /// What `Mono(0)` stands for in whole members.
    pub(crate) origin: Instant,
    pub(crate) faults: Faults,
    /// How many links each pair had.
    pub(crate) generations: BTreeMap<(usize, usize), u32>,
    /// How many dials each directed pair had.
    pub(crate) dials: BTreeMap<(usize, usize), u64>,
    /// How many of them the member itself asked for, by whom it meant.
    pub(crate) dialed: BTreeMap<(usize, usize), u64>,
    /// Looked up, never walked.
    pub(crate) by_id: HashMap<MemberId, usize>,
    pub(crate) by_addr: HashMap<SocketAddr, usize>,
    pub(crate) observed: Vec<Observed>,
    /// What members say to each other, once [`World::listen`] was called.
    pub(crate) said: Option<Vec<Said>>,
    /// Liars that ended their own processes, and when.
    pub(crate) ended: Vec<(Mono, usize)>,
    pub(crate) digest: u64,
    pub(crate) handled: u64,
}

/// How often conditions are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Everybody who starts at once starts within this.
pub(crate) const START_SPREAD: Duration = Duration::from_millis(200);

impl World {
    /// A world in which nobody runs yet. All members but the first know the first as seed 0.
    pub fn new(setup: Setup) -> Self {
        let ideal = setup.stack == Stack::Node && setup.crypto == Crypto::Ideal;
        assert!(!ideal, "whole members check real signatures");
        let faults = Faults::new(setup.seed);
        let network = Network::new(&setup.wish, setup.crypto, faults);
        let net = Net::new(faults, setup.members + setup.newcomers, setup.latency, setup.loss_ppm);
        let nobody = Shared::nobody(*network.params(), Arc::new(Interned::default()));
        let mut world = Self {
            now: Mono(0),
            queue: Queue::default(),
            nodes: Vec::new(),
            net,
            network,
            nobody,
            faults,
            generations: BTreeMap::new(),
            dials: BTreeMap::new(),
            dialed: BTreeMap::new(),
            by_id: HashMap::new(),
            by_addr: HashMap::new(),
            observed: Vec::new(),
            said: None,
            ended: Vec::new(),
            digest: 0,
            handled: 0,
            setup,
            origin: full::origin(),
        };
        (0..world.setup.members + world.setup.newcomers).for_each(|index| world.settle(index));
        world
    }

    /// Everybody but newcomers starts within 200 ms; nobody is joined yet.
    pub fn bootstrap(setup: Setup) -> Self {
        let mut world = Self::new(setup);
        world.queue.push(Mono(0), Happening { node: 0, life: None, what: What::Begin });
        for node in 1..world.setup.members {
            let bits = world.faults.bits(Class::Start, node, 0, 0);
            let at = Mono(0) + Latency::Uniform(Duration::ZERO, START_SPREAD).draw(bits);
            world.queue.push(at, Happening { node, life: None, what: What::Begin });
        }
        world
    }

    fn settle(&mut self, index: usize) {
        let Credentials { id, certificate, scalar } = self.network.enrol(index);
        let number = u32::try_from(index).expect("at most 2²⁴ members");
        let addr = SocketAddr::from((Ipv4Addr::from(0x0a00_0000 | number), 7000));
        let origin = Duration::from_nanos(self.faults.bits(Class::Clock, index, 0, 0) >> 20);
        self.by_id.insert(id, index);
        self.by_addr.insert(addr, index);
        self.nodes.push(Node {
            id,
            certificate,
            scalar,
            addr,
            brain: None,
            whole: None,
            liar: None,
            life: 0,
            fate: Fate::Dead,
            correct: true,
            disk: Disk::default(),
            had_records: false,
            kept: Vec::new(),
            seeds: if index == 0 { Vec::new() } else { vec![0] },
            ends: BTreeMap::new(),
            connecting: BTreeMap::new(),
            dialing: BTreeSet::new(),
            clock: Clock { origin, ahead_ms: 0 },
            wake_at: None,
            wake_queued: None,
            sent: 0,
        });
    }

    /// Lets everything happen until `at`, which becomes the time.
    pub fn run_until(&mut self, at: Mono) {
        while let Some((moment, happening)) = self.queue.pop(at) {
            self.now = self.now.max(moment);
            self.happen(happening);
        }
        self.now = self.now.max(at);
    }

    /// Lets everything happen until `at`, or until an application is told something; whether it is `at` now.
    pub fn run_until_told(&mut self, at: Mono) -> bool {
        while self.observed.is_empty() {
            let Some((moment, happening)) = self.queue.pop(at) else {
                self.now = self.now.max(at);
                return true;
            };
            self.now = self.now.max(moment);
            self.happen(happening);
        }
        false
    }

    /// Lets everything happen for `span`.
    pub fn run_for(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Lets things happen until `condition`, at most for `limit`; how long it took, if it came.
    /// Looks at the condition every 50 ms.
    pub fn run_until_condition(
        &mut self,
        limit: Duration,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let start = self.now;
        loop {
            if condition(self) {
                return Some(self.now.since(start));
            }
            if self.now.since(start) >= limit {
                return None;
            }
            self.run_for(LOOK);
        }
    }

    /// World time.
    pub fn now(&self) -> Mono {
        self.now
    }

    /// How many members there are, running or not.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The id of a member.
    pub fn id(&self, index: usize) -> MemberId {
        self.nodes[index].id
    }

    /// A member's certificate, DER.
    pub fn certificate(&self, index: usize) -> &[u8] {
        &self.nodes[index].certificate
    }

    /// A member's clocks now.
    pub fn clocks(&self, index: usize) -> Now {
        self.nodes[index].clock.at(self.now)
    }

    /// The number of a member.
    ///
    /// # Panics
    /// If it is nobody's id.
    pub fn index(&self, id: &MemberId) -> usize {
        self.by_id[id]
    }

    /// The number of a member, if it is one.
    pub fn find(&self, id: &MemberId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The wall clock of the world, by which certificates are issued.
    pub fn wall(&self) -> Wall {
        Clock::default().at(self.now).wall
    }

    /// The members that it is told of as seeds.
    pub fn seeds(&self, index: usize) -> &[usize] {
        &self.nodes[index].seeds
    }

    /// Whether it had a view on its disk when it started.
    pub fn had_records(&self, index: usize) -> bool {
        self.nodes[index].had_records
    }

    /// Whom a member knew when it started: its seeds, and all on its disk.
    pub fn contacts(&self, index: usize) -> impl Iterator<Item = usize> {
        let node = &self.nodes[index];
        node.seeds.iter().chain(&node.kept).copied()
    }

    /// How often each member has dialled each other as such, not as a seed.
    pub(crate) fn dialed(&self) -> &BTreeMap<(usize, usize), u64> {
        &self.dialed
    }

    /// How often a member has dialled another as such, not as a seed.
    pub fn dials(&self, dialer: usize, peer: usize) -> u64 {
        self.dialed.get(&(dialer, peer)).copied().unwrap_or(0)
    }

    /// The rings on which a running member lets itself be accused.
    pub fn own_mask(&self, index: usize) -> Option<Mask> {
        let member = self.running_member(index)?;
        member.view().member(&self.id(index)).map(|own| own.mask)
    }

    /// The state machine of a running member.
    ///
    /// # Panics
    /// If it does not run, or is not a real one.
    pub fn member(&self, index: usize) -> &Member {
        self.running_member(index).expect("a running, real member")
    }

    /// The state machine of a member, whatever is around it, if it runs and is a real one.
    pub fn running_member(&self, index: usize) -> Option<&Member> {
        let core = || self.brain(index).and_then(brain::member_of);
        self.whole_member(index).or_else(core)
    }

    /// What runs in a process, if it is the core alone.
    pub fn brain(&self, index: usize) -> Option<&dyn Brain> {
        self.nodes[index].brain.as_deref()
    }

    /// The network: CA, parameters, signers.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The secret scalar of a member's key, for tests that lie in its name.
    pub fn scalar(&self, index: usize) -> [u8; 32] {
        self.nodes[index].scalar
    }

    /// Periods and bounds of this network.
    pub fn params(&self) -> Params {
        Params::derive(self.network.params())
    }

    /// All that applications were told, in order.
    pub fn observed(&self) -> &[Observed] {
        &self.observed
    }

    /// Takes what applications were told since the last call, so that it need not be kept.
    pub fn take_observed(&mut self) -> Vec<Observed> {
        core::mem::take(&mut self.observed)
    }

    /// From now on keeps what cores say to each other; for small worlds and short runs.
    pub fn listen(&mut self) {
        self.said.get_or_insert_default();
    }

    /// What was said since `since`, if [`World::listen`] was called before.
    pub fn said(&self, since: Mono) -> &[Said] {
        let said = self.said.as_deref().unwrap_or_default();
        &said[said.partition_point(|said| said.at < since)..]
    }

    /// A running digest of all actions of all members: equal for equal runs.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// How many events members have handled.
    pub fn handled(&self) -> u64 {
        self.handled
    }

    /// Bytes that a member has sent, with UDP, IP and QUIC around them (see [`net`](crate::net)).
    pub fn sent(&self, index: usize) -> u64 {
        self.nodes[index].sent
    }

    /// The size of all running members' own certificates and notes together.
    pub fn records_bytes(&self) -> u64 {
        let size = |node: usize| {
            let member = self.running_member(node);
            let note = member.map_or(0, |member| member.view().note(&self.id(node)).map_or(0, <[u8]>::len));
            (self.certificate(node).len() + note) as u64
        };
        self.running().into_iter().map(size).sum()
    }

    /// To whom a member has a link.
    pub fn linked(&self, index: usize) -> Vec<usize> {
        match self.whole_member(index) {
            Some(member) => member.view().links().map(|id| self.index(id)).collect(),
            None => self.nodes[index].ends.keys().copied().collect(),
        }
    }

    /// Sends a frame over an existing link as if the member had; nothing if there is no link.
    pub fn inject_frame(&mut self, from: usize, to: usize, lane: Lane, bytes: &[u8]) {
        match self.nodes[from].whole {
            Some(_) => self.send_whole(from, self.nodes[to].id, lane, bytes),
            None => self.send_frame(from, to, lane, bytes),
        }
    }

    /// Sends a datagram over an existing link as if the member had; nothing if there is no link.
    pub fn inject_datagram(&mut self, from: usize, to: usize, bytes: &[u8]) {
        self.send_datagram(from, to, None, bytes);
    }

    pub(crate) fn fold(&mut self, words: &[u64], bytes: &[u8]) {
        let mut state = words.iter().fold(self.digest, |state, word| mix(state ^ word));
        let mut chunks = bytes.chunks_exact(8);
        for chunk in chunks.by_ref() {
            state = mix(state ^ u64::from_le_bytes(chunk.try_into().expect("8 bytes")));
        }
        let mut last = [0; 8];
        last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.digest = mix(state ^ u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }
}
