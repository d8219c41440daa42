//! The loop.

use super::{
    Runtime, Socket,
    broadcasts::Broadcast,
    client::{Call, End},
    clock::Clock,
    error::ClientError,
    events::Registry,
    flows::{Flows, Leaving},
    handler::{Role, Roles, StreamHandler},
    keeper::{Brought, Keeper},
    pause::{Alarm, giving_way, when, yield_now},
    record::{Rest, Tape},
    saver::Saver,
    waits::{Conditions, Requests, Sayings},
    wire::Wire,
    work::{Done, Handlers, Lookups, Work},
};
use crate::{
    app::RequestToken,
    limits::Limits,
    node::{Input, Node, NodeEvent, Output},
    store::Store,
};
use async_channel::{Receiver, WeakSender};
use futures_channel::oneshot;
use futures_util::{FutureExt, StreamExt, pin_mut, select_biased};
use ifrit_core::{
    action::Notice,
    event::{Command, Lane, Refused},
    id::MemberId,
    time::{Mono, Now},
};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Datagrams read in one turn. With 64 signature checks at 40 µs each, a turn stays near 3 ms.
const DATAGRAMS_PER_TURN: usize = 64;
/// Of these, and of the node's outputs, handled by one look at the clocks: together they take a fraction of a millisecond.
const DATAGRAMS_PER_CLOCK: usize = 8;
/// Calls of clients carried out in one turn.
const CALLS_PER_TURN: usize = 32;
/// Outputs of the node carried out in one turn.
const OUTPUTS_PER_TURN: usize = 256;
/// Before a command that the node refused for back-pressure is offered again.
const REFUSED_RETRY: Duration = Duration::from_millis(5);
/// After an error of the socket's readiness, so that a broken one does not keep a core busy.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Time that a goodbye takes at most, beyond Δ: the core keeps its links for Δ/2, then they are closed.
pub const LEAVE_MARGIN: Duration = Duration::from_secs(1);
/// Time that a stop takes at most, after a goodbye if there is one: the disk may be slow.
pub const STOP_LIMIT: Duration = Duration::from_secs(5);

/// One member and everything around it. Dropping it ends all that clients wait for.
pub(super) struct Loop<R: Runtime> {
    node: Node,
    wire: Wire<R::Socket>,
    clock: Clock,
    work: Work<R>,
    done: Pin<Box<Receiver<Done>>>,
    calls: Pin<Box<Receiver<Call>>>,
    /// A command that the node refused for back-pressure; no other call is taken before it.
    refused: Option<Call>,
    events: Registry<Notice>,
    broadcasts: Registry<Broadcast>,
    sayings: Sayings,
    requests: Requests,
    /// Set when there was no room for the word that a request is taken back.
    unheard: Arc<AtomicBool>,
    conditions: Conditions,
    saver: Saver,
    /// Asks the CA, if it is known where that is.
    keeper: Option<Keeper>,
    lookups: Lookups,
    handlers: Handlers,
    flows: Flows,
    tape: Option<Tape>,
    alarm: Alarm,
    /// When the node wants to be called; `None` after a drain that its budget cut short.
    until: Option<Mono>,
    phase: Phase,
    leave_limit: Duration,
    stopping: Vec<oneshot::Sender<()>>,
}

/// What a [`Loop`] is made from.
pub(super) struct Parts<R: Runtime> {
    pub(super) runtime: R,
    pub(super) wire: Wire<R::Socket>,
    pub(super) node: Node,
    pub(super) clock: Clock,
    pub(super) calls: Receiver<Call>,
    pub(super) events: Registry<Notice>,
    pub(super) broadcasts: Registry<Broadcast>,
    pub(super) store: Option<Store>,
    pub(super) keeper: Option<Keeper>,
    pub(super) roles: Roles,
    pub(super) limits: Limits,
    pub(super) streams: Option<StreamHandler>,
    /// For streams, which call the loop too.
    pub(super) opener: WeakSender<Call>,
    pub(super) unheard: Arc<AtomicBool>,
    pub(super) tape: Option<Tape>,
    /// The network's Δ.
    pub(super) delta: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// The goodbye is on its way; until then at the latest.
    Leaving(Mono),
    /// Links are closed; what goes to socket and disk may take until then.
    Stopping(Mono),
    /// Aborted; a save under way may take until then.
    Aborted(Mono),
}

