//! Heal: what was apart comes together again, with no help from the application.

use crate::{s, settled};
use ifrit_sim::World;
use std::time::Duration;

/// How long a heal may take.
const HEAL: Duration = Duration::from_secs(10);

fn part(world: &mut World, groups: &[Vec<usize>], span: Duration) {
    world.partition(groups, false);
    let apart = world.run_until_condition(span, |world| groups.iter().all(|group| world.agree(group)));
    assert!(apart.is_some(), "the groups do not agree among themselves:\n{}", world.explain());
    world.run_for(span.saturating_sub(apart.unwrap()));
    world.heal();
}

#[test]
fn heal_after_halves_at_several_sizes() {
    for members in [2, 4, 10, 20] {
        for seed in 1..=4 {
            let rings = if seed % 2 == 0 { 3 } else { 23 };
            let mut world = settled(members, rings, seed);
            let (one, other) = ((0..members / 2).collect(), (members / 2..members).collect());
            part(&mut world, &[one, other], s(30));
            let took = world.run_until_condition(HEAL, World::settled);
            assert!(took.is_some(), "{members} members, {rings} rings, seed {seed}:\n{}", world.explain());
        }
    }
}

#[test]
fn heal_after_two_minutes_of_halves() {
    let mut world = settled(40, 23, 1);
    part(&mut world, &[(0..20).collect(), (20..40).collect()], s(120));
    let took = world.settles_within(HEAL);
    println!("healed in {took:?}");
}

#[test]
fn heal_after_one_member_was_alone() {
    for seed in 1..=3 {
        let mut world = settled(12, 7, seed);
        part(&mut world, &[vec![5], (0..12).filter(|node| *node != 5).collect()], s(90));
        world.settles_within(HEAL);
    }
}

#[test]
fn r6_whoever_was_alone_among_many_does_not_hold_them_out() {
    let mut world = settled(60, 23, 4);
    part(&mut world, &[vec![5], (0..60).filter(|node| *node != 5).collect()], s(40));
    world.settles_within(HEAL);
}

#[test]
fn heal_after_thirds() {
    let mut world = settled(15, 7, 1);
    part(&mut world, &[(0..5).collect(), (5..10).collect(), (10..15).collect()], s(60));
    world.settles_within(HEAL);
}

#[test]
fn a_one_way_partition_ends_too() {
    let mut world = settled(12, 7, 1);
    world.partition(&[(0..6).collect()], true);
    world.run_for(s(60));
    world.heal();
    world.settles_within(s(20));
}

/// One whose clock is behind takes nobody's answer after a partition, and holds all out.
#[test]
fn r3_what_is_held_against_a_member_is_shown_once_on_a_link() {
    let mut world = settled(12, 23, 1);
    world.skew(5, -3600 * 1000);
    part(&mut world, &[vec![5], (0..12).filter(|node| *node != 5).collect()], s(40));
    world.run_for(s(20));
    assert_eq!(world.live_view(5).len(), 1, "{}", world.explain());
    let before = world.sent(5);
    world.run_for(s(60));
    let rate = (world.sent(5) - before) / 60;
    assert!(rate < 20_000, "it sends {rate} B/s; shown again every Δ it would be 199 kB/s");
}
