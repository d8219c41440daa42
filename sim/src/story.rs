//! A run told in lines: what members observed, in the protocol's words, for golden transcripts.
//!
//! Members are A, B, C…; notes are numbered in the order of their epochs. What several observe alike is one line with
//! the time of the first and of the last, in seconds since the story began.

use crate::world::{Observed, World};
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
}

/// One line to be: who observed it, first and last.
struct Line {
    what: String,
    observers: BTreeSet<usize>,
    first: Mono,
    last: Mono,
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
        write!(text, "\nmembers {names}; {} rings, {} may lie", params.rings, params.tolerance)
            .expect("a string");
        writeln!(text, "; Δ = {:.2} s", params.delta.as_secs_f64()).expect("a string");
        for ring in 0..params.rings {
            writeln!(text, "ring {ring}: {}", letters(world.ring(ring))).expect("a string");
        }
        let mut story = Self { text, begin: world.now(), told: world.now(), epochs: BTreeMap::new() };
        for node in world.running() {
            for member in world.member(node).view().members() {
                story.note(&member.id, member.epoch);
            }
        }
        story
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
            let Some(what) = self.words(world, seen) else { continue };
            match lines.iter_mut().find(|line| line.what == what) {
                Some(line) => {
                    line.observers.insert(seen.observer);
                    line.last = seen.at;
                }
                None => lines.push(Line {
                    what,
                    observers: BTreeSet::from([seen.observer]),
                    first: seen.at,
                    last: seen.at,
                }),
            }
        }
        lines.into_iter().for_each(|line| self.write(&line));
        // What happens at this very moment was heard; the next call begins after it.
        self.told = Mono(world.now().0 + 1);
    }

    /// Adds how every member that runs sees the others, and ends.
    pub fn end(mut self, world: &World) -> String {
        self.hear(world);
        writeln!(self.text, "\n{:>6.1} s  == in the end", self.seconds(world.now())).expect("a string");
        let mut views: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for node in world.running() {
            views.entry(self.view(world, node)).or_default().push(node);
        }
        for (view, nodes) in views {
            writeln!(self.text, "          {}: {view}", letters(nodes)).expect("a string");
        }
        self.text
    }

    fn view(&mut self, world: &World, node: usize) -> String {
        let members: Vec<_> = world.member(node).view().members().collect();
        let mut words: Vec<_> = members
            .iter()
            .map(|member| {
                let name = letter(world.index(&member.id));
                let disabled = u32::from(world.params().rings) - member.mask.count();
                let mask = if disabled > 0 { format!(", rings off: {disabled}") } else { String::new() };
                let state = format!("{:?}", member.state).to_lowercase();
                format!("{name} {state} ({}{mask})", self.note(&member.id, member.epoch))
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
        writeln!(self.text, "{first:>6.1} s  {who}: {}{until}", line.what).expect("a string");
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
