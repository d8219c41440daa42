//! The one command that shows a run again.

use std::path::Path;

pub(super) fn command(file: &Path, seed: u64, members: Option<usize>) -> String {
    let members = members.map(|members| format!(" --members {members}")).unwrap_or_default();
    format!("ifrit-sim run {} --seed {seed}{members}", file.display())
}
