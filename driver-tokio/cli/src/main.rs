//! The `ifrit` command: demo, certificate authority, agent, and the tools that look into a running agent.
//!
//! ```text
//!   operator, scripts (--json)
//!  ┌────────▼───────────────────────────────────────────────────────────────────────────────┐
//!  │ args ──► demo                     a whole network in one process                       │  you are here
//!  │          ca_commands, ca_service  the CA: HTTPS, and a control socket in its directory │
//!  │          agent                    one member; control::server answers the tools        │
//!  │          observe                  figures for Prometheus, /healthz and /readyz         │
//!  │          tools, top               members, explain, rings, ping, ...: ask an agent     │
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
mod ca_revoke;
mod ca_rotate;
mod ca_service;
mod config_show;
mod control;
mod demo;
mod derived;
mod error;
mod logging;
mod observe;
mod output;
mod plan;
mod recent;
mod render;
mod rings;
mod rows;
mod settings;
mod signals;
mod systemd;
mod tags;
mod tools;
mod top;
mod web;

use args::{CaCommand, Cli, Command, ConfigCommand};
use clap::Parser;
use logging::Logging;
use output::Out;
use settings::kinds::{LogFilter, LogFormat, Word};
use std::process::ExitCode;

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
        Command::Config(ConfigCommand::Show(args)) => config_show::show(&args, out),
        Command::Plan(args) => plan::run(&args, out),
        Command::Members(args) => tools::members(&args, out),
        Command::Explain(args) => tools::explain(&args, out),
        Command::Monitor(args) => tools::monitor(&args, out),
        Command::Look(command) => tools::look(&command, out),
        Command::Send(args) => tools::send(&args, out),
        Command::Revocations(args) => ca_revoke::of_agent(&args, out),
        Command::Leave(args) => tools::leave(&args, out),
    }
}

/// What has settings says itself what is logged. The others say what matters on stdout.
fn start_logging(command: &Command) {
    let usual = match command {
        Command::Agent(_) | Command::Ca(CaCommand::Serve(_)) => return,
        Command::Ca(_) => "info",
        _ => "error",
    };
    let told = std::env::var("RUST_LOG").ok().and_then(|filter| LogFilter::parse(&filter).ok());
    let filter = told.unwrap_or_else(|| LogFilter(usual.to_owned()));
    Logging::start(&filter, LogFormat::Text);
}
