//! Makes a failing scenario small: whatever can go without the failure going, goes.
//!
//! Coarse before fine: the end, the timeline, the faults of links, the adversaries, the members, then numbers. A smaller
//! scenario counts if it fails in one of the same ways. It is tried in that order again and again until nothing more can go, so
//! the result is a local minimum: each single step from it passes.

use crate::{
    net::Latency,
    scenario::{Action, Links, Scenario, Selector},
};
use core::time::Duration;
use std::collections::BTreeSet;

/// The ways in which a run fails: names of invariants and expectations.
pub type Ways = BTreeSet<String>;

/// A scenario that was made small.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// It.
    pub scenario: Scenario,
    /// Runs that it took.
    pub runs: usize,
    /// Whether no single step makes it smaller; else the runs ran out.
    pub is_least: bool,
}

/// Shrinks `scenario`, which fails in `ways`, with at most `runs` runs. `fails` runs one and tells in which ways it fails; one
/// that cannot be run fails in none. `tell` hears of each step that held: what went, and the scenario now.
pub fn shrink(
    scenario: Scenario,
    ways: &Ways,
    runs: usize,
    mut fails: impl FnMut(&Scenario) -> Ways,
    mut tell: impl FnMut(&str, &Scenario),
) -> Shrunk {
    let mut best = scenario;
    let mut left = runs;
    let mut passes = PASSES.iter().cycle();
    let mut in_vain = 0;
    while in_vain < PASSES.len() {
        let pass = passes.next().expect("a cycle has no end");
        let mut went = false;
        // A step that held makes the later candidates stale, so they are made anew from where it stood.
        let mut skip = 0;
        while let Some((what, smaller)) = pass(&best).into_iter().nth(skip) {
            if left == 0 {
                return Shrunk { scenario: best, runs, is_least: false };
            }
            left -= 1;
            if fails(&smaller).is_disjoint(ways) {
                skip += 1;
                continue;
            }
            tell(&what, &smaller);
            (best, went) = (smaller, true);
        }
        in_vain = if went { 0 } else { in_vain + 1 };
    }
    Shrunk { scenario: best, runs: runs - left, is_least: true }
}

type Candidates = Vec<(String, Scenario)>;

const PASSES: &[fn(&Scenario) -> Candidates] = &[end, timeline, links, adversaries, members, numbers];

/// With `change`, unless that changes nothing.
fn changed(from: &Scenario, change: impl FnOnce(&mut Scenario)) -> Option<Scenario> {
    let mut to = from.clone();
    change(&mut to);
    (to != *from).then_some(to)
}

fn end(scenario: &Scenario) -> Candidates {
    let shorter = |part: u32| {
        let secs = (scenario.until.as_secs() * u64::from(part)).div_ceil(8).max(1);
        let until = Duration::from_secs(secs).min(scenario.until);
        Some((format!("the end, to {secs} s"), changed(scenario, |to| to.until = until)?))
    };
    [1, 2, 4, 6, 7].into_iter().filter_map(shorter).collect()
}

fn timeline(scenario: &Scenario) -> Candidates {
    let without = |entry: usize| {
        let what = format!("{} at {:?}", scenario.at[entry].action.name(), scenario.at[entry].t);
        Some((what, changed(scenario, |to| drop(to.at.remove(entry)))?))
    };
    (0..scenario.at.len()).filter_map(without).collect()
}

fn links(scenario: &Scenario) -> Candidates {
    let set = |what: &str, change: fn(&mut Links)| {
        Some((what.to_owned(), changed(scenario, |to| change(&mut to.links))?))
    };
    let changes = [
        set("loss", |links| links.loss = 0.0),
        set("duplicates", |links| links.duplicate = 0.0),
        set("reordering", |links| links.reorder = 0.0),
        set("the bandwidth's limit", |links| links.bandwidth = None),
        set("chance in latency", |links| links.latency = Latency::Fixed(Duration::from_millis(2))),
    ];
    changes.into_iter().flatten().collect()
}

fn adversaries(scenario: &Scenario) -> Candidates {
    let without = |entry: usize| {
        let what = scenario.adversary[entry].strategy.clone();
        Some((what, changed(scenario, |to| drop(to.adversary.remove(entry)))?))
    };
    (0..scenario.adversary.len()).filter_map(without).collect()
}

fn members(scenario: &Scenario) -> Candidates {
    let all = scenario.members;
    let fewer = |members: usize| {
        Some((format!("members, to {members}"), changed(scenario, |to| to.members = members)?))
    };
    let fewer_rings = |rings: u8| {
        let params = |to: &mut Scenario| to.network_params.rings = Some(rings);
        (scenario.wish().rings.is_none_or(|now| rings < now))
            .then(|| Some((format!("rings, to {rings}"), changed(scenario, params)?)))?
    };
    let sizes = [all / 4, all / 2, all * 3 / 4, all.saturating_sub(1)].into_iter().filter(|fewer| *fewer > 0);
    sizes.filter_map(fewer).chain([1, 3, 5, 7, 11].into_iter().filter_map(fewer_rings)).collect()
}

