//! The `ifrit` command: demo, certificate authority, agent, and the tools that look into a running agent.
//!
//! ```text
//!   operator, scripts (--json)
//!  ┌────────▼───────────────────────────────────────────────────────────────────────────────┐
//!  │ args ──► demo                     a whole network in one process                       │  you are here
//!  │          ca_commands, ca_service  the CA: HTTPS, and a control socket in its directory │
//!  │          agent                    one member; control::server answers the tools        │
//!  │          tools                    members, explain, monitor, send, leave: ask an agent │
//!  │ rows, render, output              what is printed, as text or as JSON lines            │
//!  ├────────────────────────────────────────────────────────────────────────────────────────┤
//!  │ ifrit-tokio   Client           ifrit-node   the CA's rules, invites, enrolment         │
//!  └────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Exit codes: 0 it worked, 1 it failed and may work later, 2 what it was given is wrong.
#![forbid(unsafe_code)]

mod agent;
mod args;
mod ca_admin;
mod ca_args;
mod ca_commands;
mod ca_lists;
mod ca_service;
mod control;
mod demo;
mod error;
mod output;
mod render;
mod rows;
mod signals;
mod tools;

use args::{Cli, Command};
use clap::Parser;
use output::Out;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Out::new(cli.json);
    start_logging(&cli.command);
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
        Command::Demo(args) => demo::run(&args, out),
        Command::Agent(args) => agent::run(&args, out),
        Command::Members(args) => tools::members(&args, out),
        Command::Explain(args) => tools::explain(&args, out),
        Command::Monitor(args) => tools::monitor(&args, out),
        Command::Send(args) => tools::send(&args, out),
        Command::Leave(args) => tools::leave(&args, out),
    }
}

/// Logs to stderr. An agent says what an operator should know; the other commands say what matters on stdout.
fn start_logging(command: &Command) {
    let usual = match command {
        Command::Agent(_) | Command::Ca(_) => "info",
        _ => "error",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
