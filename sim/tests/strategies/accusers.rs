//! Those that accuse.

use crate::{LIARS, MEMBERS, bears, conspire, deeds, notices_a_crash, s, settled, sum, told, unharmed};
use ifrit_core::action::Notice;
use ifrit_sim::{World, adversary, scenario::Selector};

#[test]
fn false_accuser() {
    let mut world = bears("false-accuser", "", s(15));
    assert!(deeds(&world).said > 1000);
    assert!(sum(&world, |counters| counters.rebuttals) >= 5, "its victims answer");
    let masked = |node: &usize| world.sees(*node, *node).unwrap().mask.count() < 7;
    assert!(world.correct().iter().any(masked), "and disable its rings");
    notices_a_crash(&mut world, 2);
}

#[test]
fn chain_accuser() {
    let mut world = bears("chain-accuser", "", s(4));
    assert!(sum(&world, |counters| counters.refusals) > 1000, "most of its words count nowhere");
    assert!(sum(&world, |counters| counters.charges.blocked) > 100, "for members between are not out");
    assert!(sum(&world, |counters| counters.charges.of_me) > 5);
    assert!(sum(&world, |counters| counters.rebuttals) > 5);
    notices_a_crash(&mut world, 2);
}

#[test]
fn mutual_accusers() {
    let mut world = bears("mutual-accusers", "silent = \"4s\"", s(14));
    assert!(deeds(&world).withheld > 0, "they answer nothing");
    let down = world
        .observed()
        .iter()
        .filter(|seen| {
            matches!(&seen.notice, Notice::Down { accusation }
        if LIARS.contains(&world.index(&accusation.accused)))
        })
        .count();
    assert!(down > 0 || !follow_each_other(&world), "and put each other out");
    notices_a_crash(&mut world, 2);
}

fn follow_each_other(world: &World) -> bool {
    (0..7)
        .any(|ring| world.along(ring, LIARS[0], 1) == LIARS[1] || world.along(ring, LIARS[1], 1) == LIARS[0])
}

#[test]
fn accusation_replayer() {
    let mut world = settled();
    conspire(&mut world, "accusation-replayer", &LIARS, "");
    let liar = world.along(0, 7, -1);
    world.slander(liar, 7, 0);
    world.run_for(s(5));
    let answers = sum(&world, |counters| counters.rebuttals);
    let duplicates = sum(&world, |counters| counters.duplicates);
    world.run_for(s(5));
    assert!(answers > 0 && deeds(&world).said > 100);
    assert_eq!(sum(&world, |counters| counters.rebuttals), answers, "an old word asks for no answer");
    assert!(sum(&world, |counters| counters.duplicates) > duplicates + 100);
    assert!(sum(&world, |counters| counters.charges.stale) > 100, "its epoch is over");
    unharmed(&world);
}

#[test]
fn signature_racer() {
    let mut world = bears("signature-racer", "", s(15));
    let bad = |notice: &Notice| matches!(notice, Notice::Misbehaviour { .. });
    assert!(told(&world, bad) > 0, "its garbage is seen");
    assert!(deeds(&world).done > 0, "it dials again");
    assert!(sum(&world, |counters| counters.rebuttals) > 0);
    notices_a_crash(&mut world, 2);
}

#[test]
fn bucket_drainer() {
    let world = bears("bucket-drainer", "", s(15));
    assert!(sum(&world, |counters| counters.failed) > 10, "its garbage is checked");
    assert!(sum(&world, |counters| counters.rebuttals) > 0, "and answers come through");
}

#[test]
fn rebuttal_suppressor() {
    let mut world = bears("rebuttal-suppressor", "", s(15));
    assert!(deeds(&world).unheard > 0, "it keeps answers from its member");
    assert!(sum(&world, |counters| counters.rebuttals) > 0);
    notices_a_crash(&mut world, 2);
}

#[test]
fn gray_liar() {
    for strain in [0, 250] {
        let world = bears("gray-liar", &format!("strain = {strain}"), s(10));
        assert!(deeds(&world).withheld > 10, "it changes its pings");
        assert_eq!(told(&world, |notice| matches!(notice, Notice::Gray { .. })), 0);
    }
}

/// R3, R17: t colluders around a victim cost it rings; t+1 cost it an answer per Δ/2 without end, but not its place.
#[test]
fn eclipse() {
    let strategy = adversary::strategy("eclipse").unwrap();
    let mut answers = Vec::new();
    for count in [3, 4] {
        let mut world = settled();
        let victim = lonely(&world);
        let ids: Vec<_> = (0..MEMBERS).map(|node| world.id(node)).collect();
        let params = toml::from_str(&format!("around = {victim}")).unwrap();
        let around = strategy.around(&params, &Selector::Count(count), &ids, world.network().params());
        let liars = around.unwrap().unwrap();
        let rings = (0..7).filter(|ring| liars.contains(&world.along(*ring, victim, -1))).count();
        assert_eq!((liars.len(), rings), (count, count), "each on one ring");
        world.conspire(strategy, &liars, &params).unwrap();
        world.run_for(s(10));
        let rebuttals = world.member(victim).counters().rebuttals;
        world.run_for(s(20));
        answers.push(world.member(victim).counters().rebuttals - rebuttals);
        unharmed(&world);
    }
    assert!(answers[0] == 0 && answers[1] > 20, "answers after the first ten seconds: {answers:?}");
}

/// A member that has another predecessor on each ring.
fn lonely(world: &World) -> usize {
    let different = |node: &usize| {
        let mut before: Vec<_> = (0..7).map(|ring| world.along(ring, *node, -1)).collect();
        before.sort_unstable();
        before.dedup();
        before.len() == 7
    };
    (0..MEMBERS).find(different).unwrap()
}
