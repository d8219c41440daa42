//! Which scenario catches which bug.

use ifrit_core::planted::{Bug, Mark};

/// Each bug's scenarios: the first that fails catches it.
pub(crate) const SCENARIOS: &[(Bug, &[&str])] = &[];

/// Bugs that no scenario here catches yet.
pub(crate) const UNCAUGHT: &[Bug] = &[];

/// Marks that small scenarios do not reach.
pub(crate) const UNREACHED: &[Mark] = &[];
