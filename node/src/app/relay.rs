//! Broadcasts over relay streams.
//!
//! Whoever of two ring neighbours has something to tell opens a stream to the other: its half tells and gives, the other
//! half asks. So there are two streams on a link at most, and none on one over which nothing was said.

use super::{
    App, BroadcastError, Directory,
    broadcast::{Broadcasts, Frame, Inlet, Judge, Told, untimely},
    sign::Pen,
    tags,
    typed::{Owner, Streams},
};
use crate::{
    crypto::RingVerifier,
    limits::{BROADCAST_CHECK_COST, BROADCAST_DEAF_MAX},
    link::{LinkKey, Links, Read, Reset, StreamKey},
    node::NodeEvent,
    offenders::Offence,
};
use ifrit_core::{
    broadcast::Message,
    id::MemberId,
    limits::BROADCAST_MAX,
    params::NetworkParams,
    time::{Mono, Now},
};
use std::{collections::BTreeMap, time::Duration};

/// One of the two streams between two neighbours.
#[derive(Debug, Default)]
struct Line {
    stream: Option<StreamKey>,
    inlet: Inlet,
    /// The frame that is being written, and how much of it is.
    frame: Vec<u8>,
    written: usize,
}

#[derive(Debug)]
struct Neighbour {
    link: LinkKey,
    /// Tells and gives.
    own: Line,
    /// Asks.
    theirs: Line,
}

/// All broadcasts, and the streams that they travel on.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) casts: Broadcasts,
    neighbours: BTreeMap<MemberId, Neighbour>,
    /// Those whose stream has broken, and until when this member opens none.
    broken: BTreeMap<MemberId, Mono>,
    /// Those who said what is no frame, and until when theirs are turned away.
    barred: BTreeMap<MemberId, Mono>,
    /// When to look who the neighbours are.
    look_at: Mono,
    delta: Duration,
}

impl Relay {
    pub(super) fn new(pen: &Pen, kept: usize) -> Self {
        Self {
            casts: Broadcasts::new(*pen.network(), pen.me(), kept),
            neighbours: BTreeMap::new(),
            broken: BTreeMap::new(),
            barred: BTreeMap::new(),
            look_at: Mono::default(),
            delta: Duration::from_millis(pen.network().delta_ms.into()),
        }
    }

    /// The line that a stream belongs to.
    fn line(&mut self, of: &MemberId, key: StreamKey) -> Option<&mut Line> {
        let Neighbour { own, theirs, .. } = self.neighbours.get_mut(of)?;
        [own, theirs].into_iter().find(|line| line.stream == Some(key))
    }
}

/// A view as the state machine asks it, now.
struct Eye<'a, D> {
    view: &'a D,
    now: Now,
    network: &'a NetworkParams,
}

impl<D: Directory> Judge for Eye<'_, D> {
    fn knows(&self, author: &MemberId) -> bool {
        self.view.key(author).is_some()
    }

    fn verifies(&self, message: &Message) -> bool {
        self.view.key(&message.of().author).is_some_and(|key| message.signed().verify(&RingVerifier, &key))
    }

    fn is_untimely(&self, message: &Message) -> bool {
        untimely(self.network, self.now.wall, message)
    }
}

impl App {
    /// Says `bytes` to everybody.
    pub(crate) fn broadcast(
        &mut self,
        now: Now,
        epoch: u64,
        bytes: &[u8],
        links: &mut Links,
        view: &impl Directory,
    ) -> Result<u64, BroadcastError> {
        if bytes.len() > BROADCAST_MAX {
            return Err(BroadcastError::TooLarge { limit: BROADCAST_MAX });
        }
        // The epoch of the next note: no earlier run has used it, and no later one will (R15).
        let sign = |body: &[u8]| self.pen.sign_as_is(body);
        let said = self.relay.casts.publish(now, epoch.saturating_add(1), bytes, sign);
        self.relay_all(now, links, view);
        said.map_err(|until| BroadcastError::Busy { wait: until.since(now.mono) })
    }

    pub(super) fn wake_relay(&mut self, now: Now, links: &mut Links, view: &impl Directory) {
        if self.relay.look_at <= now.mono {
            self.look_for_neighbours(now, links, view);
        }
        self.relay.casts.wake(now.mono, &Eye { view, now, network: self.pen.network() });
        self.relay_all(now, links, view);
    }

