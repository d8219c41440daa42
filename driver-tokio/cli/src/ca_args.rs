//! The command line of what an operator of a CA does later: look, take back, revoke.

use clap::Args;
use std::{path::PathBuf, time::Duration};

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
  ifrit ca list --dir ca --former        after `ifrit ca rotate`: who has not renewed yet
  ifrit ca list --dir ca --json | jq -r 'select(.state == \"expired\").id'")]
pub(crate) struct CaListArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Every certificate that was ever issued, not only each member's last one.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only members whose last certificate holds, and is of a root that another has followed.
    #[arg(long, conflicts_with = "all")]
    pub(crate) former: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca revoke --dir ca m-kq5hzg3x --reason 'laptop stolen'
  ifrit ca revoke --dir ca m-kq5hzg3x --tell node1         at once, through an agent of this machine
  ifrit ca revoke --dir ca m-kq5hzg3x --out revoked.pem    for an agent elsewhere

It is out of every view as soon as the list reaches it, and stays out: it gets no certificate any more, and no other member
looks at its words. Agents that reach `ifrit ca serve` fetch the list by themselves, together about once in ten seconds, and tell
all others. There is no way back: who was revoked by mistake enrols anew.")]
pub(crate) struct CaRevokeArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The member's id, or a beginning of at least 4 characters that only it has, with or without `m-`.
    pub(crate) member: String,
    /// Why, for the log.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Also a member that this CA does not know, by its whole id: it was let in after the backup from which the CA was restored.
    #[arg(long)]
    pub(crate) unknown: bool,
    /// The directory of an agent that runs on this machine: it is told at once, and tells the others.
    #[arg(long, value_name = "NODE_DIR")]
    pub(crate) tell: Option<PathBuf>,
    /// Write the signed list to a file, for `ifrit revocations --import`.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca revocations --dir ca
  ifrit ca revocations --dir ca --out revoked.pem")]
pub(crate) struct CaRevocationsArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Write the signed list to a file, for `ifrit revocations --import`.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
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

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ifrit ca rotate --dir ca
  ifrit ca rotate --dir ca --overlap 7d
  ifrit ca rotate --dir ca --tell node1                     at once, through an agent of this machine
  ifrit ca list --dir ca --former                           who has not renewed yet

The network keeps its id and its members. The old root signs for the new one, and its key is forgotten. Agents that reach
`ifrit ca serve` fetch the word of it by themselves, together about once in ten seconds, and tell all others; each renews at a random
moment in the first half of the overlap. Certificates of the old root end with it (clocks are allowed ten minutes): who was away all the time
needs a new invite. Invites made before let newcomers in until then. Update all agents before: older versions do not know what a
succession is.")]
pub(crate) struct CaRotateArgs {
    /// The CA's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// For how long certificates of both roots hold; at least 10s.
    #[arg(long, default_value = "30d", value_parser = humantime::parse_duration)]
    pub(crate) overlap: Duration,
    /// The directory of an agent that runs on this machine: it is told at once, and tells the others.
    #[arg(long, value_name = "NODE_DIR")]
    pub(crate) tell: Option<PathBuf>,
    /// Write the signed word of it to a file, for `ifrit revocations --import`.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
