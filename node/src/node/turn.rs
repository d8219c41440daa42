//! One turn: what links and core have to say to each other, in order of importance.

use super::{Node, NodeEvent, Pending, Save, UNCOUNTED, WaitFor};
use crate::{
    limits::{REFUSED_RETRY, TURN_BYTES},
    link::{Frame, LinkEvent},
    offenders::Offence,
};
use ifrit_core::{
    action::{Action, HangUp, Notice, Persist},
    event::{Command, Event, Lane, Refused},
    id::MemberId,
    member::Member,
    recorder::Recorder,
    time::{Mono, Now},
};
use std::net::SocketAddr;

/// What the core wants of links, without its borrows.
enum Wish {
    Dial(MemberId, SocketAddr),
    Seed(u16),
    HangUp(MemberId, HangUp),
    Unsent(u64),
}

/// The one way out of the core.
fn next_action<'m>(member: &'m mut Member, recorder: Option<&mut Recorder>) -> Action<'m> {
    match recorder {
        Some(recorder) => recorder.poll_action(member),
        None => member.poll_action(),
    }
}

impl Node {
    /// Neither clock goes back: the monotonic one stands still, the wall clock is as it is.
    pub(super) fn advance(&mut self, now: Now) -> Now {
        self.now = Now { mono: self.now.mono.max(now.mono), wall: now.wall };
        self.now
    }

    /// Begins a turn: a fresh budget, what was refused is offered again, and timers that are due.
    pub(super) fn begin_turn(&mut self, now: Now) -> Now {
        let now = self.advance(now);
        self.budget = TURN_BYTES;
        self.held = false;
        self.links.retry_frames();
        self.links.wake(now);
        self.app.wake(now, &mut self.links, &self.member.view());
        self.app.pay();
        self.end_lingering(now);
        self.tell_seeds(now);
        if self.core_until.is_some_and(|until| until <= now.mono) && !self.stopped {
            // Never refused.
            let _ = self.core(now, Event::Wake);
        }
        now
    }

    /// The one way into the core.
    pub(super) fn core(&mut self, now: Now, event: Event<'_>) -> Result<(), Refused> {
        self.undrained = true;
        match &mut self.recorder {
            Some(recorder) => recorder.handle(&mut self.member, now, event),
            None => self.member.handle(now, event),
        }
    }

    pub(super) fn command(&mut self, now: Now, command: Command) -> Result<(), Refused> {
        let certificate = match &command {
            Command::SetCertificate(der) => Some(der.clone()),
            _ => None,
        };
        if certificate.is_some() {
            // It may be of a root of which the core has heard just now: that is saved and shown first.
            self.drain(now);
        }
        self.core(now, Event::Command(command))?;
        if let Some(der) = certificate {
            self.pending.push_back(Pending::Persist(UNCOUNTED, Save::Certificate(der.clone())));
            // The core has accepted it: same key, same id. TLS that still refuses it keeps the old one.
            let shown = self.links.set_certificate(&der);
            shown.map_err(|error| tracing::error!(%error, "TLS refuses the new certificate")).ok();
        }
        Ok(())
    }

    /// Tells the core how many seeds there are, once it takes it.
    pub(super) fn tell_seeds(&mut self, now: Now) {
        if let Some(count) = self.untold_seeds
            && self.core(now, Event::Command(Command::SetSeeds(count))) != Err(Refused::Backpressure)
        {
            self.untold_seeds = None;
        }
    }

    /// Does one piece of work; false if there is none left for this turn.
    pub(super) fn step(&mut self, now: Now) -> bool {
        if self.links.work(now) {
            return true;
        }
        if self.stopped {
            return self.links.next_event().is_some() || self.links.transmit(now);
        }
        self.link_event(now)
            || self.drain(now)
            || (!self.held && self.streams(now))
            // Last, so that one packet takes all that the turn has given.
            || self.links.transmit(now)
    }

    /// When to be woken, and for what.
    pub(super) fn wait(&self, now: Now) -> (Option<Mono>, WaitFor) {
        let backlog = Lane::ALL.into_iter().any(|lane| self.links.has_readable(lane))
            || self.app.has_readable()
            || self.app.owes();
        if self.stopped {
            return (None, WaitFor::Input);
        }
        if backlog && !self.held {
            return (Some(now.mono), WaitFor::Backlog);
        }
        let refused = self.held || self.links.has_kept_frames() || self.untold_seeds.is_some();
        let again = refused.then_some((now.mono + REFUSED_RETRY, WaitFor::Backlog));
        let core = self.core_until.map(|at| (at, WaitFor::Core(self.core_why)));
        let links = self.links.deadline().map(|at| (at, WaitFor::Link));
        let requests = self.app.deadline().map(|at| (at, WaitFor::Request));
        let first = [again, core, links, requests].into_iter().flatten().min_by_key(|(at, _)| *at);
        first.map_or((None, WaitFor::Input), |(at, why)| (Some(at), why))
    }

