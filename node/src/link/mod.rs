//! Links: QUIC with mutual TLS, at most one per member that the core sees (DESIGN section 5).
//!
//! Nothing of quinn leaves this module. Work is proportional to what changed: a link that something happened to is
//! queued, and each has one deadline in one ordered set.
//!
//! **Which of two links stays.** Of two simultaneous ones the lower id's dial stays; the other's dialer closes its own
//! once it has accepted the winner. A link that arrives beside one that is up never displaces it by itself: it is held
//! back as a *spare* while the old one is pinged. If the old one is lost (a restarted peer answers with a stateless
//! reset, in one round trip) or shows no life for [`SPARE_WAIT`], the spare takes its place; else the spare is closed.
//!
//! **When a link is up.** For the acceptor when TLS has checked the dialer; it then opens its Urgent lane. For the
//! dialer when the first byte of a lane arrives: TLS alone tells it one round trip too early.

mod deadline;
mod dial;
mod event;
mod gate;
mod hole;
mod lane;
mod one;
mod pick;
mod service;
mod setup;
mod stream;
mod tls;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use event::{Frame, LinkEvent, LinkKey, Packet};
pub(crate) use stream::{Read, Reset, StreamKey};
pub(crate) use tls::provider;

use self::{
    deadline::Deadlines,
    dial::Dials,
    event::Close,
    gate::Gate,
    one::{Link, Stage},
    pick::Peer,
    setup::Setup,
};
use crate::{
    counters::{Counters, Queue},
    identity::Identity,
    limits::*,
    offenders::Offenders,
};
use bytes::BytesMut;
use ifrit_core::{
    action::HangUp,
    certificate::Root,
    event::Lane,
    id::MemberId,
    seed::Seed,
    time::{Mono, Now},
};
use quinn_proto::{
    ClientConfig, ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, EndpointEvent, Transmit,
};
use rustls::crypto::CryptoProvider;
use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

/// All links of one member, sans-IO.
pub(crate) struct Links {
    endpoint: Endpoint,
    client: ClientConfig,
    setup: Setup,
    origin: Instant,
    me: MemberId,
    /// By connection handle: quinn uses a handle again once its connection is drained.
    slots: Vec<Option<Box<Link>>>,
    generations: u32,
    peers: BTreeMap<MemberId, Peer>,
    dials: Dials,
    /// Whether a dial has ended while others wait.
    dials_wait: bool,
    /// Handshakes of others in progress.
    half_open: usize,
    dirty: VecDeque<usize>,
    /// Links that may have something to send, each once.
    sending: VecDeque<usize>,
    deadlines: Deadlines,
    packets: VecDeque<Packet>,
    events: VecDeque<LinkEvent>,
    pings_waiting: usize,
    /// Lanes that may have a frame to read, per lane, each at most once.
    readable: [VecDeque<LinkKey>; 3],
    /// Lanes that have a window of their own.
    lanes_wide: usize,
    /// Lanes whose frame the core refused.
    stalled: Vec<(LinkKey, Lane)>,
    scratch: Vec<u8>,
    /// For what strangers can have logged at will.
    gates: [Gate; 2],
    pub(crate) counters: Counters,
    /// Whoever broke the rules, here or in what links carry.
    pub(crate) offenders: Offenders,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("me", &self.me).field("peers", &self.peers).finish_non_exhaustive()
    }
}

