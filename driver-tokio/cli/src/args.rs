//! The command line.

mod look;

pub(crate) use look::*;

use crate::ca_args::{
    CaInvitesArgs, CaListArgs, CaLogArgs, CaRevocationsArgs, CaRevokeArgs, CaRotateArgs, CaUninviteArgs,
};
use crate::settings::{Flags, agent::AgentSettings, ca::CaSettings};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Ifrit: who is alive in a cluster, even when some members lie.
///
/// Exit codes: 0 it worked; 1 it failed and may work later (no answer, port in use, CA down); 2 what it was given is wrong and
/// trying again will not help (command line, directory, invite, member).
///
/// Colours only on a terminal; NO_COLOR switches them off. RUST_LOG sets what is logged on stderr.
#[derive(Debug, Parser)]
#[command(name = "ifrit", version, propagate_version = true, max_term_width = 110, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Print JSON, one object per line, instead of text; errors too, on stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ifrit demo                                    a whole network on this machine, in seconds
  ifrit ca init --dir ca                        make a network ...
  ifrit ca invite --dir ca                      ... an invite to it ...
  ifrit ca serve --dir ca                       ... and let newcomers in
  ifrit agent --dir node1 --join INVITE         run a member
  ifrit members --dir node1                     who is alive, as node1 sees it
  ifrit explain --dir node1 m-kq5hzg3x          why it says so, with the signed evidence";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole network on this machine: enrol, talk, crash, lie, return, leave.
    Demo(DemoArgs),
    /// Make a network and let members in.
    #[command(subcommand)]
    Ca(CaCommand),
    /// Run a member.
    Agent(AgentArgs),
    /// Look at an agent's settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say what a network would cost and bear, before it is made.
    Plan(PlanArgs),
    /// List the members as a running agent sees them.
    Members(MembersArgs),
    /// Say why a member stands as it does, with the signed evidence.
    Explain(ExplainArgs),
    /// Print events as they happen.
    Monitor(MonitorArgs),
    /// Send a text to a member and print its reply.
    Send(SendArgs),
    /// Print who is revoked as a running agent knows it, or give it the CA's list.
    Revocations(RevocationsArgs),
    /// Make a running agent leave the network and stop.
    Leave(LeaveArgs),
    #[command(flatten)]
    Look(LookCommand),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit demo
  ifrit demo --members 32 --seed 7
  ifrit demo --json | jq -c 'select(.ok == false)'")]
pub(crate) struct DemoArgs {
    /// How many members, 4 to 64.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(4..=64))]
    pub(crate) members: u16,
    /// Decides who talks, crashes, lies and leaves; drawn anew if not given.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make a network: its CA key and root certificate.
    Init(CaInitArgs),
    /// Let newcomers with an invite in, over HTTPS.
    Serve(CaServeArgs),
    /// Write an invite: one line of text for a newcomer.
    Invite(CaInviteArgs),
    /// Write key and certificate of a new member into a directory, without any service.
    Issue(CaIssueArgs),
    /// List the invites: whether they hold, and how often they were used.
    Invites(CaInvitesArgs),
    /// Take an invite back.
    Uninvite(CaUninviteArgs),
    /// List the members' certificates.
    List(CaListArgs),
    /// Print who was let in, renewed and revoked, when, and from where.
    Log(CaLogArgs),
    /// Revoke a member: it is out of every view at once, for good.
    Revoke(CaRevokeArgs),
    /// Print the list of those that are revoked, or write it to a file.
    Revocations(CaRevocationsArgs),
    /// Give the network a new root and key; members renew, and nobody is interrupted.
    Rotate(CaRotateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca init --dir ca
  ifrit ca init --dir ca --members 100 --byzantine 0.2 --preset wan
  ifrit ca init --dir ca --rings 11 --delta 500ms --lease 12h
  ifrit ca init --dir net --open         no CA: see `ifrit agent --open`
  ifrit ca init --dir ca --cert-lifetime 7d

The number of rings is the least that keeps the promise: the probability that any of --members members ever
sees more liars before it on its rings than it can bear is at most --epsilon.")]
pub(crate) struct CaInitArgs {
    /// Where the CA keeps its state; made if missing.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// How many members are expected.
    #[arg(long, default_value_t = 1000, conflicts_with = "rings", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) members: u32,
    /// Share of members that may lie: above 0 and below 0.5.
    #[arg(long, default_value = "0.10", conflicts_with = "rings", value_parser = share)]
    pub(crate) byzantine: Ppm,
    /// Accepted probability that the promise does not hold: above 0 and below 1.
    #[arg(long, default_value = "1e-3", conflicts_with = "rings", value_parser = share)]
    pub(crate) epsilon: Ppm,
    /// The number of rings, instead of the three above: odd, 1 to 255.
    #[arg(long)]
    pub(crate) rings: Option<u8>,
    /// A network without a CA: whoever has its root file can make any number of members, and nothing is promised.
    #[arg(long, conflicts_with = "cert_lifetime")]
    pub(crate) open: bool,
    /// Where the network runs; decides all time-outs.
    #[arg(long, value_enum, default_value_t = Preset::Lan)]
    pub(crate) preset: Preset,
    /// Time within which a message reaches every correct member; computed if not given.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) delta: Option<Duration>,
    /// How long a member that is not heard of is remembered.
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    #[arg(
        long_help = "How long a member that is not heard of is remembered: 24h, and more beyond 10,000 members."
    )]
    pub(crate) lease: Option<Duration>,
    /// How long members' certificates hold: 365 days if not given. Agents renew theirs long before.
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) cert_lifetime: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca serve --dir ca
  ifrit ca serve --dir ca --listen 192.0.2.1:8300
  ifrit ca serve --dir ca --listen 0.0.0.0:8300 --advertise ca.example:8300
  ifrit ca serve --config ca.toml                       `--write-config` prints one to begin with

