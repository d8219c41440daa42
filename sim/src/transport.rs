//! How a link behaves: QUIC as measured, reduced to what the core can tell apart.
//!
//! - **Packets** take a latency of their own and are lost on their own; so datagrams and frames overtake each other.
//! - **Datagrams** are sent once. All packets carry the sender's acknowledgements; a member that does not answer a
//!   packet acknowledges it alone after 25 ms. [`Event::Acked`] comes when something is acknowledged that was sent
//!   at the last ping or later, once per ping. When a ping, or the packet that acknowledges it, is lost, QUIC's loss
//!   detection probes with two packets after 1.5 round trips + 25 ms, doubling, six times.
//! - **Frames** of one moment to one peer share packets. A frame all of whose packets arrive is there after the
//!   latency of one; else those lost are sent again after 1.5 round trips + 25 ms, doubling. Frames of a lane wait for
//!   earlier ones; lanes do not wait for each other. [`Event::Written`] comes when a frame has arrived.
//!   A frame that the core refuses waits and is offered again every 5 ms; later ones of its lane wait behind it.
//! - **A link** ends when one end hangs up (told to the other by one packet, which may be lost), when it has heard
//!   nothing for 60 s, or when a packet of it meets a process that does not know it (a restarted one, say), which
//!   answers with a reset. What was under way is lost.
//! - **Dials** take three flights with retries after 300 ms, doubling, and fail after 10 s; a wrong identity fails at
//!   once. The acceptor sees the link up half a round trip before the dialer. Of simultaneous dials the first to be
//!   accepted makes the link, and both are answered by it. A dial to a process that has lost its old link (a
//!   restart) replaces that: `LinkDown`, then `LinkUp`.
//!
//! - **Bandwidth**, if it is limited, is the sender's: packets queue for its uplink, and those that would wait longer than
//!   [`UPLINK_QUEUE`](crate::net::UPLINK_QUEUE) are lost. Acknowledgements alone, probes and handshakes pass it by.
//!
//! Held against whole members (`tests/full.rs`): idle bytes are 3 % below theirs without loss, 22 % with 10 % loss.
//!
//! Not modelled: congestion, flow control across lanes, processing time (a turn is instant), and packets that arrive twice:
//! QUIC drops the second by its number, so the core cannot tell.

use crate::{
    happen::{Link, Load, Packet, What},
    net::{
        ACK_DELAY, ACK_ONLY, CLOSE, DATAGRAM_OVERHEAD, FRAME_OVERHEAD, IDLE_TIMEOUT, PACKET_OVERHEAD,
        PACKET_ROOM, PROBE,
    },
    node::End,
    world::World,
};
use core::time::Duration;
use ifrit_core::{
    event::{Event, Lane},
    id::MemberId,
    tags::DATAGRAM_PING,
    time::Mono,
};
use std::rc::Rc;

/// How often a refused frame is offered again.
const OFFER: Duration = Duration::from_millis(5);
/// Probes after a ping.
const PROBES: u32 = 6;
/// Doublings of a retransmission's wait; the idle time-out ends it before more matter.
const DOUBLINGS: u32 = 9;

impl World {
    /// The end of `link` at `node`, if the link is still that one.
    pub(crate) fn end(&mut self, node: usize, link: Link) -> Option<&mut End> {
        self.nodes[node].ends.get_mut(&link.peer).filter(|end| end.generation == link.generation)
    }

    fn link_to(&self, node: usize, peer: usize) -> Option<Link> {
        let end = self.nodes[node].ends.get(&peer)?;
        Some(Link { peer, generation: end.generation })
    }

    pub(crate) fn send_datagram(&mut self, node: usize, peer: usize, token: Option<u64>, bytes: &[u8]) {
        let Some(link) = self.link_to(node, peer) else {
            if let Some(token) = token {
                self.later(node, self.now, What::Unsent { token });
            }
            return;
        };
        self.nodes[node].sent += bytes.len() as u64 + DATAGRAM_OVERHEAD;
        let now = self.now;
        let is_ping = bytes.first() == Some(&DATAGRAM_PING);
        if is_ping && let Some(end) = self.end(node, link) {
            end.pinged = Some(now);
        }
        match self.transmit(node, link, Load::Datagram(bytes.into())) {
            false if is_ping => self.plan_probe(node, link),
            false => self.probed_in_vain(node, link.peer),
            true => {}
        }
    }

