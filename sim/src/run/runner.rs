//! Walks through a scenario.

use super::{
    Broken, Options, Outcome, Scene, Traffic, Truth, UNDETECTED, Verdict, ViewSizes,
    effects::{Effect, Effects, Lasts},
    expectations::{More, judge},
    expected::Expected,
    figures::Figures,
    meter::{Meter, peak_rss_bytes},
    outcome::round,
    selector::Chooser,
    timeline::{self, Turn},
    window::Window,
};
use crate::{
    adversary::{self, Board, Plan},
    full::{self, Stack},
    invariant::{self, Found, Invariant},
    queue::Queue,
    rng::{Class, Faults},
    scenario::{Action, Adversary, Error, Scenario, Selector, Start},
    views::Views,
    world::{Observed, World},
};
use core::time::Duration;
use ifrit_core::{action::Notice, params::Params, time::Mono};

/// So many violations of each invariant are kept.
const KEPT: usize = 20;
/// How often invariants look.
const LOOK: Duration = Duration::from_secs(1);
/// Tables of the timeline are numbered after those of adversaries; each may have so many groups.
const AT: usize = 1 << 20;
const GROUPS: usize = 1 << 10;

/// What is looked at.
#[derive(Debug)]
pub(super) struct Stage {
    world: World,
    truth: Truth,
    views: Views,
    params: Params,
}

impl Stage {
    fn scene(&self) -> Scene<'_> {
        Scene { world: &self.world, truth: &self.truth, views: &self.views, params: &self.params }
    }
}

#[derive(Debug)]
struct Watch {
    invariant: Box<dyn Invariant>,
    kept: usize,
}

/// What the timeline does next.
#[derive(Debug)]
enum Step {
    Turn(Turn),
    End(u64),
    /// A certificate ends; the how-manieth of its member.
    Expires(usize, u32),
    /// All have forgotten a member whose certificate has ended.
    Forgotten(usize, u32),
}

#[derive(Debug)]
pub(super) struct Runner<'a> {
    scenario: &'a Scenario,
    options: Options<'a>,
    seed: u64,
    stage: Stage,
    origin: Mono,
    steps: Queue<Step>,
    chooser: Chooser,
    effects: Effects,
    expected: Expected,
    figures: Figures,
    watches: Vec<Watch>,
    broken: Vec<Broken>,
    next_newcomer: usize,
    /// By member: how many it got during the run.
    certificates: Vec<u32>,
    events_before: u64,
    meter: Meter,
}

impl<'a> Runner<'a> {
    pub(super) fn new(scenario: &'a Scenario, seed: u64, options: Options<'a>) -> Result<Self, Error> {
        let meter = Meter::start();
        let faults = Faults::new(seed);
        let turns = timeline::turns(scenario, faults);
        let newcomers = timeline::newcomers(scenario, &turns);
        let world = scenario.world(seed, newcomers);
        let (members, origin, params) = (world.len(), world.now(), world.params());
        let mut steps = Queue::default();
        for turn in &turns {
            steps.push(origin + turn.t, Step::Turn(*turn));
        }
        let calm = timeline::last_disturbance(scenario, &turns);
        let calm = if calm.is_zero() { Mono(0) } else { origin + calm };
        let truth = Truth::new(members, scenario.members, origin, params.detection, calm);
        let mut runner = Self {
            scenario,
            options,
            seed,
            origin,
            steps,
            chooser: Chooser::new(faults, members),
            effects: Effects::new(scenario.links.latency, scenario.links.loss, members),
            expected: Expected::new(members),
            figures: Figures::new(members),
            watches: invariant::all().into_iter().map(|invariant| Watch { invariant, kept: 0 }).collect(),
            broken: Vec::new(),
            next_newcomer: scenario.members,
            certificates: vec![0; members],
            events_before: world.handled(),
            meter,
            stage: Stage { world, truth, views: Views::new(members), params },
        };
        runner.begin(faults)?;
        Ok(runner)
    }

    fn begin(&mut self, faults: Faults) -> Result<(), Error> {
        let stage = &mut self.stage;
        if self.scenario.start == Start::Converged {
            stage.world.take_observed();
            (0..self.scenario.members).for_each(|member| stage.adopt_view(member));
        }
        for member in 0..self.scenario.members {
            stage.views.set(member, member, true, self.origin);
            self.figures.starts(member, &stage.views, self.origin);
        }
        self.figures.begin(&self.stage.views, &self.stage.world);
        for (table, adversary) in self.scenario.adversary.iter().enumerate() {
            self.corrupt(adversary, table, faults)?;
        }
        self.renew();
        if let Some(witness) = &mut self.options.witness {
            witness.begins(&self.stage.scene());
        }
        Ok(())
    }

