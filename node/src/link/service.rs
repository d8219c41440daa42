//! What happens to one link: quinn's events in, packets out, its end.

use super::{Close, Frame, Link, LinkEvent, LinkKey, Links, Stage, StreamKey, lane::Broken, one::Side};
use crate::{host::host_of, limits::*, offenders::Offence};
use bytes::Bytes;
use ifrit_core::{event::Lane, time::Now};
use quinn_proto::{ConnectionError, Dir, Event, Incoming, StreamEvent};
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

impl Links {
    /// Takes what a link has to say, and does our own work on it. What that gives to send waits for [`Links::transmit`]:
    /// the answer to what has come then travels with its acknowledgement, in one packet.
    pub(super) fn service(&mut self, slot: usize, at: Instant) {
        self.drain(slot, at);
        self.lanes(slot, at);
        self.mark_sender(slot);
    }

    /// Events of a link, and whatever else it may have after any call.
    fn drain(&mut self, slot: usize, at: Instant) {
        self.endpoint_events(slot);
        while let Some(event) = self.with(slot, |link| link.conn.poll()).flatten() {
            self.on_event(slot, at, event);
        }
    }

    /// Sends what one link has to send; false if there is none. One with more goes to the end of the line.
    pub(crate) fn transmit(&mut self, now: Now) -> bool {
        let at = self.tick(now);
        let Some(slot) = self.sending.pop_front() else { return false };
        let Some(link) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return true };
        link.sends = false;
        for _ in 0..BATCHES_PER_SERVICE {
            let mut buf = Vec::new();
            match self.with(slot, |link| link.transmit(at, &mut buf)).flatten() {
                Some(transmit) => self.push_packet(&transmit, buf),
                None => {
                    self.drain(slot, at);
                    self.settle(slot);
                    return true;
                }
            }
        }
        self.mark_sender(slot);
        true
    }

    fn endpoint_events(&mut self, slot: usize) {
        while let Some(event) = self.with(slot, |link| link.conn.poll_endpoint_events()).flatten() {
            let Some(handle) = self.slots[slot].as_ref().map(|link| link.handle) else { return };
            if event.is_drained() {
                return self.discard(slot);
            }
            if let Some(answer) = self.endpoint.handle_event(handle, event) {
                self.with(slot, |link| link.conn.handle_event(answer));
            }
        }
    }

    /// Puts the link under its next deadline.
    fn settle(&mut self, slot: usize) {
        let Some(new) = self.with(slot, Link::next_deadline) else { return };
        if let Some(link) = &mut self.slots[slot] {
            self.deadlines.set(slot, link.deadline, new);
            link.deadline = new;
        }
    }

    fn on_event(&mut self, slot: usize, at: Instant, event: Event) {
        match event {
            Event::Connected => self.connected(slot, at),
            Event::ConnectionLost { reason } => {
                self.log_loss(slot, at, &reason);
                self.lost(slot);
            }
            Event::DatagramReceived => self.pings(slot, at),
            Event::Stream(event) => self.on_stream(slot, event),
            Event::HandshakeDataReady | Event::DatagramsUnblocked => {}
        }
    }

    fn on_stream(&mut self, slot: usize, event: StreamEvent) {
        let Some(link) = self.slots[slot].as_ref().filter(|link| link.stage == Stage::Up) else { return };
        let Some(member) = link.member else { return };
        let key = LinkKey { slot, generation: link.generation };
        let event = match event {
            StreamEvent::Readable { id } if id.dir() == Dir::Uni => {
                let lane = link.lane_by_stream(id);
                return lane.map_or((), |lane| self.queue_lane(slot, lane));
            }
            StreamEvent::Readable { id } => LinkEvent::Readable { stream: StreamKey::new(key, id) },
            StreamEvent::Writable { id } | StreamEvent::Stopped { id, .. } if id.dir() == Dir::Bi => {
                LinkEvent::Writable { stream: StreamKey::new(key, id) }
            }
            StreamEvent::Finished { id } if id.dir() == Dir::Bi => {
                LinkEvent::Finished { stream: StreamKey::new(key, id) }
            }
            StreamEvent::Available { dir: Dir::Bi } => LinkEvent::Available { member },
            // Lanes look for themselves whenever their link is served; new streams are accepted there too.
            _ => return,
        };
        self.events.push_back(event);
    }

    /// Everything about lanes and streams that may have become possible.
    fn lanes(&mut self, slot: usize, at: Instant) {
        let Some(link) = &self.slots[slot] else { return };
        let (stage, member) = (link.stage, link.member);
        if !matches!(stage, Stage::Up | Stage::Unconfirmed) {
            return;
        }
        let Some(member) = member else { return };
        match self.with(slot, Link::name_lanes) {
            Some(Ok(named)) => {
                if stage == Stage::Unconfirmed && !named.is_empty() {
                    self.confirmed(slot, at);
                }
                named.into_iter().for_each(|lane| self.queue_lane(slot, lane));
            }
            Some(Err(Broken)) => return self.malformed(slot, at),
            None => return,
        }
        if self.slots[slot].as_ref().is_none_or(|link| link.stage != Stage::Up) {
            return;
        }
        self.accept_streams(slot, member);
        self.flush(slot, at);
        if self.with(slot, Link::take_acked) == Some(true) {
            self.events.push_back(LinkEvent::Acked { member });
        }
    }

    fn flush(&mut self, slot: usize, at: Instant) {
        let mut written = Vec::new();
        let flushed = self.with(slot, |link| link.flush(|lane, bytes| written.push((lane, bytes))));
        let Some(member) = self.slots[slot].as_ref().and_then(|link| link.member) else { return };
        let events = written.into_iter().map(|(lane, bytes)| LinkEvent::Written { member, lane, bytes });
        self.events.extend(events);
        if flushed == Some(Err(Broken)) {
            self.malformed(slot, at);
        }
    }

    fn pings(&mut self, slot: usize, at: Instant) {
        while let Some(bytes) = self.with(slot, |link| link.conn.datagrams().recv()).flatten() {
            let up = self.slots[slot].as_ref().filter(|link| link.stage == Stage::Up);
            let Some(from) = up.and_then(|link| link.member) else { continue };
            self.counters.pings_in += 1;
            let admitted = self.with(slot, |link| link.admits_ping(at)) == Some(true);
            if !admitted || self.pings_waiting >= PINGS_WAITING_MAX {
                self.counters.pings_dropped += 1;
                continue;
            }
            self.pings_waiting += 1;
            self.events.push_back(LinkEvent::Datagram { from, bytes: bytes.to_vec() });
        }
    }

    /// Puts a lane into the line of those that may have a frame.
    fn queue_lane(&mut self, slot: usize, lane: Lane) {
        let Some(key) = self.key(slot) else { return };
        let Some(link) = self.get_mut(key) else { return };
        if let Some(entry) = &mut link.lanes_in[lane as usize]
            && !std::mem::replace(&mut entry.queued, true)
        {
            self.readable[lane as usize].push_back(key);
        }
    }

    /// The next frame of one lane, which then goes to the end of the line.
    pub(super) fn read_lane(&mut self, key: LinkKey, lane: Lane, at: Instant) -> Option<Frame> {
        let link = self.get_mut(key)?;
        let (stage, from) = (link.stage, link.member?);
        let read = self.with(key.slot, |link| link.next_frame(lane))?;
        // Reading may allow the peer to send more, which it must be told.
        self.mark_sender(key.slot);
        match read {
            Ok(Some(bytes)) => {
                self.counters.frames_in += 1;
                self.readable[lane as usize].push_back(key);
                return Some(Frame { from, lane, bytes, link: key });
            }
            _ if stage == Stage::Lost => self.exhausted(key, lane),
            Ok(None) => {
                let link = self.get_mut(key)?;
                link.lanes_in[lane as usize].iter_mut().for_each(|lane| lane.queued = false);
                self.widen_lane(key, lane, false);
            }
            Err(Broken) => self.malformed(key.slot, at),
        }
        None
    }

    /// Nothing more comes on this lane of a lost link.
    fn exhausted(&mut self, key: LinkKey, lane: Lane) {
        self.widen_lane(key, lane, false);
        let Some(link) = self.get_mut(key) else { return };
        link.lanes_in[lane as usize] = None;
        if link.lanes_in.iter().all(Option::is_none) {
            self.ended(key.slot);
        }
    }

    /// Says why, to people: a dial or an accepted handshake that fails is how a wrong certificate or clock shows. A stranger
    /// can begin as many as it likes: of each kind one per [`LOG_EVERY`] is told at info, with how many were not.
    fn log_loss(&mut self, slot: usize, at: Instant, reason: &ConnectionError) {
        let Some(link) = &self.slots[slot] else { return };
        let addr = link.conn.remote_address();
        let (gate, what) = match (link.stage, link.accepted()) {
            (Stage::Handshake, true) => (0, "a handshake from there failed"),
            (Stage::Handshake | Stage::Unconfirmed, false) => (1, "a dial failed"),
            _ => return tracing::debug!(%addr, member = ?link.member, %reason, "link lost"),
        };
        match self.gates[gate].pass(at) {
            Some(untold) => tracing::info!(%addr, %reason, untold, "{what}"),
            None => tracing::debug!(%addr, %reason, "{what}"),
        }
    }

    fn malformed(&mut self, slot: usize, at: Instant) {
        self.counters.malformed += 1;
        let member = self.slots[slot].as_ref().and_then(|link| link.member);
        member.into_iter().for_each(|member| self.offenders.record(member, Offence::Framing));
        tracing::warn!(?member, "this member breaks the framing: its link is closed");
        self.lose(slot, at, Close::Malformed);
    }

    /// Quinn says that the connection is over. What came before its end is still delivered.
    fn lost(&mut self, slot: usize) {
        if self.slots[slot].as_ref().is_none_or(|link| link.stage != Stage::Up) {
            return self.ended(slot);
        }
        let named = self.with(slot, Link::name_lanes);
        let Some(link) = &mut self.slots[slot] else { return };
        link.stage = Stage::Lost;
        let left: Vec<_> =
            Lane::ALL.into_iter().filter(|&lane| link.lanes_in[lane as usize].is_some()).collect();
        if left.is_empty() || named == Some(Err(Broken)) {
            return self.ended(slot);
        }
        left.into_iter().for_each(|lane| self.queue_lane(slot, lane));
    }

    /// Closes a link with a word to the peer, and tells of its end.
    pub(super) fn lose(&mut self, slot: usize, at: Instant, why: Close) {
        self.with(slot, |link| link.conn.close(at, why.code(), Bytes::new()));
        self.ended(slot);
        self.mark(slot);
    }

    /// Closes a link with a word to the peer, and tells nobody here but its streams and seeds.
    pub(super) fn shut(&mut self, slot: usize, at: Instant, why: Close) {
        self.with(slot, |link| link.conn.close(at, why.code(), Bytes::new()));
        self.leave(slot);
        self.mark(slot);
    }

    /// A link is over, from whatever stage: settles what depends on it and tells of it.
    pub(super) fn ended(&mut self, slot: usize) {
        let Some((stage, side)) = self.leave(slot) else { return };
        let Some(link) = &self.slots[slot] else { return };
        let member = link.member;
        match (stage, side) {
            (Stage::Handshake, Side::Accepted) => self.counters.accepts_failed += 1,
            (Stage::Handshake | Stage::Unconfirmed, Side::Dialed(target)) => {
                self.counters.dials_failed += 1;
                self.dial_ended(target, member);
            }
            (Stage::Up | Stage::Lost, _) => {
                self.counters.links_lost += 1;
                if let Some(member) = member {
                    self.down(member);
                }
            }
            _ => {}
        }
    }

    /// Takes a link out of its stage, for good; `None` if that was done before.
    fn leave(&mut self, slot: usize) -> Option<(Stage, Side)> {
        let key = self.key(slot)?;
        Lane::ALL.into_iter().for_each(|lane| self.widen_lane(key, lane, false));
        let link = self.slots.get_mut(slot)?.as_mut()?;
        let stage = std::mem::replace(&mut link.stage, Stage::Closed);
        let side = link.side.clone();
        let seeds = std::mem::take(&mut link.seeds);
        let member = link.member.or(match side {
            Side::Dialed(target) => target,
            Side::Accepted => None,
        });
        let deadline = link.deadline.take();
        self.deadlines.set(slot, deadline, None);
        // Before the slot is used again.
        member.into_iter().for_each(|member| self.forget(slot, member));
        self.events.extend(seeds.into_iter().map(|seed| LinkEvent::SeedDown { seed }));
        match stage {
            Stage::Closed => return None,
            Stage::Handshake if side == Side::Accepted => self.half_open -= 1,
            Stage::Handshake | Stage::Unconfirmed => self.dial_over(slot),
            Stage::Up | Stage::Lost => {
                self.counters.links -= 1;
                self.events.push_back(LinkEvent::Gone { link: key });
            }
            Stage::Spare { .. } => {}
        }
        Some((stage, side))
    }

    /// A stranger wants to shake hands.
    pub(super) fn incoming(&mut self, at: Instant, incoming: Incoming, answer: &mut Vec<u8>) {
        answer.clear();
        let crowded = self.half_open >= HALF_OPEN_MAX;
        if self.half_open >= HALF_OPEN_RETRY && incoming.may_retry() {
            self.counters.retries += 1;
            if let Ok(transmit) = self.endpoint.retry(incoming, answer) {
                self.respond(&transmit, answer);
            }
        } else if self.endpoint.open_connections() >= LINKS_MAX
            || (crowded && !self.make_room(incoming.remote_address().ip(), at))
        {
            self.counters.refusals += 1;
            let transmit = self.endpoint.refuse(incoming, answer);
            self.respond(&transmit, answer);
        } else {
            self.accept(at, incoming, answer);
        }
    }

    /// Ends a handshake of others in favour of one from `newcomer`; whether there is one that may be ended. Hosts
    /// are worth something here: above [`HALF_OPEN_RETRY`] handshakes whoever begins one has proved its own.
    fn make_room(&mut self, newcomer: IpAddr, at: Instant) -> bool {
        // How many each host has, and its oldest.
        let mut of: BTreeMap<IpAddr, (usize, Reverse<(Instant, usize)>)> = BTreeMap::new();
        for (slot, link) in self.slots.iter().enumerate() {
            let Some(link) = link.as_ref().filter(|link| link.accepted() && link.stage == Stage::Handshake)
            else {
                continue;
            };
            let this = Reverse((link.started, slot));
            let (count, oldest) = of.entry(host_of(link.conn.remote_address().ip())).or_insert((0, this));
            (*count, *oldest) = (*count + 1, this.max(*oldest));
        }
        let own = of.get(&host_of(newcomer)).map_or(0, |(count, _)| *count);
        let Some(&(count, Reverse((started, slot)))) = of.values().max() else { return false };
        if own + 1 >= count && at < started + HALF_OPEN_PATIENCE {
            return false;
        }
        self.counters.accepts_displaced += 1;
        self.lose(slot, at, Close::Crowded);
        true
    }

    fn accept(&mut self, at: Instant, incoming: Incoming, answer: &mut Vec<u8>) {
        let accept = || self.endpoint.accept(incoming, at, answer, None).map_err(Box::new);
        match catch_unwind(AssertUnwindSafe(accept)) {
            Ok(Ok((handle, conn))) => {
                self.half_open += 1;
                let generation = self.next_generation();
                self.insert(Link::new(conn, handle, generation, Side::Accepted, at));
            }
            Ok(Err(error)) => {
                self.counters.accepts_failed += 1;
                if let Some(transmit) = error.response {
                    self.respond(&transmit, answer);
                }
            }
            Err(_) => self.counters.panics += 1,
        }
    }
}