/// What ended a wait.
enum Woken {
    Ready,
    Broken,
    Done(Done),
    /// `None`: the last client is gone.
    Call(Option<Call>),
}

impl<R: Runtime> Loop<R> {
    pub(super) fn new(parts: Parts<R>) -> Self {
        let (work, done) = Work::new(parts.runtime);
        let flows = Flows::new(parts.streams, parts.opener, work.done.clone());
        Self {
            node: parts.node,
            wire: parts.wire,
            clock: parts.clock,
            work,
            done: Box::pin(done),
            calls: Box::pin(parts.calls),
            refused: None,
            events: parts.events,
            broadcasts: parts.broadcasts,
            sayings: Sayings::default(),
            requests: Requests::default(),
            unheard: parts.unheard,
            conditions: Conditions::default(),
            saver: Saver::new(parts.store),
            keeper: parts.keeper,
            lookups: Lookups::default(),
            handlers: Handlers::new(parts.roles, parts.limits),
            flows,
            tape: parts.tape,
            alarm: Alarm::default(),
            until: Some(Mono(0)),
            phase: Phase::Running,
            leave_limit: parts.delta + LEAVE_MARGIN,
            stopping: Vec::new(),
        }
    }

    /// Runs until somebody stops it or the last client is gone.
    pub(super) async fn run(mut self) {
        let mut woken = Woken::Ready;
        while !self.turn(woken) {
            woken = if (self.until.is_none() || self.wire.has_more()) && self.is_alive() {
                yield_now().await;
                Woken::Ready
            } else {
                // With several under way, all that are ready say what they have before one turn serves them.
                let several = self.requests.len() > 1 || self.handlers.len() > 1;
                giving_way(self.wait(), several).await
            };
            if matches!(woken, Woken::Broken) {
                self.work.runtime.sleep_until(self.work.runtime.now() + ERROR_PAUSE).await;
            }
        }
        let stopping = std::mem::take(&mut self.stopping);
        let tape = self.tape.take().map(|tape| tape.end(self.node.recorder()));
        let runtime = self.work.runtime.clone();
        // Socket and directory are free, and the record is on disk, before anybody hears that.
        drop(self);
        if let Some(rest) = tape {
            end_record(&runtime, rest).await;
        }
        stopping.into_iter().for_each(|done| _ = done.send(()));
    }

    fn now(&self) -> Now {
        self.clock.now(self.work.runtime.now())
    }

    /// Takes what came, within a budget for each source, then carries out what the node wants. Whether that was the
    /// last turn.
    fn turn(&mut self, woken: Woken) -> bool {
        let mut now = self.now();
        self.woken(now, woken);
        while let Ok(done) = self.done.try_recv() {
            self.ended(now, done);
        }
        if self.is_alive() {
            self.wake(now);
            now = self.receive(now);
            self.take_calls(now);
            self.take_back(now);
            self.sayings.say(now, &mut self.node);
        }
        // A call may have ended it.
        if self.is_alive() {
            now = self.drain(now);
        }
        self.keep(now);
        self.write_record();
        self.saver.retry(&self.work, now.mono);
        self.conditions.check(now.mono, &self.node);
        self.advance(now.mono)
    }

    fn woken(&mut self, now: Now, woken: Woken) {
        match woken {
            Woken::Done(done) => self.ended(now, done),
            Woken::Call(Some(call)) => self.call(now, call),
            // A goodbye under way goes on.
            Woken::Call(None) if self.phase == Phase::Running => self.end(now, End::Stop),
            Woken::Call(None) | Woken::Ready | Woken::Broken => {}
        }
    }

    /// Asks the CA for what is due, as long as the member runs.
    fn keep(&mut self, now: Now) {
        if self.phase == Phase::Running
            && let Some(keeper) = &mut self.keeper
            && keeper.deadline().is_some_and(|at| at <= now.mono)
        {
            let view = self.node.view();
            let shown = view.certificate(&view.me());
            shown.into_iter().for_each(|shown| keeper.shows(view.root(), shown));
            keeper.tend(&self.work, now, view.live());
        }
    }

