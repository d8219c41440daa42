//! What comes out of a run: the JSON line. Its keys are never renamed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The figures of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// 1.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Members at the start.
    pub members: usize,
    /// Whether all was as it must be and as was expected.
    pub verdict: Verdict,
    /// What was not: the first 20 of each invariant; expectations as `expect.KEY`.
    pub violations: Vec<Broken>,
    /// Sizes of the live views of correct running members at the end.
    pub view: ViewSizes,
    /// The last moment at which some correct view was wrong; 0 if never, none if one is wrong still.
    pub converged_at_s: Option<f64>,
    /// Correct, healthy members put Down by such, for a note of their present life.
    pub false_removals: FalseRemovals,
    /// Changes between live and out.
    pub transitions: Transitions,
    /// From crash to Down.
    pub detection: Detection,
    /// What was sent.
    pub traffic: Traffic,
    /// Processor time for each member and virtual second.
    pub cpu_us_per_member_per_s: Option<f64>,
    /// Events that members handled.
    pub events: u64,
    /// Real time.
    pub wall_s: f64,
    /// The most memory that the process held.
    pub peak_rss_bytes: Option<u64>,
    /// Over everything but processor, wall and memory: equal for equal runs.
    pub digest: String,
}

/// Whether a run passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It did.
    Pass,
    /// It did not.
    Fail,
}

/// Something that must hold or was expected, and does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// What.
    pub invariant: String,
    /// When it was seen.
    pub at_s: f64,
    /// Whom it is about, if it is about one.
    pub member: Option<usize>,
    /// What was seen.
    pub detail: String,
}

/// Sizes of live views, oneself included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ViewSizes {
    /// The smallest.
    pub min: u64,
    /// The mean.
    pub mean: f64,
    /// The largest.
    pub max: u64,
    /// What they should be; on the largest side, in a partition.
    pub expected: u64,
}

/// Correct, healthy members put Down by such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FalseRemovals {
    /// Distinct (observer, subject).
    pub pairs: u64,
    /// Distinct subjects.
    pub members: u64,
}

/// Changes between live and out. The first sight of a member in its life and in the observer's is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transitions {
    /// Over all pairs of healthy members.
    pub healthy: u64,
    /// The most that one correct view saw of one disturbed member: out and back are 2.
    pub disturbed_max: u64,
}

/// Seconds from crash to Down over all pairs of a crashed and a healthy member; none without a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// The first.
    pub first_s: Option<f64>,
    /// The median.
    pub p50_s: Option<f64>,
    /// 99 of 100.
    pub p99_s: Option<f64>,
    /// The last; none too if one never came.
    pub all_s: Option<f64>,
}

/// What correct members sent over the whole run, headers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// For the time that each ran.
    pub bytes_per_member_per_s: Rates,
}

/// A figure of many members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rates {
    pub mean: f64,
    pub p99: f64,
    pub max: f64,
}

impl Outcome {
    /// Whether the run passed.
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// The JSON line, without its end.
    ///
    /// # Panics
    /// Never: all of it can be written.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data always serialises")
    }

    /// Signs everything but processor, wall and memory, together with all that members did.
    pub(super) fn seal(mut self, actions: u64) -> Self {
        let mut bare = self.clone();
        (bare.cpu_us_per_member_per_s, bare.wall_s, bare.peak_rss_bytes) = (None, 0.0, None);
        let hash = Sha256::new().chain_update(actions.to_be_bytes()).chain_update(bare.line()).finalize();
        self.digest = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        self
    }
}

/// To a thousandth: what is printed can be read.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
