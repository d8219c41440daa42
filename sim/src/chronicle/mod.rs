//! What a run leaves behind: enough to tell it again in pictures, and to see whether a repetition is the same run.
//!
//! ```text
//!   Collector ── told (per notice), look (per virtual second) ──► Chronicle ── JSON ──► report, replay
//! ```
//!
//! One JSON object, the trace of a simulated run. It stays small whatever the run: what grows with the members or with time is
//! binned, what grows with their pairs is capped, and [`Chronicle::left_out`] says what was. Lists of members are in the order
//! of their numbers unless said; times are seconds of virtual time.

mod collect;
mod events;
mod heat;
mod ledger;
mod outs;
mod read;
mod samples;

pub use collect::Collector;
pub use read::Unreadable;

use crate::run::{Outcome, Rates};
use serde::{Deserialize, Serialize};

/// What [`Chronicle::format`] is.
pub const FORMAT: u32 = 1;
/// What [`Chronicle::trace`] is.
pub const TRACE: &str = "ifrit-sim";

/// A run, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chronicle {
    /// [`TRACE`], so that a reader knows what it has.
    pub trace: String,
    /// [`FORMAT`]; another one is another format.
    pub format: u32,
    /// What was run.
    pub header: Header,
    /// What was expected, and what was seen.
    pub expectations: Vec<Expectation>,
    /// How it ended: the line of `--json`.
    pub outcome: Outcome,
    /// What was done to the members, and when they lied; in the order of their begin.
    pub bands: Vec<Band>,
    /// How it was, moment by moment.
    pub samples: Vec<Sample>,
    /// Who accused whom; those that put somebody out first, then the most.
    pub edges: Vec<Edge>,
    /// Who was put out, and why.
    pub outs: Vec<Out>,
    /// Whose view was wrong when.
    pub observers: Heat,
    /// Who was seen wrongly when.
    pub subjects: Heat,
    /// Members on the first rings.
    pub rings: Vec<Ring>,
    /// What is to be said of single members: everybody if there are few, else those that are not just ordinary.
    pub members: Vec<Tale>,
    /// What was left out, each a sentence.
    pub left_out: Vec<String>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The scenario's name.
    pub name: String,
    /// The scenario's file, as given.
    pub path: String,
    /// Its text, word for word.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Members, if `--members` said so.
    pub members_override: Option<usize>,
    /// The version of this crate.
    pub version: String,
    /// How many members there are, with those that come later.
    pub members: usize,
    /// Rings.
    pub rings: u8,
    /// Liars among a member's predecessors that do no harm.
    pub tolerance: u8,
    /// Δ.
    pub delta_s: f64,
    /// Within this a crashed member is down everywhere.
    pub detection_s: f64,
    /// How long the run lasts.
    pub until_s: f64,
}

/// What the scenario expects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Its key in the scenario.
    pub name: String,
    /// The limit, for people: `≤ 8.0 s`.
    pub limit: String,
    /// What was seen, for people.
    pub seen: String,
    /// Whether it holds.
    pub holds: bool,
}

/// Something that lasts: a fault, or a lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// What kind: the key of `do`, or `lie`.
    pub kind: String,
    /// In words, short: `crash of 1`, `false-accuser`.
    pub label: String,
    /// Its begin.
    pub from_s: f64,
    /// Its end; `null` if it lasts until the end; its begin if it is a moment.
    pub until_s: Option<f64>,
    /// Whom it strikes, at most [`BAND_MEMBERS`]; empty if everybody.
    pub members: Vec<usize>,
    /// How many that are in all.
    pub struck: usize,
}

/// Members listed in a [`Band`].
pub const BAND_MEMBERS: usize = 64;

/// One moment, or a stretch of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// When it ends.
    pub at_s: f64,
    /// Live members in the views of correct members that run.
    pub view: Spread,
    /// How many they should be.
    pub expected: Spread,
    /// Pairs (observer, subject) of which the observer is wrong; the most of the stretch.
    pub wrong: u64,
    /// Bytes that one correct member sends per second.
    pub bytes: Rates,
    /// The running digest at its end, hex.
    pub digest: String,
}

/// Least, mean, most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The least.
    pub min: u32,
    /// The mean.
    pub mean: f64,
    /// The most.
    pub max: u32,
}

/// All accusations of one member by another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Who accuses.
    pub accuser: usize,
    /// Whom.
    pub accused: usize,
    /// Different accusations (epoch, ring) that some correct member held valid, or that the accused had to answer.
    pub count: u32,
    /// Those that a newer note of the accused answered.
    pub rebutted: u32,
    /// Correct members that put the accused out for one of them.
    pub downs: u32,
    /// When the first of them was seen first.
    pub first_s: Seconds,
    /// When the last of them was seen first.
    pub last_s: Seconds,
    /// On which rings.
    pub rings: Vec<u8>,
}

/// Seconds in thousandths: exact, and short in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Seconds(pub u64);

impl From<f64> for Seconds {
    fn from(seconds: f64) -> Self {
        Self((seconds * 1e3).round() as u64)
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0 as Self / 1e3
    }
}

impl From<ifrit_core::time::Mono> for Seconds {
    fn from(at: ifrit_core::time::Mono) -> Self {
        Self(at.0 / 1_000_000)
    }
}

/// A member that correct members put out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Out {
    /// Who.
    pub subject: usize,
    /// What it was then.
    pub was: Was,
    /// By how many.
    pub observers: usize,
    /// When the first one did.
    pub first_s: Seconds,
    /// When the last one did.
    pub last_s: Seconds,
    /// Who was the first.
    pub observer: usize,
    /// The evidence of the first: who accused it.
    pub accuser: usize,
    /// On which ring.
    pub ring: u8,
    /// At which epoch of it.
    pub epoch: u64,
}

/// What a member was when it was put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Was {
    /// Correct, running and reachable: it was wronged.
    Healthy,
    /// Correct and running, but cut off from the observer.
    Apart,
    /// Correct and running, but something was done to it or to the observer: paused, lossy, skewed.
    Disturbed,
    /// Not correct.
    Liar,
    /// Not running, or gone.
    Gone,
}

/// How wrong views were: a row per member or per some members, a column per stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heat {
    /// How many members a row stands for; the last may stand for fewer.
    pub members_per_row: usize,
    /// How long a column lasts.
    pub column_s: f64,
    /// By row, by column: of all pairs of that row, how many are wrong, per mille, rounded up; the worst of the stretch.
    pub cells: Vec<Vec<u16>>,
}

/// The members on one ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Its number.
    pub ring: u8,
    /// Members in its order.
    pub order: Vec<usize>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tale {
    /// Its number.
    pub member: usize,
    /// Its strategy, if it lies.
    pub lies: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// Whether anybody held it gray.
    pub gray: bool,
    /// Whether something was done to it alone, or it was cut off.
    pub disturbed: bool,
    /// Seconds in which its view was wrong.
    pub wrong_s: u32,
    /// Seconds in which somebody's view was wrong about it.
    pub wronged_s: u32,
    /// Bytes that it sent.
    pub sent: u64,
}

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It runs.
    Runs,
    /// It crashed, and did not come back.
    Crashed,
    /// It said goodbye.
    Left,
    /// It never started.
    Absent,
}
