//! Walks through a scenario: what happens, what is told, what comes out. What an entry of the timeline does is in `turns`.

mod turns;

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
        let changed = views.set(observer, subject, live, now);
        if changed {
            self.expected.changed(observer, subject, live, now);
        }
        if let Notice::Down { accusation } = &told.notice {
            self.figures.down(observer, subject, accusation.epoch, truth, now);
        }
        if changed {
            self.figures.changed(observer, subject, live, truth, now);
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

    /// Something was done: what lasts, what is right.
    fn renew(&mut self) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        self.effects.apply(world, truth);
        truth.spread_lists();
        self.expected.renew(truth, &self.effects.blurred, views, world.now());
    }

    fn finish(mut self) -> Outcome {
        self.end_checks();
        let Stage { world, truth, views, .. } = &self.stage;
        let now = world.now();
        let seconds = |at: Mono| round(at.since(self.origin).as_secs_f64());
        for crash in self.figures.end(truth, world, now) {
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
            unnoticed: self.figures.unnoticed(truth, world, now),
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
