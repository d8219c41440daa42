//! R4, R5, R6: who is silent goes down everywhere, and nobody else does.

use crate::{s, settled};
use ifrit_core::{accusation::Accusation, action::Notice, tags::FRAME_WANT, time::Mono, view::State};
use ifrit_sim::{
    Setup, World,
    world::{Observed, Said},
};
use std::collections::{BTreeMap, BTreeSet};

/// Runs until all correct members hold `gone` down, within the network's own bound and a margin for the last pushes.
fn all_notice(world: &mut World, gone: &[usize]) {
    let bound = world.params().detection + world.params().delta * 4;
    let noticed = world
        .run_until_condition(bound, |world| gone.iter().all(|subject| world.all_see(*subject, State::Down)));
    let states: Vec<_> = gone
        .iter()
        .map(|gone| {
            world
                .correct()
                .iter()
                .filter(|o| world.sees(**o, *gone).map(|v| v.state) != Some(State::Down))
                .count()
        })
        .collect();
    assert!(noticed.is_some(), "after {bound:?} so many do not hold {gone:?} down: {states:?}");
}

#[test]
fn r5_a_crashed_member_goes_down_everywhere() {
    for (members, rings) in [(2, 1), (3, 3), (7, 3), (20, 23)] {
        let mut world = settled(members, rings, 1);
        world.crash(1);
        all_notice(&mut world, &[1]);
        world.settles_within(s(10));
        assert_eq!(world.removals(Mono(0)), [], "{members} members");
    }
}

#[test]
fn r5_five_that_crash_at_once_go_down_everywhere() {
    let mut world = settled(100, 23, 4);
    let gone = [10, 20, 30, 40, 50];
    gone.iter().for_each(|node| world.crash(*node));
    all_notice(&mut world, &gone);
    world.settles_within(s(10));
    assert_eq!(world.removals(Mono(0)), []);
}

/// Seconds from `crashed` until each of `gone` is accused anywhere.
fn first_accused(world: &World, gone: &[usize], crashed: Mono) -> Vec<f64> {
    let accused = |subject: usize| {
        world.since(crashed).iter().find_map(|seen| match &seen.notice {
            Notice::Accused { accusation } if accusation.accused == world.id(subject) => Some(seen.at),
            _ => None,
        })
    };
    gone.iter()
        .map(|gone| accused(*gone).expect("it is down, so it was accused").since(crashed).as_secs_f64())
        .collect()
}

#[test]
fn r5_monitors_take_turns_so_that_a_crash_is_seen_within_one_period() {
    let mut world = settled(60, 23, 2);
    let params = world.params();
    let seen = params.ping_period + params.ping_timeout * (params.misses(params.loss_ppm) + 1);
    for gone in [[3, 20], [40, 41], [50, 59]] {
        // Whatever the moment in the monitors' cycle.
        world.run_for(params.ping_period * 7);
        let crashed = world.now();
        gone.iter().for_each(|node| world.crash(*node));
        all_notice(&mut world, &gone);
        for took in first_accused(&world, &gone, crashed) {
            assert!(took <= seen.as_secs_f64(), "accused after {took} s, not {seen:?}");
        }
    }
}

#[test]
fn r5_a_dial_begun_before_a_restart_accuses_nobody_after_it() {
    // Of many on few rings hardly anybody is dialled by those who watch it: these must dial.
    let mut world = settled(40, 5, 1);
    for turn in 0..20 {
        let gone = turn;
        world.crash(gone);
        all_notice(&mut world, &[gone]);
        // Attempts to heal dial it now and then, and send a first packet again after 1, 2 and 4 s.
        world.run_for(s(3) + s(1) * turn as u32 / 6);
        let restarted = world.now();
        world.start(gone);
        // Its answers have higher ones; lower ones are of its former run.
        let epoch = world.member(gone).view().epoch();
        world.run_for(s(12));
        let accused: Vec<_> = world
            .since(restarted)
            .iter()
            .filter_map(|seen| match &seen.notice {
                Notice::Accused { accusation }
                    if accusation.accused == world.id(gone) && accusation.epoch >= epoch =>
                {
                    Some((seen.at.since(restarted), seen.observer))
                }
                _ => None,
            })
            .collect();
        assert_eq!(accused.first(), None, "in turn {turn}");
        assert_eq!(world.removals(restarted), [], "in turn {turn}");
    }
}