/// Counts, spans, moments and rates of what is left: half of each, and rounder.
fn numbers(scenario: &Scenario) -> Candidates {
    let mut candidates = Vec::new();
    for entry in 0..scenario.at.len() {
        let what = format!("of {} at {:?}", scenario.at[entry].action.name(), scenario.at[entry].t);
        candidates.extend(
            changed(scenario, |to| fewer(selector(&mut to.at[entry].action)))
                .map(|to| (format!("members {what}"), to)),
        );
        candidates.extend(
            changed(scenario, |to| halve(span(&mut to.at[entry].action)))
                .map(|to| (format!("half the span {what}"), to)),
        );
        candidates.extend(
            changed(scenario, |to| to.at[entry].t = earlier(to.at[entry].t))
                .map(|to| (format!("the wait {what}"), to)),
        );
        candidates.extend(
            changed(scenario, |to| to.at[entry].every = None).map(|to| (format!("repetition {what}"), to)),
        );
    }
    for entry in 0..scenario.adversary.len() {
        let what = format!("of {}", scenario.adversary[entry].strategy);
        candidates.extend(
            changed(scenario, |to| fewer(Some(&mut to.adversary[entry].members)))
                .map(|to| (format!("members {what}"), to)),
        );
        candidates.extend(
            changed(scenario, |to| to.adversary[entry].from = Duration::ZERO)
                .map(|to| (format!("the wait {what}"), to)),
        );
        candidates.extend(
            changed(scenario, |to| to.adversary[entry].until = None)
                .map(|to| (format!("the end {what}"), to)),
        );
        candidates.extend(
            changed(scenario, |to| to.adversary[entry].params.clear())
                .map(|to| (format!("parameters {what}"), to)),
        );
    }
    candidates
}

fn fewer(selector: Option<&mut Selector>) {
    match selector {
        Some(Selector::Count(count)) => *count = (*count / 2).max(1),
        Some(chosen @ Selector::Fraction(_)) => *chosen = Selector::Count(1),
        Some(Selector::Ids(ids)) => ids.truncate(ids.len().div_ceil(2)),
        None => {}
    }
}

/// Half, in whole seconds.
fn earlier(at: Duration) -> Duration {
    Duration::from_secs(at.as_secs() / 2)
}

/// Half, in whole seconds while that is possible.
fn halve(span: Option<&mut Duration>) {
    if let Some(span) = span {
        let whole = Duration::from_secs(span.as_secs() / 2);
        *span = if whole.is_zero() { Duration::from_millis(span.as_millis() as u64 / 2) } else { whole };
    }
}

fn selector(action: &mut Action) -> Option<&mut Selector> {
    match action {
        Action::Crash(members) | Action::Restart(members) | Action::Leave(members) => Some(members),
        Action::Pause { members, .. }
        | Action::Skew { members, .. }
        | Action::Certificate { members, .. }
        | Action::Revoke { members, .. } => Some(members),
        Action::Latency { members, .. } | Action::Loss { members, .. } => members.as_mut(),
        Action::Partition { groups, .. } => groups.first_mut(),
        Action::Join { .. } | Action::Heal {} => None,
    }
}

fn span(action: &mut Action) -> Option<&mut Duration> {
    match action {
        Action::Pause { span, .. } => Some(span),
        Action::Latency { span, .. } | Action::Loss { span, .. } | Action::Partition { span, .. } => {
            span.as_mut()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        format = 1
        name = "big"
        members = 40
        seeds = [1]
        until = "300s"
        [links]
        loss = 0.1
        [[adversary]]
        strategy = "false-accuser"
        members = { count = 4 }
        from = "10s"
        [[adversary]]
        strategy = "flooder"
        members = { count = 1 }
        from = "10s"
        [[at]]
        t = "60s"
        do = { crash = { count = 8 } }
        [[at]]
        t = "80s"
        do = { loss = { members = { fraction = 0.5 }, rate = 0.8, for = "100s" } }
        [[at]]
        t = "90s"
        do = { leave = { count = 1 } }
    "#;

    fn ways(names: &[&str]) -> Ways {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A made-up fault: it needs a crash of two, a false accuser, 5 members, and 12 s after the crash.
    fn fails(scenario: &Scenario) -> Ways {
        let crash = scenario.at.iter().find(|at| matches!(at.action, Action::Crash(Selector::Count(2..))));
        let liar = scenario.adversary.iter().any(|entry| entry.strategy == "false-accuser");
        match crash {
            Some(crash)
                if liar && scenario.members >= 5 && scenario.until >= crash.t + Duration::from_secs(12) =>
            {
                ways(&["some-invariant"])
            }
            _ => ways(&["another"]),
        }
    }

    #[test]
    fn what_the_failure_does_not_need_goes() {
        let scenario = Scenario::parse("big.toml", TEXT, None).unwrap();
        let mut told = 0;
        let shrunk = shrink(scenario, &ways(&["some-invariant"]), 1000, fails, |_, _| told += 1);
        let small = &shrunk.scenario;
        assert!(shrunk.is_least && told > 5, "{told}");
        assert_eq!((small.members, small.at.len(), small.adversary.len()), (5, 1, 1), "{}", small.to_toml());
        assert_eq!(small.adversary[0].members, Selector::Count(1));
        assert!(matches!(small.at[0].action, Action::Crash(Selector::Count(2))));
        assert_eq!((small.links.loss, small.network_params.rings), (0.0, Some(1)));
        assert!(small.until < Duration::from_secs(16), "{:?}", small.until);
        assert_eq!(fails(small), ways(&["some-invariant"]));
        let again = Scenario::parse("small.toml", &small.to_toml(), None).unwrap();
        assert_eq!(again.to_toml(), small.to_toml(), "it can be written and read");
    }

    #[test]
    fn runs_are_limited() {
        let scenario = Scenario::parse("big.toml", TEXT, None).unwrap();
        let mut runs = 0;
        let count = |scenario: &Scenario| {
            runs += 1;
            fails(scenario)
        };
        let shrunk = shrink(scenario, &ways(&["some-invariant"]), 7, count, |_, _| {});
        assert_eq!((shrunk.runs, shrunk.is_least, runs), (7, false, 7));
    }
}