    /// Talks to whom the view says is a ring neighbour, once there is a link.
    pub(super) fn look_for_neighbours(&mut self, now: Now, links: &Links, view: &impl Directory) {
        self.relay.look_at = now.mono + self.relay.delta / 8;
        self.relay.broken.retain(|_, until| *until > now.mono);
        self.relay.barred.retain(|_, until| *until > now.mono);
        for id in view.neighbours() {
            self.talk_to(now, id, links);
        }
    }

    fn talk_to(&mut self, now: Now, id: MemberId, links: &Links) {
        let Some(link) = links.link_to(&id) else { return };
        if self.relay.neighbours.contains_key(&id) || self.relay.broken.contains_key(&id) {
            return;
        }
        let neighbour = Neighbour { link, own: Line::default(), theirs: Line::default() };
        self.relay.neighbours.insert(id, neighbour);
        self.relay.casts.up(now.mono, id);
    }

    /// A neighbour has opened its stream. If there was one, it begins anew.
    pub(super) fn relay_opened(
        &mut self,
        now: Now,
        key: StreamKey,
        from: MemberId,
        links: &mut Links,
        view: &impl Directory,
    ) -> Option<Owner> {
        if !view.admits(&from) || !view.is_neighbour(&from) || self.relay.barred.contains_key(&from) {
            return None;
        }
        // Each new stream is told everything: whoever breaks its own waits for half as long as this member does, else it
        // is told everything for each stream that it opens and drops.
        let broke = self.relay.broken.get(&from).map(|until| until.since(now.mono));
        if broke.is_some_and(|left| left > self.relay.delta / 2) {
            return None;
        }
        let old = self.relay.neighbours.get(&from);
        let is_second = old.is_some_and(|old| old.link == key.link && old.theirs.stream.is_some());
        if is_second || old.is_some_and(|old| old.link != key.link) {
            self.forget_neighbour(now, from, links, view);
        }
        self.relay.broken.remove(&from);
        self.talk_to(now, from, links);
        if is_second {
            // As if it had broken the first one.
            self.relay.broken.insert(from, now.mono + self.relay.delta);
        }
        let neighbour = self.relay.neighbours.get_mut(&from).filter(|now| now.link == key.link)?;
        neighbour.theirs.stream = Some(key);
        self.streams.queue(key);
        Some(Owner::Relay(from))
    }

    /// Reads what has come, and does what it says.
    pub(super) fn read_relay(
        &mut self,
        now: Now,
        from: MemberId,
        key: StreamKey,
        budget: usize,
        links: &mut Links,
        view: &impl Directory,
    ) -> usize {
        let Some(line) = self.relay.line(&from, key) else { return 0 };
        let read = match links.read(key, budget, line.inlet.fill()) {
            Read::Bytes(read) => read,
            Read::Blocked => return 0,
            Read::Finished | Read::Reset(_) => {
                self.hang_up(now, from, links, view);
                return 0;
            }
        };
        links.counters.broadcast_bytes_in += read as u64;
        let mut checks = 0;
        while let Some(line) = self.relay.line(&from, key) {
            match line.inlet.next() {
                Ok(Some(frame)) => {
                    checks += usize::from(matches!(frame, Frame::Body(_)));
                    self.relay.casts.receive(
                        now.mono,
                        from,
                        frame,
                        &Eye { view, now, network: self.pen.network() },
                    );
                }
                Ok(None) => break,
                Err(_) => {
                    links.counters.broadcast_garbage += 1;
                    links.offenders.record(from, Offence::Broadcast);
                    self.hang_up(now, from, links, view);
                    self.relay.barred.insert(from, now.mono + BROADCAST_DEAF_MAX);
                    break;
                }
            }
        }
        self.relay_all(now, links, view);
        // A signature check takes as long as reading so much.
        read + checks * BROADCAST_CHECK_COST
    }

