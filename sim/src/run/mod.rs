//! One run of a scenario: the world, the truth about it, what watches it, and what comes out.
//!
//! ```text
//!   Scenario ──► Timeline ──► World ──► notices ──► Views ──► Figures ──┐
//!                   │                      │          ├──► Expected ────┤──► Outcome (the JSON line)
//!                   └──► Truth ────────────┴──────────┴──► invariants ──┘
//! ```
//!
//! The work is proportional to what applications are told, and to N²/64 words per entry of the timeline: nobody asks all
//! members about all members.

mod effects;
mod expectations;
mod expected;
mod figures;
mod meter;
mod outcome;
mod runner;
mod selector;
mod timeline;
mod truth;
mod window;

pub use expectations::Check;
pub use expected::Expected;
pub use outcome::{
    Broken, Detection, FalseRemovals, Outcome, Rates, Traffic, Transitions, Verdict, ViewSizes,
};
pub use truth::{Fact, Truth};

use crate::{
    scenario::{Action, Adversary, Error, Scenario},
    views::Views,
    world::{Observed, World},
};
use ifrit_core::{params::Params, time::Mono};

/// The name in `violations` of a crash that somebody healthy did not notice.
pub const UNDETECTED: &str = "undetected";

/// What a check or a figure may look at.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The world, now.
    pub world: &'a World,
    /// What is so.
    pub truth: &'a Truth,
    /// Who holds whom live, kept from the notices.
    pub views: &'a Views,
    /// Periods and bounds of the network.
    pub params: &'a Params,
}

impl Scene<'_> {
    /// World time.
    pub fn now(&self) -> Mono {
        self.world.now()
    }
}

/// Watches a run and changes nothing: what a report is made from.
pub trait Witness {
    /// These members will lie. Called before the run begins.
    fn lies(&mut self, _how: &Adversary, _liars: &[usize]) {}

    /// The run begins.
    fn begins(&mut self, _scene: &Scene<'_>) {}

    /// An entry of the timeline happens: what, and whom it names; nobody if it strikes all.
    fn happens(&mut self, _scene: &Scene<'_>, _what: &Action, _members: &[usize]) {}

    /// An application was told something; the views hold it already.
    fn told(&mut self, _scene: &Scene<'_>, _what: &Observed) {}

    /// Each virtual second, and once more at the end. `right` says which views are.
    fn look(&mut self, _scene: &Scene<'_>, _right: &Expected) {}

    /// The run is over: what was expected, and whether it holds.
    fn ends(&mut self, _scene: &Scene<'_>, _checks: Vec<Check>) {}
}

/// How to run.
#[derive(Default)]
pub struct Options<'a> {
    /// Who watches.
    pub witness: Option<&'a mut dyn Witness>,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("witness", &self.witness.is_some()).finish()
    }
}

/// Runs `scenario` with one seed.
///
/// # Errors
/// What in the scenario cannot be run, with its line: a strategy that refuses its parameters, say, or a selector that finds
/// too few members.
pub fn run<'a>(scenario: &'a Scenario, seed: u64, options: Options<'a>) -> Result<Outcome, Error> {
    runner::Runner::new(scenario, seed, options)?.run()
}
