//! `ifrit ca …`.

use crate::{args::CaCommand, output::Out};

/// Runs one of them to its end.
pub(crate) fn run(command: CaCommand, _out: Out) -> anyhow::Result<()> {
    anyhow::bail!("not built yet: {command:?}")
}