    /// Writes what there is for a neighbour, as far as it goes.
    pub(super) fn relay_to(&mut self, now: Now, to: MemberId, links: &mut Links, view: &impl Directory) {
        let Self { relay, streams, .. } = self;
        let Relay { casts, neighbours, .. } = relay;
        let Some(Neighbour { own, theirs, .. }) = neighbours.get_mut(&to) else { return };
        let told = write(
            own,
            streams,
            links,
            || casts.next_content(now.mono, &to),
            |streams, links| streams.open(to, tags::RELAY, Owner::Relay(to), links),
        );
        // Without a stream of the neighbour's it has told nothing that could be asked for.
        let asked = write(theirs, streams, links, || casts.next_pull(&to), |_, _| None);
        if told.and(asked).is_err() {
            self.hang_up(now, to, links, view);
        }
    }

    /// Writes to all for whom there is something, and tells what there is to tell.
    fn relay_all(&mut self, now: Now, links: &mut Links, view: &impl Directory) {
        while let Some(to) = self.relay.casts.next_stirred() {
            self.relay_to(now, to, links, view);
        }
        while let Some(told) = self.relay.casts.next_told() {
            self.tell_broadcast(told, links);
        }
    }

    fn tell_broadcast(&mut self, told: Told, links: &mut Links) {
        let event = match told {
            Told::Delivered(message) => {
                links.counters.broadcasts_in += 1;
                let (of, sequence) = (message.of(), message.sequence());
                let body = message.bytes().to_vec();
                NodeEvent::Broadcast { author: of.author, run: of.run, sequence, body }
            }
            Told::Missed { of, numbers } => {
                let (from, to) = (numbers.start, numbers.end);
                NodeEvent::BroadcastMissed { author: of.author, run: of.run, from, to }
            }
            Told::Equivocation { of, ours, theirs } => {
                let (one, other) = (ours.bytes().to_vec(), theirs.bytes().to_vec());
                NodeEvent::BroadcastTwice { author: of.author, run: of.run, one, other }
            }
            Told::Garbage { relay } => {
                tracing::debug!(%relay, "gave a broadcast without a valid signature");
                links.counters.broadcast_garbage += 1;
                links.offenders.record(relay, Offence::Broadcast);
                return;
            }
        };
        self.events.push_back(event);
    }

    /// A stream of a neighbour's has ended: this member opens none for a while.
    fn hang_up(&mut self, now: Now, id: MemberId, links: &mut Links, view: &impl Directory) {
        self.forget_neighbour(now, id, links, view);
        self.relay.broken.insert(id, now.mono + self.relay.delta);
    }

    /// What was said over both streams is void, and they are over.
    fn forget_neighbour(&mut self, now: Now, id: MemberId, links: &mut Links, view: &impl Directory) {
        let Some(neighbour) = self.relay.neighbours.remove(&id) else { return };
        for key in [neighbour.own.stream, neighbour.theirs.stream].into_iter().flatten() {
            self.streams.remove(key);
            links.abandon(key, Reset::Dropped);
        }
        self.relay.casts.down(now.mono, &id, &Eye { view, now, network: self.pen.network() });
    }

    /// A link is gone, with all streams on it.
    pub(super) fn relay_gone(&mut self, now: Now, link: LinkKey, links: &mut Links, view: &impl Directory) {
        let gone = self.relay.neighbours.iter().filter(|(_, neighbour)| neighbour.link == link);
        for id in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.relay.neighbours.remove(&id);
            self.relay.casts.down(now.mono, &id, &Eye { view, now, network: self.pen.network() });
        }
        self.relay.look_at = now.mono;
        self.relay_all(now, links, view);
    }
}

/// Writes frame after frame until there is none or the stream takes no more; an error is its end.
fn write(
    line: &mut Line,
    streams: &mut Streams,
    links: &mut Links,
    mut next: impl FnMut() -> Option<Frame>,
    open: impl FnOnce(&mut Streams, &mut Links) -> Option<StreamKey>,
) -> Result<(), Reset> {
    let mut open = Some(open);
    loop {
        if line.written == line.frame.len() {
            let Some(frame) = next() else { return Ok(()) };
            (line.frame, line.written) = (frame.encode(), 0);
        }
        if let Some(open) = open.take().filter(|_| line.stream.is_none()) {
            line.stream = open(streams, links);
        }
        let Some(key) = line.stream else { return Ok(()) };
        match streams.write(key, &line.frame[line.written..], links)? {
            0 => return Ok(()),
            written => line.written += written,
        }
    }
}

#[cfg(test)]
mod tests;