    /// The CA has answered.
    fn kept(&mut self, now: Now, brought: Brought) {
        let Some(keeper) = &mut self.keeper else { return };
        let command = match brought {
            Brought::Certificate(answer) => keeper.renewed(now, answer).map(Command::SetCertificate),
            Brought::List(answer) => {
                let list = keeper.polled(answer);
                let list = list.filter(|list| keeper.is_news(list, self.node.view().revocations()));
                list.map(Command::SetRevocations)
            }
        };
        let Some(command) = command else { return };
        let renews = matches!(command, Command::SetCertificate(_));
        match self.node.handle(now, Input::Command(command)) {
            Err(refused) if renews => keeper.refused(now, &format!("it is not taken: {refused}")),
            // It is asked for again in time.
            Err(refused) => tracing::warn!(%refused, "the CA's revocation list is not taken"),
            Ok(()) => {}
        }
    }

    fn is_alive(&self) -> bool {
        !matches!(self.phase, Phase::Aborted(_))
    }

    fn wake(&mut self, now: Now) {
        if self.until.is_some_and(|until| until <= now.mono) {
            self.feed(now, Input::Wake);
        }
    }

    /// What the time was in the end.
    fn receive(&mut self, mut now: Now) -> Now {
        for count in 1..=DATAGRAMS_PER_TURN {
            let Some((from, bytes)) = self.wire.receive() else { break };
            if count.is_multiple_of(DATAGRAMS_PER_CLOCK) {
                now = self.clock.now(self.work.runtime.now());
            }
            if let Err(refused) =
                self.node.handle(now, Input::Datagram { from, local: None, ecn: None, bytes })
            {
                tracing::debug!(%from, %refused, "the node refused a datagram");
            }
        }
        now
    }

    fn take_calls(&mut self, now: Now) {
        for _ in 0..CALLS_PER_TURN {
            let Some(call) = self.refused.take().or_else(|| self.calls.try_recv().ok()) else { return };
            self.call(now, call);
            if self.refused.is_some() {
                return;
            }
        }
    }

    /// Ends the requests of callers that have gone without being heard.
    fn take_back(&mut self, now: Now) {
        if self.unheard.swap(false, Ordering::Relaxed) {
            self.requests.gone().into_iter().for_each(|ticket| self.call(now, Call::Cancel(ticket)));
        }
    }

    /// Carries out what the node wants. What the time was in the end.
    fn drain(&mut self, mut now: Now) -> Now {
        self.wire.flush();
        for count in 1..=OUTPUTS_PER_TURN {
            if count.is_multiple_of(DATAGRAMS_PER_CLOCK) {
                now = self.now();
            }
            match self.node.poll(now) {
                Output::Datagram { to, segment, bytes, .. } => self.wire.send(to, bytes, segment),
                Output::Resolve { seed, name } => self.lookups.ask(&self.work, seed, name.to_owned()),
                Output::Persist { seq, what } => {
                    if let Some(seq) = self.saver.order(&self.work, seq, what) {
                        self.feed(now, Input::Persisted { seq });
                    }
                }
                Output::Notify(event) => self.tell(now, event),
                Output::Wait { until, .. } => {
                    self.until = Some(until.unwrap_or(Mono::NEVER));
                    return now;
                }
            }
        }
        self.until = None;
        now
    }

    fn write_record(&mut self) {
        if let (Some(tape), Some(recorder)) = (&mut self.tape, self.node.recorder()) {
            tape.feed(recorder);
        }
    }

    fn tell(&mut self, now: Now, event: NodeEvent) {
        match event {
            NodeEvent::Member(notice) => {
                self.conditions.look_again();
                if let (Notice::Succeeded { .. }, Some(keeper)) = (&notice, &mut self.keeper) {
                    keeper.look(now.mono);
                }
                self.events.publish(&notice);
            }
            NodeEvent::Reply { id, from, result } => self.requests.answer(id, from, result),
            NodeEvent::Request { token, from, body } => {
                self.handle(now, Role::Request, Some(token), from, body);
            }
            NodeEvent::Gossip { token, from, content } => {
                self.handle(now, Role::Gossip, Some(token), from, content);
            }
            NodeEvent::GossipReply { from, body } => self.handle(now, Role::GossipReply, None, from, body),
            event => match Broadcast::of(event) {
                Ok(broadcast) => self.broadcasts.publish(&broadcast),
                Err(event) => self.flows.told(now, &mut self.node, &self.work, event),
            },
        }
    }