    fn corrupt(&mut self, entry: &Adversary, table: usize, faults: Faults) -> Result<(), Error> {
        let error =
            |key: &str, reason| self.scenario.error(entry.line, &format!("adversary[{table}].{key}"), reason);
        let strategy =
            adversary::strategy(&entry.strategy).ok_or_else(|| error("strategy", "is unknown".into()))?;
        if self.scenario.stack == Stack::Node && !full::SPEAKERS.contains(&strategy.name) {
            return Err(error(
                "strategy",
                "listens or filters, which whole members (`stack = \"node\"`) do not allow".into(),
            ));
        }
        let (pool, all) = self.pool();
        let world = &self.stage.world;
        let ids: Vec<_> = (0..world.len()).map(|member| world.id(member)).collect();
        let around = strategy.around(
            &entry.params,
            &entry.members,
            &ids[..self.scenario.members],
            world.network().params(),
        );
        let members = around.map_err(|reason| error("params", reason))?.map(Selector::Ids);
        let liars = self.chooser.choose(members.as_ref().unwrap_or(&entry.members), (table, 0), &pool, all);
        let liars = liars.map_err(|reason| error("members", reason))?;
        let world = &mut self.stage.world;
        let board = Board::default();
        for me in liars.iter().copied() {
            let origin = world.clocks(me).mono;
            let (from, until) =
                (origin + entry.from, entry.until.map_or(Mono::NEVER, |until| origin + until));
            let plan = Plan {
                params: &entry.params,
                me,
                ids: &ids,
                colluders: &liars,
                board: board.clone(),
                from,
                until,
                chance: faults.bits(Class::Liar, table, me, 0),
            };
            let inner = (strategy.make)(plan).map_err(|reason| error("params", reason))?;
            world.corrupt(me, Box::new(Window::new(inner, from, until)));
            self.stage.truth.facts[me].correct = false;
        }
        if let Some(witness) = &mut self.options.witness {
            witness.lies(entry, &liars);
        }
        Ok(())
    }

    pub(super) fn run(mut self) -> Result<Outcome, Error> {
        let end = self.origin + self.scenario.until;
        let mut look = self.origin + LOOK;
        while self.stage.world.now() < end {
            let step = self.steps.next_at().unwrap_or(Mono::NEVER);
            let at = end.min(look).min(step);
            while !self.stage.world.run_until_told(at) {
                self.hear();
            }
            while let Some((_, step)) = self.steps.pop(at) {
                self.step(step)?;
            }
            if at == look {
                self.look();
                look = at + LOOK;
            }
        }
        Ok(self.finish())
    }

    /// Liars may end their own processes.
    fn reap(&mut self) {
        for (at, member) in self.stage.world.take_ended() {
            self.crash(member, at);
            if let Some(witness) = &mut self.options.witness {
                witness.happens(&self.stage.scene(), &Action::Crash(Selector::Ids(vec![member])), &[member]);
            }
            self.renew();
        }
    }

    /// Takes in what applications were told.
    fn hear(&mut self) {
        self.reap();
        for told in self.stage.world.take_observed() {
            self.count(&told);
            let scene = self.stage.scene();
            for watch in &mut self.watches {
                watch.ask(&mut self.broken, self.origin, &scene, |invariant, found| {
                    invariant.told(&scene, &told, found);
                });
            }
            if let Some(witness) = &mut self.options.witness {
                witness.told(&scene, &told);
            }
        }
    }

    fn count(&mut self, told: &Observed) {
        let live = match &told.notice {
            Notice::Up { .. } | Notice::Rebutted { .. } => true,
            Notice::Down { .. }
            | Notice::Gray { .. }
            | Notice::Left { .. }
            | Notice::Expired { .. }
            | Notice::Revoked { .. } => false,
            _ => return,
        };
        let (observer, now) = (told.observer, told.at);
        let Stage { world, truth, views, .. } = &mut self.stage;
        let Some(subject) = told.notice.subject().map(|subject| world.index(&subject)) else { return };
        if views.set(observer, subject, live, now) {
            self.expected.changed(observer, subject, live, now);
            self.figures.changed(observer, subject, live, truth, now);
        }
        if let Notice::Down { accusation } = &told.notice {
            self.figures.down(observer, subject, accusation.epoch, truth, now);
        }
    }

