//! `sweep FILE…`: many seeds, and which was worst.

use super::{
    Done,
    jobs::{self, Job},
    reproduce,
};
use anstream::println;
use ifrit_sim::{generate, run::Outcome, scenario::Scenario};
use std::{num::NonZero, path::PathBuf, thread};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenarios, TOML.
    #[arg(required_unless_present = "generated")]
    files: Vec<PathBuf>,
    /// Random small scenarios, one per seed; each is `generated:SEED` wherever a file is asked for.
    #[arg(long, requires = "seeds")]
    generated: bool,
    /// So many seeds from 0 on, or a range like `100..200`; without it, those of each scenario.
    #[arg(long, value_parser = seeds)]
    seeds: Option<Seeds>,
    /// So many members, whatever the scenarios say.
    #[arg(long)]
    members: Option<usize>,
    /// Runs at once; as many as there are processors.
    #[arg(long)]
    jobs: Option<usize>,
    /// One JSON line per run, in order, instead of the summary.
    #[arg(long)]
    json: bool,
}

/// A range of seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seeds(std::ops::Range<u64>);

fn seeds(text: &str) -> Result<Seeds, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no whole number"));
    let seeds = match text.split_once("..") {
        Some((from, to)) => number(from)?..number(to)?,
        None => 0..number(text)?,
    };
    if seeds.is_empty() { Err("there is no seed in it".into()) } else { Ok(Seeds(seeds)) }
}

pub(crate) fn run(args: &Args) -> Done {
    let mut all = Vec::new();
    for file in &args.files {
        let scenario = Scenario::read(file, args.members).map_err(|error| error.to_string())?;
        let seeds = args.seeds.as_ref().map_or(scenario.seeds, |seeds| seeds.0.clone().collect());
        all.extend(seeds.into_iter().map(|seed| Job { file: file.clone(), seed, members: args.members }));
    }
    if let Some(Seeds(seeds)) = args.seeds.as_ref().filter(|_| args.generated) {
        let job = |seed| Job { file: generate::name(seed).into(), seed, members: args.members };
        all.extend(seeds.clone().map(job));
    }
    let at_once = args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    let mut told = Vec::new();
    jobs::run(&all, at_once, Job::outcome, |job, outcome| {
        if args.json {
            println!("{}", outcome.line());
        }
        told.push((job.clone(), outcome));
    })?;
    if !args.json {
        summary(&told);
    }
    Ok(told.iter().all(|(_, outcome)| outcome.passed()))
}

/// What can be worst: its name, the figure (the higher, the worse), and its unit.
type Figure = (&'static str, fn(&Outcome) -> Option<f64>, &'static str);

const FIGURES: &[Figure] = &[
    ("converged last", |outcome| outcome.converged_at_s, "s"),
    ("detected last", |outcome| outcome.detection.all_s, "s"),
    ("most false removals, in pairs", |outcome| Some(outcome.false_removals.pairs as f64), ""),
    ("most changes of healthy members", |outcome| Some(outcome.transitions.healthy as f64), ""),
    ("most changes of a disturbed one", |outcome| Some(outcome.transitions.disturbed_max as f64), ""),
    ("most traffic", |outcome| Some(outcome.traffic.bytes_per_member_per_s.max), "B/s"),
];

fn summary(told: &[(Job, Outcome)]) {
    let failed: Vec<_> = told.iter().filter(|(_, outcome)| !outcome.passed()).collect();
    println!("{} of {} runs passed", told.len() - failed.len(), told.len());
    for (name, figure, unit) in FIGURES {
        let worst = told.iter().filter_map(|run| figure(&run.1).map(|value| (value, run)));
        if let Some((value, (job, outcome))) =
            worst.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(value, _)| *value > 0.0)
        {
            println!("  {name}: {value} {unit} ({}, seed {})", outcome.scenario, job.seed);
        }
    }
    for (job, outcome) in failed {
        let why = outcome
            .violations
            .first()
            .map_or(String::new(), |broken| format!("{}: {}", broken.invariant, broken.detail));
        println!("failed: {}   # {why}", reproduce::command(&job.file, job.seed, job.members));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_count_or_a_range() {
        assert_eq!(seeds("3"), Ok(Seeds(0..3)));
        assert_eq!(seeds("100..200"), Ok(Seeds(100..200)));
        assert!(seeds("0").is_err() && seeds("5..5").is_err() && seeds("x").is_err());
    }
}