    /// QUIC probes for every packet that is not acknowledged. Where nobody waits for the answer only its bytes count.
    fn probed_in_vain(&mut self, node: usize, peer: usize) {
        self.nodes[node].sent += 2 * PROBE;
        self.nodes[peer].sent += ACK_ONLY;
    }

    /// Puts one packet on the wire; whether it arrives.
    fn transmit(&mut self, node: usize, link: Link, load: Load) -> bool {
        let sent = self.now;
        let Some(end) = self.end(node, link) else { return false };
        let (count, acks) = (end.count(), end.acks);
        let packet = Packet { sent, acks, load };
        let uplink = self.net.uplink(node, packet.size(), sent);
        let Some(uplink) = uplink.filter(|_| !self.net.loses(node, link.peer, count)) else {
            // The peer's ping is not acknowledged by this packet after all.
            self.plan_probe(link.peer, Link { peer: node, generation: link.generation });
            return false;
        };
        let at = sent + uplink + self.net.takes(node, link.peer, count);
        self.put(link.peer, at, Link { peer: node, generation: link.generation }, packet);
        true
    }

    /// Lets a packet arrive, whoever runs there then.
    fn put(&mut self, node: usize, at: Mono, link: Link, packet: Packet) {
        self.queue
            .push(at, crate::happen::Happening { node, life: None, what: What::Packet { link, packet } });
    }

    /// A packet arrives at `node`.
    pub(crate) fn arrive(&mut self, node: usize, link: Link, packet: Packet) {
        if let Some((generation, at)) = self.nodes[node].connecting.get(&link.peer).copied()
            && generation == link.generation
        {
            // Ahead of the acceptor's word that the link is up.
            return self.put(node, at.max(self.now), link, packet);
        }
        let now = self.now;
        let Some(end) = self.end(node, link) else { return self.reset(node, link, &packet.load) };
        end.heard = now;
        end.acks = end.acks.max(packet.sent);
        if end.pinged.is_some_and(|pinged| packet.acks >= pinged) {
            end.pinged = None;
            let member = self.nodes[link.peer].id;
            self.tell(node, Event::Acked { member });
        }
        let sent_before = self.packets(node, link);
        match packet.load {
            Load::Ack => return,
            Load::Close => return self.link_down(node, link),
            Load::Datagram(bytes) => {
                let from = self.nodes[link.peer].id;
                // A refused datagram is lost.
                self.give(node, Event::Datagram { from, bytes: &bytes }).ok();
            }
            Load::Frame { lane, sequence, bytes } => self.frame_in(node, link, lane, sequence, bytes),
        }
        if self.packets(node, link) == sent_before {
            self.acknowledge(node, link, packet.sent);
        }
    }

    fn packets(&mut self, node: usize, link: Link) -> Option<u32> {
        self.end(node, link).map(|end| end.packets)
    }

    /// Acknowledges alone. Only an acknowledgement for which the peer waits becomes an event; all cost bytes.
    fn acknowledge(&mut self, node: usize, link: Link, sent: Mono) {
        if self.end(node, link).is_none() {
            return;
        }
        self.nodes[node].sent += ACK_ONLY;
        let back = Link { peer: node, generation: link.generation };
        let passes = self.net.passes(node, link.peer);
        let now = self.now;
        let Some(peer) = self.end(link.peer, back) else { return };
        if peer.pinged.is_none_or(|pinged| pinged > sent) {
            if passes {
                peer.heard = now;
            }
            if self.net.is_lossy(node, link.peer)
                && let Some(count) = self.end(node, link).map(End::count)
                && self.net.loses(node, link.peer, count)
            {
                self.probed_in_vain(link.peer, node);
            }
            return;
        }
        let Some(count) = self.end(node, link).map(End::count) else { return };
        if self.net.loses(node, link.peer, count) {
            return self.plan_probe(link.peer, back);
        }
        let at = self.now + ACK_DELAY + self.net.takes(node, link.peer, count);
        self.put(link.peer, at, back, Packet { sent: self.now, acks: sent, load: Load::Ack });
    }

