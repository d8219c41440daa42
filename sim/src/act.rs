//! A process's turn: an event in, its actions out.

use crate::{
    brain::{Brain, member_of},
    happen::{Happening, Save, What},
    node::{Fate, Node},
    tamper::{Deed, Hand, Injected, Tamper, Wire},
    world::{Observed, Said, World},
};
use core::time::Duration;
use ifrit_core::{
    action::{Action, Notice, Persist},
    event::{Command, Event, Refused},
    id::MemberId,
    time::Mono,
};

/// How long a turn takes that ends with more to do at once: about what 64 signature checks cost.
const TURN: Duration = Duration::from_micros(500);

impl World {
    /// Something happens, or waits because its process is paused, or never happens because that life is over.
    pub(crate) fn happen(&mut self, happening: Happening) {
        let node = &mut self.nodes[happening.node];
        if happening.life.is_some_and(|life| life != node.life) {
            return;
        }
        match (&mut node.fate, &happening.what) {
            (Fate::Paused(_), What::Resume) => self.resume(happening.node),
            (Fate::Paused(backlog), _) => backlog.push_back(happening),
            (Fate::Dead, What::Begin) => self.start(happening.node),
            (Fate::Dead, _) => {}
            (Fate::Running, _) => self.happens(happening.node, happening.what),
        }
    }

    fn happens(&mut self, node: usize, what: What) {
        match what {
            What::Begin | What::Resume => {}
            What::End => {
                self.stop_whole(node);
                self.crash(node);
            }
            What::Udp { from, ecn, bytes } => self.udp(node, from, ecn, &bytes),
            What::Wake => self.wake(node),
            What::Scheme => self.scheme(node),
            What::Deed(deed) => self.deed(node, deed),
            What::Packet { link, packet } => self.arrive(node, link, packet),
            What::Try { link, lane, sequence, bytes, packets, attempt } => {
                self.transmit_frame(node, link, lane, sequence, bytes, packets, attempt);
            }
            What::Offer { link, lane } => self.offer(node, link, lane),
            What::Probe { link, ping, attempt } => self.probe(node, link, ping, attempt),
            What::Written { link, lane } => self.written(node, link, lane),
            What::Idle { link } => self.look_idle(node, link),
            What::Dial(dial) => self.dial_step(node, dial),
            What::Accept { from, dial } => self.accept(node, from, dial),
            What::Connected { peer, generation, dial } => self.connected(node, peer, generation, &dial),
            What::Failed(dial) => self.dial_failed(node, &dial),
            What::Unsent { token } => self.tell(node, Event::Unsent { token }),
            What::Persisted { seq, what } => self.persisted(node, seq, what),
        }
    }

    /// Lets `what` happen in this life of `node`.
    pub(crate) fn later(&mut self, node: usize, at: Mono, what: What) {
        let life = Some(self.nodes[node].life);
        self.queue.push(at, Happening { node, life, what });
    }

    fn wake(&mut self, node: usize) {
        let process = &mut self.nodes[node];
        // One that came while the process was paused is handled later than it was due.
        if process.wake_queued.is_some_and(|queued| queued <= self.now) {
            process.wake_queued = None;
        }
        match process.wake_at {
            Some(at) if at <= self.now => self.tell(node, Event::Wake),
            Some(at) => self.queue_wake(node, at),
            None => {}
        }
    }

    /// At most one wake that is early enough is in the queue.
    fn queue_wake(&mut self, node: usize, at: Mono) {
        let queued = &mut self.nodes[node].wake_queued;
        if queued.is_none_or(|queued| at < queued) {
            *queued = Some(at);
            self.later(node, at, What::Wake);
        }
    }

    /// Hands the brain an event that it does not refuse.
    ///
    /// # Panics
    /// If it does: a bug of the core, for its outbox was drained after the event before.
    pub(crate) fn tell(&mut self, node: usize, event: Event<'_>) {
        if let Err(refused) = self.give(node, event.clone()) {
            panic!("{node} refuses {event:?}: {refused}");
        }
    }

    /// Hands the brain an event and does what it then wants.
    pub(crate) fn give(&mut self, node: usize, event: Event<'_>) -> Result<(), Refused> {
        if self.nodes[node].whole.is_some() {
            return self.give_whole(node, event);
        }
        if !self.tampered(node, &event) {
            return Ok(());
        }
        let now = self.nodes[node].clock.at(self.now);
        let Some(brain) = &mut self.nodes[node].brain else { return Ok(()) };
        self.handled += 1;
        let done = brain.handle(now, event);
        self.drain(node);
        done
    }

