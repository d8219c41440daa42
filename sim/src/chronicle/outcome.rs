//! How a run ended: the line of `--json`, with its keys (DESIGN section 7).

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// 1.
    pub format: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Seed.
    pub seed: u64,
    /// Members.
    pub members: usize,
    /// `pass` or `fail`.
    pub verdict: String,
    /// What does not hold.
    pub violations: Vec<Violation>,
    /// Live views in the end.
    pub view: View,
    /// Last moment at which some correct view was wrong.
    pub converged_at_s: Option<f64>,
    /// Correct members put out by correct ones.
    pub false_removals: FalseRemovals,
    /// Changes between live and out.
    pub transitions: Transitions,
    /// Seconds from a crash to Down.
    pub detection: Detection,
    /// Bytes sent.
    pub traffic: Traffic,
    /// CPU time.
    pub cpu_us_per_member_per_s: f64,
    /// Events handled.
    pub events: u64,
    /// Time it took.
    pub wall_s: f64,
    /// Memory.
    pub peak_rss_bytes: u64,
    /// Over everything but cpu, wall and memory.
    pub digest: String,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// Its name.
    pub invariant: String,
    /// When.
    pub at_s: f64,
    /// Whom it is about.
    pub member: Option<usize>,
    /// What was seen.
    pub detail: String,
}

/// Live views in the end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The least.
    pub min: u32,
    /// The mean.
    pub mean: f64,
    /// The most.
    pub max: u32,
    /// As it should be.
    pub expected: u32,
}

/// Correct members put out by correct ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FalseRemovals {
    /// Pairs.
    pub pairs: u64,
    /// Subjects.
    pub members: u64,
}

/// Changes between live and out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transitions {
    /// Over pairs of healthy members.
    pub healthy: u64,
    /// The most of one view and one disturbed member.
    pub disturbed_max: u64,
}

/// Seconds from a crash to Down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// The first.
    pub first_s: Option<f64>,
    /// Half of them.
    pub p50_s: Option<f64>,
    /// 99 %.
    pub p99_s: Option<f64>,
    /// All.
    pub all_s: Option<f64>,
}

/// Bytes sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// By each.
    pub bytes_per_member_per_s: super::Bytes,
}
