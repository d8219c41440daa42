//! Whether a run was as its scenario expects.

use super::{Broken, Outcome, Verdict, outcome::round};
use crate::scenario::Expect;
use core::time::Duration;

/// What only expectations ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct More {
    /// The end.
    pub(super) until: Duration,
    /// When nothing disturbs any more.
    pub(super) calm: Duration,
    /// What a member sent on average, by the size of everybody's certificate and note.
    pub(super) bytes_per_records: f64,
}

/// Adds what was not as expected, and judges.
pub(super) fn judge(expect: &Expect, mut outcome: Outcome, more: More) -> Outcome {
    let missed = missed(expect, &outcome, more);
    let excused =
        |name: &String| expect.violations.contains(name) || expect.violations_allowed.contains(name);
    let bad = outcome.violations.iter().any(|broken| !excused(&broken.invariant));
    outcome.verdict = if bad || !missed.is_empty() { Verdict::Fail } else { Verdict::Pass };
    outcome.violations.extend(missed.into_iter().map(|(key, detail)| Broken {
        invariant: format!("expect.{key}"),
        at_s: round(more.until.as_secs_f64()),
        member: None,
        detail,
    }));
    outcome
}

/// Keys that do not hold, and what is so instead.
fn missed(expect: &Expect, outcome: &Outcome, more: More) -> Vec<(&'static str, String)> {
    let mut missed = Vec::new();
    let mut check = |key, holds: Option<bool>, found: String| {
        if holds == Some(false) {
            missed.push((key, found));
        }
    };
    let pairs = outcome.false_removals.pairs;
    let removed = format!("{pairs} pairs, {} members", outcome.false_removals.members);
    check("false_removals", expect.false_removals.map(|most| pairs <= most), removed.clone());
    check("false_removals_min", expect.false_removals_min.map(|least| pairs >= least), removed);
    let all = outcome.detection.all_s;
    let detected = |most: Duration| match (all, outcome.detection.first_s) {
        (Some(all), _) => all <= most.as_secs_f64(),
        // Nobody crashed whom a healthy member held; a crash that nobody noticed is a violation anyway.
        (None, first) => {
            first.is_none() && outcome.violations.iter().all(|broken| broken.invariant != super::UNDETECTED)
        }
    };
    let found = all.map_or_else(|| "not by all".into(), |all| format!("after {all} s"));
    check("detected_by_all", expect.detected_by_all.map(detected), found);
    let late = outcome.converged_at_s.map(|at| round(at - more.calm.as_secs_f64()));
    let found = late.map_or_else(
        || "some view is wrong at the end".into(),
        |late| format!("{late} s after the last disturbance"),
    );
    let within = |most: Duration| late.is_some_and(|late| late <= most.as_secs_f64());
    check("converged_within", expect.converged_within.map(within), found.clone());
    check("not_converged", expect.not_converged.map(|wanted| wanted == late.is_none()), found);
    let view = outcome.view;
    let found = format!("{} to {} of {}", view.min, view.max, view.expected);
    let share = |share: f64| share * view.expected as f64;
    check("view_min", expect.view_min.map(|least| view.min as f64 >= share(least)), found.clone());
    check("view_max", expect.view_max.map(|most| view.max as f64 <= share(most)), found);
    let healthy = outcome.transitions.healthy;
    check("transitions_healthy", expect.transitions_healthy.map(|most| healthy <= most), healthy.to_string());
    let disturbed = outcome.transitions.disturbed_max;
    let holds = expect.disturbed_transitions_max.map(|most| disturbed <= most);
    check("disturbed_transitions_max", holds, disturbed.to_string());
    let rates = outcome.traffic.bytes_per_member_per_s;
    let holds = expect.bytes_per_member_per_s.map(|most| rates.mean <= most);
    check("bytes_per_member_per_s", holds, rates.mean.to_string());
    let holds = expect.bytes_per_member_per_s_max.map(|most| rates.max <= most);
    check("bytes_per_member_per_s_max", holds, rates.max.to_string());
    let holds = expect.bytes_per_records.map(|most| more.bytes_per_records <= most);
    check("bytes_per_records", holds, round(more.bytes_per_records).to_string());
    for name in &expect.violations {
        let found = outcome.violations.iter().any(|broken| broken.invariant == *name);
        check("violations", Some(found), format!("{name} was not violated"));
    }
    missed
}
