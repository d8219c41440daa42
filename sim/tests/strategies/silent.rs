//! Those that leave out what they should do.

use crate::{LIARS, bears, conspire, deeds, notices_a_crash, s, settled, unharmed};
use ifrit_core::view::State;
use ifrit_sim::{Setup, World};

#[test]
fn gossip_dropper() {
    let mut world = bears("gossip-dropper", "", s(5));
    notices_a_crash(&mut world, 2);
    assert!(deeds(&world).withheld > 10);
    world.start(2);
    world.settles_within(s(30));
}

#[test]
fn mute_monitor() {
    let mut world = bears("mute-monitor", "", s(5));
    [2, 6, 9].into_iter().for_each(|node| notices_a_crash(&mut world, node));
    assert!(deeds(&world).withheld > 0, "its words stay with it");
    unharmed(&world);
}

#[test]
fn patience_trainer() {
    let mut world = settled();
    conspire(&mut world, "patience-trainer", &LIARS, "train = \"20s\"\ndrop = 0.4");
    world.run_for(s(21));
    assert_eq!(world.take_ended().len(), 2, "they have crashed");
    world.run_for(world.params().detection);
    for liar in LIARS {
        assert!(world.all_see(liar, State::Down), "{}", world.explain());
    }
    unharmed(&world);
}

/// The newcomer's only contact is a liar, then one of two is.
#[test]
fn false_contact() {
    let mut world = World::new(Setup::new(13, 2).rings(7));
    (0..12).for_each(|node| world.start(node));
    world.settles_within(s(30));
    conspire(&mut world, "false-contact", &[3], "drip = 0.1");
    world.set_seeds(12, vec![3, 5]);
    world.start(12);
    let whole = |world: &World| (0..12).all(|node| world.sees_live(12, node) && world.sees_live(node, 12));
    assert!(world.run_until_condition(s(30), whole).is_some(), "{}", world.explain());
    assert!(world.deeds(3).withheld > 0);
}

#[test]
fn ghost_replayer() {
    let mut world = World::new(Setup::new(13, 3).rings(7));
    (0..12).for_each(|node| world.start(node));
    world.settles_within(s(30));
    conspire(&mut world, "ghost-replayer", &LIARS, "");
    world.run_for(s(2));
    world.crash(2);
    world.depart(6);
    world.run_for(s(10));
    let shown = deeds(&world).said;
    assert!(shown > 100, "it shows the departed");
    world.set_seeds(12, vec![LIARS[0], 5, 8]);
    world.start(12);
    world.settles_within(s(30));
    world.run_for(s(5));
    assert!(!world.sees_live(12, 2) && !world.sees_live(12, 6));
}
