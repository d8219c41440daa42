//! A chronicle as JSON, and back. What comes back was written by anybody.

use super::{Chronicle, FORMAT, Heat, TRACE};
use serde::Deserialize;
use std::io::Write;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Not JSON, or a key too many, too few, or of another kind.
    #[error("not a trace of a simulated run: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON of something else.
    #[error("not a trace of a simulated run: \"trace\" is {0:?}, not {TRACE:?}")]
    Other(String),
    /// Of another format.
    #[error("a trace of format {0}; this version reads format {FORMAT}")]
    Format(u32),
    /// Well formed, but impossible.
    #[error("a trace that contradicts itself: {0}")]
    Absurd(String),
}

/// What every format has.
#[derive(Deserialize)]
struct Kind {
    trace: String,
    format: u32,
}

impl Chronicle {
    /// Writes it as one JSON object and a line feed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, mut out: impl Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut out, self)?;
        out.write_all(b"\n")
    }

    /// Reads what [`Chronicle::write`] wrote. Whatever it returns can be shown: all members named exist, all tables are square.
    ///
    /// # Errors
    /// What is wrong.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let kind: Kind = serde_json::from_str(text)?;
        if kind.trace != TRACE {
            return Err(Unreadable::Other(kind.trace));
        }
        if kind.format != FORMAT {
            return Err(Unreadable::Format(kind.format));
        }
        let chronicle: Self = serde_json::from_str(text)?;
        chronicle.check().map_err(Unreadable::Absurd)?;
        Ok(chronicle)
    }

    fn check(&self) -> Result<(), String> {
        let members = self.header.members;
        named("bands", members, self.bands.iter().flat_map(|band| band.members.iter().copied()))?;
        named("edges", members, self.edges.iter().flat_map(|edge| [edge.accuser, edge.accused]))?;
        named("outs", members, self.outs.iter().flat_map(|out| [out.subject, out.observer, out.accuser]))?;
        named("rings", members, self.rings.iter().flat_map(|ring| ring.order.iter().copied()))?;
        named("members", members, self.members.iter().map(|tale| tale.member))?;
        if !self.samples.is_sorted_by(|a, b| a.at_s < b.at_s) {
            return Err("samples are not in the order of time".into());
        }
        if self.header.until_s <= 0.0 {
            return Err(format!("a run of {} s", self.header.until_s));
        }
        self.observers.check("observers", members)?;
        self.subjects.check("subjects", members)
    }
}

fn named(key: &str, members: usize, mut of: impl Iterator<Item = usize>) -> Result<(), String> {
    match of.find(|member| *member >= members) {
        Some(member) => Err(format!("{key} names member {member} of {members}")),
        None => Ok(()),
    }
}

impl Heat {
    fn check(&self, key: &str, members: usize) -> Result<(), String> {
        if self.members_per_row == 0 || self.cells.len() != members.div_ceil(self.members_per_row) {
            let (rows, each) = (self.cells.len(), self.members_per_row);
            return Err(format!("{key} has {rows} rows of {each} for {members} members"));
        }
        let columns = self.cells.first().map_or(0, Vec::len);
        if self.cells.iter().any(|row| row.len() != columns) {
            return Err(format!("{key} has rows of different length"));
        }
        if self.column_s <= 0.0 {
            return Err(format!("{key} has columns of {} s", self.column_s));
        }
        Ok(())
    }
}
