//! The state machine.

use crate::{
    action::{Action, HangUp, Notice, Persist, Why},
    clock::Jump,
    config::{Config, ConfigError, LocalIdentity, Stored},
    contact::Contacts,
    counters::Counters,
    crypto::{Hash, Signer},
    event::{Event, Lane, Refused},
    gossip::Gossip,
    gray::Gray,
    id::MemberId,
    limits::{SIGNS_PER_EVENT, SNAPSHOT_EVERY, SNAPSHOT_FIRST, VERIFIES_PER_EVENT},
    links::{Dials, Failed, Link, Served},
    monitor::Monitor,
    outbox::{Out, Outbox, Tally},
    own::Own,
    params::NetworkParams,
    seed::{Rng, Seed},
    shared::{Apart, Shared, Store},
    state::{Ix, State},
    time::{Mono, Now},
    view::View,
    waiting::Waiting,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

/// One member of the network.
///
/// # The call contract
///
/// ```text
///   packets, frames, links, commands, Wake          datagrams, frames, dials, notices
///            │                                                   ▲
///            ▼                                                   │
///   handle(now, event) ──► rules R1-R17 over records ──► poll_action() … until Wait { until }
/// ```
///
/// - [`Member::handle`] is the only mutator. `now` should not go back; one that does is taken as standing still.
/// - After it, call [`Member::poll_action`] until it gives [`Action::Wait`]; only there the next deadline is told. Not
///   draining loses nothing: later actions append.
/// - At `Wait`'s `until`, or earlier, or later, send [`Event::Wake`]. One that is early does nothing.
/// - Above a high-water mark, packets and commands get [`Refused::Backpressure`] and nothing has changed: keep the
///   bytes, drain, stop reading that lane for a while. `Wake` and `LinkDown` are never refused.
/// - No event can make it panic, and no peer can cause any other `Err`.
///
/// The same configuration, identity, stored state, seed and events give the same actions, bit for bit.
pub struct Member {
    pub(crate) config: Config,
    pub(crate) network: NetworkParams,
    pub(crate) me: MemberId,
    /// This member's own place in the roster: its records live beside all others.
    pub(crate) my_ix: Ix,
    pub(crate) signer: Box<dyn Signer>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) own: Own,
    pub(crate) state: State,
    pub(crate) monitor: Monitor,
    pub(crate) gray: Gray,
    pub(crate) links: BTreeMap<MemberId, Link>,
    /// Links with a non-empty inbox.
    pub(crate) busy: BTreeSet<MemberId>,
    pub(crate) dials: Dials,
    pub(crate) served: Served,
    pub(crate) failed: Failed,
    pub(crate) waiting: Waiting,
    pub(crate) gossip: Gossip,
    pub(crate) contacts: Contacts,
    pub(crate) jump: Jump,
    pub(crate) out: Outbox,
    digest: Hash,
    pub(crate) digest_since: Mono,
    pub(crate) rng: Rng,
    pub(crate) counters: Counters,
    /// Counts records that were new here: walks are charged by it (R13).
    pub(crate) news: u64,
    pub(crate) verifies: u32,
    pub(crate) signs: u32,
    sequence: u64,
    ceilings: BTreeMap<u64, u64>,
    /// The last moment seen, and the wall clock then.
    pub(crate) now: Now,
    /// When it asked to be woken.
    wanted: Option<Mono>,
    why: Why,
    /// It was told so, and nothing has changed since.
    waits: bool,
    /// Links, neighbours or addresses changed: `lacks` is to be looked at again.
    pub(crate) relinked: bool,
    /// A successor has no link.
    lacks: bool,
    /// Input that waited has set ages back up to here: each stretch once (R4).
    pub(crate) set_back_to: Mono,
    pub(crate) own_due: Option<Mono>,
    /// Accusations that are this member's duty and wait for the signing budget (R6).
    pub(crate) duties: Vec<(Ix, u8)>,
    /// When missing links to successors are looked at again.
    pub(crate) next_dials: Mono,
    next_sweep: Mono,
    pub(crate) next_snapshot: Mono,
    snapshot_wait: Duration,
    snapshot_news: u64,
    /// When a member that leaves is done.
    pub(crate) leaves: Option<Mono>,
}