    /// QUIC will probe for the last ping of `node`, if that still waits.
    fn plan_probe(&mut self, node: usize, link: Link) {
        let wait = self.net.probe_wait();
        let Some(end) = self.end(node, link) else { return };
        let Some(ping) = end.pinged.filter(|_| end.probing != end.pinged) else { return };
        end.probing = end.pinged;
        let at = (ping + wait).max(self.now);
        self.later(node, at, What::Probe { link, ping, attempt: 0 });
    }

    /// Two packets that do nothing but ask for an acknowledgement.
    pub(crate) fn probe(&mut self, node: usize, link: Link, ping: Mono, attempt: u32) {
        let Some(end) = self.end(node, link).filter(|end| end.pinged == Some(ping)) else { return };
        let counts = [end.count(), end.count()];
        self.nodes[node].sent += 2 * PROBE;
        let back = Link { peer: node, generation: link.generation };
        for count in counts {
            let alive = self.nodes[link.peer].runs() && self.end(link.peer, back).is_some();
            if !alive || self.net.loses(node, link.peer, count) {
                continue;
            }
            let Some(answer) = self.end(link.peer, back).map(End::count) else { continue };
            self.nodes[link.peer].sent += ACK_ONLY;
            if !self.net.loses(link.peer, node, answer) {
                let takes = self.net.takes(node, link.peer, count) + self.net.takes(link.peer, node, answer);
                let ack = Packet { sent: self.now, acks: self.now, load: Load::Ack };
                return self.put(node, self.now + takes, link, ack);
            }
        }
        if attempt + 1 < PROBES {
            let at = self.now + self.net.probe_wait() * (1 << (attempt + 1));
            self.later(node, at, What::Probe { link, ping, attempt: attempt + 1 });
        }
    }

    pub(crate) fn send_frame(&mut self, node: usize, peer: usize, lane: Lane, bytes: &[u8]) {
        let Some(link) = self.link_to(node, peer) else { return };
        let packets = self.pack(node, link, bytes.len() as u64 + FRAME_OVERHEAD);
        let Some(end) = self.end(node, link) else { return };
        let sequence = end.lane(lane).next_out;
        end.lane(lane).next_out += 1;
        self.transmit_frame(node, link, lane, sequence, bytes.into(), packets, 0);
    }

    /// Counts the bytes of a frame, and the packets that it takes.
    fn pack(&mut self, node: usize, link: Link, bytes: u64) -> u32 {
        let now = self.now;
        let Some(end) = self.end(node, link) else { return 1 };
        let room = if end.burst.0 == now { end.burst.1 } else { 0 };
        let rest = bytes.saturating_sub(room);
        let fresh = rest.div_ceil(PACKET_ROOM);
        end.burst = (now, room + fresh * PACKET_ROOM - bytes);
        self.nodes[node].sent += bytes + fresh * PACKET_OVERHEAD;
        u32::try_from(fresh).unwrap_or(u32::MAX).max(1)
    }

    /// Sends the packets of a frame that have not arrived yet.
    #[expect(clippy::too_many_arguments, reason = "one queued thing, taken apart")]
    pub(crate) fn transmit_frame(
        &mut self,
        node: usize,
        link: Link,
        lane: Lane,
        sequence: u32,
        bytes: Rc<[u8]>,
        packets: u32,
        attempt: u32,
    ) {
        if self.end(node, link).is_none() {
            return;
        }
        if attempt > 0 {
            let share =
                bytes.len() as u64 * u64::from(packets) / (bytes.len() as u64).div_ceil(PACKET_ROOM).max(1);
            self.nodes[node].sent += u64::from(packets) * (PACKET_OVERHEAD + FRAME_OVERHEAD) + share;
        }
        let lost = (1..packets).filter(|_| self.packet_lost(node, link)).count() as u32;
        let whole = Load::Frame { lane, sequence, bytes: bytes.clone() };
        // The last packet carries the frame, once no other is missing.
        let lost = match lost == 0 && self.transmit(node, link, whole) {
            true => return,
            false => lost.max(1),
        };
        let at = self.now + self.net.probe_wait() * (1 << attempt.min(DOUBLINGS));
        self.later(node, at, What::Try { link, lane, sequence, bytes, packets: lost, attempt: attempt + 1 });
    }

    fn packet_lost(&mut self, node: usize, link: Link) -> bool {
        let Some(count) = self.end(node, link).map(End::count) else { return true };
        let uplink = self.net.uplink(node, PACKET_ROOM + PACKET_OVERHEAD, self.now);
        uplink.is_none() || self.net.loses(node, link.peer, count)
    }

