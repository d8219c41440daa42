//! The `ifrit-sim` command: runs scenarios, sweeps seeds, compares figures, draws reports.
//!
//! Exit codes: 0 all held, 1 something did not (and the one command that shows it again is printed), 2 what was given is wrong.
#![forbid(unsafe_code)]

mod cli;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  ifrit-sim run sim/scenarios/liar.toml
  ifrit-sim run sim/scenarios/crash.toml --members 100 --seed 7 --json
  ifrit-sim run sim/scenarios/liar.toml --seed 1 --report liar.html
  ifrit-sim sweep sim/scenarios/*.toml --seeds 256 --members 20
  ifrit-sim replay member.trace
  ifrit-sim shrink sim/scenarios/liar.toml --seed 7 --out small.toml
  ifrit-sim compare before.jsonl after.jsonl

Exit codes: 0 all held; 1 something did not, and the command that shows it again is printed; 2 bad input.";

/// Runs Ifrit's protocol in a simulated world with liars, loss and partitions, and checks what it promises.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one scenario with each of its seeds.
    Run(cli::run::Args),
    /// Runs scenarios with many seeds, each in a process of its own, and tells the worst.
    Sweep(cli::sweep::Args),
    /// Runs a recorded run again, and says at which record it differs, if at any.
    Replay(cli::replay::Args),
    /// Makes a failing scenario as small as it can be and fail.
    Shrink(cli::shrink::Args),
    /// Compares two files of `--json` lines.
    Compare(cli::compare::Args),
    /// Makes a page about a run that has left a trace.
    Report(cli::report::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => cli::run::run(&args),
        Command::Sweep(args) => cli::sweep::run(&args),
        Command::Replay(args) => cli::replay::run(&args),
        Command::Shrink(args) => cli::shrink::run(&args),
        Command::Compare(args) => cli::compare::run(&args),
        Command::Report(args) => cli::report::run(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
