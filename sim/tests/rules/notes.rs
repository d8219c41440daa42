//! R9, R12, R15: epochs, restarts, leaving, two notes with one epoch.

use crate::{liars::Unanswering, s, settled};
use ifrit_core::{action::Notice, config::Stored, note::Note, params::Wish, time::Mono, view::State};
use ifrit_sim::{Setup, World, wire::Bundle, world::Observed};

#[test]
fn r15_a_restart_has_the_next_epoch_and_needs_no_seed() {
    let mut world = settled(10, 7, 1);
    let before = world.sees(3, 3).unwrap().epoch;
    world.run_for(s(5));
    world.crash(3);
    world.run_for(s(10));
    world.crash(0); // its only seed
    world.run_for(s(10));
    world.restart(3);
    world.settles_within(s(30));
    assert!(world.sees(3, 3).unwrap().epoch > before);
}

#[test]
fn r15_a_quick_restart_is_seen_live_again() {
    let mut world = settled(10, 7, 2);
    let before = world.sees(3, 3).unwrap().epoch;
    world.restart(3);
    world.settles_within(s(20));
    assert!(world.sees(5, 3).unwrap().epoch > before);
    assert_eq!(world.removals(Mono(0)), []);
}

#[test]
fn r15_a_restart_with_an_old_disk_comes_back_with_a_higher_epoch() {
    for lost in [false, true] {
        let mut world = settled(10, 7, 3);
        world.run_for(s(5));
        let old = if lost { Stored::default() } else { world.disk(3) };
        for ring in [0, 1, 2] {
            let liar = world.along(ring, 3, -1);
            world.slander(liar, 3, ring);
            world.run_for(s(3));
        }
        let before = world.sees(5, 3).unwrap().epoch;
        world.crash(3);
        world.run_for(s(10));
        world.restart_with_disk(3, old);
        world.settles_within(s(30));
        assert!(world.sees(5, 3).unwrap().epoch > before, "disk lost: {lost}");
    }
}

#[test]
fn r15_a_clock_set_back_does_not_repeat_epochs() {
    let mut world = settled(10, 7, 4);
    world.run_for(s(5));
    let before = world.sees(5, 3).unwrap().epoch;
    world.crash(3);
    world.skew(3, -300_000);
    world.run_for(s(10));
    world.restart_with_disk(3, Stored::default());
    world.settles_within(s(60));
    assert!(world.sees(5, 3).unwrap().epoch > before);
}

/// `liar` says one thing to every second of those that it reaches, and another to the rest, in one epoch.
/// Gives the note that must stay.
fn say_two_things(world: &mut World, liar: usize) -> Note {
    world.mark_liar(liar);
    let notes = [b"a", b"b"].map(|tags| world.note(liar, 1, |note| note.tags = tags.to_vec()));
    let id = world.id(liar);
    for (n, to) in world.linked(liar).into_iter().enumerate() {
        world.show(liar, to, &[Bundle::of(id).note(&notes[n % 2])]);
    }
    notes.into_iter().min_by_key(|note| *note.hash()).unwrap()
}

#[test]
fn r12_of_two_notes_with_one_epoch_all_keep_the_lower_hash() {
    let mut told = 0;
    for seed in 1..=4 {
        let mut world = settled(12, 7, seed);
        // The member itself never says more: nothing but the rule makes views equal again.
        world.corrupt(3, Box::new(Unanswering));
        let since = world.now();
        let lower = say_two_things(&mut world, 3);
        let keeps =
            |world: &World, node: usize| world.sees(node, 3).is_some_and(|view| view.tags == lower.tags());
        let agree = |world: &World| world.correct().iter().all(|node| keeps(world, *node));
        assert!(world.run_until_condition(s(20), agree).is_some(), "seed {seed}");
        let equivocation = |seen: &Observed| matches!(seen.notice, Notice::Equivocation { .. });
        told += usize::from(world.since(since).iter().any(equivocation));
        assert_eq!(world.removals(Mono(0)), [], "seed {seed}: no verdict");
    }
    assert!(told > 0, "some of those who see both notes say so");
}

/// Member 3 sees a note of its own that is not its, jumps above `epoch`, and says so.
fn jumps_above(world: &mut World, epoch: u64) {
    let jumped = |world: &World| {
        let above = |node: &usize| world.sees(*node, 3).is_some_and(|view| view.epoch > epoch);
        world.correct().iter().all(above) && world.sees(3, 3).is_some_and(|view| view.epoch > epoch)
    };
    assert!(world.run_until_condition(s(20), jumped).is_some(), "{}", world.explain());
    let told = |seen: &Observed| seen.observer == 3 && matches!(seen.notice, Notice::IdentityInUse { .. });
    assert!(world.observed().iter().any(told));
    world.settles_within(s(20));
}

#[test]
fn r15_a_foreign_note_is_jumped_above() {
    for seed in 1..=4 {
        let mut world = settled(12, 7, seed);
        let lower = say_two_things(&mut world, 3);
        jumps_above(&mut world, lower.epoch());
    }
}

#[test]
fn r15_a_clone_at_the_same_epoch_is_jumped_above() {
    for seed in 1..=2 {
        let mut world = settled(8, 7, seed);
        let clone = world.note(3, 0, |fields| fields.tags = b"clone".to_vec());
        world.spread(5, &[Bundle::of(world.id(3)).note(&clone)]);
        jumps_above(&mut world, clone.epoch());
    }
}

