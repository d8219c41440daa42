//! R16: joining, and views that become complete and equal.

use crate::{s, settled};
use ifrit_core::{
    action::Notice,
    config::Stored,
    event::Lane,
    id::MemberId,
    tags::{FRAME_WALK_ASK, FRAME_WALK_TELL},
    time::Mono,
    trie::{Prefix, walk::Ask},
};
use ifrit_sim::{
    Setup, World,
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records, redirect, want},
};

#[test]
fn r16_a_hundred_join_through_one() {
    let mut world = World::bootstrap(Setup::new(100, 1));
    world.run_for(s(1) / 5);
    world.settles_within(s(60));
    assert_eq!(world.removals(Mono(0)), []);
    let joined = |seen: &&ifrit_sim::world::Observed| matches!(seen.notice, Notice::Joined { .. });
    assert_eq!(world.observed().iter().filter(joined).count(), 100, "each is joined once");
}

/// A hundred that join through one all at once.
fn booted() -> World {
    let mut world = World::bootstrap(Setup::new(100, 1));
    world.run_for(s(1) / 5);
    world.settles_within(s(5));
    world
}

#[test]
fn r16_a_boot_is_fed_by_all_not_by_its_first_member() {
    let world = booted();
    let mean = (0..100).map(|node| world.sent(node)).sum::<u64>() / 100;
    assert!(world.sent(0) < 6 * mean, "{} of {mean} on average", world.sent(0));
    // R7: what comes twice comes with the greeting of a new link, once per link.
    let twice = (0..100).map(|node| world.member(node).counters().duplicates).sum::<u64>() / 100;
    assert!(twice < 75, "{twice} records per member came twice");
}

#[test]
fn r13_whoever_is_fed_walks_in_turn() {
    let world = booted();
    let walks = (0..100).map(|node| world.member(node).counters().walks).sum::<u64>() / 100;
    assert!(walks < 10, "{walks} walks per member: at every difference it would be 17");
}

#[test]
fn r16_who_follows_in_half_a_view_only_is_not_dialled() {
    let world = booted();
    let count = |of: &dyn Fn(usize) -> usize| (0..100).map(of).sum::<usize>();
    let links = count(&|node| world.linked(node).len());
    let needed = count(&|node| world.member(node).view().neighbours().count());
    // Beside them there are links to contacts, and those who did not wait for that, for their views grew slowly.
    assert!(
        links < needed * 5 / 4,
        "{links} links where {needed} are needed: without waiting it would be 4662 of 3198"
    );
}

#[test]
fn r16_two_hundred_members_live_for_a_minute_without_a_removal() {
    let mut world = settled(200, 23, 2);
    world.run_for(s(60));
    assert!(world.settled(), "{}", world.explain());
    assert_eq!(world.removals(Mono(0)), []);
}

#[test]
fn r16_a_member_alone_is_joined() {
    for rings in [1, 3, 23] {
        let world = settled(1, rings, 1);
        assert!(world.member(0).view().joined());
    }
}

#[test]
fn r16_small_networks_settle() {
    for members in 2..=8 {
        for (rings, seed) in [(3, 1), (23, 2)] {
            let mut world = settled(members, rings, seed);
            world.run_for(s(20));
            assert!(world.settled(), "{members} members, {rings} rings:\n{}", world.explain());
            assert_eq!(world.removals(Mono(0)), [], "{members} members, {rings} rings");
        }
    }
}

#[test]
fn r16_a_member_joins_when_its_seed_comes_up_at_last() {
    let mut world = World::new(Setup::new(3, 1).rings(3));
    world.start(1);
    world.start(2);
    world.run_for(s(30));
    assert!(!world.member(1).view().joined(), "nobody answers it");
    let told = world.observed().iter().any(|seen| matches!(seen.notice, Notice::SeedsUnreachable));
    assert!(told, "and it says so");
    world.start(0);
    world.settles_within(s(90));
}

#[test]
fn r16_an_unconfirmed_member_goes_on_trying_its_other_seeds() {
    let mut world = World::new(Setup::new(4, 1).rings(7));
    world.start(0);
    world.set_seeds(3, vec![0, 1, 2]);
    world.start(3);
    let joined = world.run_until_condition(s(60), |world| world.member(3).view().joined());
    assert!(
        joined.is_some() && world.member(3).view().unconfirmed(),
        "one of three answers: it may be a liar"
    );
    world.start(1);
    world.start(2);
    let confirmed = world.run_until_condition(s(90), |world| !world.member(3).view().unconfirmed());
    assert!(confirmed.is_some(), "three contacts were synchronised with");
}

