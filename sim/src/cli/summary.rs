//! A run in a few lines.

use super::reproduce;
use anstream::println;
use anstyle::{AnsiColor, Style};
use ifrit_sim::run::Outcome;
use std::path::Path;

/// Prints the figures of one run, what did not hold, and how to see it again.
pub(super) fn print(outcome: &Outcome, file: &Path, members: Option<usize>) {
    let (word, colour) = match outcome.passed() {
        true => ("pass", AnsiColor::Green),
        false => ("FAIL", AnsiColor::Red),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    println!(
        "{style}{word}{style:#} {}, {} members, seed {}",
        outcome.scenario, outcome.members, outcome.seed
    );
    let view = &outcome.view;
    println!("  views      {} to {}, mean {} of {}", view.min, view.max, view.mean, view.expected);
    println!(
        "  converged  {}",
        outcome.converged_at_s.map_or_else(|| "not at the end".into(), |at| format!("at {at} s"))
    );
    let (removals, changes) = (&outcome.false_removals, &outcome.transitions);
    println!("  removals   {} pairs, {} members, false", removals.pairs, removals.members);
    println!(
        "  changes    {} of healthy members, {} of one disturbed",
        changes.healthy, changes.disturbed_max
    );
    let told = |at: Option<f64>| at.map_or_else(|| "-".into(), |at| format!("{at} s"));
    let found = &outcome.detection;
    let [first, half, most, all] = [found.first_s, found.p50_s, found.p99_s, found.all_s].map(told);
    println!("  crashes    known to the first {first}, half {half}, 99 % {most}, all {all}");
    let rates = &outcome.traffic.bytes_per_member_per_s;
    println!("  traffic    {} B/s per member, 99 % {}, most {}", rates.mean, rates.p99, rates.max);
    let memory = outcome.peak_rss_bytes.unwrap_or(0) / (1 << 20);
    println!(
        "  cost       {} s, {memory} MiB, {} events; digest {}",
        outcome.wall_s, outcome.events, outcome.digest
    );
    for broken in &outcome.violations {
        let member = broken.member.map(|member| format!(" member {member},")).unwrap_or_default();
        println!("  {style}{}{style:#} at {} s:{member} {}", broken.invariant, broken.at_s, broken.detail);
    }
    if !outcome.passed() {
        println!("again: {}", reproduce::command(file, outcome.seed, members));
    }
}