impl core::fmt::Debug for Member {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Member").field("me", &self.me).field("epoch", &self.own.epoch).finish_non_exhaustive()
    }
}

/// A link is kept this many Δ after it came up, whoever needs it.
const KEEP_DELTAS: u32 = 16;

impl Member {
    /// Makes a member; its first note is issued at once.
    ///
    /// # Errors
    /// If certificate, key and network do not belong together, the certificate is out of date, or addresses or tags
    /// are over their limits. Nothing was made.
    pub fn new(
        config: Config,
        me: LocalIdentity,
        stored: Stored,
        seed: Seed,
        now: Now,
    ) -> Result<Self, ConfigError> {
        let state = State::new(&config.root.params, now.mono);
        Self::make(config, me, stored, (state, Arc::new(Apart)), seed, now)
    }

    /// Makes a member as [`Member::new`] does that starts from `view`, whose times are on its monotonic clock. A view of
    /// another network is not taken.
    ///
    /// # Errors
    /// Those of [`Member::new`].
    pub fn sharing(
        config: Config,
        me: LocalIdentity,
        stored: Stored,
        view: &Shared,
        seed: Seed,
        now: Now,
    ) -> Result<Self, ConfigError> {
        let network = config.root.params;
        let state = view.state(&network, now.mono).unwrap_or_else(|| State::new(&network, now.mono));
        Self::make(config, me, stored, (state, view.store()), seed, now)
    }

    fn make(
        mut config: Config,
        me: LocalIdentity,
        stored: Stored,
        (state, store): (State, Arc<dyn Store>),
        seed: Seed,
        now: Now,
    ) -> Result<Self, ConfigError> {
        let network = config.root.params;
        let configured = config.root.clone();
        let (certificate, list) = config.check(&me, &stored, now)?;
        let id = certificate.id;
        let (addrs, tags) = (config.addrs.clone(), config.tags.clone());
        let mut own = Own::new(id, addrs, tags, network.rings, stored.epoch_ceiling, now);
        let mut rng = seed.child("core").rng();
        let mut signer = me.signer;
        let (fields, issued) = own.issue(&state, now, &mut rng);
        let note = fields.sign(&network, &mut *signer);
        let mut member = Self {
            contacts: Contacts::new(config.seeds, now.mono),
            network,
            me: id,
            my_ix: 0,
            signer,
            store,
            own,
            state,
            monitor: Monitor::new(),
            gray: Gray::new(config.probation),
            links: BTreeMap::new(),
            busy: BTreeSet::new(),
            dials: Dials::default(),
            served: Served::default(),
            failed: Failed::default(),
            waiting: Waiting::default(),
            gossip: Gossip::default(),
            out: Outbox::default(),
            digest: [0; 32],
            digest_since: now.mono,
            jump: Jump::default(),
            rng,
            counters: Counters { signed: 1, ..Counters::default() },
            news: 0,
            verifies: VERIFIES_PER_EVENT,
            signs: SIGNS_PER_EVENT,
            sequence: 0,
            ceilings: BTreeMap::new(),
            now,
            wanted: Some(now.mono),
            why: Why::Idle,
            waits: false,
            relinked: true,
            lacks: false,
            set_back_to: now.mono,
            own_due: Some(now.mono),
            duties: Vec::new(),
            next_dials: now.mono,
            next_sweep: now.mono,
            next_snapshot: now.mono + SNAPSHOT_FIRST,
            snapshot_wait: SNAPSHOT_FIRST,
            snapshot_news: 0,
            leaves: None,
            config,
        };
        member.my_ix = member.state.place_of(certificate, note, now);
        member.state.notices.clear();
        member.after_issue(issued);
        if let Some(list) = list {
            member.state.revoke(Arc::new(list), member.my_ix, now.mono);
        }
        if let Some(former) = member.config.root.former().filter(|_| member.config.root != configured) {
            let until = former.until;
            member.out.push(Out::Notify(Notice::Succeeded { until }));
        }
        member.restore(&stored.records, now);
        member.contacts.begin(&member.state, member.my_ix, &mut member.rng);
        member.turn(now);
        Ok(member)
    }

