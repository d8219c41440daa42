//! `shrink FILE --seed N`: the smallest scenario that fails as this one does.

use super::{Done, jobs::Job, reproduce};
use ifrit_sim::{
    run::Outcome,
    scenario::Scenario,
    shrink::{Shrunk, Ways, shrink},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    time::Duration,
};

/// The way of a run that panics.
const BREAKS: &str = "breaks-down";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenario that fails.
    file: PathBuf,
    /// The seed with which it fails.
    #[arg(long)]
    seed: u64,
    /// So many members, whatever the scenario says.
    #[arg(long)]
    members: Option<usize>,
    /// Where the small scenario goes; `NAME-SEED.toml` here if not given.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Runs at most.
    #[arg(long, default_value_t = 400)]
    runs: usize,
}

pub(crate) fn run(args: &Args) -> Done {
    let mut scenario = Scenario::read(&args.file, args.members).map_err(|error| error.to_string())?;
    scenario.seeds = vec![args.seed];
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("candidate.toml");
    let ways = ways(&file, &scenario, args.seed)?;
    if ways.is_empty() {
        return Err(format!(
            "{} passes with seed {}: there is nothing to shrink",
            args.file.display(),
            args.seed
        ));
    }
    anstream::eprintln!("fails: {}", listed(&ways));
    let bar = bar();
    let fails = |candidate: &Scenario| {
        bar.inc(1);
        // What cannot be run does not fail.
        self::ways(&file, candidate, args.seed).unwrap_or_default()
    };
    let tell = |what: &str, now: &Scenario| {
        let told = format!("without {what}: {} members, {:?}", now.members, now.until);
        bar.suspend(|| anstream::eprintln!("{told}"));
    };
    let shrunk = shrink(scenario, &ways, args.runs, fails, tell);
    bar.finish_and_clear();
    let out =
        args.out.clone().unwrap_or_else(|| format!("{}-{}.toml", shrunk.scenario.name, args.seed).into());
    std::fs::write(&out, text(args, &shrunk, &ways))
        .map_err(|error| format!("{}: {error}", out.display()))?;
    anstream::println!(
        "{}: {} members, {:?}, {} entries, {} strategies, after {} runs{}\n  shows it: {}",
        out.display(),
        shrunk.scenario.members,
        shrunk.scenario.until,
        shrunk.scenario.at.len(),
        shrunk.scenario.adversary.len(),
        shrunk.runs,
        if shrunk.is_least { "" } else { "; --runs ended it, more may go" },
        reproduce::command(&out, args.seed, None),
    );
    Ok(true)
}

/// In which ways a scenario fails; an error if it cannot be run.
fn ways(file: &Path, scenario: &Scenario, seed: u64) -> Result<Ways, String> {
    std::fs::write(file, scenario.to_toml()).map_err(|error| format!("{}: {error}", file.display()))?;
    let named = |outcome: Outcome| outcome.violations.into_iter().map(|broken| broken.invariant).collect();
    match (Job { file: file.to_owned(), seed, members: None }).outcome() {
        Ok(outcome) => Ok(named(outcome)),
        Err(error) if error.contains("broke down") => Ok([BREAKS.to_owned()].into()),
        Err(error) => Err(error),
    }
}

fn listed(ways: &Ways) -> String {
    ways.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn text(args: &Args, shrunk: &Shrunk, ways: &Ways) -> String {
    let from = args.file.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "# Shrunk from {from}, seed {}: failed with {}.\n{}",
        args.seed,
        listed(ways),
        shrunk.scenario.to_toml()
    )
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} runs, {elapsed} passed");
    let bar = ProgressBar::no_length().with_style(style.expect("the template is right"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