impl Links {
    /// `origin` is the instant that `Mono(0)` stands for.
    pub(crate) fn new(
        identity: &Identity,
        seed: Seed,
        origin: Instant,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, rustls::Error> {
        let setup = Setup::new(identity, seed, provider)?;
        let certificate = identity.certificate.der();
        let client = setup.client(certificate)?;
        let server = Arc::new(setup.server(certificate)?);
        let endpoint = Endpoint::new(Arc::new(setup.endpoint()), Some(server), false, None);
        Ok(Self {
            endpoint,
            client,
            setup,
            origin,
            me: identity.certificate.id,
            slots: Vec::new(),
            generations: 0,
            peers: BTreeMap::new(),
            dials: Dials::default(),
            dials_wait: false,
            half_open: 0,
            dirty: VecDeque::new(),
            sending: VecDeque::new(),
            deadlines: Deadlines::default(),
            packets: VecDeque::new(),
            events: VecDeque::new(),
            pings_waiting: 0,
            readable: Default::default(),
            lanes_wide: 0,
            stalled: Vec::new(),
            scratch: Vec::new(),
            gates: Default::default(),
            counters: Counters::default(),
            offenders: Offenders::default(),
        })
    }

    /// Shows this certificate from now on (R14). Links that are up keep the old one.
    pub(crate) fn set_certificate(&mut self, certificate: &[u8]) -> Result<(), rustls::Error> {
        let server = self.setup.server(certificate)?;
        self.client = self.setup.client(certificate)?;
        self.endpoint.set_server_config(Some(Arc::new(server)));
        Ok(())
    }

    /// Believes this root from now on, and shows `certificate`. Links that are up stay.
    pub(crate) fn believe(&mut self, root: &Root, certificate: &[u8]) -> Result<(), rustls::Error> {
        self.setup.tls.believe(root.clone())?;
        self.set_certificate(certificate)
    }

    /// A root that follows the one believed, as a peer has shown: to be told to the core before that peer's link is.
    pub(crate) fn learnt_root(&self) -> Option<Root> {
        self.setup.tls.learnt()
    }

    /// Takes a UDP datagram. Nothing in it can harm.
    pub(crate) fn datagram(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        ecn: Option<u8>,
        bytes: &[u8],
    ) {
        let at = self.tick(now);
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += bytes.len() as u64;
        let ecn = ecn.and_then(EcnCodepoint::from_bits);
        let mut answer = std::mem::take(&mut self.scratch);
        answer.clear();
        // A copy: slices of a received batch would pin the whole of it.
        let data = BytesMut::from(bytes);
        let handled =
            catch_unwind(AssertUnwindSafe(|| self.endpoint.handle(at, from, local, ecn, data, &mut answer)));
        match handled {
            Ok(Some(DatagramEvent::ConnectionEvent(handle, event))) => {
                self.with(handle.0, |link| link.conn.handle_event(event));
                self.mark(handle.0);
            }
            Ok(Some(DatagramEvent::NewConnection(incoming))) => self.incoming(at, incoming, &mut answer),
            Ok(Some(DatagramEvent::Response(transmit))) => self.respond(&transmit, &answer),
            Ok(None) => self.counters.strays += 1,
            Err(_) => self.counters.panics += 1,
        }
        self.scratch = answer;
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Now) {
        let at = self.tick(now);
        while let Some(slot) = self.deadlines.pop_due(at) {
            if let Some(link) = &mut self.slots[slot] {
                link.deadline = None;
            }
            self.with(slot, |link| {
                link.conn.handle_timeout(at);
                link.keep_alive(at);
            });
            self.overdue(slot, at);
            self.mark(slot);
        }
        self.start_dials(at);
    }

    /// When [`Links::wake`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let at = self.deadlines.first()?;
        let span = at.saturating_duration_since(self.origin);
        Some(Mono(0) + span)
    }

    /// Does the work of one link that something happened to; false if there is none.
    pub(crate) fn work(&mut self, now: Now) -> bool {
        let at = self.tick(now);
        if std::mem::take(&mut self.dials_wait) {
            self.start_dials(at);
        }
        let Some(slot) = self.dirty.pop_front() else { return false };
        if let Some(link) = &mut self.slots[slot] {
            link.dirty = false;
            self.service(slot, at);
        }
        true
    }

    /// The next UDP datagram to send. Call [`Links::work`] and [`Links::transmit`] until they say false, too.
    pub(crate) fn next_packet(&mut self) -> Option<Packet> {
        self.packets.pop_front()
    }

    /// Takes the next event.
    pub(crate) fn next_event(&mut self) -> Option<LinkEvent> {
        let event = self.events.pop_front()?;
        if matches!(event, LinkEvent::Datagram { .. }) {
            self.pings_waiting -= 1;
        }
        Some(event)
    }

    /// Takes an event back that cannot be handled now.
    pub(crate) fn put_back(&mut self, event: LinkEvent) {
        self.pings_waiting += usize::from(matches!(event, LinkEvent::Datagram { .. }));
        self.events.push_front(event);
    }

    /// Queues a frame. False if there is no link: a `Down` says so, or will.
    pub(crate) fn send_frame(&mut self, now: Now, to: MemberId, lane: Lane, bytes: &[u8]) -> bool {
        let at = self.tick(now);
        let Some(slot) = self.up(&to) else { return false };
        let pushed = self.with(slot, |link| link.lanes_out[lane as usize].push(bytes));
        match pushed {
            Some(Ok(())) => self.counters.frames_out += 1,
            // The core has ignored what it was told of this queue: a gap in a lane would be worse than no link.
            Some(Err(_)) => self.lose(slot, at, Close::Crowded),
            None => {}
        }
        self.mark(slot);
        true
    }