    /// Asks for something as the application.
    ///
    /// # Errors
    /// What the member says.
    pub fn command(&mut self, node: usize, command: Command) -> Result<(), Refused> {
        self.give(node, Event::Command(command))
    }

    /// Does all that the brain wants.
    pub(crate) fn drain(&mut self, node: usize) {
        let Some(mut brain) = self.nodes[node].brain.take() else { return };
        let mut persist = Vec::new();
        loop {
            match brain.poll_action() {
                Action::Wait { until, .. } => {
                    self.plan_wake(node, until);
                    break;
                }
                Action::Persist { seq, what } => persist.push((seq, what)),
                action => self.act(node, action),
            }
        }
        for (seq, what) in persist {
            self.persist(node, &*brain, seq, what);
        }
        self.nodes[node].brain = Some(brain);
    }

    pub(crate) fn plan_wake(&mut self, node: usize, until: Option<Mono>) {
        let clock = self.nodes[node].clock;
        let at = until.map(|until| clock.world(until)).filter(|at| *at != Mono::NEVER);
        let at = at.map(|at| at.max(self.now + TURN));
        self.nodes[node].wake_at = at;
        if let Some(at) = at {
            self.queue_wake(node, at);
        }
    }

    fn act(&mut self, node: usize, action: Action<'_>) {
        match action {
            Action::Datagram { to, token, bytes } => {
                self.record(1, node, Some(&to), bytes);
                if self.lets_pass(node, to, Wire::Datagram(bytes)) {
                    let peer = self.by_id.get(&to).copied().unwrap_or(node);
                    self.overhear(node, peer, false, bytes);
                    self.send_datagram(node, peer, Some(token), bytes);
                }
            }
            Action::Frame { to, lane, bytes } => {
                self.record(2 + lane as u64, node, Some(&to), bytes);
                if self.lets_pass(node, to, Wire::Frame(lane, bytes))
                    && let Some(peer) = self.by_id.get(&to).copied()
                {
                    self.overhear(node, peer, true, bytes);
                    self.send_frame(node, peer, lane, bytes);
                }
            }
            Action::Dial { member, addr } => {
                self.record(8, node, Some(&member), &[]);
                self.nodes[node].dialing.insert(member);
                if let Some(peer) = self.find(&member) {
                    *self.dialed.entry((node, peer)).or_default() += 1;
                }
                self.dial(node, addr, Some(member), None);
            }
            Action::DialSeed { seed } => {
                self.record(9 + u64::from(seed), node, None, &[]);
                self.dial_seed(node, seed);
            }
            Action::HangUp { member, .. } => {
                self.record(6, node, Some(&member), &[]);
                self.hang_up(node, member);
            }
            Action::Notify(notice) => self.observe(node, notice),
            Action::Persist { .. } | Action::Wait { .. } => {}
        }
    }

    fn overhear(&mut self, from: usize, to: usize, frame: bool, bytes: &[u8]) {
        if let Some(said) = &mut self.said {
            said.push(Said { at: self.now, from, to, frame, bytes: bytes.to_vec() });
        }
    }

    fn record(&mut self, kind: u64, node: usize, whom: Option<&MemberId>, bytes: &[u8]) {
        let whom = whom.map_or(u64::MAX, |id| u64::from_le_bytes(id.0[..8].try_into().expect("8 of 32")));
        self.fold(&[self.now.0, kind, node as u64, whom], bytes);
    }

    pub(crate) fn observe(&mut self, observer: usize, notice: Notice) {
        self.record(7, observer, notice.subject().as_ref(), &[]);
        self.observed.push(Observed { at: self.now, observer, notice });
    }

    fn persist(&mut self, node: usize, brain: &dyn Brain, seq: u64, what: Persist) {
        let Some(takes) = self.setup.disk else { return };
        let what = Save::new(what, || member_of(brain).map(|member| member.view().saved()));
        self.later(node, self.now + takes, What::Persisted { seq, what });
    }

