//! `run FILE`: one scenario, with each of its seeds.

use super::{
    Done,
    jobs::{self, Job},
    report::save,
};
use ifrit_sim::{
    chronicle::Collector,
    report,
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
    /// Keeps what the run leaves behind: `report` and `replay` read it. For one seed.
    #[arg(long, value_name = "OUT")]
    trace: Option<PathBuf>,
    /// Writes a page about the run, HTML. For one seed.
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Done {
    let scenario = Scenario::read(&args.file, args.members).map_err(|error| error.to_string())?;
    match (args.seed, &scenario.seeds[..]) {
        (Some(seed), _) | (None, &[seed]) => run_here(args, &scenario, seed),
        (None, _) if args.trace.is_some() || args.report.is_some() => {
            Err("the scenario has several seeds, and a trace or report is of one run: say --seed".into())
        }
        (None, seeds) => run_each(args, seeds),
    }
}

fn run_here(args: &Args, scenario: &Scenario, seed: u64) -> Done {
    if args.json && args.trace.is_none() && args.report.is_none() {
        let outcome = run::run(scenario, seed, Options::default()).map_err(|error| error.to_string())?;
        anstream::println!("{}", outcome.line());
        return Ok(outcome.passed());
    }
    let text = Scenario::text(&args.file).map_err(|error| error.to_string())?;
    let mut collector = Collector::new(scenario, &text, seed, args.members);
    let options = Options { witness: Some(&mut collector) };
    let outcome = run::run(scenario, seed, options).map_err(|error| error.to_string())?;
    let chronicle = collector.finish(outcome);
    match args.json {
        true => anstream::println!("{}", chronicle.outcome.line()),
        false => anstream::print!("{}", report::summary(&chronicle)),
    }
    if let Some(file) = &args.trace {
        save(file, |out| chronicle.write(out))?;
    }
    if let Some(file) = &args.report {
        save(file, |out| out.write_all(report::page(&chronicle).as_bytes()))?;
    }
    Ok(chronicle.outcome.passed())
}

fn run_each(args: &Args, seeds: &[u64]) -> Done {
    let job = |seed: &u64| Job { file: args.file.clone(), seed: *seed, members: args.members };
    let all: Vec<_> = seeds.iter().map(job).collect();
    let mut passed = true;
    if args.json {
        jobs::run(&all, args.jobs, Job::outcome, |_, outcome| {
            passed &= outcome.passed();
            anstream::println!("{}", outcome.line());
        })?;
    } else {
        jobs::run(&all, args.jobs, Job::summary, |_, (summary, holds)| {
            passed &= holds;
            anstream::println!("{summary}");
        })?;
    }
    Ok(passed)
}