    fn look(&mut self) {
        self.reap();
        let scene = self.stage.scene();
        for watch in &mut self.watches {
            watch.ask(&mut self.broken, self.origin, &scene, |invariant, found| {
                invariant.look(&scene, found);
            });
        }
        if let Some(witness) = &mut self.options.witness {
            witness.look(&scene, &self.expected);
        }
    }

    fn step(&mut self, step: Step) -> Result<(), Error> {
        let now = self.stage.world.now();
        match step {
            Step::Turn(turn) => self.turn(turn)?,
            Step::End(number) => {
                self.effects.end(number, now);
            }
            Step::Expires(member, nth) if self.certificates[member] == nth => {
                let members = Some(vec![member]);
                self.effects.begin(Effect { members, what: Lasts::Expired, until: Mono::NEVER });
            }
            Step::Forgotten(member, nth) if self.certificates[member] == nth => {
                self.stage.truth.facts[member].left = Some(now);
            }
            Step::Expires(..) | Step::Forgotten(..) => {}
        }
        self.renew();
        // What a member says at its start or end comes before all else.
        self.hear();
        Ok(())
    }

    /// Correct members that run and that nobody took; and how many run at all.
    fn pool(&self) -> (Vec<usize>, usize) {
        let facts = &self.stage.truth.facts;
        let runs = |member: &usize| facts[*member].runs() && facts[*member].left.is_none();
        let all: Vec<_> = (0..facts.len()).filter(runs).collect();
        let free = |member: &usize| facts[*member].correct && !self.chooser.is_taken(*member);
        (all.iter().copied().filter(free).collect(), all.len())
    }

    fn choose(&mut self, selector: &Selector, turn: Turn, group: usize) -> Result<Vec<usize>, Error> {
        let place = (AT + turn.entry * GROUPS + group, turn.turn);
        let entry = &self.scenario.at[turn.entry];
        let (pool, all) = match entry.action {
            Action::Restart(_) => {
                let facts = &self.stage.truth.facts;
                let crashed = |member: &usize| facts[*member].crashed.is_some();
                let pool: Vec<_> = (0..facts.len()).filter(crashed).collect();
                let all = pool.len();
                (pool, all)
            }
            _ => self.pool(),
        };
        let key = format!("at[{}].do.{}", turn.entry, entry.action.name());
        let chosen = self.chooser.choose(selector, place, &pool, all);
        chosen.map_err(|reason| self.scenario.error(entry.line, &key, reason))
    }

    fn turn(&mut self, turn: Turn) -> Result<(), Error> {
        let scenario = self.scenario;
        let action = &scenario.at[turn.entry].action;
        let members = match action {
            Action::Crash(selector) => self.each(selector, turn, Self::crash)?,
            Action::Restart(selector) => self.each(selector, turn, Self::restart)?,
            Action::Leave(selector) => self.each(selector, turn, Self::leave)?,
            Action::Join { count } => self.join(*count, turn),
            Action::Heal {} => self.heal(),
            Action::Pause { members, span } => {
                let members = self.choose(members, turn, 0)?;
                members.iter().for_each(|member| self.stage.world.pause(*member, *span));
                self.lasts(Some(members), Lasts::Pause, Some(*span))
            }
            Action::Latency { members, add, span } => {
                let members = members.as_ref().map(|members| self.choose(members, turn, 0)).transpose()?;
                self.lasts(members, Lasts::Delay(*add), *span)
            }
            Action::Loss { members, rate, span } => {
                let members = members.as_ref().map(|members| self.choose(members, turn, 0)).transpose()?;
                self.lasts(members, Lasts::Loss(*rate), *span)
            }
            Action::Skew { members, by_ms } => {
                let members = self.choose(members, turn, 0)?;
                self.skew(members, *by_ms)
            }
            Action::Partition { groups, oneway, span } => {
                let groups = groups.iter().enumerate().map(|(i, group)| self.choose(group, turn, i));
                let groups = groups.collect::<Result<Vec<_>, _>>()?;
                let members = groups.concat();
                self.lasts(Some(members), Lasts::Partition { groups, oneway: *oneway }, *span)
            }
            Action::Certificate { members, valid } => {
                let members = self.choose(members, turn, 0)?;
                members.iter().for_each(|member| self.certify(*member, *valid));
                members
            }
        };
        if let Some(witness) = &mut self.options.witness {
            witness.happens(&self.stage.scene(), action, &members);
        }
        Ok(())
    }

