//! `report TRACE`: a page about a run that has left a trace, or about a member that was recorded.

use super::Done;
use ifrit_node::crypto::RingVerifier;
use ifrit_sim::{chronicle::Chronicle, report};
use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What `run --trace` has written, or `ifrit agent --record`.
    trace: PathBuf,
    /// The page, HTML.
    #[arg(long, value_name = "OUT.html")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Done {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", args.trace.display());
    let bytes = fs::read(&args.trace).map_err(|error| wrong(&error))?;
    let page = if bytes.starts_with(report::MAGIC) {
        report::member_page(&bytes, Arc::new(RingVerifier)).map_err(|error| wrong(&error))?
    } else {
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong(&error))?;
        report::page(&Chronicle::read(text).map_err(|error| wrong(&error))?)
    };
    save(&args.out, |out| out.write_all(page.as_bytes()))?;
    Ok(true)
}

/// Writes a file, or says which one cannot be written.
pub(super) fn save(
    file: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), String> {
    let save = || {
        let mut out = BufWriter::new(fs::File::create(file)?);
        write(&mut out)?;
        out.flush()
    };
    save().map_err(|error| format!("{}: {error}", file.display()))
}
