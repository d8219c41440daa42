//! A run told in lines: what members observed, in the protocol's words, for golden transcripts.
//!
//! Members are A, B, C…; notes are numbered in the order of their epochs. What several observe alike is one line with
//! the time of the first and of the last, in seconds since the story began.
//!
//! A story that [listens](Story::listen) tells what members say to each other too: pings, records, walks.

mod said;

use crate::world::{Observed, Said, World};
use ifrit_core::{accusation::Accusation, action::Notice, id::MemberId, time::Mono};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// A story in the making.
#[derive(Debug)]
pub struct Story {
    text: String,
    begin: Mono,
    told: Mono,
    /// Epochs seen of each member.
    epochs: BTreeMap<MemberId, BTreeSet<u64>>,
    /// Certificates seen of each member.
    certificates: BTreeMap<MemberId, Vec<Vec<u8>>>,
    /// Pings without an answer, by pinger and pinged.
    unanswered: BTreeMap<(usize, usize), u32>,
    /// Which words that members say are told.
    tells: fn(&Said, &str) -> bool,
}

/// One line to be: who observed it, first and last.
struct Line {
    what: String,
    observers: BTreeSet<usize>,
    /// To whom it was said, if it was.
    hearers: BTreeSet<usize>,
    first: Mono,
    last: Mono,
}

/// Adds it to the line that says the same, or makes one.
fn note_down(lines: &mut Vec<Line>, what: String, at: Mono, by: usize, to: Option<usize>) {
    let same = |line: &Line| line.what == what && line.hearers.is_empty() == to.is_none();
    let place = lines.iter().position(same).unwrap_or_else(|| {
        let (observers, hearers) = (BTreeSet::new(), BTreeSet::new());
        lines.push(Line { what, observers, hearers, first: at, last: at });
        lines.len() - 1
    });
    let line = &mut lines[place];
    line.observers.insert(by);
    line.hearers.extend(to);
    line.last = at;
}

/// A member's letter.
pub fn letter(index: usize) -> char {
    char::from(b'A' + u8::try_from(index).expect("a story has few members"))
}

fn letters(members: impl IntoIterator<Item = usize>) -> String {
    members.into_iter().map(|member| letter(member).to_string()).collect::<Vec<_>>().join(" ")
}

impl Story {
    /// Begins with a title, what it shows, and the rings.
    pub fn new(world: &World, title: &str, about: &str) -> Self {
        let params = world.params();
        let mut text = format!("# {title}\n");
        about.lines().for_each(|line| text += &format!("# {}\n", line.trim()));
        let names = letters(0..world.len());
        let rings = if params.rings == 1 { "ring" } else { "rings" };
        write!(text, "\nmembers {names}; {} {rings}, {} may lie", params.rings, params.tolerance)
            .expect("a string");
        writeln!(text, "; Δ = {:.2} s", params.delta.as_secs_f64()).expect("a string");
        for ring in 0..params.rings {
            writeln!(text, "ring {ring}: {}", letters(world.ring(ring))).expect("a string");
        }
        let mut story = Self {
            text,
            begin: world.now(),
            told: world.now(),
            epochs: BTreeMap::new(),
            certificates: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            tells: |_, _| false,
        };
        for node in world.running() {
            let view = world.member(node).view();
            for member in view.members() {
                story.note(&member.id, member.epoch);
                view.certificate(&member.id).map(|der| story.certificate(&member.id, der));
            }
        }
        story
    }

    /// From now on tells what members say to each other, as far as `tells` wants the words.
    pub fn listen(&mut self, world: &mut World, tells: fn(&Said, &str) -> bool) {
        self.hear(world);
        world.listen();
        self.tells = tells;
    }

    /// Says what a test does next.
    pub fn say(&mut self, world: &World, what: &str) {
        self.hear(world);
        writeln!(self.text, "\n{:>6.1} s  == {what}", self.seconds(world.now())).expect("a string");
    }

    /// Adds what was observed since the last call.
    pub fn hear(&mut self, world: &World) {
        let mut lines: Vec<Line> = Vec::new();
        for seen in world.since(self.told) {
            if let Some(what) = self.words(world, seen) {
                note_down(&mut lines, what, seen.at, seen.observer, None);
            }
        }
        for said in world.said(self.told) {
            if let Some(what) = self.said(world, said).filter(|what| (self.tells)(said, what)) {
                note_down(&mut lines, what, said.at, said.from, Some(said.to));
            }
        }
        lines.sort_by_key(|line| line.first);
        lines.into_iter().for_each(|line| self.write(&line));
        // What happens at this very moment was heard; the next call begins after it.
        self.told = Mono(world.now().0 + 1);
    }

    /// Adds how every member that runs sees the others, and ends.
    pub fn end(mut self, world: &World) -> String {
        self.look(world, "in the end");
        self.text
    }

    /// Adds how every member that runs sees the others now.
    pub fn look(&mut self, world: &World, when: &str) {
        self.say(world, when);
        let mut views: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for node in world.running() {
            views.entry(self.view(world, node)).or_default().push(node);
        }
        for (view, nodes) in views {
            writeln!(self.text, "          {}: {view}", letters(nodes)).expect("a string");
        }
    }

