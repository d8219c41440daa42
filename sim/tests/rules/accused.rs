//! R1, R3: false accusations are answered, and liars pay with their rings.

use crate::{s, settled};
use ifrit_core::{action::Notice, time::Mono, view::State};
use ifrit_sim::{World, wire::Bundle};
use std::time::Duration;

/// Slanders `accused` by each of `accusers` (a ring and the one who accuses there) every `every`, for `span`.
fn slander(world: &mut World, accusers: &[(u8, usize)], accused: usize, every: Duration, span: Duration) {
    let end = world.now() + span;
    while world.now() < end {
        for (ring, accuser) in accusers {
            world.slander(*accuser, accused, *ring);
        }
        world.run_for(every);
    }
}

#[test]
fn r3_a_false_accusation_is_answered() {
    for seed in 1..=5 {
        let mut world = settled(20, 7, seed);
        let (victim, liar) = (3, world.along(2, 3, -1));
        let epoch = world.sees(victim, victim).unwrap().epoch;
        let since = world.now();
        world.slander(liar, victim, 2);
        world.run_for(s(1));
        let told = world
            .since(since)
            .iter()
            .any(|seen| seen.observer == victim && matches!(seen.notice, Notice::AccusedMyself { .. }));
        assert!(told, "seed {seed}: the victim is told");
        let higher = |world: &World, node: usize| world.sees(node, victim).unwrap().epoch > epoch;
        assert!(
            world.correct().iter().all(|node| higher(&world, *node)),
            "seed {seed}: everybody has its answer"
        );
        world.settles_within(s(10));
        assert_eq!(world.removals(Mono(0)), [], "seed {seed}");
        let mask = world.sees(victim, victim).unwrap().mask;
        assert!(!mask.enabled(2), "seed {seed}: a valid accusation costs the accuser its ring");
    }
}

#[test]
fn r3_an_accused_member_hears_of_it_from_others_than_its_accuser() {
    for seed in 1..=5 {
        let mut world = settled(20, 7, seed);
        let (victim, liar) = (3, world.along(2, 3, -1));
        let accusation = world.accuse(liar, victim, 2);
        let other = (0..7).map(|ring| world.along(ring, liar, 1)).find(|node| *node != victim).unwrap();
        let since = world.now();
        world.show(liar, other, &[Bundle::of(world.id(victim)).accusation(&accusation)]);
        world.run_for(world.params().delta / 4);
        let told = world
            .since(since)
            .iter()
            .any(|seen| seen.observer == victim && matches!(seen.notice, Notice::AccusedMyself { .. }));
        assert!(told, "seed {seed}");
    }
}

#[test]
fn r7_whom_the_liar_does_not_tell_hears_within_half_a_delta() {
    let victim = 3;
    for seed in 1..=8 {
        let mut world = settled(12, 7, seed);
        let (liar, since, delta) = (world.along(0, victim, -1), world.now(), world.params().delta);
        let accusation = world.accuse(liar, victim, 0);
        let bundle = Bundle::of(world.id(victim)).accusation(&accusation);
        for to in world.linked(liar).into_iter().filter(|to| *to != victim) {
            world.show(liar, to, std::slice::from_ref(&bundle));
        }
        world.run_for(delta * 2);
        let of_me = |notice: &Notice| matches!(notice, Notice::AccusedMyself { .. });
        let told = world.since(since).iter().find(|seen| seen.observer == victim && of_me(&seen.notice));
        let told = told.map(|seen| seen.at.since(since));
        // Then its neighbours ask after it. Its own walks may take over 2Δ, and then it was down.
        assert!(
            told.is_some_and(|told| told <= delta * 5 / 8),
            "seed {seed}: told after {told:?} of {delta:?}"
        );
    }
}

#[test]
fn r3_a_valid_accusation_behind_the_answer_costs_its_ring_too() {
    let mut world = settled(20, 7, 1);
    let (victim, delta) = (3, world.params().delta);
    world.run_for(delta); // its first note is no longer new
    let before = |world: &World, ring: u8| (ring, world.along(ring, victim, -1));
    let [first, behind, late, next] = [0, 1, 2, 3].map(|ring| before(&world, ring));
    let words = [behind, late].map(|(ring, liar)| (liar, world.accuse(liar, victim, ring)));
    let tell = |world: &mut World, (liar, accusation): &(usize, _)| {
        let bundle = Bundle::of(world.id(victim)).accusation(accusation);
        world.show(*liar, victim, &[bundle]);
    };
    let mask = |world: &World| world.sees(victim, victim).unwrap().mask;
    slander(&mut world, &[first], victim, delta / 4, delta / 4);
    assert!(!mask(&world).enabled(0), "the first is answered");
    tell(&mut world, &words[0]);
    world.run_for(delta);
    tell(&mut world, &words[1]);
    world.run_for(delta);
    assert!(mask(&world).enabled(1), "it asks for no answer");
    slander(&mut world, &[next], victim, delta, delta);
    let off = [0, 1, 2, 3].map(|ring| !mask(&world).enabled(ring));
    assert_eq!(off, [true, true, false, true], "the next note tells, but of none that came after a delta");
}

