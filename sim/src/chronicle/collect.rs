//! Collects a chronicle while its run goes on: work per notice, and per virtual second of the order of the views' bits.

use super::{
    BAND_MEMBERS, Band, Chronicle, Expectation, FORMAT, Fate, Header, Ring, Sample, Seconds, TRACE, Tale,
    Was, events,
    heat::HeatMap,
    ledger::{Charge, Ledger},
    outs::Outs,
    samples::{self, Samples},
};
use crate::{
    run::{Check, Expected, Outcome, Scene, Truth, Witness},
    scenario::{Action, Adversary, Scenario},
    views::Views,
    world::Observed,
};
use ifrit_core::{accusation::Accusation, action::Notice, time::Mono};
use std::collections::BTreeMap;

/// Events kept.
const BANDS: usize = 200;
/// Rings that are drawn.
const RINGS: u8 = 2;
/// Members of which a tale is told, and that stand on the rings; of more, those that are not just ordinary.
const TALES: usize = 1_000;

/// A chronicle in the making: watches a run, then [ends](Collector::finish) with its outcome.
#[derive(Debug)]
pub struct Collector {
    header: Header,
    /// When the scenario's time begins.
    origin: Mono,
    /// When it looked last.
    looked: Mono,
    samples: Samples,
    bands: Vec<Band>,
    ledger: Ledger,
    outs: Outs,
    observers: HeatMap,
    subjects: HeatMap,
    lies: BTreeMap<usize, String>,
    people: Vec<Person>,
    /// Wrong pairs of each member as observer and as subject, in the present second.
    wrong: Vec<u32>,
    wronged: Vec<u32>,
    expectations: Vec<Expectation>,
    rings: Vec<Ring>,
    members: Vec<Tale>,
    left_out: Vec<String>,
}

/// What is counted of one member.
#[derive(Clone, Debug, Default)]
struct Person {
    gray: bool,
    disturbed: bool,
    wrong_s: u32,
    wronged_s: u32,
    /// Bytes sent until the last second.
    sent: u64,
}

