//! Which scenario catches which bug.

use ifrit_core::planted::{Bug, Mark};

/// Each bug's scenarios: the first that fails catches it.
pub(crate) const SCENARIOS: &[(Bug, &[&str])] = &[
    (Bug::NonPredecessor, &["generated:1", "chain.toml"]),
    (Bug::IgnoredMask, &["chain.toml", "slander.toml"]),
    (Bug::SkipAccused, &["generated:2", "chain.toml"]),
    (Bug::AccuserMatters, &["generated:2", "half.toml"]),
    (Bug::Circle, &["half.toml", "grow.toml"]),
    (Bug::LastAccuser, &["half.toml", "grow.toml"]),
    (Bug::NarrowAnswer, &["chain.toml"]),
    (Bug::NoDisabling, &["slander.toml"]),
    (Bug::UnanswerableDisables, &["chain.toml", "slander.toml"]),
    (Bug::ExtraRing, &["masks.toml"]),
    (Bug::TimerSurvives, &["generated:1"]),
    (Bug::FireFirst, &["racer.toml"]),
    (Bug::OwnDelta, &["generated:1"]),
    (Bug::FloodSetsBack, &["flood.toml"]),
    (Bug::NoLinkNoMiss, &["half.toml"]),
    (Bug::NoDuty, &["half.toml"]),
    (Bug::NoHold, &["grow.toml"]),
    (Bug::AccusationsFirst, &["half.toml"]),
    (Bug::FailedBody, &["racer.toml"]),
    (Bug::RefusalBlamed, &["half.toml", "chain.toml"]),
    (Bug::Redials, &["half.toml"]),
    (Bug::FirstOfEpoch, &["equivocator.toml"]),
    (Bug::EmptyLeaf, &["half.toml"]),
    (Bug::EpochRepeats, &["restart.toml"]),
    (Bug::OneContact, &["generated:0", "generated:4", "generated:7"]),
];

/// Bugs that no scenario here catches yet.
pub(crate) const UNCAUGHT: &[Bug] = &[];

/// Marks that small scenarios do not reach.
pub(crate) const UNREACHED: &[Mark] = &[];