    fn handle(&mut self, now: Now, role: Role, token: Option<RequestToken>, from: MemberId, body: Vec<u8>) {
        let answer = self.handlers.start(&self.work, role, token, from, body);
        if let (Some(token), Some(answer)) = (token, answer) {
            self.node.respond(now, token, answer);
        }
    }

    fn ended(&mut self, now: Now, done: Done) {
        match done {
            Done::Saved(saved) => {
                for seq in self.saver.ended(&self.work, now.mono, saved) {
                    self.feed(now, Input::Persisted { seq });
                }
            }
            Done::Resolved { seed, mut addrs } => {
                self.lookups.ended(&self.work);
                // Else an IPv4 member waits for the end of a dial of each IPv6 address that a name has too.
                addrs.retain(|addr| self.wire.reaches(addr));
                self.feed(now, Input::Resolved { seed, addrs: &addrs });
            }
            Done::LetGo(half) => self.flows.let_go(now, &mut self.node, half),
            Done::Streamed { from } => self.flows.handled(&from),
            Done::Kept(brought) => self.kept(now, brought),
            Done::Answered { token, from, answer } => {
                self.handlers.ended(&from);
                if let Some(token) = token {
                    self.node.respond(now, token, answer);
                }
            }
        }
    }

    fn call(&mut self, now: Now, call: Call) {
        match call {
            Call::Command(command, done) => self.command(now, command, done),
            Call::SetGossip(content, done) => {
                let set = self.node.set_gossip(now, content);
                _ = done.send(set.map_err(ClientError::from));
            }
            Call::SetSeeds(seeds) => self.node.set_seeds(now, seeds),
            // Its word that it has gone may have found no room.
            Call::Request { reply, .. } | Call::RequestAddr { reply, .. } if reply.is_canceled() => {}
            Call::Request { ticket, to, body, timeout, reply } => {
                let id = self.node.request(now, to, &body, timeout);
                self.requests.add(id, ticket, reply);
            }
            Call::Ping { ticket, to, timeout, reply } => {
                let id = self.node.ping(now, to, timeout);
                self.requests.add(id, ticket, reply);
            }
            Call::RequestAddr { ticket, to, body, timeout, reply } => {
                let id = self.node.request_addr(now, to, &body, timeout);
                self.requests.add(id, ticket, reply);
            }
            Call::Cancel(ticket) => {
                if let Some(id) = self.requests.cancel(ticket) {
                    self.node.cancel(now, id);
                }
            }
            Call::OpenStream { to, timeout, reply } => {
                self.flows.open(now, &mut self.node, to, timeout, reply);
            }
            Call::Send { id, message, as_is, done } => {
                let leaving = Leaving::new(message, as_is, done);
                self.flows.send(now, &mut self.node, id, leaving);
            }
            Call::Finish { id, done } => self.flows.finish(now, &mut self.node, id, done),
            Call::Receive { id, reply } => self.flows.receive(now, &mut self.node, id, reply),
            Call::Query(look) => look(&self.node),
            Call::SendAsIs(to, frame, done) => {
                _ = done.send(self.node.send_as_is(now, to, Lane::Urgent, &frame));
            }
            Call::Broadcast(body, done) => {
                self.sayings.add(body, done);
                self.sayings.say(now, &mut self.node);
            }
            Call::WaitFor(condition, met) => self.conditions.add(condition, met),
            Call::End { how: End::Leave, done } if self.phase == Phase::Running => self.leave(now, done),
            Call::End { how, done } => {
                self.stopping.push(done);
                self.end(now, how);
            }
        }
    }

    fn command(&mut self, now: Now, command: Command, done: oneshot::Sender<Result<(), ClientError>>) {
        match self.node.handle(now, Input::Command(command.clone())) {
            Err(Refused::Backpressure) => self.refused = Some(Call::Command(command, done)),
            result => drop(done.send(result.map_err(ClientError::from))),
        }
    }

    /// Gives the node what it may not refuse for good.
    fn feed(&mut self, now: Now, input: Input<'_>) {
        if let Err(refused) = self.node.handle(now, input) {
            tracing::debug!(%refused, "the node refused an input");
        }
    }

    fn leave(&mut self, now: Now, done: oneshot::Sender<()>) {
        if self.node.handle(now, Input::Command(Command::Leave)) == Err(Refused::Backpressure) {
            self.refused = Some(Call::End { how: End::Leave, done });
            return;
        }
        self.stopping.push(done);
        self.phase = Phase::Leaving(now.mono + self.leave_limit);
    }

