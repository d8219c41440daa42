//! The subcommands, one file each. Each tells whether all held, or what was wrong with what it was given.

pub(crate) mod compare;
mod jobs;
pub(crate) mod replay;
pub(crate) mod report;
mod reproduce;
pub(crate) mod run;
pub(crate) mod shrink;
pub(crate) mod sweep;

/// Whether all held; or a sentence about bad input.
pub(crate) type Done = Result<bool, String>;
