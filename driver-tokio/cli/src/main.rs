//! The `ifrit` command: demo, certificate authority, agent, and the tools that look into a running agent.
#![forbid(unsafe_code)]

mod args;
mod ca_commands;
mod error;
mod output;

use args::{Cli, Command};
use clap::Parser;
use output::Out;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Out::new(cli.json);
    match run(cli.command, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error::exit_code(&error);
            out.error(&error, code);
            ExitCode::from(code)
        }
    }
}

fn run(command: Command, out: Out) -> anyhow::Result<()> {
    match command {
        Command::Ca(command) => ca_commands::run(command, out),
        command => anyhow::bail!("not built yet: {command:?}"),
    }
}
