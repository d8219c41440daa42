//! Broken rather than lying.

use crate::{bears, deeds, notices_a_crash, s, told};
use ifrit_core::action::Notice;
use ifrit_sim::adversary::STRATEGIES;

#[test]
fn bit_flipper() {
    let mut world = bears("bit-flipper", "", s(20));
    assert!(deeds(&world).withheld > 50);
    assert!(told(&world, |notice| matches!(notice, Notice::Misbehaviour { .. })) > 0);
    notices_a_crash(&mut world, 2);
}

/// Each file beside this one has a test named like its strategy.
#[test]
fn every_strategy_has_a_test_of_its_name() {
    let tests = [
        include_str!("accusers.rs"),
        include_str!("floods.rs"),
        include_str!("own_words.rs"),
        include_str!("silent.rs"),
        include_str!("others.rs"),
    ]
    .concat();
    for strategy in STRATEGIES {
        let name = format!("fn {}()", strategy.name.replace('-', "_"));
        assert!(tests.contains(&name), "{} has no test", strategy.name);
    }
}