/// Links to these, and asks each for all that it has, as often as it is served.
#[derive(Debug)]
struct TakesAll(Vec<MemberId>, Vec<MemberId>);

impl Tamper for TakesAll {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + s(1) / 20);
        let everything = want(&self.0);
        let ask = Ask { nodes: vec![(Prefix::ROOT, [7; 32].into())] };
        let differs = [&[FRAME_WALK_ASK][..], &ask.encode()].concat();
        for to in self.1.iter().copied() {
            match hand.linked.contains(&to) {
                true => {
                    hand.frame(to, Lane::Walk, differs.clone());
                    (0..4).for_each(|_| hand.frame(to, Lane::Records, everything.clone()));
                }
                false => hand.dial(to),
            }
        }
    }
}

#[test]
fn r16_liars_that_take_all_that_is_served_put_no_newcomer_off_for_long() {
    let mut unconfirmed = 0;
    for seed in 1..=2 {
        let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(40, seed) }.rings(9));
        let all: Vec<_> = (0..40).map(|node| world.id(node)).collect();
        let contacts = [1, 2, 3];
        let besieged: Vec<_> = contacts.iter().map(|node| world.id(*node)).collect();
        (10..14).for_each(|liar| world.corrupt(liar, Box::new(TakesAll(all.clone(), besieged.clone()))));
        world.run_for(s(2));
        world.set_seeds(40, contacts.to_vec());
        world.start(40);
        let joins = |world: &World| world.member(40).view().joined();
        assert!(world.run_until_condition(s(2), joins).is_some(), "seed {seed}");
        // Fed by those whom its contacts named, it differs from them by little: that they always serve.
        let is_confirmed = |world: &World| !world.member(40).view().unconfirmed();
        unconfirmed += usize::from(!is_confirmed(&world));
        assert!(world.run_until_condition(s(2), is_confirmed).is_some(), "seed {seed}");
        world.settles_within(s(10));
    }
    assert!(unconfirmed > 0, "its contacts had no time for it");
}

/// Names these to whoever walks with it, on this lane.
#[derive(Debug)]
struct Namer(Lane, Vec<MemberId>);

impl Tamper for Namer {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        if let Wire::Frame(_, frame) = wire
            && frame.first() == Some(&FRAME_WALK_TELL)
        {
            hand.frame(to, self.0, redirect(&self.1, 7));
        }
        true
    }
}

#[test]
fn r16_a_contact_that_names_the_others_keeps_none_of_them_from_counting() {
    for seed in 1..=3 {
        let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(8, seed).rings(7) });
        let (liar, newcomer, others) = (1, 8, [2, 3]);
        world.mark_liar(liar);
        world.corrupt(liar, Box::new(Namer(Lane::Records, others.map(|other| world.id(other)).to_vec())));
        // The liar's word is there before the others are: they take their time.
        others.iter().for_each(|other| world.net.member_delay[*other] = s(1) / 5);
        world.set_seeds(newcomer, vec![liar, 2, 3]);
        world.start(newcomer);
        let confirmed = world.run_until_condition(s(30), |world| {
            let view = world.member(newcomer).view();
            view.joined() && !view.unconfirmed()
        });
        assert!(confirmed.is_some(), "seed {seed}: it knows all three by itself");
    }
}

#[test]
fn r16_whom_no_contact_answers_joins_through_those_that_call() {
    for seed in 1..=3 {
        let mut world = settled(8, 7, seed);
        let (member, only) = (3, 5);
        world.run_for(s(10));
        world.crash(member);
        world.crash(only);
        world.run_for(s(10));
        world.set_seeds(member, vec![only]);
        let disk = Stored { records: Vec::new(), ..world.disk(member) };
        world.restart_with_disk(member, disk);
        let joined = world.run_until_condition(s(120), |world| world.member(member).view().joined());
        assert!(joined.is_some(), "seed {seed}: the others call it");
        assert!(world.member(member).view().unconfirmed(), "seed {seed}: they may be liars");
        world.run_for(s(10));
        assert!(world.settled(), "seed {seed}: {}", world.explain());
    }
}