    /// Sends a ping or pong past congestion control; false if it did not reach the wire.
    pub(crate) fn send_ping(&mut self, now: Now, to: MemberId, bytes: &[u8]) -> bool {
        let at = self.tick(now);
        let mut buf = Vec::new();
        let sent = self.up(&to).and_then(|slot| {
            self.mark(slot);
            self.with(slot, |link| link.ping(at, bytes, &mut buf))
        });
        let (packet, sent) = sent.unwrap_or_default();
        if let Some(transmit) = packet {
            self.push_packet(&transmit, buf);
        }
        let counter = if sent { &mut self.counters.pings_out } else { &mut self.counters.pings_unsent };
        *counter += 1;
        sent
    }

    /// The next whole frame of a lane, over all links in turn.
    pub(crate) fn next_frame(&mut self, now: Now, lane: Lane) -> Option<Frame> {
        let at = self.tick(now);
        while let Some(key) = self.readable[lane as usize].pop_front() {
            if let Some(frame) = self.read_lane(key, lane, at) {
                return Some(frame);
            }
        }
        None
    }

    /// Takes a frame back that the core refused; its lane is not read until [`Links::retry_frames`].
    pub(crate) fn keep_frame(&mut self, frame: Frame) {
        self.counters.frames_deferred += 1;
        self.counters.frames_in -= 1;
        let Some(link) = self.get_mut(frame.link) else { return };
        let Some(lane) = &mut link.lanes_in[frame.lane as usize] else { return };
        lane.kept = Some(frame.bytes);
        self.widen_lane(frame.link, frame.lane, true);
        // It still counts as queued: nothing else may put it into the line.
        let line = &mut self.readable[frame.lane as usize];
        if line.back() == Some(&frame.link) {
            line.pop_back();
        }
        self.stalled.push((frame.link, frame.lane));
    }

    /// Gives a lane whose frames the core refuses a window for itself, or takes it back: what waits on it is none of the
    /// other lanes' business.
    fn widen_lane(&mut self, key: LinkKey, lane: Lane, wide: bool) {
        let room = self.lanes_wide < LANES_WIDE_MAX;
        let Some(link) = self.get_mut(key) else { return };
        let Some(entry) = &mut link.lanes_in[lane as usize] else { return };
        if entry.wide == wide || (wide && !room) {
            return;
        }
        entry.wide = wide;
        if wide {
            self.lanes_wide += 1;
        } else {
            self.lanes_wide -= 1;
        }
        self.with(key.slot, Link::apply_receive_window);
        self.mark_sender(key.slot);
    }

    /// Offers what was kept again.
    pub(crate) fn retry_frames(&mut self) {
        for (key, lane) in std::mem::take(&mut self.stalled) {
            if self.get_mut(key).is_some() {
                self.readable[lane as usize].push_back(key);
            }
        }
    }

    /// Whether any frame is kept.
    pub(crate) fn has_kept_frames(&self) -> bool {
        !self.stalled.is_empty()
    }

    /// Whether a lane may have something to read.
    pub(crate) fn has_readable(&self, lane: Lane) -> bool {
        !self.readable[lane as usize].is_empty()
    }

    /// What waits here.
    pub(crate) fn queues(&self) -> [Queue; 6] {
        let (waiting, open) = self.dials.load();
        [
            Queue { name: "links", depth: self.endpoint.open_connections(), limit: LINKS_MAX },
            Queue { name: "handshakes of others", depth: self.half_open, limit: HALF_OPEN_MAX },
            Queue { name: "dials that wait", depth: waiting, limit: DIALS_WAITING_MAX },
            Queue { name: "dials", depth: open, limit: DIALS_SILENT_MAX },
            Queue { name: "pings received", depth: self.pings_waiting, limit: PINGS_WAITING_MAX },
            Queue { name: "packets to send", depth: self.packets.len(), limit: PACKETS_WAITING_MAX },
        ]
    }

    /// This member.
    pub(crate) fn me(&self) -> MemberId {
        self.me
    }

    /// Whether a link to the member is up.
    pub(crate) fn is_up(&self, member: &MemberId) -> bool {
        self.up(member).is_some()
    }

    /// Whose link that is up ends at this address.
    pub(crate) fn member_at(&self, addr: SocketAddr) -> Option<MemberId> {
        let mut up = self.slots.iter().flatten().filter(|link| link.stage == Stage::Up);
        up.find(|link| link.conn.remote_address() == addr)?.member
    }

    /// Whether a dial to the member is under way.
    pub(crate) fn is_dialing(&self, member: &MemberId) -> bool {
        self.peers.get(member).is_some_and(|peer| peer.dial.is_some()) || self.dials.waits_for(member)
    }