#[test]
fn r9_a_clock_that_jumps_expires_nothing_and_is_checked_first() {
    let mut world = settled(10, 7, 1);
    world.run_for(s(5));
    let before = world.sees(3, 3).unwrap().epoch;
    world.skew(3, 48 * 3600 * 1000);
    world.run_for(s(10));
    let told = |seen: &Observed| seen.observer == 3 && matches!(seen.notice, Notice::ClockWrong { .. });
    assert!(world.observed().iter().any(told), "its neighbours say that its clock is wrong");
    assert_eq!(world.sees(3, 3).unwrap().epoch, before, "no note was dated by it");
    assert!(world.settled(), "nothing expired:\n{}", world.explain());
    world.skew(3, 0);
    let renewed = |world: &World| world.sees(3, 3).unwrap().epoch > before;
    assert!(world.run_until_condition(s(10), renewed).is_some(), "back in time, it renews its note");
    world.settles_within(s(10));
    assert_eq!(world.removals(Mono(0)), []);
}

#[test]
fn leaving_is_no_death() {
    let mut world = settled(10, 7, 1);
    let since = world.now();
    world.leave(4);
    assert!(world.all_see(4, State::Left), "{}", world.explain());
    world.run_for(s(20));
    assert!(world.settled(), "{}", world.explain());
    let accused = world
        .since(since)
        .iter()
        .any(|seen| matches!(seen.notice, Notice::Accused { .. } | Notice::Down { .. }));
    assert!(!accused, "nobody accuses who has left");
    world.restart(4);
    world.settles_within(s(30));
}

/// A lease short enough to run out in a test.
fn short_lease(members: usize, seed: u64) -> Setup {
    let setup = Setup::new(members, seed).rings(7);
    Setup { wish: Wish { lease: Some(s(120)), ..setup.wish }, ..setup }
}

#[test]
fn r9_leases_are_renewed() {
    let mut world = World::converged(short_lease(10, 1));
    world.run_for(s(400));
    assert!(world.settled(), "{}", world.explain());
    let ended = world.observed().iter().any(|seen| matches!(seen.notice, Notice::Expired { .. }));
    assert!(!ended && world.removals(Mono(0)).is_empty());
}

#[test]
fn r14_a_renewed_certificate_reaches_all_and_when_it_ends_all_forget_its_member() {
    let mut world = settled(10, 7, 1);
    world.certify(3, s(60));
    let all_hold = |world: &World| {
        let held = |node| world.member(node).view().certificate(&world.id(3)) == Some(world.certificate(3));
        world.correct().into_iter().all(held)
    };
    assert!(
        world.run_until_condition(s(10), all_hold).is_some(),
        "it comes by gossip, not only to newcomers"
    );
    world.settles_within(s(10));
    world.run_for(s(60) + world.params().allowance + s(10));
    let others = world.correct().into_iter().filter(|node| *node != 3);
    assert_eq!(others.filter(|node| world.sees_live(*node, 3)).count(), 0, "{}", world.explain());
    assert_eq!(world.removals(Mono(0)), [], "it has ended; nobody accuses it");
}

#[test]
fn r9_an_old_note_of_a_departed_member_is_nobody_to_a_newcomer() {
    let mut world = World::new(short_lease(12, 2));
    (0..11).for_each(|node| world.start(node));
    world.settles_within(s(30));
    let ghost = world.note(4, 0, |_| {});
    let bundle = Bundle::of(world.id(4)).certificate(world.certificate(4)).note(&ghost);
    world.crash(4);
    world.run_for(s(200));
    assert!(world.sees(5, 4).is_none(), "its lease is over: it is forgotten");
    world.mark_liar(7);
    world.start(11);
    for _ in 0..200 {
        world.show(7, 11, std::slice::from_ref(&bundle));
        world.spread(7, std::slice::from_ref(&bundle));
        world.run_for(s(1) / 10);
        let fooled = world.correct().into_iter().find(|node| world.sees_live(*node, 4));
        assert_eq!(fooled, None, "the ghost walks");
    }
    world.settles_within(s(30));
}

#[test]
fn r9_the_last_word_of_one_who_left_holds_against_its_older_ones() {
    let mut world = World::new(Setup::new(12, 3).rings(7));
    (0..11).for_each(|node| world.start(node));
    world.settles_within(s(30));
    let old = world.note(4, 0, |_| {});
    let bundle = Bundle::of(world.id(4)).certificate(world.certificate(4)).note(&old);
    world.leave(4);
    world.mark_liar(0); // the newcomer's only seed
    world.start(11);
    for _ in 0..100 {
        world.show(0, 11, std::slice::from_ref(&bundle));
        world.run_for(s(1) / 10);
    }
    world.settles_within(s(30));
    assert!(!world.sees_live(11, 4));
}

#[test]
fn r14_an_older_certificate_shown_again_changes_nothing() {
    let mut world = settled(10, 7, 5);
    let old = Bundle::of(world.id(3)).certificate(world.certificate(3));
    world.certify(3, s(30 * 24 * 3600));
    let holds = |world: &World| {
        let held = |node| world.member(node).view().certificate(&world.id(3)) == Some(world.certificate(3));
        (0..10).all(held)
    };
    assert!(world.run_until_condition(s(10), holds).is_some());
    world.mark_liar(5);
    for _ in 0..20 {
        world.spread(5, std::slice::from_ref(&old));
        world.run_for(s(1) / 20);
        assert!(holds(&world), "also with whom it has a link of before");
    }
}