    /// Adds which accusations of `subject` every member holds now.
    pub fn look_at_case(&mut self, world: &World, subject: usize) {
        self.hear(world);
        let mut cases: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for node in world.running().into_iter().filter(|node| *node != subject) {
            cases.entry(case(world, node, subject)).or_default().push(node);
        }
        for (case, nodes) in cases {
            writeln!(self.text, "          {}: {case}", letters(nodes)).expect("a string");
        }
    }

    fn view(&mut self, world: &World, node: usize) -> String {
        let view = world.member(node).view();
        let members: Vec<_> = view.members().collect();
        let mut words: Vec<_> = members
            .iter()
            .map(|member| {
                let name = letter(world.index(&member.id));
                let disabled = u32::from(world.params().rings) - member.mask.count();
                let mask = if disabled > 0 { format!(", rings off: {disabled}") } else { String::new() };
                let state = format!("{:?}", member.state).to_lowercase();
                let number = view.certificate(&member.id).map_or(1, |der| self.certificate(&member.id, der));
                let renewed = if number > 1 { format!(", certificate {number}") } else { String::new() };
                format!("{name} {state} ({}{renewed}{mask})", self.note(&member.id, member.epoch))
            })
            .collect();
        words.sort();
        words.join(" · ")
    }

    fn seconds(&self, at: Mono) -> f64 {
        at.since(self.begin).as_secs_f64()
    }

    fn write(&mut self, line: &Line) {
        let (first, last) = (self.seconds(line.first), self.seconds(line.last));
        let who = letters(line.observers.iter().copied());
        let until = if last - first >= 0.05 {
            format!(", the last {:.1} s later", last - first)
        } else {
            String::new()
        };
        let to = if line.hearers.is_empty() { String::new() } else { " to ".into() };
        let whom = letters(line.hearers.iter().copied());
        writeln!(self.text, "{first:>6.1} s  {who}{to}{whom}: {}{until}", line.what).expect("a string");
    }

    /// The number of a certificate among all of its member's that were heard of.
    fn certificate(&mut self, member: &MemberId, der: &[u8]) -> usize {
        let seen = self.certificates.entry(*member).or_default();
        let at = seen.iter().position(|held| held == der).unwrap_or_else(|| {
            seen.push(der.to_vec());
            seen.len() - 1
        });
        at + 1
    }

    /// The number of a note among all of its member's that were heard of.
    fn note(&mut self, member: &MemberId, epoch: u64) -> String {
        let epochs = self.epochs.entry(*member).or_default();
        epochs.insert(epoch);
        format!("note {}", epochs.range(..=epoch).count())
    }

    fn words(&mut self, world: &World, seen: &Observed) -> Option<String> {
        let name = |id: &MemberId| letter(world.index(id));
        Some(match &seen.notice {
            Notice::Joined { unconfirmed: false } => "joined".into(),
            Notice::Joined { unconfirmed: true } => "joined, with fewer contacts than promised".into(),
            Notice::Up { member, epoch } => {
                format!("{} is live ({})", name(member), self.note(member, *epoch))
            }
            Notice::Accused { accusation } => format!("accusation held: {}", self.charge(world, accusation)),
            Notice::AccusedMyself { accusation } => {
                format!("accusation of itself: {}", self.charge(world, accusation))
            }
            Notice::Rebutted { member, epoch } => {
                format!("{} answers ({})", name(member), self.note(member, *epoch))
            }
            Notice::Down { accusation } => {
                format!("{} is down, for {}", name(&accusation.accused), self.charge(world, accusation))
            }
            Notice::Gray { member } => format!("{} is gray", name(member)),
            Notice::Left { member } => format!("{} has left", name(member)),
            Notice::Expired { member } => format!("{}'s lease has ended", name(member)),
            Notice::Revoked { member } => format!("{} is revoked", name(member)),
            Notice::Succeeded { until } => {
                format!("another root follows the network's, which is believed until {}", until.0)
            }
            Notice::Updated { member, epoch } => {
                format!("{} has changed ({})", name(member), self.note(member, *epoch))
            }
            Notice::Equivocation { member, epoch } => {
                format!("{} says two things in one epoch ({})", name(member), self.note(member, *epoch))
            }
            Notice::IdentityInUse { .. } => "somebody else uses its key".into(),
            Notice::Misbehaviour { peer, kind } => format!("{} misbehaves: {kind:?}", name(peer)),
            _ => return None,
        })
    }

    fn charge(&mut self, world: &World, accusation: &Accusation) -> String {
        let name = |id: &MemberId| letter(world.index(id));
        let note = self.note(&accusation.accused, accusation.epoch);
        format!(
            "{} accuses {} on ring {} ({note})",
            name(&accusation.accuser),
            name(&accusation.accused),
            accusation.ring
        )
    }
}

/// How a view holds `subject`: state, hold, accusations.
fn case(world: &World, node: usize, subject: usize) -> String {
    let name = letter(subject);
    let Some(explained) = world.member(node).view().explain(&world.id(subject)) else {
        return format!("{name} is nobody");
    };
    let state = format!("{:?}", explained.member.state).to_lowercase();
    let hold = if explained.held_until.is_some() { ", held" } else { "" };
    let mut text = format!("{name} is {state}{hold}");
    for charge in &explained.accusations {
        let accuser = letter(world.index(&charge.accusation.accuser));
        let valid = if charge.valid { "valid" } else { "parked" };
        write!(text, " · {accuser} on ring {}, {valid}", charge.accusation.ring).expect("a string");
    }
    text
}
