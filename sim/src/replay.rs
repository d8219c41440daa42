//! Simulated runs, again: a trace names its scenario and seed, and the digest of every second says whether the run is the same.
//!
//! Traces of real members (`ifrit agent --record`) are the core's: see [`ifrit_core::recorder`].

use crate::{
    chronicle::{Chronicle, Sample},
    run::{self, Expected, Options, Outcome, Scene, Witness},
    scenario::{Error, Scenario},
};
use ifrit_core::time::Mono;
use std::fmt;

/// How many members are looked at, to say what is different.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Second {
    at_s: f64,
    digest: u64,
    views: (u32, u32),
}

/// What came of running a trace's scenario again.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeated {
    /// Moments of the trace at which both runs had done the same.
    pub equal: usize,
    /// The first one at which they had not.
    pub differs: Option<Difference>,
    /// How it ended this time.
    pub outcome: Outcome,
}

/// The first moment at which a repeated run is another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The last moment at which both had done the same, in seconds; 0 if there is none.
    pub after_s: f64,
    /// The moment.
    pub at_s: f64,
    /// The smallest and the largest live view then, in the trace and now.
    pub views: [(u32, u32); 2],
    /// The version of this crate that made the trace.
    pub version: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [then, now] = self.views;
        writeln!(f, "this run differs from the recorded one between {} and {} s", self.after_s, self.at_s)?;
        writeln!(
            f,
            "  live views at {} s: {} to {} then, {} to {} now",
            self.at_s, then.0, then.1, now.0, now.1
        )?;
        write!(f, "  the trace was made by version {}, this is {}", self.version, env!("CARGO_PKG_VERSION"))
    }
}

/// Runs the scenario of a trace again, and compares it second by second as far as the trace tells.
///
/// # Errors
/// If the scenario in the trace is none.
pub fn repeat(trace: &Chronicle) -> Result<Repeated, Error> {
    let header = &trace.header;
    let scenario = Scenario::parse(&header.path, &header.scenario, header.members_override)?;
    let mut seconds = Seconds::default();
    let outcome = run::run(&scenario, header.seed, Options { witness: Some(&mut seconds) })?;
    let same = |sample: &&Sample| seconds.at(sample.at_s).is_some_and(|now| now.has_done(sample));
    let equal = trace.samples.iter().take_while(same).count();
    let differs = trace.samples.get(equal).map(|sample| Difference {
        after_s: equal.checked_sub(1).map_or(0.0, |last| trace.samples[last].at_s),
        at_s: sample.at_s,
        views: [(sample.view.min, sample.view.max), seconds.at(sample.at_s).map_or((0, 0), |now| now.views)],
        version: header.version.clone(),
    });
    Ok(Repeated { equal, differs, outcome })
}

/// Notes the digest of every second.
#[derive(Debug, Default)]
struct Seconds {
    origin: Mono,
    seen: Vec<Second>,
}

impl Seconds {
    fn at(&self, at_s: f64) -> Option<&Second> {
        // Both are whole milliseconds.
        self.seen.iter().find(|second| (second.at_s - at_s).abs() < 5e-4)
    }
}

impl Second {
    fn has_done(&self, sample: &Sample) -> bool {
        format!("{:016x}", self.digest) == sample.digest
    }
}

impl Witness for Seconds {
    fn begins(&mut self, scene: &Scene<'_>) {
        self.origin = scene.now();
    }

    fn look(&mut self, scene: &Scene<'_>, _: &Expected) {
        let facts = scene.truth.facts.iter().enumerate();
        let looks = facts.filter(|(_, fact)| fact.correct && fact.runs());
        let sizes: Vec<_> = looks.map(|(member, _)| scene.views.count(member) as u32).collect();
        let views = (sizes.iter().min().copied().unwrap_or(0), sizes.iter().max().copied().unwrap_or(0));
        let at_s = scene.now().since(self.origin).as_millis() as f64 / 1000.0;
        self.seen.push(Second { at_s, digest: scene.world.digest(), views });
    }
}
