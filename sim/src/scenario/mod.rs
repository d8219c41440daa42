//! Scenario files: who is there, what happens when, and what is expected.
//!
//! TOML, `format = 1`. Unknown keys are refused; every error names file, line and key. Spans of time have units: `"500ms"`, `"5s"`,
//! `"2m"`. `t`, `from` and `until` count from the start: with `start = "converged"` all views are complete then.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `format` | needed | 1 |
//! | `name` | needed | what the scenario is called in figures |
//! | `members` | needed | how many there are at the start; `--members` overrides it |
//! | `seeds` | `[1]` | a list, or `{ from, count }`; `--seed` overrides it |
//! | `until` | needed | the end |
//! | `start` | `"converged"` | or `"bootstrap"`: all join through the first member |
//! | `preset` | `"lan"` | or `"wan"`, `"local"` |
//! | `crypto` | `"ideal"` | or `"real"` |
//! | `stack` | `"core"` | or `"node"`: whole QUIC members, up to about 100 |
//! | `[network_params]` | | of the CA: `p_byz` 0.1, `epsilon` 0.001 or `rings`; `members` expected (as many as there are), `delta` (from N and preset), `lease` (24 h) |
//! | `[links]` | | `latency` (uniform 0.5 to 5 ms): `{ kind = "uniform", min, max }`, `{ kind = "exp", min, mean, max }`, `{ kind = "fixed", value }`; `loss`, `duplicate`, `reorder` (rates), `bandwidth` (bytes/s that each member can send) |
//! | `[[adversary]]` | | `strategy`, `members`, `from` (start), `until` (end), `params`: see [`adversary`](crate::adversary) |
//! | `[[at]]` | | `t` and `do`; with `every` it happens again and again until `until` (the end), at random moments that are so far apart on average |
//! | `[expect]` | | see [`Expect`] |
//!
//! `do` is one of:
//!
//! | `do` | |
//! |---|---|
//! | `crash = SELECTOR` | processes end without a word |
//! | `restart = SELECTOR` | of those crashed: they start from their disks |
//! | `leave = SELECTOR` | they say goodbye, and end 2 s later |
//! | `join = { count }` | newcomers start; each knows as many live members as it needs contacts |
//! | `pause = { members, for }` | processes stop, their clocks do not; what arrives waits |
//! | `latency = { members, add, for }` | packets to and from them, or all packets, take longer |
//! | `loss = { members, rate, for }` | packets to and from them, or all packets, are lost more often |
//! | `skew = { members, by }` | their wall clocks are ahead, or behind: `"-30s"`; `"0s"` ends it |
//! | `partition = { groups, oneway, for }` | packets pass within a group only; with `oneway` also from a group to later ones. Members in no group form one more, the last |
//! | `heal = {}` | ends partitions |
//! | `certificate = { members, valid }` | the CA gives them a new certificate that ends so much later |
//! | `revoke = { members, to }` | the CA revokes them, all those before too, and an operator hands its new list to `to` (one member): all others learn of it from each other |
//!
//! Without `for` it lasts until the end. A SELECTOR is `{ count = 3 }`, `{ fraction = 0.2 }` or `{ ids = [3, 7] }`. The first two
//! draw by a hash of seed and table among correct, running members that no other selector took; a fraction is of all
//! that run, rounded to the nearest, at least 1. A member that starts again can be drawn again.

mod action;
mod expect;
mod parse;
mod write;

pub use action::{Action, At, Selector};
pub use expect::Expect;
pub use ifrit_node::document::Error;

use crate::{
    full::Stack,
    generate,
    net::Latency,
    network::Crypto,
    world::{Setup, World},
};
use core::time::Duration;
use ifrit_core::params::{Preset, Wish};
use serde::Serialize;
use std::path::Path;

/// A scenario that has been checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Where it was read from, as it was named.
    #[serde(skip)]
    pub file: String,
    /// 1.
    pub format: u32,
    /// What it is called.
    pub name: String,
    /// How many members there are at the start.
    pub members: usize,
    /// For which seeds it runs.
    #[serde(serialize_with = "write::seeds")]
    pub seeds: Vec<u64>,
    /// The end.
    #[serde(serialize_with = "write::span")]
    pub until: Duration,
    /// How it starts.
    pub start: Start,
    /// Where the network runs.
    #[serde(serialize_with = "write::preset")]
    pub preset: Preset,
    /// How members sign.
    #[serde(serialize_with = "write::crypto")]
    pub crypto: Crypto,
    /// What a member is.
    pub stack: Stack,
    /// What the CA fixes.
    pub network_params: NetworkParams,
    /// What every packet meets.
    pub links: Links,
    /// Who lies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adversary: Vec<Adversary>,
    /// What happens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<At>,
    /// What is expected.
    pub expect: Expect,
}

/// How a run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// All views are complete and equal.
    Converged,
    /// All members start at once and know only the first.
    Bootstrap,
}