    /// Hands one event of links on.
    fn link_event(&mut self, now: Now) -> bool {
        if self.held {
            return false;
        }
        let Some(event) = self.links.next_event() else { return false };
        if self.tell_core(now, &event) == Err(Refused::Backpressure) {
            // A network may lose datagrams. Nothing else may be lost, or overtaken.
            if matches!(event, LinkEvent::Datagram { .. }) {
                self.links.counters.pings_dropped += 1;
            } else {
                self.held = true;
                self.links.put_back(event);
            }
            return true;
        }
        self.app.on_link(now, &event, &mut self.links, &self.member.view());
        true
    }

    /// Tells the core what concerns it.
    fn tell_core(&mut self, now: Now, event: &LinkEvent) -> Result<(), Refused> {
        if self.is_of_lingering(event) {
            return Ok(());
        }
        let event = match event {
            LinkEvent::Up { member, certificate } => {
                self.tell_root(now)?;
                Event::LinkUp { member: *member, certificate }
            }
            LinkEvent::Down { member } => Event::LinkDown { member: *member },
            LinkEvent::SeedUp { seed, member } => return self.seed_up(now, *seed, *member),
            LinkEvent::SeedDown { seed } => return self.seed_down(now, *seed),
            LinkEvent::Datagram { from, bytes } => Event::Datagram { from: *from, bytes },
            LinkEvent::Acked { member } => Event::Acked { member: *member },
            LinkEvent::Written { member, lane, bytes } => {
                Event::Written { member: *member, lane: *lane, bytes: *bytes }
            }
            LinkEvent::Opened { .. }
            | LinkEvent::Readable { .. }
            | LinkEvent::Writable { .. }
            | LinkEvent::Finished { .. }
            | LinkEvent::Available { .. }
            | LinkEvent::Gone { .. } => return Ok(()),
        };
        self.core(now, event)
    }

    /// Tells the core of a root that a peer has shown, unless it knows.
    fn tell_root(&mut self, now: Now) -> Result<(), Refused> {
        let Some(root) = self.links.learnt_root() else { return Ok(()) };
        if root == *self.member.view().root() {
            return Ok(());
        }
        match self.core(now, Event::Command(Command::SetRoot(root.bundle()))) {
            Err(Refused::Backpressure) => Err(Refused::Backpressure),
            // It has heard of yet another one, or it is leaving.
            _ => Ok(()),
        }
    }

    /// Whether an event is about a link that the core has hung up already. The link's end, or a new one, ends that.
    fn is_of_lingering(&mut self, event: &LinkEvent) -> bool {
        match event {
            LinkEvent::Down { member } => self.lingering.remove(member),
            LinkEvent::Up { member, .. } => {
                self.lingering.remove(member);
                false
            }
            LinkEvent::Datagram { from: member, .. }
            | LinkEvent::Acked { member }
            | LinkEvent::Written { member, .. } => self.lingering.contains(member),
            _ => false,
        }
    }

    fn seed_up(&mut self, now: Now, key: u32, member: MemberId) -> Result<(), Refused> {
        let Some(seed) = self.seeds.number(key) else { return Ok(()) };
        self.core(now, Event::SeedUp { seed, member })?;
        self.seeds.done(seed);
        Ok(())
    }

    /// An address of a seed came to nothing: the next one, or the end.
    fn seed_down(&mut self, now: Now, key: u32) -> Result<(), Refused> {
        match self.seeds.number(key) {
            Some(seed) => self.try_seed(now, seed),
            None => Ok(()),
        }
    }

    pub(super) fn resolved(&mut self, now: Now, seed: u16, addrs: &[SocketAddr]) {
        self.seeds.resolved(seed, addrs);
        if self.try_seed(now, seed) == Err(Refused::Backpressure) {
            // Told again as if an address had failed.
            self.links.put_back(LinkEvent::SeedDown { seed: self.seeds.key(seed) });
        }
    }

    fn try_seed(&mut self, now: Now, seed: u16) -> Result<(), Refused> {
        if let Some((key, addr)) = self.seeds.next(seed) {
            self.links.dial_seed(now, key, addr);
            return Ok(());
        }
        if self.seeds.is_asked(seed) {
            self.core(now, Event::SeedDown { seed })?;
            self.seeds.done(seed);
        }
        Ok(())
    }

