//! `run FILE`: one scenario, with each of its seeds.

use super::{
    Done,
    jobs::{self, Job},
    summary,
};
use ifrit_sim::{
    run::{self, Options},
    scenario::Scenario,
};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenario, TOML.
    file: PathBuf,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// So many members, whatever the scenario says.
    #[arg(long)]
    members: Option<usize>,
    /// One JSON line per seed, in order.
    #[arg(long)]
    json: bool,
    /// Seeds at once, each in a process of its own.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

pub(crate) fn run(args: &Args) -> Done {
    let scenario = Scenario::read(&args.file, args.members).map_err(|error| error.to_string())?;
    match (args.seed, &scenario.seeds[..]) {
        (Some(seed), _) | (None, &[seed]) => run_here(args, &scenario, seed),
        (None, seeds) => run_each(args, seeds),
    }
}

fn run_here(args: &Args, scenario: &Scenario, seed: u64) -> Done {
    let outcome = run::run(scenario, seed, Options::default()).map_err(|error| error.to_string())?;
    match args.json {
        true => anstream::println!("{}", outcome.line()),
        false => summary::print(&outcome, &args.file, args.members),
    }
    Ok(outcome.passed())
}

fn run_each(args: &Args, seeds: &[u64]) -> Done {
    let job = |seed: &u64| Job { file: args.file.clone(), seed: *seed, members: args.members };
    let all: Vec<_> = seeds.iter().map(job).collect();
    let mut passed = true;
    jobs::run(&all, args.jobs, |job, outcome| {
        passed &= outcome.passed();
        match args.json {
            true => anstream::println!("{}", outcome.line()),
            false => summary::print(&outcome, &job.file, job.members),
        }
    })?;
    Ok(passed)
}