/// Others see a member that is back at once, and leave those before whom it stands on the rings to it: it watches them soon.
#[test]
fn r16_contacts_that_give_no_sign_are_not_waited_for_until_their_dials_end() {
    for (seed, by_disk) in [(1, true), (2, true), (1, false), (2, false)] {
        let mut world = settled(8, 7, seed);
        world.run_for(s(10));
        let (member, gone) = (3, [5, 6]);
        gone.into_iter().chain([member]).for_each(|node| world.crash(node));
        world.run_for(s(1) / 10);
        if by_disk {
            world.restart(member);
        } else {
            world.set_seeds(member, vec![1, 5, 6]);
            world.restart_with_disk(member, Stored { records: Vec::new(), ..world.disk(member) });
        }
        let patience = world.member(member).view().params().delta * 4 + s(1);
        let joined = world.run_until_condition(patience, |world| world.member(member).view().joined());
        assert!(joined.is_some(), "seed {seed}, contacts from its disk: {by_disk}");
    }
}

#[test]
fn r16_what_a_walk_tells_of_is_no_introduction() {
    let dials = |lane| {
        let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(8, 1).rings(7) });
        let (newcomer, told) = (8, [4, 5]);
        world.corrupt(1, Box::new(Namer(lane, told.map(|other| world.id(other)).to_vec())));
        world.crash(2);
        world.set_seeds(newcomer, vec![1, 2]);
        world.start(newcomer);
        world.run_for(s(2));
        assert!(!world.member(newcomer).view().joined(), "it waits for its other seed");
        told.map(|other| world.dials(newcomer, other))
    };
    assert_eq!(dials(Lane::Records), [1, 1], "in place of the one who names them");
    assert_eq!(dials(Lane::Walk), [0, 0]);
}

/// Hears nothing of this member, and so tells nobody of it.
#[derive(Debug)]
struct Deaf(MemberId);

impl Tamper for Deaf {
    fn hears(&mut self, _: &mut Hand<'_>, from: MemberId, _: Wire<'_>) -> bool {
        from != self.0
    }
}

#[test]
fn r16_whose_seed_crashes_on_its_first_words_joins_through_those_of_whom_it_heard() {
    for seed in 1..=3 {
        let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(8, seed).rings(7) });
        let (newcomer, only) = (8, 5);
        world.corrupt(only, Box::new(Deaf(world.id(newcomer))));
        world.set_seeds(newcomer, vec![only]);
        world.start(newcomer);
        world.run_until_condition(s(5), |world| !world.linked(newcomer).is_empty()).unwrap();
        let words = [1, 2].map(|other| {
            let (id, view) = (world.id(other), world.member(only).view());
            let bundle = Bundle::of(id).certificate(world.certificate(other));
            Bundle { note: view.note(&id).map(<[u8]>::to_vec), ..bundle }
        });
        world.show(only, newcomer, &words);
        world.run_for(s(1) / 20);
        world.crash(only);
        let joined = world.run_until_condition(s(120), |world| world.member(newcomer).view().joined());
        assert!(joined.is_some(), "seed {seed}: it has heard of the others");
        assert!(world.member(newcomer).view().unconfirmed(), "seed {seed}: they may be liars");
        world.run_for(s(20));
        assert_eq!(world.live_view(newcomer).len(), 8, "seed {seed}: {}", world.explain());
    }
}

/// Answers walks, and says what it holds of itself only: what it showed never comes.
#[derive(Debug)]
struct Withholds;

impl Tamper for Withholds {
    fn sends(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        read_records(frame).is_none_or(|bundles| bundles.iter().all(|bundle| bundle.id == hand.me))
    }
}

/// As when it crashes on these words.
#[test]
fn r16_a_contact_counts_only_when_all_that_it_showed_has_come() {
    let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(12, 1).rings(7) });
    world.corrupt(3, Box::new(Withholds));
    world.set_seeds(12, vec![3]);
    world.start(12);
    world.run_for(world.params().delta * 20);
    assert!(!world.member(12).view().joined(), "joined with {:?}", world.live_view(12));
    world.set_seeds(12, vec![3, 5]);
    world.restart(12);
    assert!(world.run_until_condition(s(20), World::settled).is_some(), "{}", world.explain());
}

#[test]
fn r16_joining_works_under_loss() {
    let setup = Setup { loss_ppm: 200_000, ..Setup::new(30, 3) };
    let mut world = World::bootstrap(setup);
    world.run_for(s(1) / 5);
    world.settles_within(s(60));
}

#[test]
fn equal_seeds_give_equal_runs() {
    let run = |seed| {
        let setup = Setup { loss_ppm: 100_000, ..Setup::new(20, seed).rings(7) };
        let mut world = World::bootstrap(setup);
        world.run_for(s(10));
        world.crash(3);
        world.pause(4, s(2));
        world.run_for(s(10));
        world.restart(3);
        world.run_for(s(10));
        (world.digest(), world.handled(), world.observed().len())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