Members need it only to enrol and to renew: it may stay down while they run and restart.")]
pub(crate) struct CaServeArgs {
    /// Print the settings as a file with the documentation of each, and do nothing else.
    #[arg(long)]
    pub(crate) write_config: bool,
    #[command(flatten)]
    pub(crate) settings: Flags<CaSettings>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca invite --dir ca
  ifrit ca invite --dir ca --uses 20 --expires 15m

Whoever holds an invite can become a member: hand it over like a password.")]
pub(crate) struct CaInviteArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// How many newcomers it lets in.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) uses: u32,
    /// How long it holds.
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
    pub(crate) expires: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca issue --dir ca --out node1
  ifrit agent --dir node1 --seed-addr 192.0.2.7:8301")]
pub(crate) struct CaIssueArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The new member's directory; made if missing, must hold no identity yet.
    #[arg(long, value_name = "NODE_DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit agent --dir node1 --join INVITE                 enrol, then run
  ifrit agent --dir node1                               run again; needs no CA
  ifrit agent --dir node2 --listen 0.0.0.0:0 --join INVITE --seed-addr 192.0.2.7:8301
  ifrit agent --dir node1 --advertise 203.0.113.5:8301  behind a NAT
  ifrit agent --dir node1 --metrics 8390                figures for Prometheus on loopback
  ifrit agent --write-config > ifrit.toml               all settings, each with its documentation
  ifrit agent --config ifrit.toml                       kill -HUP reads it again

Ctrl-C and SIGTERM stop it without leaving: started again soon, nobody notices. If it stays away, the others
find it down. `ifrit leave`, or --leave-on-stop, says goodbye: it is out at once and nobody is alarmed.

It answers every message of `ifrit send` with an echo.")]
pub(crate) struct AgentArgs {
    /// Print the settings as a file with the documentation of each, and do nothing else.
    #[arg(long)]
    pub(crate) write_config: bool,
    #[command(flatten)]
    pub(crate) settings: Flags<AgentSettings>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting, and where it came from.
    Show(ConfigShowArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit config show --dir node1
  ifrit config show --dir node1 --effective             and what the network fixes and what follows from it
  ifrit config show --config ifrit.toml --json | jq .settings.listen

It shows what an agent that is started now, with the same flags and variables, would run with.")]
pub(crate) struct ConfigShowArgs {
    /// Also what the network fixes, and all that follows from it: the directory must be enrolled.
    #[arg(long)]
    pub(crate) effective: bool,
    #[command(flatten)]
    pub(crate) settings: Flags<AgentSettings>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit plan --members 100 --byzantine 0.1 --loss 0.01
  ifrit plan --members 1000 --byzantine 0.2 --preset wan --json | jq .detection_bound_ms

The same flags given to `ifrit ca init` make that network.")]
pub(crate) struct PlanArgs {
    /// How many members are expected.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) members: u32,
    /// Share of members that may lie: above 0 and below 0.5.
    #[arg(long, default_value = "0.10", value_parser = share)]
    pub(crate) byzantine: Ppm,
    /// Accepted probability that the promise does not hold: above 0 and below 1.
    #[arg(long, default_value = "1e-3", value_parser = share)]
    pub(crate) epsilon: Ppm,
    /// Share of pings that are lost, there or back, as measured: 0 to below 1. The preset's usual one if not given.
    #[arg(long, value_parser = share)]
    pub(crate) loss: Option<Ppm>,
    /// Where it runs.
    #[arg(long, value_enum, default_value_t = Preset::Lan)]
    pub(crate) preset: Preset,
    /// Time within which a message reaches every correct member; computed if not given.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) delta: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit explain --dir node1 m-kq5hzg3x
  ifrit explain --dir node1 kq5h --json | jq '.accusations[] | {ring, accuser}'")]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// A member id, a beginning of at least 4 characters that only it has, with or without `m-`, or its name.
    pub(crate) member: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit monitor --dir node1
  ifrit monitor --dir node1 --event down,accused,rebutted
  ifrit monitor --dir node1 --json | jq -c 'select(.event == \"down\")'")]
pub(crate) struct MonitorArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// Only these events; several with commas. That some are missing is always told.
    #[arg(long, value_delimiter = ',')]
    pub(crate) event: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit send --dir node1 m-kq5hzg3x hello")]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// A member id, a beginning of at least 4 characters that only it has, with or without `m-`, or its name.
    pub(crate) member: String,
    /// What to send.
    pub(crate) text: String,
    /// How long to wait for the reply.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit revocations --dir node1
  ifrit revocations --dir node1 --import revoked.pem

With --import the agent checks the CA's signature, takes those in the list out at once, and tells all others. Not needed while
agents reach `ifrit ca serve`.")]
pub(crate) struct RevocationsArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// A list that `ifrit ca revoke --out` or `ifrit ca revocations --out` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) import: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit leave --dir node1")]
pub(crate) struct LeaveArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
}

/// Which running agent to ask.
#[derive(Debug, Args)]
pub(crate) struct RunningAgent {
    /// The directory of a running agent, or its control socket if that is elsewhere.
    #[arg(long)]
    dir: PathBuf,
}

impl RunningAgent {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Where a network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// One data centre: round trips of a few ms.
    Lan,
    /// Several continents: round trips up to 400 ms.
    Wan,
    /// One machine.
    Local,
}

impl From<Preset> for ifrit_core::params::Preset {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Lan => Self::Lan,
            Preset::Wan => Self::Wan,
            Preset::Local => Self::Local,
        }
    }
}

/// A share in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ppm(pub(crate) u32);

/// Reads a share such as `0.10` or `1e-3`. Which shares make sense is the network parameters' to say.
fn share(text: &str) -> Result<Ppm, String> {
    let share: f64 = text.parse().map_err(|_| "expected a number such as 0.10 or 1e-3".to_owned())?;
    if !(0.0..=1.0).contains(&share) {
        return Err("expected a share between 0 and 1".to_owned());
    }
    Ok(Ppm((share * 1e6).round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_is_well_formed_and_has_examples() {
        fn check(command: &clap::Command) {
            let leaf = command.get_subcommands().next().is_none();
            assert!(!leaf || command.get_after_help().is_some(), "{} has no examples", command.get_name());
            command.get_subcommands().for_each(check);
        }
        Cli::command().debug_assert();
        Cli::command().get_subcommands().for_each(check);
    }

    #[test]
    fn shares_are_read_as_ppm() {
        assert_eq!(share("0.10"), Ok(Ppm(100_000)));
        assert_eq!(share("1e-3"), Ok(Ppm(1_000)));
        ["-0.1", "1.1", "NaN", "ten"].into_iter().for_each(|bad| assert!(share(bad).is_err(), "{bad}"));
    }
}
