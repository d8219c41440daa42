//! What a scenario expects of its run.

use super::write;
use core::time::Duration;
use ifrit_node::document::{Result, Value};
use serde::Serialize;

/// What is expected. Every key is optional; a run fails, as `expect.KEY`, when one does not hold.
///
/// | key | holds when |
/// |---|---|
/// | `false_removals` | at most so many pairs of correct, healthy members had one put the other Down |
/// | `false_removals_min` | at least so many did: shows where the promise ends |
/// | `detected_by_all` | every crash was known to all healthy members within this span |
/// | `converged_within` | all views are right, and none was wrong later than this after the last disturbance (entry of the timeline, liar) ended |
/// | `not_converged` | if true: some view is wrong at the end; if false: none is |
/// | `view_min`, `view_max` | the smallest / largest view at the end is at least / at most this many times the expected one |
/// | `transitions_healthy` | healthy members changed at most so often between live and out for each other |
/// | `disturbed_transitions_max` | no view saw one disturbed member change more often |
/// | `bytes_per_member_per_s`, `bytes_per_member_per_s_max` | members sent at most so much on average / each |
/// | `bytes_per_records` | members sent on average at most so many times the size of everybody's certificate and note, in the whole run |
/// | `violations` | exactly these invariants are violated; without it, none may be |
/// | `violations_allowed` | these may be violated too |
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the table says it")]
pub struct Expect {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_removals: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_removals_min: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::some_span")]
    pub detected_by_all: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::some_span")]
    pub converged_within: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_converged: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view_max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transitions_healthy: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disturbed_transitions_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_member_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_member_per_s_max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_records: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations_allowed: Vec<String>,
}

const KEYS: &[&str] = &[
    "false_removals",
    "false_removals_min",
    "detected_by_all",
    "converged_within",
    "not_converged",
    "view_min",
    "view_max",
    "transitions_healthy",
    "disturbed_transitions_max",
    "bytes_per_member_per_s",
    "bytes_per_member_per_s_max",
    "bytes_per_records",
    "violations",
    "violations_allowed",
];

impl Expect {
    pub(super) fn parse(value: &Value<'_>) -> Result<Self> {
        let table = value.table(KEYS)?;
        let number = |key| table.get(key).map(|value| value.number()).transpose();
        let float = |key| table.get(key).map(|value| value.float()).transpose();
        let span = |key| table.get(key).map(|value| value.span()).transpose();
        let names = |key| table.list(key)?.iter().map(invariant).collect::<Result<Vec<_>>>();
        Ok(Self {
            false_removals: number("false_removals")?,
            false_removals_min: number("false_removals_min")?,
            detected_by_all: span("detected_by_all")?,
            converged_within: span("converged_within")?,
            not_converged: table.get("not_converged").map(|value| value.flag()).transpose()?,
            view_min: float("view_min")?,
            view_max: float("view_max")?,
            transitions_healthy: number("transitions_healthy")?,
            disturbed_transitions_max: number("disturbed_transitions_max")?,
            bytes_per_member_per_s: float("bytes_per_member_per_s")?,
            bytes_per_member_per_s_max: float("bytes_per_member_per_s_max")?,
            bytes_per_records: float("bytes_per_records")?,
            violations: names("violations")?,
            violations_allowed: names("violations_allowed")?,
        })
    }
}

fn invariant(value: &Value<'_>) -> Result<String> {
    let all = crate::invariant::all();
    let names = all.iter().map(|invariant| invariant.name()).chain([crate::run::UNDETECTED]);
    let names: Vec<_> = names.map(|name| (name, name)).collect();
    value.word(&names).map(Into::into)
}