    /// Begins to end. A stop cuts a goodbye short, an abort cuts everything; otherwise again is nothing new.
    fn end(&mut self, now: Now, how: End) {
        match (how, self.phase) {
            (End::Abort, _) => self.phase = Phase::Aborted(now.mono + STOP_LIMIT),
            (End::Stop, Phase::Running | Phase::Leaving(_)) => self.close(now),
            (End::Leave | End::Stop, _) => {}
        }
    }

    fn close(&mut self, now: Now) {
        self.node.stop(now);
        self.phase = Phase::Stopping(now.mono + STOP_LIMIT);
        self.until = None;
    }

    /// Goes on to the next phase if it is time; whether all is over.
    fn advance(&mut self, now: Mono) -> bool {
        match self.phase {
            Phase::Running => false,
            Phase::Leaving(limit) => {
                let said = self.until.is_some() && self.node.counters().links == 0;
                if said || now >= limit {
                    self.close(self.now());
                }
                false
            }
            Phase::Stopping(limit) => {
                let quiet = self.until.is_some() && !self.wire.is_full() && !self.saver.is_busy();
                quiet || now >= limit
            }
            Phase::Aborted(limit) => !self.saver.is_busy() || now >= limit,
        }
    }

    /// When a turn is due even if nothing comes.
    fn deadline(&self) -> Option<Mono> {
        let limit = match self.phase {
            Phase::Running => None,
            Phase::Aborted(limit) => return Some(limit),
            Phase::Leaving(limit) | Phase::Stopping(limit) => Some(limit),
        };
        let again = self.refused.as_ref().map(|_| self.now().mono + REFUSED_RETRY);
        let keeper = self.keeper.as_ref().filter(|_| self.phase == Phase::Running);
        let waits = [self.saver.deadline(), self.conditions.deadline(), self.sayings.deadline()];
        let waits = waits.into_iter().chain([keeper.and_then(Keeper::deadline)]);
        let soonest = [self.until, limit, again].into_iter().chain(waits);
        soonest.flatten().min()
    }

    /// Ends with the first thing that comes. Nothing is lost by the others being dropped.
    async fn wait(&mut self) -> Woken {
        if let Some(at) = self.deadline().and_then(|at| self.clock.instant(at)) {
            self.alarm.set(&self.work.runtime, at);
        }
        let alive = self.is_alive();
        let gone = self.phase != Phase::Running && self.calls.is_closed();
        let socket = self.wire.socket();
        let readable = when(alive, socket.readable()).fuse();
        let writable = when(alive && self.wire.is_full(), socket.writable()).fuse();
        let calls = when(alive && self.refused.is_none() && !gone, self.calls.next()).fuse();
        let done = self.done.next().fuse();
        let alarm = self.alarm.ring().fuse();
        pin_mut!(readable, writable, calls, done, alarm);
        select_biased! {
            result = readable => woken(&result),
            () = alarm => Woken::Ready,
            result = writable => woken(&result),
            done = done => done.map_or(Woken::Ready, Woken::Done),
            call = calls => Woken::Call(call),
        }
    }
}

/// Whoever still waits hears that it is over, also when a panic ended the loop.
impl<R: Runtime> Drop for Loop<R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // With the event that did it.
            self.write_record();
            tracing::error!("the member stops on a panic; if it is not your own query's, please report it");
        }
        self.calls.close();
        while let Ok(call) = self.calls.try_recv() {
            drop(call);
        }
        self.events.end();
        self.broadcasts.end();
    }
}

/// Waits for the end of a record to be written, unless the disk takes too long.
async fn end_record<R: Runtime>(runtime: &R, rest: Rest) {
    let written = runtime.spawn_blocking(move || rest.write()).fuse();
    let limit = runtime.sleep_until(runtime.now() + STOP_LIMIT).fuse();
    pin_mut!(written, limit);
    select_biased! {
        _ = written => {}
        () = limit => tracing::warn!("the end of the record is not written yet"),
    }
}

fn woken(result: &std::io::Result<()>) -> Woken {
    match result {
        Ok(()) => Woken::Ready,
        Err(error) => {
            tracing::error!(%error, "the socket fails");
            Woken::Broken
        }
    }
}

#[cfg(test)]
mod tests;
