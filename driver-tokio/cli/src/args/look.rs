//! Commands that look into a running agent.

use clap::Args;
use std::path::PathBuf;

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