    /// Closes the link to a member, and whatever else there is of it. Answered by nothing but the end of its streams.
    pub(crate) fn close(&mut self, now: Now, member: MemberId, why: HangUp) {
        let at = self.tick(now);
        self.dials.forget(&member);
        let Some(peer) = self.peers.remove(&member) else { return };
        for slot in [peer.active, peer.dial].into_iter().chain(peer.spares).flatten() {
            self.shut(slot, at, why.into());
        }
    }

    /// This member's own address has changed. QUIC takes the links that it dialed along; those that it accepted would
    /// only die of silence, so they end here, and whoever needs them dials anew.
    pub(crate) fn moved(&mut self, now: Now) {
        let at = self.tick(now);
        for slot in 0..self.slots.len() {
            match self.slots[slot].as_ref().map(|link| link.accepted()) {
                Some(true) => self.lose(slot, at, Close::Idle),
                Some(false) => _ = self.with(slot, |link| link.conn.local_address_changed()),
                None => {}
            }
            self.mark(slot);
        }
    }

    /// Closes everything.
    pub(crate) fn close_all(&mut self, now: Now) {
        let at = self.tick(now);
        self.dials.clear();
        for slot in 0..self.slots.len() {
            self.shut(slot, at, Close::Leaving);
        }
        self.peers.clear();
    }

    /// Both clocks as quinn and TLS want them.
    fn tick(&self, now: Now) -> Instant {
        self.setup.clock.set(now.wall);
        let span = Duration::from_nanos(now.mono.0);
        self.origin.checked_add(span).unwrap_or(self.origin)
    }

    /// Runs `f` on a link. A panic in it costs that link and nothing else.
    fn with<R>(&mut self, slot: usize, f: impl FnOnce(&mut Link) -> R) -> Option<R> {
        let link = self.slots.get_mut(slot)?.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| f(link))) {
            Ok(result) => Some(result),
            Err(_) => {
                tracing::error!(member = ?link.member, "the QUIC library panicked: this link is dropped");
                self.counters.panics += 1;
                self.discard(slot);
                None
            }
        }
    }

    fn get_mut(&mut self, key: LinkKey) -> Option<&mut Link> {
        let link = self.slots.get_mut(key.slot)?.as_mut()?;
        (link.generation == key.generation).then_some(&mut **link)
    }

    fn key(&self, slot: usize) -> Option<LinkKey> {
        let generation = self.slots.get(slot)?.as_ref()?.generation;
        Some(LinkKey { slot, generation })
    }

    /// The slot of the link to a member that is up.
    fn up(&self, member: &MemberId) -> Option<usize> {
        let slot = self.peers.get(member)?.active?;
        let link = self.slots[slot].as_ref()?;
        (link.stage == Stage::Up).then_some(slot)
    }

    /// Something has happened to a link.
    fn mark(&mut self, slot: usize) {
        if let Some(Some(link)) = self.slots.get_mut(slot)
            && !std::mem::replace(&mut link.dirty, true)
        {
            self.dirty.push_back(slot);
        }
    }

    /// A link may have something to send.
    fn mark_sender(&mut self, slot: usize) {
        if let Some(Some(link)) = self.slots.get_mut(slot)
            && !std::mem::replace(&mut link.sends, true)
        {
            self.sending.push_back(slot);
        }
    }

    fn insert(&mut self, link: Link) {
        let slot = link.handle.0;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(Box::new(link));
        self.mark(slot);
    }

    fn next_generation(&mut self) -> u32 {
        self.generations = self.generations.wrapping_add(1);
        self.generations
    }

    /// Answers a stranger, unless too much waits to be sent.
    fn respond(&mut self, transmit: &Transmit, answer: &[u8]) {
        if self.packets.len() < PACKETS_WAITING_MAX {
            self.push_packet(transmit, answer[..transmit.size].to_vec());
        }
    }

    fn push_packet(&mut self, transmit: &Transmit, mut bytes: Vec<u8>) {
        bytes.truncate(transmit.size);
        let datagrams = transmit.segment_size.map_or(1, |segment| transmit.size.div_ceil(segment));
        self.counters.datagrams_out += datagrams as u64;
        self.counters.bytes_out += transmit.size as u64;
        self.packets.push_back(Packet {
            to: transmit.destination,
            ecn: transmit.ecn.map(|ecn| ecn as u8),
            segment: transmit.segment_size,
            bytes,
        });
    }

    /// Forgets a connection that quinn will not drain any more.
    fn discard(&mut self, slot: usize) {
        self.ended(slot);
        self.slots[slot] = None;
        self.endpoint.handle_event(ConnectionHandle(slot), EndpointEvent::drained());
    }
}
