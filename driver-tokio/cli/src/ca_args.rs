//! The command line of what an operator of a CA does later: look, take back, revoke.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca invites --dir ca
  ifrit ca invites --dir ca --json | jq -r 'select(.state == \"open\").id'

The secrets are not there: the CA keeps only their hashes.")]
pub(crate) struct CaInvitesArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca uninvite --dir ca kq5hzg3x

Whom it let in already stays a member: see `ifrit ca revoke`.")]
pub(crate) struct CaUninviteArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The invite's id, as `ifrit ca invites` and `ifrit ca invite --json` print it.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca list --dir ca                 one line per member: its last certificate
  ifrit ca list --dir ca --all           renewed ones too
  ifrit ca list --dir ca --json | jq -r 'select(.state == \"expired\").id'")]
pub(crate) struct CaListArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Every certificate that was ever issued, not only each member's last one.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca log --dir ca
  ifrit ca log --dir ca --count 1000 --json | jq -c 'select(.what == \"enrol\")'

Who was let in, renewed and revoked, when, and from which address. The last 100,000 lines are kept. What was refused is
in the log of `ifrit ca serve`.")]
pub(crate) struct CaLogArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// How many lines, the last ones.
    #[arg(long, default_value_t = 50)]
    pub(crate) count: usize,
}
