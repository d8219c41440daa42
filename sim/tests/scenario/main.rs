//! Scenario files, what is said of bad ones, and what runs of good ones give.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod command;
mod format;
mod runs;

use std::path::PathBuf;

/// Every scenario of this crate, in order.
fn files() -> Vec<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
