//! When the entries of a scenario happen: once, or again and again at random moments.

use crate::{
    rng::{Class, Faults, exponential},
    scenario::{Action, At, Scenario},
};
use core::time::Duration;

/// One happening of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Since the start.
    pub(super) t: Duration,
    /// Which entry.
    pub(super) entry: usize,
    /// The how-manieth time.
    pub(super) turn: u64,
}

/// All that happens, in order.
pub(super) fn turns(scenario: &Scenario, faults: Faults) -> Vec<Turn> {
    let mut turns: Vec<_> = scenario
        .at
        .iter()
        .enumerate()
        .flat_map(|(entry, at)| {
            moments(at, entry, scenario.until, faults).into_iter().zip(0..).map(move |(t, turn)| Turn {
                t,
                entry,
                turn,
            })
        })
        .collect();
    turns.sort_by_key(|turn| (turn.t, turn.entry, turn.turn));
    turns
}

/// How many members join in all.
pub(super) fn newcomers(scenario: &Scenario, turns: &[Turn]) -> usize {
    let joins = turns.iter().map(|turn| match scenario.at[turn.entry].action {
        Action::Join { count } => count,
        _ => 0,
    });
    joins.sum()
}

/// When nothing disturbs any more: the last entry has happened or ended, and liars that stop have stopped.
pub(super) fn last_disturbance(scenario: &Scenario, turns: &[Turn]) -> Duration {
    let ends = turns.iter().map(|turn| match &scenario.at[turn.entry].action {
        // It ends when the others may forget its owner; the timeline plans that.
        Action::Certificate { .. } => turn.t,
        action => turn.t + action.span().unwrap_or_default(),
    });
    let stops = scenario.adversary.iter().filter_map(|adversary| adversary.until);
    ends.chain(stops).max().unwrap_or_default().min(scenario.until)
}

fn moments(at: &At, entry: usize, end: Duration, faults: Faults) -> Vec<Duration> {
    let Some(every) = at.every else { return vec![at.t] };
    let end = at.until.unwrap_or(end);
    let mut moments = Vec::new();
    let mut t = at.t;
    for n in 0.. {
        let bits = exponential(faults.bits(Class::Arrival, entry, 0, n));
        let gap = (every.as_nanos() * u128::from(bits)) >> 32;
        t += Duration::from_nanos(u64::try_from(gap).unwrap_or(u64::MAX));
        if t >= end {
            break;
        }
        moments.push(t);
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Line;

    #[test]
    fn repeated_entries_come_about_as_often_as_said_within_their_time() {
        let s = Duration::from_secs;
        let at =
            At { t: s(10), every: Some(s(2)), until: Some(s(2010)), action: Action::Heal {}, line: Line(0) };
        let times = moments(&at, 0, s(9999), Faults::new(1));
        assert!((900..1100).contains(&times.len()), "{}", times.len());
        assert!(times.is_sorted() && times[0] > s(10) && times[times.len() - 1] < s(2010));
        assert_ne!(times, moments(&at, 1, s(9999), Faults::new(1)), "each entry has a chance of its own");
        assert_eq!(moments(&At { every: None, ..at }, 0, s(9999), Faults::new(1)), [s(10)]);
    }
}
