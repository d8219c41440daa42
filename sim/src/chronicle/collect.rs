//! Collects a chronicle while its run goes on: work per notice, and per virtual second of the order of the views' bits.

use super::{
    BAND_MEMBERS, Band, Chronicle, Expectation, FORMAT, Fate, Header, Outcome, Ring, Sample, Seconds, TRACE,
    Tale, Was,
    heat::HeatMap,
    ledger::{Charge, Ledger},
    outs::Outs,
    samples::{self, Samples},
};
use crate::{
    run::{Scene, Truth},
    world::Observed,
};
use ifrit_core::{accusation::Accusation, action::Notice, time::Mono};
use std::collections::BTreeMap;

/// Rings that are drawn.
const RINGS: u8 = 2;
/// Members of which a tale is told, and that stand on the rings; of more, those that are not just ordinary.
const TALES: usize = 1_000;

/// A chronicle in the making.
#[derive(Debug)]
pub struct Collector {
    header: Header,
    /// When the scenario's time begins.
    origin: Mono,
    samples: Samples,
    bands: Vec<Band>,
    ledger: Ledger,
    outs: Outs,
    observers: HeatMap,
    subjects: HeatMap,
    people: Vec<Person>,
    /// Wrong pairs of each member as observer and as subject, in the present second.
    wrong: Vec<u32>,
    wronged: Vec<u32>,
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
    /// Begins: the scenario's time is 0 now.
    pub fn new(header: Header, scene: &Scene<'_>) -> Self {
        let members = header.members;
        let person = |member| Person { sent: scene.world.sent(member), ..Person::default() };
        Self {
            header,
            origin: scene.now(),
            samples: Samples::default(),
            bands: Vec::new(),
            ledger: Ledger::default(),
            outs: Outs::default(),
            observers: HeatMap::new(members),
            subjects: HeatMap::new(members),
            people: (0..members).map(person).collect(),
            wrong: vec![0; members],
            wronged: vec![0; members],
        }
    }

    /// Something is done to `members` (to all if empty) from `from` until `until`, in world time; until the end if `None`.
    pub fn band(&mut self, kind: &str, label: &str, from: Mono, until: Option<Mono>, members: &[usize]) {
        self.bands.push(Band {
            kind: kind.into(),
            label: label.into(),
            from_s: self.seconds(from).into(),
            until_s: until.map(|until| self.seconds(until).into()),
            members: members.iter().copied().take(BAND_MEMBERS).collect(),
            struck: members.len(),
        });
    }

    fn seconds(&self, at: Mono) -> Seconds {
        Seconds(at.since(self.origin).as_millis() as u64)
    }

    fn since_origin(&self, at: Mono) -> Mono {
        Mono(at.0.saturating_sub(self.origin.0))
    }

    /// An application was told something. Members that lie are not asked.
    pub fn told(&mut self, scene: &Scene<'_>, what: &Observed) {
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

    /// Once per virtual second.
    pub fn look(&mut self, scene: &Scene<'_>) {
        let looks: Vec<_> = (0..self.people.len()).filter(|member| watches(scene.truth, *member)).collect();
        let (view, expected) = self.compare(scene, &looks);
        let sent = looks.iter().map(|member| scene.world.sent(*member) - self.people[*member].sent).collect();
        self.samples.push(Sample {
            at_s: self.seconds(scene.now()).into(),
            view: samples::spread(&view),
            expected: samples::spread(&expected),
            wrong: self.wrong.iter().map(|wrong| u64::from(*wrong)).sum(),
            bytes: samples::bytes(sent),
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

    /// Compares the views of `looks` with what is so; their sizes, and what they should be.
    fn compare(&mut self, scene: &Scene<'_>, looks: &[usize]) -> (Vec<u32>, Vec<u32>) {
        self.wrong.fill(0);
        self.wronged.fill(0);
        let mut sides = BTreeMap::new();
        let (mut view, mut expected) = (Vec::new(), Vec::new());
        for observer in looks {
            let group = scene.truth.facts[*observer].group;
            let (row, size) = sides.entry(group).or_insert_with(|| side(scene.truth, group));
            for (word, (seen, so)) in scene.views.row(*observer).iter().zip(row.iter()).enumerate() {
                let mut differ = seen ^ so;
                self.wrong[*observer] += differ.count_ones();
                while differ != 0 {
                    self.wronged[word * 64 + differ.trailing_zeros() as usize] += 1;
                    differ &= differ - 1;
                }
            }
            view.push(scene.views.count(*observer) as u32);
            expected.push(*size);
        }
        (view, expected)
    }

    /// The run is over. `lies` tells what a member does that lies.
    pub fn end(
        self,
        scene: &Scene<'_>,
        lies: &BTreeMap<usize, String>,
        expectations: Vec<Expectation>,
        outcome: Outcome,
    ) -> Chronicle {
        let mut left_out = Vec::new();
        let mut bands = self.bands;
        bands.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
        let (samples, every) = self.samples.end();
        if every > 1 {
            left_out.push(format!("moments: a sample stands for {every} s"));
        }
        let (observers, subjects) = (self.observers.end(), self.subjects.end());
        if observers.members_per_row > 1 {
            let each = observers.members_per_row;
            left_out.push(format!("single members in the pictures of wrong views: a row stands for {each}"));
        }
        let members = tales(scene, &self.people, lies, &mut left_out);
        let mut shown = vec![false; self.people.len()];
        members.iter().for_each(|tale| shown[tale.member] = true);
        let ring = |ring| Ring {
            ring,
            order: scene.world.ring(ring).into_iter().filter(|member| shown[*member]).collect(),
        };
        let rings = (0..RINGS.min(self.header.rings)).map(ring).collect();
        Chronicle {
            trace: TRACE.into(),
            format: FORMAT,
            header: self.header,
            expectations,
            outcome,
            bands,
            samples,
            edges: self.ledger.end(&mut left_out),
            outs: self.outs.end(&mut left_out),
            observers,
            subjects,
            rings,
            members,
            left_out,
        }
    }
}

/// Whether a member's view should be right.
fn watches(truth: &Truth, member: usize) -> bool {
    let fact = &truth.facts[member];
    fact.correct && fact.runs() && fact.left.is_none()
}

/// Who should be live in the views of one side of a partition: a bit per member; and how many.
fn side(truth: &Truth, group: u32) -> (Vec<u64>, u32) {
    let mut row = vec![0; truth.facts.len().div_ceil(64)];
    for (member, fact) in truth.facts.iter().enumerate() {
        if fact.group == group && fact.runs() && fact.left.is_none() {
            row[member / 64] |= 1_u64 << (member % 64);
        }
    }
    let size = row.iter().map(|word| word.count_ones()).sum();
    (row, size)
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