    fn each(
        &mut self,
        selector: &Selector,
        turn: Turn,
        happens: fn(&mut Self, usize, Mono),
    ) -> Result<Vec<usize>, Error> {
        let members = self.choose(selector, turn, 0)?;
        let now = self.stage.world.now();
        members.iter().for_each(|member| happens(self, *member, now));
        Ok(members)
    }

    fn crash(&mut self, member: usize, now: Mono) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        if !truth.facts[member].runs() {
            return;
        }
        truth.facts[member].crashed = Some(now);
        self.figures.ends(member, true, truth, views, now);
        views.clear(member, now);
        world.crash(member);
    }

    fn restart(&mut self, member: usize, now: Mono) {
        if self.stage.truth.facts[member].crashed.is_some() {
            self.chooser.release(member);
            self.start(member, now);
        }
    }

    fn start(&mut self, member: usize, now: Mono) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        (truth.facts[member].started, truth.facts[member].crashed) = (Some(now), None);
        self.figures.starts(member, views, now);
        views.clear(member, now);
        views.set(member, member, true, now);
        world.start(member);
        if let Some(real) = world.running_member(member) {
            self.figures.speaks(member, real.view().epoch());
        }
    }

    fn leave(&mut self, member: usize, now: Mono) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        truth.facts[member].left = Some(now);
        self.figures.ends(member, false, truth, views, now);
        world.depart(member);
    }

    fn join(&mut self, count: usize, turn: Turn) -> Vec<usize> {
        let now = self.stage.world.now();
        let members: Vec<_> = (self.next_newcomer..self.next_newcomer + count).collect();
        self.next_newcomer += count;
        let facts = &self.stage.truth.facts;
        let invites =
            |member: &usize| facts[*member].correct && facts[*member].runs() && facts[*member].left.is_none();
        let pool: Vec<_> = (0..facts.len()).filter(invites).collect();
        for (i, member) in members.iter().enumerate() {
            let place = (AT + turn.entry * GROUPS + i, turn.turn);
            let contacts = self.chooser.draw(place, &pool, self.stage.params.contacts);
            self.stage.world.set_seeds(*member, contacts);
            self.start(*member, now);
        }
        members
    }

    fn heal(&mut self) -> Vec<usize> {
        let now = self.stage.world.now();
        let partitions = self.effects.lasting(None, |what| matches!(what, Lasts::Partition { .. }));
        let ended = partitions.into_iter().filter_map(|number| self.effects.end(number, now));
        ended.flat_map(|effect| effect.members.unwrap_or_default()).collect()
    }

    fn lasts(&mut self, members: Option<Vec<usize>>, what: Lasts, span: Option<Duration>) -> Vec<usize> {
        let until = span.map_or(Mono::NEVER, |span| self.stage.world.now() + span);
        let number = self.effects.begin(Effect { members: members.clone(), what, until });
        if until != Mono::NEVER {
            self.steps.push(until, Step::End(number));
        }
        members.unwrap_or_default()
    }

    fn skew(&mut self, members: Vec<usize>, by_ms: i64) -> Vec<usize> {
        let now = self.stage.world.now();
        for member in members.iter().copied() {
            self.stage.world.skew(member, by_ms);
            for number in self.effects.lasting(Some(member), |what| matches!(what, Lasts::Skew { .. })) {
                self.effects.end(number, now);
            }
            if by_ms != 0 {
                let far = u128::from(by_ms.unsigned_abs()) > self.stage.params.allowance.as_millis();
                let what = Lasts::Skew { far };
                self.effects.begin(Effect { members: Some(vec![member]), what, until: Mono::NEVER });
            }
        }
        members
    }

    fn certify(&mut self, member: usize, valid: Duration) {
        let now = self.stage.world.now();
        self.stage.world.certify(member, valid);
        self.certificates[member] += 1;
        let nth = self.certificates[member];
        self.steps.push(now + valid, Step::Expires(member, nth));
        self.steps.push(now + valid + self.stage.params.allowance * 2, Step::Forgotten(member, nth));
    }

    /// Something was done: what lasts, what is right.
    fn renew(&mut self) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        self.effects.apply(world, truth);
        self.expected.renew(truth, &self.effects.blurred, views, world.now());
    }

    fn finish(mut self) -> Outcome {
        self.end_checks();
        let Stage { world, truth, views, .. } = &self.stage;
        let now = world.now();
        let seconds = |at: Mono| round(at.since(self.origin).as_secs_f64());
        for crash in self.figures.end(truth, now) {
            let (observers, some) = (crash.observers.len(), &crash.observers[..crash.observers.len().min(5)]);
            self.broken.push(Broken {
                invariant: UNDETECTED.into(),
                at_s: seconds(now),
                member: Some(crash.member),
                detail: format!(
                    "crashed at {} s; {observers} members hold it live, {some:?} first",
                    seconds(crash.at)
                ),
            });
        }
        let (rates, bytes) = self.figures.traffic(truth, world);
        let records = world.records_bytes();
        let virtual_s = self.scenario.until.as_secs_f64() * self.scenario.members as f64;
        let outcome = Outcome {
            format: 1,
            scenario: self.scenario.name.clone(),
            seed: self.seed,
            members: self.scenario.members,
            verdict: Verdict::Pass,
            violations: self.broken,
            view: view_sizes(truth, views, &self.expected),
            converged_at_s: self.expected.converged_at().map(seconds),
            false_removals: self.figures.false_removals(world.len()),
            transitions: self.figures.transitions(),
            detection: self.figures.detection(),
            traffic: Traffic { bytes_per_member_per_s: rates },
            cpu_us_per_member_per_s: self.meter.cpu_us().map(|us| round(us / virtual_s)),
            events: world.handled() - self.events_before,
            wall_s: round(self.meter.wall_s()),
            peak_rss_bytes: peak_rss_bytes(),
            digest: String::new(),
        };
        let more = More {
            until: self.scenario.until,
            calm: truth.last_disturbance.since(self.origin),
            unnoticed: self.figures.unnoticed(truth, now),
            bytes_per_records: if records == 0 { 0.0 } else { bytes / records as f64 },
        };
        let (outcome, checks) = judge(&self.scenario.expect, outcome, more);
        if let Some(witness) = &mut self.options.witness {
            witness.ends(&self.stage.scene(), checks);
        }
        outcome.seal(world.digest())
    }

    /// The invariants' last look.
    fn end_checks(&mut self) {
        self.look();
        let scene = self.stage.scene();
        for watch in &mut self.watches {
            watch.ask(&mut self.broken, self.origin, &scene, |invariant, found| {
                invariant.end(&scene, found);
            });
        }
    }
}