    fn frame_in(&mut self, node: usize, link: Link, lane: Lane, sequence: u32, bytes: Rc<[u8]>) {
        self.told_written(node, link, lane, bytes.len());
        let Some(end) = self.end(node, link) else { return };
        if sequence >= end.lane(lane).next_in {
            end.lane(lane).early.insert(sequence, bytes);
        }
        self.deliver_lane(node, link, lane);
    }

    /// Delivers what has its turn.
    fn deliver_lane(&mut self, node: usize, link: Link, lane: Lane) {
        let from = self.nodes[link.peer].id;
        loop {
            let Some(end) = self.end(node, link) else { return };
            let ends = end.lane(lane);
            let Some(bytes) = ends.early.get(&ends.next_in).filter(|_| !ends.blocked).cloned() else {
                return;
            };
            let refused = self.give(node, Event::Frame { from, lane, bytes: &bytes }).is_err();
            let Some(end) = self.end(node, link) else { return };
            let ends = end.lane(lane);
            if refused {
                ends.blocked = true;
                return self.later(node, self.now + OFFER, What::Offer { link, lane });
            }
            ends.early.remove(&ends.next_in);
            ends.next_in += 1;
        }
    }

    pub(crate) fn offer(&mut self, node: usize, link: Link, lane: Lane) {
        let Some(end) = self.end(node, link) else { return };
        end.lane(lane).blocked = false;
        self.deliver_lane(node, link, lane);
    }

    /// The sender learns that a frame has left; several share one event.
    fn told_written(&mut self, node: usize, link: Link, lane: Lane, bytes: usize) {
        let back = Link { peer: node, generation: link.generation };
        let lingers = self.nodes[node].liar.as_ref().map_or(Duration::ZERO, |liar| liar.tamper.lingers());
        let at = self.now + self.net.latency.mean() + lingers;
        let Some(sender) = self.end(link.peer, back) else { return };
        let written = &mut sender.lane(lane).written;
        let first = *written == 0;
        *written += bytes as u32;
        if first {
            self.later(link.peer, at, What::Written { link: back, lane });
        }
    }

    pub(crate) fn written(&mut self, node: usize, link: Link, lane: Lane) {
        let Some(end) = self.end(node, link) else { return };
        let bytes = core::mem::take(&mut end.lane(lane).written);
        let member = self.nodes[link.peer].id;
        self.tell(node, Event::Written { member, lane, bytes });
    }

    /// A packet of a link that nobody here knows: its sender is told.
    fn reset(&mut self, node: usize, link: Link, load: &Load) {
        if !matches!(load, Load::Close | Load::Ack) {
            self.send_close(node, link);
        }
    }

    fn send_close(&mut self, node: usize, link: Link) {
        self.nodes[node].sent += CLOSE;
        // Counted apart from the link's packets: this end has none any more.
        let count = self.dials.entry((node, link.peer)).or_default();
        *count += 1;
        let count = 1 << 63 | *count;
        if self.net.loses(node, link.peer, count) {
            return;
        }
        let at = self.now + self.net.takes(node, link.peer, count);
        let packet = Packet { sent: self.now, acks: Mono(0), load: Load::Close };
        self.put(link.peer, at, Link { peer: node, generation: link.generation }, packet);
    }

    pub(crate) fn hang_up(&mut self, node: usize, member: MemberId) {
        self.nodes[node].dialing.remove(&member);
        let Some(peer) = self.by_id.get(&member).copied() else { return };
        let Some(generation) = self.nodes[node].generation(peer) else { return };
        self.nodes[node].ends.remove(&peer);
        self.nodes[node].connecting.remove(&peer);
        self.send_close(node, Link { peer, generation });
    }

    pub(crate) fn link_down(&mut self, node: usize, link: Link) {
        self.nodes[node].ends.remove(&link.peer);
        let member = self.nodes[link.peer].id;
        self.tell(node, Event::LinkDown { member });
    }

    pub(crate) fn look_idle(&mut self, node: usize, link: Link) {
        let now = self.now;
        let Some(end) = self.end(node, link) else { return };
        let ends_at = end.heard + IDLE_TIMEOUT;
        match ends_at <= now {
            true => self.link_down(node, link),
            false => self.later(node, ends_at, What::Idle { link }),
        }
    }
}
