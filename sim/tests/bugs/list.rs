//! Which scenario catches which bug.

use ifrit_core::planted::{Bug, Mark};

/// Each bug's scenarios: the first that fails catches it.
pub(crate) const SCENARIOS: &[(Bug, &[&str])] = &[
    (Bug::NonPredecessor, &["generated:1"]),
    (Bug::IgnoredMask, &["chain.toml"]),
    (Bug::SkipAccused, &["generated:2"]),
    (Bug::AccuserMatters, &["generated:2"]),
    (Bug::NoDisabling, &["slander.toml"]),
    (Bug::TimerSurvives, &["generated:1"]),
    (Bug::OwnDelta, &["generated:1"]),
    (Bug::FloodSetsBack, &["flood.toml"]),
    (Bug::NoDuty, &["half.toml", "generated:8"]),
    (Bug::FutureNotes, &["generated:21"]),
    (Bug::RefusalBlamed, &["generated:1"]),
    (Bug::EmptyLeaf, &["generated:1"]),
    (Bug::EpochRepeats, &["generated:15"]),
    (Bug::OneContact, &["generated:1"]),
];

/// Bugs that neither a scenario nor a script catches yet: work that is left.
pub(crate) const UNCAUGHT: &[Bug] = &[
    // Two that are down over a third which comes back: the script's two did not go down in the first place.
    Bug::Circle,
    // The same script.
    Bug::NoHold,
    // A newcomer that hears of accusations alone is joined before an age is over.
    Bug::AgesBeforeJoin,
    // A pair of members, one of which announces nothing, learns in time all the same.
    Bug::NewsCharged,
];

/// Marks that small scenarios do not reach.
pub(crate) const UNREACHED: &[Mark] = &[Mark::R4Saved, Mark::R9Renew, Mark::R12OutOfTurn, Mark::R14Renewed];