    /// Carries out what the core wants; false if it wanted nothing since the last time.
    fn drain(&mut self, now: Now) -> bool {
        if !std::mem::take(&mut self.undrained) {
            return false;
        }
        let mut wishes = Vec::new();
        loop {
            match next_action(&mut self.member, self.recorder.as_deref_mut()) {
                Action::Datagram { to, token, bytes } => {
                    if !self.links.send_ping(now, to, bytes) {
                        wishes.push(Wish::Unsent(token));
                    }
                }
                Action::Frame { to, lane, bytes } => _ = self.links.send_frame(now, to, lane, bytes),
                Action::Dial { member, addr } => wishes.push(Wish::Dial(member, addr)),
                Action::DialSeed { seed } => wishes.push(Wish::Seed(seed)),
                Action::HangUp { member, why } => wishes.push(Wish::HangUp(member, why)),
                Action::Persist { seq, what } => {
                    let what = match what {
                        Persist::EpochCeiling(ceiling) => Save::EpochCeiling(ceiling),
                        Persist::Records => Save::Records(self.snapshot()),
                    };
                    self.pending.push_back(Pending::Persist(seq, what));
                }
                Action::Notify(notice) => {
                    self.history.record(now, &notice);
                    if let Notice::Misbehaviour { peer, kind } = notice {
                        self.links.offenders.record(peer, Offence::Core(kind));
                    }
                    if let Notice::Succeeded { .. } = notice {
                        self.succeeded();
                    }
                    self.pending.push_back(Pending::Notify(NodeEvent::Member(notice)));
                }
                Action::Wait { until, why } => {
                    (self.core_until, self.core_why) = (until, why);
                    break;
                }
            }
            wishes.drain(..).for_each(|wish| self.grant(now, wish));
        }
        true
    }

    /// The core believes another root: so do links from now on, and the next run.
    fn succeeded(&mut self) {
        let view = self.member.view();
        let Some(shown) = view.certificate(&view.me()) else { return };
        let believed = self.links.believe(view.root(), shown);
        believed.map_err(|error| tracing::error!(%error, "TLS refuses the new root")).ok();
        self.pending.push_back(Pending::Persist(UNCOUNTED, Save::Root(view.root().bundle())));
    }

    pub(super) fn snapshot(&self) -> Vec<u8> {
        let mut records = Vec::new();
        self.member.view().snapshot(&mut records);
        records
    }

    fn grant(&mut self, now: Now, wish: Wish) {
        match wish {
            Wish::Dial(member, addr) => {
                if self.lingering.remove(&member) {
                    // The core wants a fresh link; the old one was only for requests.
                    self.links.close(now, member, HangUp::Idle);
                }
                self.links.dial(now, member, addr);
            }
            Wish::Seed(seed) if self.seeds.ask(seed) => self.pending.push_back(Pending::Resolve(seed)),
            Wish::Seed(_) => {}
            Wish::HangUp(member, HangUp::Idle) if self.app.needs(&member, &self.links) => {
                self.lingering.insert(member);
            }
            Wish::HangUp(member, why) => {
                self.lingering.remove(&member);
                self.links.close(now, member, why);
            }
            Wish::Unsent(token) => {
                // No miss; a core that is too busy to hear it counts one, which others outvote.
                let _ = self.core(now, Event::Unsent { token });
            }
        }
    }

    /// Reads streams: Urgent first, the rest while the turn's budget lasts.
    fn streams(&mut self, now: Now) -> bool {
        if let Some(frame) = self.links.next_frame(now, Lane::Urgent) {
            self.frame(now, frame);
            return true;
        }
        if self.budget == 0 {
            return false;
        }
        for lane in [Lane::Records, Lane::Walk] {
            if let Some(frame) = self.links.next_frame(now, lane) {
                self.budget = self.budget.saturating_sub(frame.bytes.len());
                self.frame(now, frame);
                return true;
            }
        }
        let read = self.app.read(now, self.budget, &mut self.links, &self.member.view());
        self.budget = self.budget.saturating_sub(read.unwrap_or(0));
        read.is_some()
    }

    fn frame(&mut self, now: Now, frame: Frame) {
        if self.lingering.contains(&frame.from) {
            return;
        }
        let event = Event::Frame { from: frame.from, lane: frame.lane, bytes: &frame.bytes };
        if self.core(now, event) == Err(Refused::Backpressure) {
            self.links.keep_frame(frame);
        }
    }

    /// Hangs up what only open requests and streams have kept.
    fn end_lingering(&mut self, now: Now) {
        let over = self.lingering.iter().copied().filter(|member| !self.app.needs(member, &self.links));
        let over: Vec<_> = over.collect();
        for member in over {
            self.lingering.remove(&member);
            self.links.close(now, member, HangUp::Idle);
        }
    }
}
