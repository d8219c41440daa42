//! `compare A B`: two files of `--json` lines, run by run.

use super::Done;
use anstream::println;
use anstyle::{AnsiColor, Style};
use ifrit_sim::run::Outcome;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Before.
    before: PathBuf,
    /// After.
    after: PathBuf,
    /// How much higher, in percent, a figure of time, traffic, processor or memory may be without counting as worse. Counts
    /// (removals, changes) may not rise at all, and no run may fail that passed, or be gone.
    #[arg(long, default_value_t = 10.0)]
    tolerance: f64,
}

/// A figure: the higher, the worse. `exact`: it may not rise at all; else below `slack` nothing counts.
struct Figure {
    name: &'static str,
    value: fn(&Outcome) -> Option<f64>,
    exact: bool,
    slack: f64,
}

const FIGURES: &[Figure] = &[
    Figure { name: "failed", value: |o| Some(f64::from(u8::from(!o.passed()))), exact: true, slack: 0.0 },
    Figure {
        name: "view missing",
        value: |o| Some(o.view.expected as f64 - o.view.min as f64),
        exact: true,
        slack: 0.0,
    },
    Figure {
        name: "false removals",
        value: |o| Some(o.false_removals.pairs as f64),
        exact: true,
        slack: 0.0,
    },
    Figure {
        name: "healthy changes",
        value: |o| Some(o.transitions.healthy as f64),
        exact: true,
        slack: 0.0,
    },
    Figure {
        name: "disturbed changes",
        value: |o| Some(o.transitions.disturbed_max as f64),
        exact: true,
        slack: 0.0,
    },
    Figure { name: "converged s", value: |o| o.converged_at_s, exact: false, slack: 0.5 },
    Figure { name: "detected by all s", value: |o| o.detection.all_s, exact: false, slack: 0.5 },
    Figure {
        name: "bytes/s mean",
        value: |o| Some(o.traffic.bytes_per_member_per_s.mean),
        exact: false,
        slack: 50.0,
    },
    Figure {
        name: "bytes/s max",
        value: |o| Some(o.traffic.bytes_per_member_per_s.max),
        exact: false,
        slack: 200.0,
    },
    Figure { name: "cpu us/member/s", value: |o| o.cpu_us_per_member_per_s, exact: false, slack: 20.0 },
    Figure {
        name: "peak MiB",
        value: |o| o.peak_rss_bytes.map(|bytes| bytes as f64 / 1048576.0),
        exact: false,
        slack: 16.0,
    },
];

/// Which run: scenario, members, seed.
type Key = (String, usize, u64);

pub(crate) fn run(args: &Args) -> Done {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let mut worse = 0;
    for (key, new) in &after {
        match before.get(key) {
            None => println!("{}: only after", name(key)),
            Some(old) => worse += compare(&name(key), old, new, args.tolerance),
        }
    }
    let gone: Vec<_> = before.keys().filter(|key| !after.contains_key(*key)).collect();
    gone.iter().for_each(|key| println!("{}: only before: worse", name(key)));
    let both = before.len() - gone.len();
    if both == 0 {
        return Err("no run is in both files".into());
    }
    println!("{both} runs compared, {worse} figures worse, {} runs gone", gone.len());
    Ok(worse == 0 && gone.is_empty())
}

fn name((scenario, members, seed): &Key) -> String {
    format!("{scenario}, {members} members, seed {seed}")
}

fn read(file: &Path) -> Result<BTreeMap<Key, Outcome>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let outcome = |(i, line)| {
        let outcome: Outcome =
            serde_json::from_str(line).map_err(|error| format!("{}:{}: {error}", file.display(), i + 1))?;
        Ok(((outcome.scenario.clone(), outcome.members, outcome.seed), outcome))
    };
    lines.map(outcome).collect()
}

/// Prints what differs, and counts what is worse.
fn compare(name: &str, old: &Outcome, new: &Outcome, tolerance: f64) -> usize {
    let mut worse = 0;
    let mut lines = Vec::new();
    for figure in FIGURES {
        let (was, is) = ((figure.value)(old), (figure.value)(new));
        if was == is {
            continue;
        }
        let bad = figure.is_worse(was, is, tolerance);
        worse += usize::from(bad);
        lines.push((figure.name, was, is, bad));
    }
    if lines.is_empty() {
        return 0;
    }
    println!("{name}");
    let shown = |value: Option<f64>| value.map_or_else(|| "none".into(), |value| format!("{value:.3}"));
    for (figure, was, is, bad) in lines {
        let style = if bad { Style::new().fg_color(Some(AnsiColor::Red.into())) } else { Style::new() };
        let word = if bad { "worse" } else { "" };
        println!("  {style}{figure:<18} {:>14} -> {:>14}  {word}{style:#}", shown(was), shown(is));
    }
    worse
}

impl Figure {
    fn is_worse(&self, was: Option<f64>, is: Option<f64>, tolerance: f64) -> bool {
        match (was, is) {
            (Some(was), Some(is)) if self.exact => is > was,
            (Some(was), Some(is)) => is > was * (1.0 + tolerance / 100.0) && is - was > self.slack,
            // It never came: all views right again, say. A figure that a system does not tell is no worse.
            (Some(_), None) => !self.name.contains("cpu") && !self.name.contains("MiB"),
            (None, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_may_not_rise_and_times_only_within_the_tolerance() {
        let figure = |name| FIGURES.iter().find(|figure| figure.name == name).expect("it is listed");
        let removals = figure("false removals");
        assert!(
            removals.is_worse(Some(0.0), Some(1.0), 10.0) && !removals.is_worse(Some(1.0), Some(0.0), 10.0)
        );
        let time = figure("converged s");
        assert!(!time.is_worse(Some(10.0), Some(11.0), 10.0) && time.is_worse(Some(10.0), Some(11.1), 10.0));
        assert!(!time.is_worse(Some(1.0), Some(1.4), 10.0), "within the slack");
        assert!(time.is_worse(Some(10.0), None, 10.0) && !time.is_worse(None, Some(10.0), 10.0));
    }
}
