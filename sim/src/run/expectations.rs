//! Whether a run was as its scenario expects.

use super::{Broken, Outcome, Verdict, outcome::round};
use crate::{report::plural, scenario::Expect};
use core::time::Duration;

/// What only expectations ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct More {
    /// The end.
    pub(super) until: Duration,
    /// When nothing disturbs any more.
    pub(super) calm: Duration,
    /// How long the oldest crash has waited in the end that some healthy member has not noticed yet.
    pub(super) unnoticed: Option<Duration>,
    /// What a member sent on average, by the size of everybody's certificate and note.
    pub(super) bytes_per_records: f64,
}

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its key.
    pub key: &'static str,
    /// What is expected, in short: `≤ 8 s`.
    pub limit: String,
    /// What is so.
    pub found: String,
    /// Whether that is as expected.
    pub holds: bool,
}

/// Adds what was not as expected, and judges; and tells all that was expected.
pub(super) fn judge(expect: &Expect, mut outcome: Outcome, more: More) -> (Outcome, Vec<Check>) {
    let checks = checks(expect, &outcome, more);
    let missed: Vec<_> = checks.iter().filter(|check| !check.holds).collect();
    let excused =
        |name: &String| expect.violations.contains(name) || expect.violations_allowed.contains(name);
    let bad = outcome.violations.iter().any(|broken| !excused(&broken.invariant));
    outcome.verdict = if bad || !missed.is_empty() { Verdict::Fail } else { Verdict::Pass };
    outcome.violations.extend(missed.into_iter().map(|check| Broken {
        invariant: format!("expect.{}", check.key),
        at_s: round(more.until.as_secs_f64()),
        member: None,
        detail: check.found.clone(),
    }));
    (outcome, checks)
}

/// All that is expected.
fn checks(expect: &Expect, outcome: &Outcome, more: More) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut check = |key, expected: Option<(bool, String)>, found: String| {
        checks.extend(expected.map(|(holds, limit)| Check { key, limit, found, holds }));
    };
    let most = |value: f64, most: f64| (value <= most, format!("≤ {most}"));
    let count = |value: u64, most: u64| (value <= most, format!("≤ {most}"));
    let pairs = outcome.false_removals.pairs;
    let members = plural(outcome.false_removals.members as usize, "member");
    let removed = format!("{}, {members}", plural(pairs as usize, "pair"));
    check("false_removals", expect.false_removals.map(|most| count(pairs, most)), removed.clone());
    let holds = expect.false_removals_min.map(|least| (pairs >= least, format!("≥ {least}")));
    check("false_removals_min", holds, removed);
    let all = outcome.detection.all_s;
    let within = |most: Duration| format!("≤ {} s", most.as_secs_f64());
    let detected = |most: Duration| {
        // Without a crash of somebody whom a healthy member held, all are known.
        let known = all.is_some() || outcome.detection.first_s.is_none();
        // One that not all have noticed yet is known too late, if its time has passed.
        let missed = outcome.violations.iter().any(|broken| broken.invariant == super::UNDETECTED);
        let late = more.unnoticed.is_some_and(|waited| waited > most);
        known && !missed && !late && all.is_none_or(|all| all <= most.as_secs_f64())
    };
    let found = match (more.unnoticed, all) {
        (Some(waited), _) => format!("not by all after {} s", round(waited.as_secs_f64())),
        (None, Some(all)) => format!("after {all} s"),
        (None, None) => "not by all, or nobody crashed".into(),
    };
    check("detected_by_all", expect.detected_by_all.map(|most| (detected(most), within(most))), found);
    let late = outcome.converged_at_s.map(|at| round(at - more.calm.as_secs_f64()));
    let found = match late {
        None => "some view is wrong at the end".into(),
        Some(late) if late <= 0.0 => "before the last disturbance ended".into(),
        Some(late) => format!("{late} s after the last disturbance"),
    };
    let in_time = |most: Duration| late.is_some_and(|late| late <= most.as_secs_f64());
    check(
        "converged_within",
        expect.converged_within.map(|most| (in_time(most), within(most))),
        found.clone(),
    );
    let holds = expect
        .not_converged
        .map(|wanted| (wanted == late.is_none(), if wanted { "yes" } else { "no" }.into()));
    check("not_converged", holds, found);
    let view = outcome.view;
    let found = format!("{} to {} of {}", view.min, view.max, view.expected);
    let share = |share: f64| share * view.expected as f64;
    let holds = expect
        .view_min
        .map(|least| (view.min as f64 >= share(least), format!("≥ {} %", round(least * 100.0))));
    check("view_min", holds, found.clone());
    let holds =
        expect.view_max.map(|most| (view.max as f64 <= share(most), format!("≤ {} %", round(most * 100.0))));
    check("view_max", holds, found);
    let healthy = outcome.transitions.healthy;
    check(
        "transitions_healthy",
        expect.transitions_healthy.map(|most| count(healthy, most)),
        healthy.to_string(),
    );
    let disturbed = outcome.transitions.disturbed_max;
    let holds = expect.disturbed_transitions_max.map(|most| count(disturbed, most));
    check("disturbed_transitions_max", holds, disturbed.to_string());
    let rates = outcome.traffic.bytes_per_member_per_s;
    let holds = expect.bytes_per_member_per_s.map(|limit| most(rates.mean, limit));
    check("bytes_per_member_per_s", holds, rates.mean.to_string());
    let holds = expect.bytes_per_member_per_s_max.map(|limit| most(rates.max, limit));
    check("bytes_per_member_per_s_max", holds, rates.max.to_string());
    let holds = expect.bytes_per_records.map(|limit| most(more.bytes_per_records, limit));
    check("bytes_per_records", holds, round(more.bytes_per_records).to_string());
    for name in &expect.violations {
        let found = outcome.violations.iter().any(|broken| broken.invariant == *name);
        let words = if found { "violated" } else { "was not violated" };
        check("violations", Some((found, "as said".into())), format!("{name} {words}"));
    }
    checks
}