#[test]
fn r7_a_push_leaves_nobody_to_the_digests() {
    let mut world = settled(120, 23, 6);
    let crashed = world.now();
    world.crash(7);
    all_notice(&mut world, &[7]);
    let accused: Vec<Mono> = world
        .since(crashed)
        .iter()
        .filter(|seen| matches!(seen.notice, Notice::Accused { .. }))
        .map(|seen| seen.at)
        .collect();
    assert_eq!(accused.len(), 119);
    let last = accused[118].since(accused[0]);
    // Twelve hops of at most 5 ms. By chance alone two or three of them waited for a digest, up to 400 ms.
    assert!(last.as_millis() <= 60, "the last heard of it {last:?} after the first");
}

#[test]
fn r5_clocks_that_disagree_or_jump_cost_evenness_only() {
    let mut world = settled(30, 23, 3);
    (0..30).for_each(|node| world.skew(node, node as i64 * 1013 - 9000));
    world.run_for(s(20));
    (0..30).for_each(|node| world.skew(node, 5000 - node as i64 * 777));
    world.crash(4);
    all_notice(&mut world, &[4]);
    assert_eq!(world.removals(Mono(0)), []);
}

#[test]
fn r1_half_of_the_network_crashes_at_once() {
    let mut world = settled(40, 23, 5);
    let gone: Vec<_> = (20..40).collect();
    gone.iter().for_each(|node| world.crash(*node));
    world.settles_within(s(30));
    assert_eq!(world.removals(Mono(0)), []);
}

#[test]
fn r6_a_crashed_member_stays_down_when_the_network_grows() {
    let mut world = World::new(Setup::new(30, 6).rings(7));
    (0..10).for_each(|node| world.start(node));
    world.settles_within(s(30));
    world.crash(5);
    all_notice(&mut world, &[5]);
    (10..30).for_each(|node| world.start(node));
    world.settles_within(s(30));
    let since = world.now();
    world.run_for(s(30));
    assert!(world.settled(), "{}", world.explain());
    let revived = world.since(since).iter().any(
        |seen| matches!(seen.notice, ifrit_core::action::Notice::Up { member, .. } if member == world.id(5)),
    );
    assert!(!revived, "nobody took it back");
}

#[test]
fn r5_loss_removes_nobody() {
    for (loss_ppm, seed) in [(50_000, 1), (200_000, 2)] {
        let mut world = settled(30, 23, seed);
        world.net.loss_ppm = loss_ppm;
        world.run_for(s(120));
        assert_eq!(world.removals(Mono(0)), [], "{loss_ppm} ppm");
        assert_eq!(world.correct().iter().map(|node| world.live_view(*node).len()).min(), Some(30));
    }
}

#[test]
fn r5_a_crash_is_noticed_under_loss() {
    let mut world = settled(30, 23, 3);
    world.net.loss_ppm = 200_000;
    world.run_for(s(20));
    world.crash(7);
    let bound = world.params().detection * 2;
    let noticed = world.run_until_condition(bound, |world| world.all_see(7, State::Down));
    assert!(noticed.is_some(), "not after {bound:?}");
    assert_eq!(world.removals(Mono(0)), []);
}

#[test]
fn r4_a_paused_observer_that_resumes_removes_nobody() {
    let mut world = settled(20, 7, 7);
    let liar = world.along(0, 3, -1);
    let observer = (0..20).find(|node| ![3, liar].contains(node)).unwrap();
    world.slander(liar, 3, 0);
    world.run_for(s(1) / 20);
    world.pause(observer, s(10));
    let paused = world.now();
    world.run_for(s(11));
    world.settles_within(s(60));
    let wrong: Vec<_> = world
        .removals(paused)
        .into_iter()
        .filter(|(_, by, subject)| *by == observer || *subject != observer)
        .collect();
    assert_eq!(wrong, [], "only the paused one itself may have gone down");
}

