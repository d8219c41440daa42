//! Those that abuse what they say of themselves.

use crate::{LIARS, MEMBERS, bears, conspire, deeds, notices_a_crash, s, settled, sum, told, unharmed};
use ifrit_core::{action::Notice, event::Command, view::State};
use ifrit_sim::{adversary, scenario::Selector};

#[test]
fn equivocator() {
    let mut world = bears("equivocator", "", s(15));
    assert!(told(&world, |notice| matches!(notice, Notice::Equivocation { .. })) > 0);
    LIARS.into_iter().for_each(|liar| world.crash(liar));
    let agree = |world: &ifrit_sim::World| {
        let digests: Vec<_> =
            world.correct().iter().map(|node| world.member(*node).view().digest()).collect();
        digests.windows(2).all(|pair| pair[0] == pair[1])
    };
    world.run_for(s(10));
    assert!(world.run_until_condition(s(10), agree).is_some(), "views differ for ever:\n{}", world.explain());
}

#[test]
fn epoch_pumper() {
    for params in ["", "flap = true", "leap = 1000000000000000000"] {
        let mut world = bears("epoch-pumper", params, s(6));
        let pumped = deeds(&world).said;
        assert!(pumped > 5000, "{pumped}");
        // R12: at most one of its notes per Δ/4, and four at once, is forwarded by each.
        let bound = 4 + s(6).as_nanos() / (world.params().delta / 4).as_nanos();
        let news = sum(&world, |counters| counters.news);
        assert!(u128::from(news) < (bound + 4) * 14 * 2 + 14 * 40, "{params}: {news} new records");
        notices_a_crash(&mut world, 2);
    }
}

/// R4, R12: accused of silence again and again, it has always answered in time, if only just.
#[test]
fn late_answerer() {
    let world = bears("late-answerer", "", s(30));
    let of_liar = |id| LIARS.into_iter().any(|liar| world.id(liar) == id);
    let rebutted = |notice: &Notice| matches!(notice, Notice::Rebutted { member, .. } if of_liar(*member));
    let seen = world.observed().iter();
    let rebutted = seen.filter(|seen| rebutted(&seen.notice)).count();
    assert!(rebutted > 30, "{rebutted} saw it rebut");
    assert!(told(&world, |notice| matches!(notice, Notice::Equivocation { .. })) > 100);
    assert!(
        told(&world, |notice| matches!(notice, Notice::Down { .. })) < rebutted,
        "it is late more often than not"
    );
}

#[test]
fn clock_liar() {
    let world = bears("clock-liar", "", s(10));
    assert!(sum(&world, |counters| counters.refusals) > 50, "what is dated ahead is refused");
    assert!(told(&world, |notice| matches!(notice, Notice::ClockWrong { .. })) > 0);
}

/// R14: lists of its own are blamed on it; revoked, it dials and talks, and nobody looks at that.
#[test]
fn outcast() {
    let mut world = bears("outcast", "", s(20));
    assert!(told(&world, |notice| matches!(notice, Notice::Misbehaviour { .. })) > 5);
    let list = world.network().revoke(1, &LIARS.map(|liar| world.id(liar)));
    world.command(0, Command::SetRevocations(list.signed().bytes().to_vec())).unwrap();
    world.run_for(s(2));
    let done = deeds(&world).done;
    world.run_for(s(20));
    assert!(deeds(&world).done > done + 100, "it dials on");
    for node in world.correct() {
        let held = LIARS.map(|liar| world.sees(node, liar).unwrap().state);
        assert_eq!(held, [State::Revoked; 2], "by {node}");
    }
    unharmed(&world);
    notices_a_crash(&mut world, 2);
}

/// R17: with t liars before it the one that crashes is found out, with t+1 not.
#[test]
fn mask_abuser() {
    let strategy = adversary::strategy("mask-abuser").unwrap();
    for (count, found) in [(4, true), (5, false)] {
        let mut world = settled();
        let ids: Vec<_> = (0..MEMBERS).map(|node| world.id(node)).collect();
        let params = toml::from_str("around = 7\ninside = true\ncrash = \"10s\"").unwrap();
        let around = strategy.around(&params, &Selector::Count(count), &ids, world.network().params());
        world.conspire(strategy, &around.unwrap().unwrap(), &params).unwrap();
        world.run_for(s(11));
        assert_eq!(world.take_ended().len(), 1, "it has crashed");
        world.run_for(world.params().detection);
        assert_eq!(world.all_see(7, State::Down), found, "{count} liars:\n{}", world.explain());
        unharmed(&world);
    }
}

#[test]
fn illegal_masks_are_misbehaviour() {
    let world = bears("mask-abuser", "illegal = 1.0\ncrash = \"60s\"", s(8));
    assert!(told(&world, |notice| matches!(notice, Notice::Misbehaviour { .. })) > 5);
}

#[test]
fn heal_drainer() {
    let mut world = bears("heal-drainer", "", s(10));
    assert!(sum(&world, |counters| counters.rebuttals) > 10, "some renew at its word");
    let answers = sum(&world, |counters| counters.rebuttals);
    world.run_for(s(10));
    assert_eq!(sum(&world, |counters| counters.rebuttals), answers, "but not again and again");
    world.partition(&[(0..8).collect()], false);
    world.run_for(s(30));
    world.heal();
    assert!(world.run_until_condition(s(20), ifrit_sim::World::settled).is_some(), "{}", world.explain());
}

#[test]
fn stale_note_replayer() {
    let mut world = settled();
    conspire(&mut world, "stale-note-replayer", &LIARS, "");
    world.run_for(s(8));
    let before: Vec<_> = world.correct().iter().map(|node| world.sees(*node, *node).unwrap().epoch).collect();
    world.run_for(s(5));
    for observer in world.correct() {
        for (subject, epoch) in world.correct().into_iter().zip(&before) {
            assert!(world.sees(observer, subject).unwrap().epoch >= *epoch, "no epoch goes back");
        }
    }
    assert!(sum(&world, |counters| counters.duplicates) > 1000);
    unharmed(&world);
}