/// What the CA fixes, as far as the scenario says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NetworkParams {
    /// Share of identities that may lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_byz: Option<f64>,
    /// Accepted probability of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Rings, given directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rings: Option<u8>,
    /// Expected members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<u32>,
    /// Δ.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::some_span")]
    pub delta: Option<Duration>,
    /// The lease of notes.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::some_span")]
    pub lease: Option<Duration>,
}

/// What every packet meets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Links {
    /// How long it takes.
    #[serde(serialize_with = "write::latency")]
    pub latency: Latency,
    /// How often it is lost.
    pub loss: f64,
    /// How often it arrives twice. QUIC drops the copy, so only `stack = "node"` feels it.
    pub duplicate: f64,
    /// How often it is held back, so that later ones overtake it.
    pub reorder: f64,
    /// Bytes per second that each member can send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<u64>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            latency: Latency::Uniform(Duration::from_micros(500), Duration::from_millis(5)),
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            bandwidth: None,
        }
    }
}

/// Members that lie together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Adversary {
    /// How.
    pub strategy: String,
    /// Who.
    pub members: Selector,
    /// From when on.
    #[serde(serialize_with = "write::span")]
    pub from: Duration,
    /// Until when; `None`: until the end.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::some_span")]
    pub until: Option<Duration>,
    /// What the strategy reads.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub params: toml::Table,
    /// Where it stands.
    #[serde(skip)]
    pub line: Line,
}

/// A line of the file. It makes no scenario differ from another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line(pub usize);

impl PartialEq for Line {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Scenario {
    /// Reads and checks a file; `members` overrides its own. `generated:SEED` is no file, but that seed's random
    /// [scenario](crate::generate).
    ///
    /// # Errors
    /// What is wrong with it, or that it cannot be read.
    pub fn read(path: &Path, members: Option<usize>) -> Result<Self, Error> {
        Self::parse(&path.display().to_string(), &Self::text(path)?, members)
    }

    /// The text of a file, or of the scenario drawn from a seed that `generated:SEED` names.
    ///
    /// # Errors
    /// That it cannot be read.
    pub fn text(path: &Path) -> Result<String, Error> {
        let file = path.display().to_string();
        if let Some(seed) = generate::seed_of(&file) {
            return Ok(generate::scenario(seed));
        }
        std::fs::read_to_string(path).map_err(|error| Error {
            file,
            line: 0,
            key: String::new(),
            reason: error.to_string(),
        })
    }

    /// Checks the text of a file; `members` overrides its own.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(file: &str, text: &str, members: Option<usize>) -> Result<Self, Error> {
        parse::scenario(file, text, members)
    }

    /// The scenario as a file. Lists are written out, so comments are lost and defaults show.
    ///
    /// # Panics
    /// Never: all of it can be written.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables come last, and all keys are texts")
    }

    /// The network that the CA is asked for.
    pub fn wish(&self) -> Wish {
        let params = &self.network_params;
        let usual = Wish::default();
        let ppm = |rate: Option<f64>, usual| rate.map_or(usual, self::ppm);
        Wish {
            members: params.members.unwrap_or_else(|| u32::try_from(self.members).unwrap_or(u32::MAX)),
            byzantine_ppm: ppm(params.p_byz, usual.byzantine_ppm),
            epsilon_ppm: ppm(params.epsilon, usual.epsilon_ppm),
            rings: params.rings,
            preset: self.preset,
            delta: params.delta,
            lease: params.lease,
        }
    }

    /// The world of a run, with `newcomers` that join later.
    pub fn setup(&self, seed: u64, newcomers: usize) -> Setup {
        Setup {
            newcomers,
            wish: self.wish(),
            latency: self.links.latency,
            loss_ppm: ppm(self.links.loss),
            // Whole members check real signatures, whatever the file says.
            crypto: if self.stack == Stack::Node { Crypto::Real } else { self.crypto },
            stack: self.stack,
            ..Setup::new(self.members, seed)
        }
    }

    /// That world at the start.
    pub fn world(&self, seed: u64, newcomers: usize) -> World {
        let setup = self.setup(seed, newcomers);
        let mut world = match self.start {
            Start::Converged => World::converged(setup),
            Start::Bootstrap => World::bootstrap(setup),
        };
        world.net.duplicate_ppm = ppm(self.links.duplicate);
        world.net.reorder_ppm = ppm(self.links.reorder);
        world.net.bandwidth = self.links.bandwidth;
        world
    }

    /// An error at a line of this scenario's file.
    pub(crate) fn error(&self, line: Line, key: &str, reason: impl Into<String>) -> Error {
        Error { file: self.file.clone(), line: line.0, key: key.into(), reason: reason.into() }
    }
}

/// A rate in parts per million.
pub(crate) fn ppm(rate: f64) -> u32 {
    (rate * 1e6).round() as u32
}