impl Collector {
    /// For a run of `scenario`, whose file holds `text`; `members_override` is what `--members` said.
    pub fn new(scenario: &Scenario, text: &str, seed: u64, members_override: Option<usize>) -> Self {
        let header = Header {
            name: scenario.name.clone(),
            path: scenario.file.clone(),
            scenario: text.into(),
            seed,
            members_override,
            version: env!("CARGO_PKG_VERSION").into(),
            members: 0,
            rings: 0,
            tolerance: 0,
            delta_s: 0.0,
            detection_s: 0.0,
            until_s: scenario.until.as_secs_f64(),
        };
        Self {
            header,
            origin: Mono(0),
            looked: Mono(0),
            samples: Samples::default(),
            bands: Vec::new(),
            ledger: Ledger::default(),
            outs: Outs::default(),
            observers: HeatMap::new(0),
            subjects: HeatMap::new(0),
            lies: BTreeMap::new(),
            people: Vec::new(),
            wrong: Vec::new(),
            wronged: Vec::new(),
            expectations: Vec::new(),
            rings: Vec::new(),
            members: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// The chronicle of the run that it has watched.
    pub fn finish(mut self, outcome: Outcome) -> Chronicle {
        let mut left_out = self.left_out;
        self.bands.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
        if self.bands.len() > BANDS {
            left_out.push(format!("{} of {} events: the last", self.bands.len() - BANDS, self.bands.len()));
            self.bands.truncate(BANDS);
        }
        let (samples, every) = self.samples.end();
        if every > 1 {
            left_out.push(format!("moments: a sample stands for {every} s"));
        }
        let (observers, subjects) = (self.observers.end(), self.subjects.end());
        if observers.members_per_row > 1 {
            let each = observers.members_per_row;
            left_out.push(format!("single members in the pictures of wrong views: a row stands for {each}"));
        }
        Chronicle {
            trace: TRACE.into(),
            format: FORMAT,
            header: self.header,
            expectations: self.expectations,
            outcome,
            bands: self.bands,
            samples,
            edges: self.ledger.end(&mut left_out),
            outs: self.outs.end(&mut left_out),
            observers,
            subjects,
            rings: self.rings,
            members: self.members,
            left_out,
        }
    }

    fn band(&mut self, kind: &str, label: String, from_s: f64, until_s: Option<f64>, members: &[usize]) {
        self.bands.push(Band {
            kind: kind.into(),
            label,
            from_s,
            until_s,
            members: members.iter().copied().take(BAND_MEMBERS).collect(),
            struck: members.len(),
        });
    }

    /// Partitions end, or clocks of these members are set otherwise.
    fn close(&mut self, kind: &str, now_s: f64, members: Option<&[usize]>) {
        let lasts = |band: &&mut Band| band.kind == kind && band.until_s.is_none_or(|until| until > now_s);
        let meant = |band: &&mut Band| members.is_none_or(|members| band.members == members);
        self.bands.iter_mut().filter(lasts).filter(meant).for_each(|band| band.until_s = Some(now_s));
    }

    fn seconds(&self, at: Mono) -> Seconds {
        Seconds(at.since(self.origin).as_millis() as u64)
    }

    fn since_origin(&self, at: Mono) -> Mono {
        Mono(at.0.saturating_sub(self.origin.0))
    }

    /// Compares the views that count with what is so; their sizes, and what they should be.
    fn compare(&mut self, views: &Views, right: &Expected, looks: &[usize]) -> (Vec<u32>, Vec<u32>) {
        self.wrong.fill(0);
        self.wronged.fill(0);
        let (mut sizes, mut expected) = (Vec::new(), Vec::new());
        for observer in looks {
            let Some((live, matters)) = right.of(*observer) else { continue };
            let words = views.row(*observer).iter().zip(live).zip(matters);
            for (word, ((seen, live), matters)) in words.enumerate() {
                let mut differ = (seen ^ live) & matters;
                self.wrong[*observer] += differ.count_ones();
                while differ != 0 {
                    self.wronged[word * 64 + differ.trailing_zeros() as usize] += 1;
                    differ &= differ - 1;
                }
            }
            sizes.push(views.count(*observer) as u32);
            expected.push(live.iter().map(|word| word.count_ones()).sum());
        }
        (sizes, expected)
    }
}

impl Witness for Collector {
    fn lies(&mut self, how: &Adversary, liars: &[usize]) {
        let (from, until) = (how.from.as_secs_f64(), how.until.map(|until| until.as_secs_f64()));
        self.band("lie", how.strategy.clone(), from, until, liars);
        self.lies.extend(liars.iter().map(|liar| (*liar, how.strategy.clone())));
    }

    fn begins(&mut self, scene: &Scene<'_>) {
        let members = scene.world.len();
        let params = scene.params;
        (self.origin, self.looked) = (scene.now(), scene.now());
        self.header.members = members;
        (self.header.rings, self.header.tolerance) = (params.rings, params.tolerance);
        (self.header.delta_s, self.header.detection_s) =
            (params.delta.as_secs_f64(), params.detection.as_secs_f64());
        (self.observers, self.subjects) = (HeatMap::new(members), HeatMap::new(members));
        let person = |member| Person { sent: scene.world.sent(member), ..Person::default() };
        self.people = (0..members).map(person).collect();
        (self.wrong, self.wronged) = (vec![0; members], vec![0; members]);
    }

    fn happens(&mut self, scene: &Scene<'_>, what: &Action, members: &[usize]) {
        let now_s = self.seconds(scene.now()).into();
        match what {
            Action::Heal {} => self.close("partition", now_s, None),
            Action::Partition { .. } => self.close("partition", now_s, None),
            Action::Skew { .. } => self.close("skew", now_s, Some(members)),
            _ => {}
        }
        let until_s = match what.span() {
            Some(span) => Some(now_s + span.as_secs_f64()),
            None if events::lasts(what) => None,
            None => Some(now_s),
        };
        self.band(what.name(), events::label(what, members.len()), now_s, until_s, members);
    }

    /// Members that lie are not asked.
    fn told(&mut self, scene: &Scene<'_>, what: &Observed) {
        if !scene.truth.facts[what.observer].correct {
            return;
        }
        let at = self.since_origin(what.at);
        let charge = |accusation: &Accusation| Charge {
            accuser: scene.world.index(&accusation.accuser),
            accused: scene.world.index(&accusation.accused),
            epoch: accusation.epoch,
            ring: accusation.ring,
        };
        match &what.notice {
            Notice::Accused { accusation } | Notice::AccusedMyself { accusation } => {
                self.ledger.accused(charge(accusation), at);
            }
            Notice::Down { accusation } => {
                let charge = charge(accusation);
                self.ledger.down(charge, at);
                let was = was(scene.truth, what.observer, charge.accused, what.at);
                self.outs.down(what.observer, charge, was, at.into());
            }
            Notice::Rebutted { member, epoch }
            | Notice::Updated { member, epoch }
            | Notice::Up { member, epoch } => {
                self.ledger.answered(scene.world.index(member), *epoch);
            }
            Notice::Gray { member } => self.people[scene.world.index(member)].gray = true,
            _ => {}
        }
    }

    fn look(&mut self, scene: &Scene<'_>, right: &Expected) {
        let span = scene.now().since(self.looked);
        if span.is_zero() {
            return;
        }
        self.looked = scene.now();
        let looks: Vec<_> = (0..self.people.len()).filter(|member| right.of(*member).is_some()).collect();
        let (view, expected) = self.compare(scene.views, right, &looks);
        let runs = |member: &usize| scene.truth.facts[*member].correct && scene.truth.facts[*member].runs();
        let sent = |member: usize| scene.world.sent(member) - self.people[member].sent;
        let sent = (0..self.people.len()).filter(runs).map(sent).collect();
        self.samples.push(Sample {
            at_s: self.seconds(scene.now()).into(),
            view: samples::spread(&view),
            expected: samples::spread(&expected),
            wrong: self.wrong.iter().map(|wrong| u64::from(*wrong)).sum(),
            bytes: samples::bytes(sent, span.as_secs_f64()),
            digest: format!("{:016x}", scene.world.digest()),
        });
        self.observers.push(&self.wrong);
        self.subjects.push(&self.wronged);
        for (member, person) in self.people.iter_mut().enumerate() {
            person.sent = scene.world.sent(member);
            person.wrong_s += u32::from(self.wrong[member] > 0);
            person.wronged_s += u32::from(self.wronged[member] > 0);
            person.disturbed |= scene.truth.is_disturbed(member, scene.now());
        }
    }

    fn ends(&mut self, scene: &Scene<'_>, checks: Vec<Check>) {
        let expectation = |check: Check| Expectation {
            name: check.key.into(),
            limit: check.limit,
            seen: check.found,
            holds: check.holds,
        };
        self.expectations = checks.into_iter().map(expectation).collect();
        self.members = tales(scene, &self.people, &self.lies, &mut self.left_out);
        let mut shown = vec![false; self.people.len()];
        self.members.iter().for_each(|tale| shown[tale.member] = true);
        let ring = |ring| Ring {
            ring,
            order: scene.world.ring(ring).into_iter().filter(|member| shown[*member]).collect(),
        };
        self.rings = (0..RINGS.min(self.header.rings)).map(ring).collect();
    }
}

fn was(truth: &Truth, observer: usize, subject: usize, at: Mono) -> Was {
    let fact = &truth.facts[subject];
    if !fact.correct {
        Was::Liar
    } else if !fact.runs() || fact.left.is_some() {
        Was::Gone
    } else if !truth.connected(observer, subject) {
        Was::Apart
    } else if truth.is_healthy(subject, at) && truth.is_healthy(observer, at) {
        Was::Healthy
    } else {
        Was::Disturbed
    }
}

fn tales(
    scene: &Scene<'_>,
    people: &[Person],
    lies: &BTreeMap<usize, String>,
    left_out: &mut Vec<String>,
) -> Vec<Tale> {
    let tale = |(member, person): (usize, &Person)| Tale {
        member,
        lies: lies.get(&member).cloned(),
        fate: fate(scene.truth, member),
        gray: person.gray,
        disturbed: person.disturbed,
        wrong_s: person.wrong_s,
        wronged_s: person.wronged_s,
        sent: scene.world.sent(member),
    };
    let mut tales: Vec<_> = people.iter().enumerate().map(tale).collect();
    if tales.len() > TALES {
        left_out.push(format!("{} of {} members: the most ordinary", tales.len() - TALES, tales.len()));
        let ordinary = |tale: &Tale| {
            let is_special = tale.lies.is_some() || tale.fate != Fate::Runs || tale.gray || tale.disturbed;
            (!is_special, std::cmp::Reverse(tale.wronged_s.max(tale.wrong_s)), tale.member)
        };
        tales.sort_by_key(ordinary);
        tales.truncate(TALES);
        tales.sort_by_key(|tale| tale.member);
    }
    tales
}

fn fate(truth: &Truth, member: usize) -> Fate {
    let fact = &truth.facts[member];
    match (fact.started, fact.left, fact.crashed) {
        (None, _, _) => Fate::Absent,
        (_, Some(_), _) => Fate::Left,
        (_, _, Some(_)) => Fate::Crashed,
        _ => Fate::Runs,
    }
}