    fn persisted(&mut self, node: usize, seq: u64, what: Option<Save>) {
        let disk = &mut self.nodes[node].disk;
        match what {
            Some(Save::EpochCeiling(ceiling)) => disk.epoch_ceiling = ceiling,
            Some(Save::Records(records)) => disk.records = records,
            None => {}
        }
        self.tell(node, Event::Persisted { seq });
    }

    /// Whether the process's tamper lets the brain hear `event`.
    fn tampered(&mut self, node: usize, event: &Event<'_>) -> bool {
        let heard = match *event {
            Event::Datagram { from, bytes } => {
                self.asks(node, |tamper, hand| tamper.hears(hand, from, Wire::Datagram(bytes)))
            }
            Event::Frame { from, lane, bytes } => {
                self.asks(node, |tamper, hand| tamper.hears(hand, from, Wire::Frame(lane, bytes)))
            }
            _ => true,
        };
        if !heard && let Some(liar) = &mut self.nodes[node].liar {
            liar.deeds.unheard += 1;
        }
        heard
    }

    fn lets_pass(&mut self, node: usize, to: MemberId, wire: Wire<'_>) -> bool {
        let passes = self.asks(node, |tamper, hand| tamper.sends(hand, to, wire));
        if !passes && let Some(liar) = &mut self.nodes[node].liar {
            liar.deeds.withheld += 1;
        }
        passes
    }

    fn scheme(&mut self, node: usize) {
        self.asks(node, |tamper, hand| {
            tamper.wakes(hand);
            true
        });
    }

    /// Lets the tamper, if there is one, do something; true without one.
    fn asks(&mut self, node: usize, ask: impl FnOnce(&mut dyn Tamper, &mut Hand<'_>) -> bool) -> bool {
        let Some(mut liar) = self.nodes[node].liar.take() else { return true };
        let linked: Vec<_> = self.linked(node).into_iter().map(|peer| self.nodes[peer].id).collect();
        let Node { id, brain, clock, .. } = &self.nodes[node];
        let mut hand = Hand {
            now: clock.at(self.now),
            me: *id,
            params: self.network.params(),
            signer: &mut *liar.signer,
            member: brain.as_deref().and_then(member_of).or_else(|| self.whole_member(node)),
            linked: &linked,
            out: Vec::new(),
            wake: None,
        };
        let passes = ask(&mut *liar.tamper, &mut hand);
        let (out, wake, clock) = (hand.out, hand.wake, *clock);
        self.nodes[node].liar = Some(liar);
        for injected in out {
            self.inject(node, injected);
        }
        if let Some(at) = wake {
            self.later(node, clock.world(at).max(self.now + TURN), What::Scheme);
        }
        passes
    }

    fn inject(&mut self, node: usize, injected: Injected) {
        if let Some(liar) = &mut self.nodes[node].liar {
            match injected {
                Injected::Deed(_) => liar.deeds.done += 1,
                Injected::Datagram(..) | Injected::Frame(..) => liar.deeds.said += 1,
            }
        }
        let peer = |to| self.by_id.get(&to).copied().unwrap_or(node);
        match injected {
            Injected::Datagram(to, bytes) => self.send_datagram(node, peer(to), None, &bytes),
            Injected::Frame(to, lane, bytes) if self.nodes[node].whole.is_some() => {
                self.send_whole(node, to, lane, &bytes);
            }
            Injected::Frame(to, lane, bytes) => self.send_frame(node, peer(to), lane, &bytes),
            Injected::Deed(deed) => self.later(node, self.now, What::Deed(deed)),
        }
    }

    fn deed(&mut self, node: usize, deed: Deed) {
        match deed {
            // The links of a whole member are its own affair.
            Deed::Dial(_) | Deed::HangUp(_) if self.nodes[node].whole.is_some() => {}
            Deed::Dial(to) => {
                let Some(peer) = self.by_id.get(&to) else { return };
                let addr = self.nodes[*peer].addr;
                self.nodes[node].dialing.insert(to);
                self.dial(node, addr, Some(to), None);
            }
            Deed::HangUp(to) => {
                self.hang_up(node, to);
                self.tell(node, Event::LinkDown { member: to });
            }
            Deed::Lose(ppm) => self.net.own_loss_ppm[node] = ppm,
            Deed::Crash => {
                self.ended.push((self.now, node));
                self.crash(node);
            }
        }
    }
}
