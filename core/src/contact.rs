//! Coming in and coming together again: seeds, contacts, join and heal (R16).

use crate::{
    action::{HangUp, Misbehaviour, Notice},
    certificate::Certificate,
    id::MemberId,
    introduce::Introduced,
    limits::{DIAL_WAIT_MAX, FREEZE_SHARE, HEAL_WAIT_MAX, SEEDS_MAX},
    links::Link,
    member::Member,
    outbox::Out,
    seed::Rng,
    state::{Ix, State},
    time::{Mono, Now},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

/// Whom this member knows from outside, and whether it is in.
#[derive(Debug)]
pub(crate) struct Contacts {
    seeds: Vec<Seed>,
    /// Members of an earlier run's view: contacts that nobody of now introduced.
    kept: BTreeMap<MemberId, Kept>,
    /// The others of that view: they become contacts when those drawn before do not answer.
    pool: Vec<MemberId>,
    next_draw: Mono,
    synced: BTreeSet<MemberId>,
    /// Whom contacts that are too busy named in their place.
    pub(crate) introduced: Introduced,
    /// When a walk with a contact began last.
    walk_begun: Mono,
    joined: bool,
    unconfirmed: bool,
    told_unreachable: bool,
    /// When something is to be tried next.
    next: Option<Mono>,
    next_heal: Mono,
    heal_wait: Duration,
    /// Ages stand still for a heal, until then, or until its walk is done.
    healing: Option<(MemberId, Mono)>,
    frozen_since: Mono,
    no_freeze_before: Mono,
}

#[derive(Clone, Debug)]
struct Seed {
    state: SeedState,
    next: Mono,
    wait: Duration,
    /// It was tried to the end at least once.
    tried: bool,
    /// When it was dialed last.
    asked: Mono,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeedState {
    Idle,
    Dialing,
    Up(MemberId),
}

#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    tried: bool,
    /// Since when a link to it is asked for.
    asked: Option<Mono>,
}

impl Contacts {
    pub(crate) fn new(seeds: u16, now: Mono) -> Self {
        let mut contacts = Self {
            seeds: Vec::new(),
            kept: BTreeMap::new(),
            pool: Vec::new(),
            next_draw: now,
            synced: BTreeSet::new(),
            introduced: Introduced::new(),
            walk_begun: now,
            joined: false,
            unconfirmed: false,
            told_unreachable: false,
            next: Some(now),
            next_heal: now,
            heal_wait: Duration::ZERO,
            healing: None,
            frozen_since: now,
            no_freeze_before: now,
        };
        contacts.set_seeds(seeds, now);
        contacts
    }

    pub(crate) fn joined(&self) -> bool {
        self.joined
    }

    pub(crate) fn unconfirmed(&self) -> bool {
        self.unconfirmed
    }

    pub(crate) fn next(&self) -> Option<Mono> {
        self.next
    }

    /// Who is out changed: seeds and heals are looked at again.
    pub(crate) fn wake(&mut self, now: Mono) {
        self.next = Some(now);
    }

    pub(crate) fn set_seeds(&mut self, seeds: u16, now: Mono) {
        let fresh =
            Seed { state: SeedState::Idle, next: now, wait: Duration::ZERO, tried: false, asked: now };
        self.seeds = alloc::vec![fresh; usize::from(seeds).min(SEEDS_MAX)];
        self.next = Some(now);
    }

    /// After the view of an earlier run was taken in: some of its members are contacts.
    pub(crate) fn begin(&mut self, state: &State, me: Ix, rng: &mut Rng) {
        let live = state.roster.iter().filter(|(_, ix)| *ix != me && !state.is_out(*ix));
        self.pool = live.map(|(id, _)| *id).collect();
        self.next_draw = self.next_draw + state.params.delta * 2;
        self.draw(state.params.contacts, rng);
    }

    /// R16: as many more of the earlier view become contacts, by chance.
    fn draw(&mut self, many: usize, rng: &mut Rng) {
        for _ in 0..many.min(self.pool.len()) {
            let at = rng.below(self.pool.len() as u64) as usize;
            self.kept.insert(self.pool.swap_remove(at), Kept::default());
        }
    }

    /// Somebody is down: attempts to heal begin, whatever else contacts wait for.
    pub(crate) fn plan_heal(&mut self, now: Mono, period: Duration) {
        if self.next_heal <= now {
            self.next_heal = now + period;
        }
        self.next = Some(self.next.map_or(self.next_heal, |next| next.min(self.next_heal)));
    }

    fn seed_of(&self, member: &MemberId) -> Option<usize> {
        self.seeds.iter().position(|seed| seed.state == SeedState::Up(*member))
    }

    /// Whether this member knows it by itself, whoever names it too: else a contact that names the others in its place would
    /// keep them from counting, and a newcomer from joining, for ever.
    fn is_own(&self, member: &MemberId) -> bool {
        self.kept.contains_key(member) || self.seed_of(member).is_some()
    }

    /// Introduced, and not known by itself.
    fn is_stand_in(&self, member: &MemberId) -> bool {
        self.introduced.contains(member) && !self.is_own(member)
    }

    pub(crate) fn is_contact(&self, member: &MemberId) -> bool {
        self.is_own(member) || self.introduced.contains(member)
    }

    /// Whether every contact that there is was tried, and those that answer are synchronised.
    ///
    /// One that drips, a record now and then so that it is not dropped, is not waited for longer than a link is kept. One that
    /// gives no sign is waited for as long as the four messages of a dial may take, Δ each, not until the dial is given up:
    /// others see this member live already, and nobody else watches its successors.
    fn is_settled(&self, links: &BTreeMap<MemberId, Link>, now: Mono, delta: Duration) -> bool {
        let instead = |link: &Link| link.busy && self.introduced.any_met();
        let waits = |member: &MemberId| {
            links.get(member).is_some_and(|link| link.keep > now && !instead(link))
                && !self.synced.contains(member)
        };
        let is_silent = |asked: Mono| now.since(asked) >= delta * 4;
        let seeds = self.seeds.iter().all(|seed| match seed.state {
            SeedState::Up(member) => !waits(&member),
            SeedState::Idle => seed.tried,
            SeedState::Dialing => is_silent(seed.asked) || (seed.tried && seed.wait >= DIAL_WAIT_MAX / 8),
        });
        let was_tried = |member: &MemberId, kept: &Kept| {
            kept.tried || kept.asked.is_some_and(is_silent) || self.synced.contains(member)
        };
        seeds && self.kept.iter().all(|(member, kept)| was_tried(member, kept) && !waits(member))
    }
}

impl Member {
    pub(crate) fn on_link_up(&mut self, member: MemberId, der: &[u8], now: Now) {
        let dialed = self.dials.completed(&member);
        let certificate = match self.link_certificate(&member, der) {
            Ok(certificate) => certificate,
            Err(kind) => {
                self.counters.misbehaved += 1;
                self.out.push(Out::Notify(Notice::Misbehaviour { peer: member, kind }));
                self.out.push(Out::HangUp { member, why: HangUp::Misbehaviour });
                return self.dials.back_off(member, now.mono);
            }
        };
        // R14: whose time is over, or who was revoked.
        let is_over = !certificate.is_current(now.wall, self.state.params.allowance);
        if is_over || self.state.is_revoked(&member) && !planted!(RevokedHeard) {
            return self.out.push(Out::HangUp { member, why: HangUp::Expired });
        }
        if !dialed && self.is_crowded(&member) && !self.make_room(now.mono) {
            return self.out.push(Out::HangUp { member, why: HangUp::Crowded });
        }
        // A new link in place of one that the driver did not end first: what the old one owed is forgotten.
        self.drop_link(&member);
        let was_out = self.state.roster.ix(&member).is_some_and(|ix| self.state.is_out(ix));
        let end = certificate.not_after + self.state.params.allowance;
        let until = now.mono + end.since(now.wall);
        let link = Link::new(certificate, until, dialed, now.mono, self.keep());
        self.links.insert(member, link);
        self.relinked = true;
        self.monitor.on_link(&member, now.mono);
        self.greet(member, now.mono);
        if was_out {
            self.state.healed = Some(now.mono);
            self.contacts.heal_wait = self.state.params.heal_period;
        }
        if dialed && was_out {
            self.hold_ages(member, now.mono);
            self.walk(member, now.mono);
        }
        if dialed && self.contacts.kept.contains_key(&member) {
            self.walk(member, now.mono);
        }
        if !self.contacts.joined {
            self.contacts.wake(now.mono);
        }
    }

    /// TLS checked it; the core believes its own eyes.
    fn link_certificate(&mut self, id: &MemberId, der: &[u8]) -> Result<Arc<Certificate>, Misbehaviour> {
        if let Some(peer) = self.state.roster.by_id(id).filter(|peer| peer.certificate.der() == der) {
            return Ok(Arc::clone(&peer.certificate));
        }
        let certificate =
            Certificate::parse(der, &self.config.root).map_err(|_| Misbehaviour::ForeignCertificate)?;
        if certificate.id != *id || !self.verify_certificate(&certificate) {
            return Err(Misbehaviour::BadSignature);
        }
        Ok(self.store.certificate(certificate))
    }

    pub(crate) fn on_link_down(&mut self, member: MemberId) {
        self.dials.failed(&member);
        if let Some(kept) = self.contacts.kept.get_mut(&member) {
            kept.tried = true;
        }
        self.contacts.introduced.tried(&member);
        self.drop_link(&member);
        // A seed without a link is still a seed that is found, while it is a live member.
        let live =
            self.contacts.joined && self.state.roster.ix(&member).is_some_and(|ix| !self.state.is_out(ix));
        if !live && let Some(at) = self.contacts.seed_of(&member) {
            let seed = &mut self.contacts.seeds[at];
            (seed.state, seed.tried) = (SeedState::Idle, true);
            self.put_off_seed(at);
        }
        self.contacts.next = Some(self.now.mono);
    }

    fn drop_link(&mut self, member: &MemberId) {
        if self.links.remove(member).is_some() {
            self.relinked = true;
            self.busy.remove(member);
            self.waiting.link_down(member);
            self.gossip.link_down(member);
        }
    }

    pub(crate) fn on_seed_up(&mut self, seed: u16, member: MemberId, now: Now) {
        let Some(seed) = self.contacts.seeds.get_mut(usize::from(seed)) else { return };
        // Its waits start over once it was of use, not for taking a link: it may end each one at once.
        seed.state = SeedState::Up(member);
        self.contacts.next = Some(now.mono);
        if member == self.me {
            seed.tried = true;
            seed.state = SeedState::Idle;
            seed.next = now.mono + DIAL_WAIT_MAX;
            return;
        }
        if let Some(link) = self.links.get_mut(&member) {
            link.dialed = true;
            link.useful = now.mono;
            self.contacts.walk_begun = now.mono;
            self.walk(member, now.mono);
        }
    }

    pub(crate) fn on_seed_down(&mut self, seed: u16, now: Now) {
        let at = usize::from(seed);
        let Some(seed) = self.contacts.seeds.get_mut(at) else { return };
        (seed.state, seed.tried) = (SeedState::Idle, true);
        self.put_off_seed(at);
        self.contacts.next = Some(now.mono);
        let seeds = &self.contacts.seeds;
        let none = seeds.iter().all(|seed| seed.tried && !matches!(seed.state, SeedState::Up(_)));
        if none && self.links.is_empty() && !self.contacts.told_unreachable {
            self.contacts.told_unreachable = true;
            self.out.push(Out::Notify(Notice::SeedsUnreachable));
        }
    }

    /// R16: seeds are tried with back-off, spread by chance: else all that one could not take come again together.
    fn put_off_seed(&mut self, at: usize) {
        let first = self.state.params.seed_wait.min(DIAL_WAIT_MAX);
        let seed = &mut self.contacts.seeds[at];
        seed.wait = (seed.wait * 2).clamp(first, DIAL_WAIT_MAX);
        let least = seed.wait / 8;
        let more = self.rng.below((seed.wait - least).as_nanos() as u64);
        seed.next = self.now.mono + least + Duration::from_nanos(more);
    }

    /// A walk with `peer` found its end: all that it showed was asked for.
    pub(crate) fn on_walked(&mut self, peer: MemberId, now: Mono) {
        if self.contacts.healing.is_some_and(|(member, _)| member == peer) {
            self.release_ages(now);
        }
        self.contacts.next = Some(now);
    }

    pub(crate) fn tend_contacts(&mut self, now: Now) {
        if self.contacts.next.is_none_or(|at| at > now.mono) {
            return;
        }
        if self.own.leaving {
            self.contacts.next = None;
            return;
        }
        let mut next = Vec::new();
        if self.contacts.healing.is_some_and(|(_, until)| until <= now.mono) {
            self.release_ages(now.mono);
        }
        next.extend(self.contacts.healing.map(|(_, until)| until));
        if !self.contacts.joined {
            self.tend_join(now, &mut next);
        } else if self.contacts.unconfirmed {
            self.tend_confirmation(now.mono, &mut next);
        }
        self.tend_seeds(now.mono, &mut next);
        if self.contacts.joined {
            self.tend_heal(now.mono, &mut next);
        }
        self.contacts.next = next.into_iter().min();
    }

    /// R16: joined when synchronised with c contacts, or with all that answer.
    fn tend_join(&mut self, now: Now, next: &mut Vec<Mono>) {
        self.sync_contacts(now.mono);
        let synced = self.contacts.synced.len();
        let nobody = self.contacts.seeds.is_empty() && self.contacts.kept.is_empty();
        let enough = if planted!(OneContact) { 1 } else { self.state.params.contacts };
        let confirmed = nobody || synced >= enough;
        let any = synced > 0 || self.contacts.introduced.any_met();
        let all = any && self.contacts.is_settled(&self.links, now.mono, self.state.params.delta);
        let is_quiet = self.contacts.introduced.growth.ends(self.state.params.delta) <= now.mono;
        if (confirmed || all) && is_quiet {
            match (nobody, confirmed) {
                (true, _) => mark!(R16Alone),
                (false, true) => mark!(R16Confirmed),
                (false, false) => mark!(R16Unconfirmed),
            }
            self.contacts.joined = true;
            self.contacts.unconfirmed = !confirmed;
            self.state.thaw(now.mono);
            self.state.touch_all();
            if confirmed {
                self.contacts.pool = Vec::new();
            }
            // A crash within the first minute must not cost the contacts.
            self.next_snapshot = now.mono;
            self.out.push(Out::Notify(Notice::Joined { unconfirmed: !confirmed }));
            self.settle_after_join(now);
            return;
        }
        if synced == 0 && self.contacts.next_draw <= now.mono {
            // Nobody answers: most of the earlier view may have gone meanwhile. When all were tried, it begins anew.
            mark!(R16More);
            if self.contacts.is_settled(&self.links, now.mono, self.state.params.delta)
                && self.contacts.pool.is_empty()
            {
                self.contacts.kept.values_mut().for_each(|kept| *kept = Kept::default());
                self.meet_others(now.mono);
            }
            self.contacts.next_draw = now.mono + self.state.params.delta * 2;
            self.contacts.draw(self.state.params.contacts, &mut self.rng);
        }
        self.dial_kept(now.mono);
        self.dial_introduced(now.mono);
        next.push(now.mono + self.state.params.delta / 16);
    }

    /// Dials the contacts of an earlier view that were not tried yet.
    fn dial_kept(&mut self, now: Mono) {
        let untried = self.contacts.kept.iter().filter(|(_, kept)| !kept.tried);
        for member in untried.map(|(member, _)| *member).collect::<Vec<_>>() {
            if self.links.contains_key(&member) || self.contacts.synced.contains(&member) {
                continue;
            }
            // One that gives no address, or whose lease has run out since, cannot answer: it is not waited for.
            let reachable =
                self.state.roster.by_id(&member).is_some_and(|peer| !peer.note.addrs().is_empty());
            if let Some(kept) = self.contacts.kept.get_mut(&member) {
                kept.tried |= !reachable;
                kept.asked.get_or_insert(now);
            }
            self.dial(member, now);
        }
    }

    /// R16: a member that is joined through fewer contacts than it should goes on trying.
    fn tend_confirmation(&mut self, now: Mono, next: &mut Vec<Mono>) {
        self.sync_contacts(now);
        if self.contacts.synced.len() >= self.state.params.contacts {
            self.contacts.unconfirmed = false;
            self.contacts.pool = Vec::new();
            return self.out.push(Out::Notify(Notice::Joined { unconfirmed: false }));
        }
        if !self.contacts.pool.is_empty() {
            if self.contacts.is_settled(&self.links, now, self.state.params.delta) {
                self.contacts.draw(self.state.params.contacts, &mut self.rng);
            }
            self.dial_kept(now);
            next.push(now + self.state.params.delta / 4);
        }
        let waits = |id: &MemberId| self.contacts.is_contact(id) && !self.contacts.synced.contains(id);
        if self.links.keys().any(waits) {
            next.push(now + self.state.params.delta / 4);
        }
    }

    /// Contacts whose walk is done and whose records all came are synchronised; one that brings nothing for 2Δ is
    /// dropped and tried later.
    fn sync_contacts(&mut self, now: Mono) {
        let patience = self.state.params.delta * 2;
        let linked: Vec<MemberId> =
            self.links.keys().filter(|id| self.contacts.is_contact(id)).copied().collect();
        for member in linked {
            let Some(link) = self.links.get(&member) else { continue };
            let stands_in = self.contacts.is_stand_in(&member);
            if self.contacts.synced.contains(&member) || stands_in && self.contacts.introduced.is_met(&member)
            {
                continue;
            }
            let begun = link.news_before.is_some();
            let idle =
                link.walk.is_none() && link.wants.is_empty() && link.asked == 0 && link.inbox.is_empty();
            if begun && idle && self.walked(&member) {
                if stands_in {
                    self.contacts.introduced.met(&member);
                    continue;
                }
                self.contacts.synced.insert(member);
                if let Some(at) = self.contacts.seed_of(&member) {
                    self.contacts.seeds[at].wait = Duration::ZERO;
                }
            } else if now.since(link.useful) > patience && !planted!(StallerKept) {
                self.hang_up(member, HangUp::Idle);
            } else if idle && !self.is_walking(now) {
                self.contacts.walk_begun = now;
                self.walk(member, now);
            }
        }
    }

    /// One contact is walked with at a time: what two would show is mostly the same. One that is slow is not waited for.
    fn is_walking(&self, now: Mono) -> bool {
        let under_way = |link: &Link| link.walk.is_some() || !link.wants.is_empty() || link.asked > 0;
        now.since(self.contacts.walk_begun) < self.state.params.delta / 4
            && self.links.iter().any(|(id, link)| self.contacts.is_contact(id) && under_way(link))
    }

    /// Whether the last walk with it ran to its end rather than into its deadline.
    fn walked(&self, member: &MemberId) -> bool {
        self.links.get(member).is_some_and(|link| link.walked)
    }

    fn settle_after_join(&mut self, now: Now) {
        self.contacts.next_heal = now.mono + self.state.params.heal_period;
        self.contacts.heal_wait = self.state.params.heal_period;
        // Contacts that were already synchronised tell their neighbours of us; our own neighbours are dialled when
        // they are first watched.
        self.gossip.announce(self.me, None);
    }

    /// Seeds are tried for ever, joined or not, while none of them is a live member or the join is not confirmed.
    fn tend_seeds(&mut self, now: Mono, next: &mut Vec<Mono>) {
        let mut seeds = self.contacts.seeds.iter();
        let found = seeds.any(|seed| matches!(seed.state, SeedState::Up(member) if self.is_found(&member)));
        if self.contacts.joined && !self.contacts.unconfirmed && found {
            return;
        }
        let first = self.state.params.seed_wait;
        for at in 0..self.contacts.seeds.len() {
            if matches!(self.contacts.seeds[at].state, SeedState::Up(member) if !self.is_found(&member)) {
                // Its link was refused here, for its certificate's time say, or it went down.
                let seed = &mut self.contacts.seeds[at];
                (seed.state, seed.tried) = (SeedState::Idle, true);
                self.put_off_seed(at);
            }
            let seed = &mut self.contacts.seeds[at];
            if seed.state != SeedState::Idle {
                continue;
            }
            if seed.next <= now {
                if seed.tried {
                    mark!(R16Seed);
                }
                (seed.state, seed.asked) = (SeedState::Dialing, now);
                seed.wait = seed.wait.max(first);
                self.out.push(Out::DialSeed { seed: at as u16 });
            } else {
                next.push(seed.next);
            }
        }
    }

    /// Whether a seed is this live member.
    fn is_found(&self, member: &MemberId) -> bool {
        self.links.contains_key(member)
            || self.state.roster.ix(member).is_some_and(|ix| !self.state.is_out(ix))
    }

    /// Heal: members that are out but certified are tried now and then, one at a time; less often while none answers.
    fn tend_heal(&mut self, now: Mono, next: &mut Vec<Mono>) {
        if self.state.down_count() == 0 {
            self.contacts.next_heal = self.contacts.next_heal.max(now);
            self.contacts.heal_wait = self.state.params.heal_period;
            return;
        }
        if self.contacts.next_heal <= now {
            self.contacts.next_heal = now + self.contacts.heal_wait;
            self.contacts.heal_wait = (self.contacts.heal_wait * 2).min(HEAL_WAIT_MAX);
            if let Some(ix) = self.some_down() {
                mark!(Heal);
                self.dial(self.state.id(ix), now);
            }
        }
        next.push(self.contacts.next_heal);
    }

    fn some_down(&mut self) -> Option<Ix> {
        let linkless = |ix: &Ix| !self.links.contains_key(&self.state.id(*ix));
        let down: Vec<Ix> = self.state.down().filter(linkless).collect();
        let at = self.rng.below(down.len() as u64) as usize;
        down.get(at).copied()
    }

    /// R4: no age runs while the first walk over a healed link does, for at most 4Δ, and for a bounded share of time.
    fn hold_ages(&mut self, member: MemberId, now: Mono) {
        if self.contacts.joined && self.contacts.healing.is_none() && self.contacts.no_freeze_before <= now {
            mark!(R4Freeze);
            let until = now + self.state.params.delta * 4;
            self.contacts.healing = Some((member, until));
            self.contacts.frozen_since = now;
            self.contacts.next = Some(self.contacts.next.map_or(until, |at| at.min(until)));
            self.state.freeze(now);
        }
    }

    fn release_ages(&mut self, now: Mono) {
        if self.contacts.healing.take().is_some() {
            let stretch = now.since(self.contacts.frozen_since);
            self.contacts.no_freeze_before = now + stretch * (FREEZE_SHARE - 1);
            self.state.thaw(now);
        }
    }

    /// Dials a member if it may be (R12); `false` if not now.
    pub(crate) fn dial(&mut self, member: MemberId, now: Mono) -> bool {
        if self.links.contains_key(&member) {
            return true;
        }
        let Some(peer) = self.state.roster.by_id(&member) else { return false };
        let addrs = peer.note.addrs();
        if addrs.is_empty() || self.own.leaving {
            return false;
        }
        let Some(turn) = self.dials.begin(member, now) else { return false };
        self.out.push(Out::Dial { member, addr: addrs[turn % addrs.len()] });
        true
    }
}