impl Watch {
    fn ask(
        &mut self,
        broken: &mut Vec<Broken>,
        origin: Mono,
        scene: &Scene<'_>,
        ask: impl FnOnce(&mut dyn Invariant, &mut Found),
    ) {
        let mut found = Found::default();
        ask(&mut *self.invariant, &mut found);
        for violation in found.take().into_iter().take(KEPT - self.kept) {
            self.kept += 1;
            broken.push(Broken {
                invariant: self.invariant.name().into(),
                at_s: round(scene.now().since(origin).as_secs_f64()),
                member: violation.member,
                detail: violation.detail,
            });
        }
    }
}

impl Stage {
    /// Takes over whom a running member holds live.
    fn adopt_view(&mut self, observer: usize) {
        let view = self.world.member(observer).view();
        if view.live() == self.truth.facts.iter().filter(|fact| fact.runs()).count() {
            return (0..self.truth.facts.len()).filter(|member| self.truth.facts[*member].runs()).for_each(
                |member| {
                    self.views.set(observer, member, true, self.world.now());
                },
            );
        }
        for member in view.members().filter(|member| member.state.is_live()) {
            self.views.set(observer, self.world.index(&member.id), true, self.world.now());
        }
    }
}

fn view_sizes(truth: &Truth, views: &Views, expected: &Expected) -> ViewSizes {
    let runs =
        truth.facts.iter().enumerate().filter(|(_, fact)| fact.correct && fact.runs() && fact.left.is_none());
    let sizes: Vec<_> = runs.map(|(member, _)| views.count(member) as u64).collect();
    let mean = sizes.iter().sum::<u64>() as f64 / sizes.len().max(1) as f64;
    ViewSizes {
        min: sizes.iter().min().copied().unwrap_or(0),
        mean: round(mean),
        max: sizes.iter().max().copied().unwrap_or(0),
        expected: expected.size(),
    }
}