    /// The only mutator: every change of state has one recorded cause.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed, and traffic can only cause [`Refused::Backpressure`].
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Result<(), Refused> {
        let now = Now { mono: now.mono.max(self.now.mono), wall: now.wall };
        if let Err(refused) = self.admit(&event) {
            self.counters.refused += 1;
            return Err(refused);
        }
        self.note_time(now);
        // Nothing follows from these but with time: before the deadline that was told, there is nothing to look at.
        let tells_little = matches!(event, Event::Written { .. } | Event::Acked { .. });
        (self.verifies, self.signs) = (VERIFIES_PER_EVENT, SIGNS_PER_EVENT);
        match event {
            Event::Datagram { from, bytes } => self.on_datagram(from, bytes, now),
            Event::Frame { from, lane, bytes } => self.on_frame(from, lane, bytes, now),
            Event::LinkUp { member, certificate } => self.on_link_up(member, certificate, now),
            Event::LinkDown { member } => self.on_link_down(member),
            Event::SeedUp { seed, member } => self.on_seed_up(seed, member, now),
            Event::SeedDown { seed } => self.on_seed_down(seed, now),
            Event::Unsent { token } => self.monitor.on_unsent(token, now.mono, &self.state.params),
            Event::Acked { member } => self.monitor.on_acked(&member),
            Event::Written { member, lane, bytes } => self.on_written(member, lane, bytes),
            Event::Persisted { seq } => self.on_persisted(seq),
            Event::Wake => {}
            Event::Command(command) => self.on_command(command, now)?,
        }
        if !(tells_little && self.waits && self.wanted.is_none_or(|at| now.mono < at)) {
            self.turn(now);
        }
        Ok(())
    }

