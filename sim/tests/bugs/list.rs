//! Which scenario catches which bug.

use ifrit_core::planted::Bug;

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
    (Bug::SlowAnswer, &["chain.toml"]),
    (Bug::GrayEasily, &["generated:1"]),
    (Bug::OneContact, &["generated:1"]),
    (Bug::ForgedList, &["../../scenarios/revoked.toml"]),
];