/// What comes after a pause is no pause: else the world's own clockwork sets ages back for ever.
#[test]
fn r4_one_that_was_paused_wakes_in_time_afterwards() {
    let mut world = settled(12, 7, 1);
    world.pause(4, s(5));
    world.run_for(s(30));
    assert_eq!(world.member(4).counters().late, 1, "late but for its pause");
}

#[test]
fn r4_half_of_the_network_pauses_and_removes_nobody() {
    let mut world = settled(20, 7, 8);
    let paused = world.now();
    (0..10).for_each(|node| world.pause(node, s(10)));
    world.run_for(s(11));
    world.settles_within(s(60));
    let wrong: Vec<_> = world.removals(paused).into_iter().filter(|(_, by, _)| *by < 10).collect();
    assert_eq!(wrong, [], "those who slept hold nobody down");
}

#[test]
fn r11_a_silent_member_does_not_slow_its_neighbours() {
    #[derive(Debug)]
    struct Silent;
    impl ifrit_sim::tamper::Tamper for Silent {
        fn sends(
            &mut self,
            _: &mut ifrit_sim::tamper::Hand<'_>,
            _: ifrit_core::id::MemberId,
            _: ifrit_sim::tamper::Wire<'_>,
        ) -> bool {
            false
        }
        fn hears(
            &mut self,
            _: &mut ifrit_sim::tamper::Hand<'_>,
            _: ifrit_core::id::MemberId,
            _: ifrit_sim::tamper::Wire<'_>,
        ) -> bool {
            false
        }
    }
    let spread = |silent: bool| {
        let mut world = settled(20, 7, 9);
        if silent {
            world.corrupt(7, Box::new(Silent));
        }
        let tags = b"new".to_vec();
        world.command(3, ifrit_core::event::Command::SetTags(tags.clone())).unwrap();
        let knows = |world: &World, node: usize| world.sees(node, 3).is_some_and(|view| view.tags == tags);
        let took =
            world.run_until_condition(s(20), |world| (0..20).all(|node| node == 7 || knows(world, node)));
        (took.unwrap(), world.params().delta)
    };
    let (took, delta) = spread(true);
    let without = spread(false).0;
    assert!(took <= delta.max(without), "{took:?}, without it {without:?}");
}

#[test]
fn r13_every_neighbour_is_asked_after_an_accused_member_before_its_age_is_over_in_turn() {
    let mut world = settled(30, 9, 3);
    let crashed = world.id(4);
    world.listen();
    let start = world.now();
    world.crash(4);
    world.run_for(s(8));
    for observer in world.correct().into_iter().filter(|node| *node != 4) {
        let told = |is: fn(&Notice) -> Option<&Accusation>| {
            let of = |seen: &&Observed| {
                seen.observer == observer && is(&seen.notice).is_some_and(|of| of.accused == crashed)
            };
            world.since(start).iter().find(of).map(|seen| seen.at).unwrap()
        };
        let accused =
            told(|notice| if let Notice::Accused { accusation } = notice { Some(accusation) } else { None });
        let down =
            told(|notice| if let Notice::Down { accusation } = notice { Some(accusation) } else { None });
        let mut asked: BTreeMap<usize, usize> = BTreeMap::new();
        let asks = |said: &&Said| {
            said.from == observer && said.frame && said.bytes[0] == FRAME_WANT && said.at < down
        };
        // What several are asked alike at one moment; what was announced is asked of one.
        for said in world.said(accused).iter().filter(asks) {
            let alike = |other: &&Said| asks(other) && other.at == said.at && other.to != said.to;
            if world.said(said.at).iter().take_while(|other| other.at == said.at).any(|other| alike(&other)) {
                *asked.entry(said.to).or_default() += 1;
            }
        }
        let neighbours: BTreeSet<usize> =
            (0..9).flat_map(|ring| [1, -1].map(|way| world.along(ring, observer, way))).collect();
        for peer in neighbours.into_iter().filter(|peer| *peer != 4) {
            let times = asked.get(&peer).copied().unwrap_or(0);
            assert!((1..=2).contains(&times), "{observer} asked {peer} {times} times");
        }
    }
}