    /// What there is to do. Drain until [`Action::Wait`]; only there is the next deadline told.
    pub fn poll_action(&mut self) -> Action<'_> {
        if !self.out.is_empty() {
            return self.out.poll(None, Why::Idle);
        }
        if !self.waits {
            let (until, why) = self.deadline();
            (self.wanted, self.why, self.waits) = (until, why, true);
        }
        self.out.poll(self.wanted, self.why)
    }

    /// Read-only queries.
    pub fn view(&self) -> View<'_> {
        View(self)
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        let Tally { sent, told, hung_up } = self.out.tally();
        Counters { sent, told, hung_up, ..self.counters }
    }

    /// R4: a stretch in which the own loop did not run counts for no age, and a late monitor holds its fire.
    fn note_time(&mut self, now: Now) {
        let expected = self.wanted.unwrap_or(now.mono).max(self.now.mono);
        let late = now.mono.since(expected);
        if late > self.state.params.delta / 4 && !planted!(LateFires) {
            mark!(R4Late);
            self.counters.late += 1;
            self.set_back(late, false, now.mono);
            self.monitor.set_back(late);
            self.gray.set_back(late);
        }
        // R9: a jump of the wall clock against the monotonic one expires nothing.
        let wall = now.wall.0.abs_diff(self.now.wall.0);
        let mono = now.mono.since(self.now.mono).as_millis() as u64;
        if Duration::from_millis(wall.abs_diff(mono)) > self.state.params.allowance / 2 {
            self.on_clock_jump(now);
            self.waits = false;
        }
        self.now = now;
    }

    /// The own note is looked at again.
    pub(crate) fn wake_own_note(&mut self, now: Mono) {
        self.own_due = Some(now);
    }

    /// R4: each stretch is set back once.
    pub(crate) fn set_back(&mut self, stretch: Duration, for_waiting: bool, now: Mono) {
        let from = (now - stretch).max(self.set_back_to);
        if now > from {
            self.state.set_back(now.since(from), for_waiting, now);
            self.set_back_to = now;
        }
    }

    /// All that follows from an event and from time.
    fn turn(&mut self, now: Now) {
        self.waits = false;
        self.work(now);
        self.tend_clock(now);
        self.state.enter(now.mono);
        self.fire_timers(now);
        self.tend_gray(now.mono);
        self.settle(now);
        self.probe(now);
        self.tend_gossip(now);
        self.tend_contacts(now);
        self.sweep(now);
        if self.state.changed {
            // An accusation of our own, or having joined: whom to watch and what is owed follow at once, not at the
            // next event, which may be long in coming.
            self.settle(now);
            self.probe(now);
        }
        if core::mem::take(&mut self.relinked) {
            let lacks = self.lacking().next().is_some();
            self.lacks = lacks;
        }
        self.flush(now);
    }

    /// Leases, then ages and holds; what was received about a member is handled before its timer takes effect (R4).
    fn fire_timers(&mut self, now: Now) {
        self.state.expire(self.my_ix, now.mono);
        let mut handled = None;
        while let Some(ix) = self.state.due(now.mono) {
            if handled != Some(ix) && !planted!(FireFirst) {
                handled = Some(ix);
                self.work_about(self.state.id(ix), now);
                if self.state.due(now.mono) != Some(ix) {
                    mark!(R4Saved);
                }
                continue;
            }
            self.state.fire(ix, now.mono);
        }
    }

    /// After a change: whom to watch, which duties there are, whether a note is due.
    fn settle(&mut self, now: Now) {
        if self.own.leaving {
            (self.state.changed, self.duties) = (false, Vec::new());
        }
        while self.state.changed {
            self.state.changed = false;
            self.own_due = Some(now.mono);
            self.contacts.wake(now.mono);
            let touched = core::mem::take(&mut self.state.touched);
            if self.contacts.joined() {
                if self.monitor.concerns(&touched) {
                    self.duties = self.monitor.retarget(&self.state, &self.me, now);
                    self.relinked = true;
                } else {
                    debug_assert!(
                        self.monitor.is_current(&self.state, &self.me),
                        "somebody near changed unnoticed"
                    );
                }
                self.accuse_by_duty(now);
                if self.state.down().next().is_some() {
                    self.contacts.plan_heal(now.mono, self.state.params.heal_period);
                }
            }
        }
        // What the signing budget left over. Nothing changed since it was listed, so it is still owed.
        if !self.duties.is_empty() && self.signs > 0 {
            self.accuse_by_duty(now);
        }
        if self.own_due.is_some_and(|at| at <= now.mono) {
            self.tend_own_note(now);
        }
    }

    fn tend_own_note(&mut self, now: Now) {
        if self.leaves.is_some() {
            self.own_due = None;
            return;
        }
        self.own_due = self.own.due(&self.state, now.mono);
        let is_due = self.own_due.is_some_and(|at| at <= now.mono);
        // Whoever is deaf goes on to listen also when there is nothing to say any more: it holds back what it owes others (R8).
        if !is_due && !self.gray.is_deaf() {
            return;
        }
        if let Some(later) = self.hush(now) {
            self.own_due = Some(later);
            return;
        }
        if !is_due {
            return;
        }
        let (fields, issued) = self.own.issue(&self.state, now, &mut self.rng);
        if fields.answers {
            mark!(R3Answer);
            self.counters.rebuttals += 1;
        }
        self.counters.signed += 1;
        let note = self.store.note(fields.sign(&self.network, &mut *self.signer));
        let certificate = Arc::clone(&self.state.roster[self.my_ix].certificate);
        self.state.adopt(certificate, Arc::clone(&note), now);
        let mut notices = core::mem::take(&mut self.state.notices);
        notices.retain(|notice| self.is_news_to_me(notice));
        self.state.notices = notices;
        self.after_issue(issued);
        self.spread_note(self.my_ix, note.answers() || note.leaving() || note.gray(), None, now);
        if note.leaving() {
            self.leaves = Some(now.mono + self.state.params.delta / 2);
        }
        self.own_due = self.own.due(&self.state, now.mono);
    }

    fn after_issue(&mut self, issued: crate::own::Issued) {
        if let Some(ceiling) = issued.reserve {
            self.sequence += 1;
            self.ceilings.insert(self.sequence, ceiling);
            self.out.push(Out::Persist { seq: self.sequence, what: Persist::EpochCeiling(ceiling) });
        }
        if issued.overrun {
            self.out.push(Out::Notify(Notice::EpochOverrun { epoch: self.own.epoch }));
        }
    }

    fn on_persisted(&mut self, seq: u64) {
        if let Some(ceiling) = self.ceilings.remove(&seq) {
            self.own.persisted(ceiling);
        }
    }

    /// Once in a while: forget, close, save.
    fn sweep(&mut self, now: Now) {
        if let Some(at) = self.leaves.filter(|at| *at <= now.mono && !self.links.is_empty()) {
            debug_assert!(at <= now.mono);
            let all: Vec<MemberId> = self.links.keys().copied().collect();
            all.into_iter().for_each(|member| self.hang_up(member, HangUp::Leaving));
        }
        // Soon after the first news, then less and less often: a crash must not cost all that was learnt.
        if now.mono >= self.next_snapshot && self.snapshot_news != self.news {
            self.next_snapshot = now.mono + self.snapshot_wait;
            self.snapshot_wait = (self.snapshot_wait * 2).min(SNAPSHOT_EVERY);
            self.snapshot_news = self.news;
            self.sequence += 1;
            self.out.push(Out::Persist { seq: self.sequence, what: Persist::Records });
        }
        if now.mono < self.next_sweep {
            return;
        }
        self.next_sweep = now.mono + self.state.params.delta * 4;
        self.dials.sweep(now.mono);
        self.served.sweep(now.mono);
        self.waiting.sweep(now.mono);
        self.close_idle_links(now.mono);
        self.cut_expired_links(now);
    }

    /// Hands out what the turn has gathered.
    fn flush(&mut self, now: Now) {
        for notice in core::mem::take(&mut self.state.notices) {
            self.out.push(Out::Notify(notice));
        }
        self.flush_gossip(now);
        let digest = self.state.settle_digest();
        if core::mem::replace(&mut self.digest, digest) != digest {
            self.digest_since = now.mono;
        }
    }

    /// The earliest moment at which time alone brings work.
    fn deadline(&self) -> (Option<Mono>, Why) {
        debug_assert!(
            self.relinked || self.lacks == self.lacking().next().is_some(),
            "links changed unnoticed"
        );
        if !self.busy.is_empty() || !self.duties.is_empty() {
            return (Some(self.now.mono), Why::Backlog);
        }
        if self.leaves.is_some() && self.links.is_empty() {
            return (None, Why::Idle);
        }
        let candidates = [
            (self.leaves, Why::OwnNote),
            (self.jump.next(), Why::OwnNote),
            (self.own_due, Why::OwnNote),
            (self.gray.next(self.state.params.gray_after), Why::OwnNote),
            (self.state.next_timer(), Why::Suspicion),
            (self.monitor.next().filter(|_| self.watches()), Why::Monitor),
            (Some(self.next_dials).filter(|_| self.watches() && self.lacks), Why::Monitor),
            (self.gossip.next(), Why::Gossip),
            (self.waiting.next(), Why::Gossip),
            (self.next_walk_deadline(), Why::Gossip),
            (self.contacts.next(), Why::Contact),
            (self.state.next_lease(), Why::Lease),
            (Some(self.next_sweep).filter(|_| !self.links.is_empty()), Why::Idle),
            (Some(self.next_snapshot).filter(|_| self.snapshot_news != self.news), Why::Idle),
        ];
        let soonest =
            candidates.into_iter().filter_map(|(at, why)| at.map(|at| (at, why))).min_by_key(|(at, _)| *at);
        soonest.map_or((None, Why::Idle), |(at, why)| (Some(at), why))
    }

    /// Whether it watches others: once joined, and until it leaves.
    pub(crate) fn watches(&self) -> bool {
        self.contacts.joined() && !self.own.leaving
    }

    /// How long a new link is kept without need.
    pub(crate) fn keep(&self) -> Duration {
        self.state.params.delta * KEEP_DELTAS
    }

    /// Puts a frame on a lane; drops and counts it if the lane is full.
    pub(crate) fn send(&mut self, to: MemberId, lane: Lane, bytes: Vec<u8>) -> bool {
        let Some(link) = self.links.get_mut(&to) else { return false };
        if !link.has_room(lane) {
            self.counters.dropped += 1;
            return false;
        }
        link.queued[lane as usize] += bytes.len();
        self.out.push(Out::Frame { to, lane, bytes });
        true
    }

    fn on_written(&mut self, member: MemberId, lane: Lane, bytes: u32) {
        if let Some(link) = self.links.get_mut(&member) {
            let queued = &mut link.queued[lane as usize];
            *queued = queued.saturating_sub(bytes as usize);
        }
    }

    /// The digest of the view as the last turn left it.
    pub(crate) fn digest(&self) -> Hash {
        self.digest
    }
}