#[test]
fn r3_the_accused_on_t_rings_stays_and_is_watched_on_the_others() {
    let mut world = settled(20, 7, 2);
    let victim = 3;
    let liars: Vec<_> = (0..3).map(|ring| (ring, world.along(ring, victim, -1))).collect();
    slander(&mut world, &liars, victim, s(1), s(20));
    assert_eq!(world.removals(Mono(0)), []);
    assert!(world.all_see(victim, State::Live) || world.all_see(victim, State::Accused));
    let mask = world.sees(victim, victim).unwrap().mask;
    assert!((0..3).all(|ring| !mask.enabled(ring)), "{mask:?}");
    assert_eq!(mask.count(), 4, "t are off, never more");
    world.crash(victim);
    let bound = world.params().detection + world.params().delta * 4;
    assert!(world.run_until_condition(bound, |world| world.all_see(victim, State::Down)).is_some());
}

#[test]
fn r3_more_liars_than_t_annoy_but_do_not_remove() {
    let mut world = settled(20, 7, 3);
    let victim = 3;
    let liars: Vec<_> = (0..7).map(|ring| (ring, world.along(ring, victim, -1))).collect();
    slander(&mut world, &liars, victim, s(1) / 2, s(30));
    assert_eq!(world.removals(Mono(0)), []);
    world.settles_within(s(10));
}

#[test]
fn r1_an_accusation_over_live_members_counts_nowhere() {
    let mut world = settled(20, 7, 4);
    let victim = 3;
    let liar = world.along(2, victim, -3);
    let since = world.now();
    slander(&mut world, &[(2, liar)], victim, s(1), s(20));
    let accused = world.since(since).iter().any(|seen| matches!(seen.notice, Notice::Accused { .. }));
    assert!(!accused, "nobody takes it");
    assert_eq!(world.removals(Mono(0)), []);
    world.settles_within(s(10));
}

#[test]
fn r1_a_disabled_ring_accuses_no_more() {
    let mut world = settled(20, 7, 5);
    let victim = 3;
    let liar = world.along(2, victim, -1);
    slander(&mut world, &[(2, liar)], victim, s(2), s(2));
    let since = world.now();
    let epoch = world.sees(victim, victim).unwrap().epoch;
    slander(&mut world, &[(2, liar)], victim, s(1), s(20));
    let accused = world.since(since).iter().any(|seen| matches!(seen.notice, Notice::Accused { .. }));
    assert!(!accused, "the ring is off");
    assert_eq!(world.sees(victim, victim).unwrap().epoch, epoch, "and needs no answer");
}

#[test]
fn r3_an_answer_arrives_under_loss() {
    for seed in 1..=3 {
        let mut world = settled(20, 7, seed);
        world.net.loss_ppm = 200_000;
        let victim = 3;
        let liar = world.along(1, victim, -1);
        slander(&mut world, &[(1, liar)], victim, s(3), s(30));
        assert_eq!(world.removals(Mono(0)), [], "seed {seed}");
    }
}

/// R3's amplification, as `own` states it: t liars that accuse everybody they follow, on every ring, without end, get
/// few answers, and then none: their rings are disabled.
#[test]
fn r3_what_t_liars_make_others_sign_is_bounded_and_ends() {
    const MEMBERS: usize = 24;
    let (t, k) = (3, 7);
    let mut world = settled(MEMBERS, k, 1);
    world.run_for(s(10));
    (0..t).for_each(|liar| world.mark_liar(liar));
    let signed =
        |world: &World| -> u64 { (t..MEMBERS).map(|node| world.member(node).counters().rebuttals).sum() };
    let attack = |world: &mut World, span: Duration| {
        let (before, end) = (signed(world), world.now() + span);
        while world.now() < end {
            for liar in 0..t {
                (0..k).for_each(|ring| world.slander(liar, world.along(ring, liar, 1), ring));
            }
            world.run_for(s(1) / 10);
        }
        signed(world) - before
    };
    let answers = attack(&mut world, s(20));
    assert!(answers > 0 && answers <= 2 * t as u64 * u64::from(k), "{answers} answers");
    assert_eq!(attack(&mut world, s(10)), 0, "nothing stands");
    assert_eq!(world.removals(Mono(0)), []);
}
