//! Commands that look into a running agent, and those that need none.

use super::RunningAgent;
use clap::{Args, Subcommand, ValueEnum};
use std::{path::PathBuf, time::Duration};

/// The commands of this file, but for `members`.
#[derive(Debug, Subcommand)]
pub(crate) enum LookCommand {
    /// Tell how long round trips to the members take that a running agent watches.
    Rtt(RttArgs),
    /// Ask a member whether it is there, and measure.
    Ping(PingArgs),
    /// Draw who watches whom.
    Rings(RingsArgs),
    /// Watch a running agent live in the terminal.
    Top(TopArgs),
    /// Print what a running agent counts, or the list of all metrics.
    Metrics(MetricsArgs),
    /// Print the address of a running agent's page, with its token.
    Web(WebArgs),
    /// Keep a view in a file, or check every signature of one.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Make a member's private key.
    Keygen(KeygenArgs),
    /// Help those who look for a fault.
    #[command(subcommand)]
    Debug(DebugCommand),
    /// Print what makes a shell complete this command.
    Completions(CompletionsArgs),
    /// Write the manual's pages, one per command.
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit members --dir node1
  ifrit members --dir node1 --state down,gray
  ifrit members --dir node1 --tag role=db --tag zone
  ifrit members --dir node1 --json | jq -r 'select(.state == \"down\").id'

Round trips are known of the members that this agent watches: `ifrit ping` measures to any.")]
pub(crate) struct MembersArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// Whole member ids instead of their beginnings.
    #[arg(long)]
    pub(crate) full: bool,
    /// Only those that stand so; several with commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) state: Vec<StateArg>,
    /// Only those with this tag, or with this value of it; repeat it: all must hold.
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub(crate) tag: Vec<String>,
}

/// How a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    Live,
    Accused,
    Down,
    Gray,
    Left,
    Expired,
    Revoked,
}

impl StateArg {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Accused => "accused",
            Self::Down => "down",
            Self::Gray => "gray",
            Self::Left => "left",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit metrics --dir node1
  ifrit metrics --dir node1 --json | jq 'select(.name == \"ifrit_members\")'
  ifrit metrics --list                    every metric with its type, unit and meaning")]
pub(crate) struct MetricsArgs {
    /// The directory of a running agent.
    #[arg(long, required_unless_present = "list")]
    pub(crate) dir: Option<PathBuf>,
    /// The list of all metrics instead; needs no agent.
    #[arg(long, conflicts_with = "dir")]
    pub(crate) list: bool,
    /// The list as a page of documentation.
    #[arg(long, requires = "list", conflicts_with = "json")]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit rtt --dir node1
  ifrit rtt --dir node1 --json | jq 'select(.mean_ms > 50).id'

From the pings that the agent sends anyway: it asks nobody. What it does not watch it has no round trip of.")]
pub(crate) struct RttArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ping --dir node1 m-kq5hzg3x
  ifrit ping --dir node1 m-kq5hzg3x --count 1 --json

The other member's agent answers by itself; its application is not asked. Exit code 1 if no answer came.")]
pub(crate) struct PingArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// A member id, a beginning of at least 4 characters that only it has, with or without `m-`, or its name.
    pub(crate) member: String,
    /// How many times.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// How long to wait between two.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) interval: Duration,
    /// How long to wait for an answer.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit rings --dir node1                 who watches this agent, and whom it watches, on every ring
  ifrit rings --dir node1 m-kq5hzg3x      the same of another member
  ifrit rings --dir node1 --ring 0        the whole of one ring
  ifrit rings --dir node1 --svg rings.svg all rings as a picture")]
pub(crate) struct RingsArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// A member id, a beginning of at least 4 characters that only it has, with or without `m-`, or its name.
    pub(crate) member: Option<String>,
    /// Only this ring, and all of it; repeat it for more.
    #[arg(long)]
    pub(crate) ring: Vec<u8>,
    /// Write the picture into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit top --dir node1
  ifrit top --dir node1 --interval 5s

Keys: q ends it, arrows and page keys scroll, s shows one state after the other. It needs a terminal: in a pipe use
`ifrit members`, `ifrit monitor` and `ifrit metrics`.")]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// How often it looks.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit web --dir node1
  xdg-open \"$(ifrit web --dir node1)\"
  ssh -L 8391:localhost:8391 HOST          then open the address of `ifrit web` on that host here

The agent must have been started with --web. Whoever has the address sees what the agent sees; a new one is drawn at every start.")]
pub(crate) struct WebArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
}

/// What to do with a snapshot.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Write the view of a running agent into a file: every certificate, note and accusation, signed.
    Dump(SnapshotDumpArgs),
    /// Check every signature in such a file, without any agent.
    Verify(SnapshotVerifyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit snapshot dump --dir node1 view.jsonl
  ifrit snapshot dump --dir node1 - | jq -r 'select(.state == \"down\").id'")]
pub(crate) struct SnapshotDumpArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// Where to; `-` is stdout. An existing file is replaced.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit snapshot verify view.jsonl --root node1/root.pem

The root is the network's, from a place that you trust: what a file says of its own root proves nothing.
Exit code 2 if anything in it does not hold.")]
pub(crate) struct SnapshotVerifyArgs {
    /// A file of `ifrit snapshot dump`.
    pub(crate) file: PathBuf,
    /// The network's root certificate.
    #[arg(long, value_name = "PEM")]
    pub(crate) root: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit keygen --dir node1
  ifrit agent --dir node1 --join INVITE    enrols with that key")]
pub(crate) struct KeygenArgs {
    /// The new member's directory; made if missing, must hold no key yet.
    #[arg(long)]
    pub(crate) dir: PathBuf,
}

/// What to do for those who look for a fault.
#[derive(Debug, Subcommand)]
pub(crate) enum DebugCommand {
    /// Gather what helps to find a fault into one new file: no key, no invite.
    Bundle(BundleArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit debug bundle --dir node1 bundle.tar.gz
  ifrit debug bundle --dir node1 --unpacked bundle    a directory, to look through

Holds settings (secrets left out), members, figures, round trips, recent events and log, versions, public
certificates and the names of the directory's files. Look through it before you give it away: addresses and ids are in it.")]
pub(crate) struct BundleArgs {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// The file to make, a .tar.gz; must not be there.
    #[arg(value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Make a directory instead.
    #[arg(long)]
    pub(crate) unpacked: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit completions bash > ~/.local/share/bash-completion/completions/ifrit
  ifrit completions zsh > \"${fpath[1]}/_ifrit\"
  ifrit completions fish > ~/.config/fish/completions/ifrit.fish")]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit man ~/.local/share/man/man1 && man ifrit-agent")]
pub(crate) struct ManArgs {
    /// Where to write the pages; made if missing.
    pub(crate) dir: PathBuf,
}
