//! R8: a member whose own links are bad says so itself; nobody else can make one say so.

use crate::{s, settled};
use ifrit_core::{action::Notice, id::MemberId, time::Mono, view::State};
use ifrit_sim::{
    World,
    tamper::{Hand, Tamper, Wire},
};

const NOBODY: [usize; 0] = [];

/// How often an observer saw a member go out or come back, at most over all observers.
fn changes(world: &World, subject: usize, since: Mono) -> usize {
    let id = world.id(subject);
    let mut most = 0;
    for observer in world.correct().into_iter().filter(|node| *node != subject) {
        let (mut live, mut count) = (true, 0);
        for seen in world.since(since).iter().filter(|seen| seen.observer == observer) {
            let is = match &seen.notice {
                Notice::Up { member, .. } if *member == id => true,
                Notice::Gray { member } if *member == id => false,
                Notice::Down { accusation } if accusation.accused == id => false,
                _ => continue,
            };
            count += usize::from(is != live);
            live = is;
        }
        most = most.max(count);
    }
    most
}

/// Who said of itself that it is gray.
fn grays(world: &World, since: Mono) -> Vec<usize> {
    let own = |seen: &&ifrit_sim::world::Observed| matches!(seen.notice, Notice::Gray { member } if member == world.id(seen.observer));
    world.since(since).iter().filter(own).map(|seen| seen.observer).collect()
}

/// Removals of healthy members by healthy ones.
fn healthy_removals(world: &World, since: Mono, sick: &[usize]) -> Vec<(Mono, usize, usize)> {
    let healthy = |node: &usize| !sick.contains(node);
    world.removals(since).into_iter().filter(|(_, by, of)| healthy(by) && healthy(of)).collect()
}

#[test]
fn r8_a_member_with_bad_links_goes_out_once_and_comes_back_once() {
    for (members, seed) in [(20, 1), (50, 2), (100, 3)] {
        let mut world = settled(members, 23, seed);
        let start = world.now();
        world.net.member_loss_ppm[7] = 800_000;
        world.run_for(s(300));
        world.net.member_loss_ppm[7] = 0;
        world.run_for(s(60));
        assert_eq!(grays(&world, start), [7], "{members} members");
        assert_eq!(healthy_removals(&world, start, &[7]), [], "{members} members");
        assert!(world.all_see(7, State::Live), "{}", world.explain());
        assert!(changes(&world, 7, start) <= 2, "{}", changes(&world, 7, start));
    }
}

/// The first `t` rings' predecessors of `victim` accuse it every second.
fn slandered(world: &mut World, victim: usize, liars: usize, seconds: u64) {
    let liars: Vec<_> =
        (0..u8::try_from(liars).unwrap()).map(|ring| (ring, world.along(ring, victim, -1))).collect();
    liars.iter().for_each(|(_, liar)| world.mark_liar(*liar));
    for _ in 0..seconds {
        liars.iter().for_each(|(ring, liar)| world.slander(*liar, victim, *ring));
        world.run_for(s(1));
    }
}

#[test]
fn r8_accusations_alone_gray_nobody() {
    let mut world = settled(20, 7, 4);
    // More than t: they annoy (R17), and still say nothing of the victim's links.
    slandered(&mut world, 3, 5, 60);
    assert_eq!(grays(&world, Mono(0)), NOBODY);
    world.settles_within(s(10));
}

#[test]
fn r8_liars_strain_reports_gray_nobody_and_keep_nobody_from_it() {
    use ifrit_sim::adversary::{Board, Plan, strategy};
    for strain in [0u8, 100] {
        let mut world = settled(30, 9, 5);
        let params = toml::Table::from_iter([("strain".to_owned(), toml::Value::from(i64::from(strain)))]);
        let ids: Vec<_> = (0..30).map(|node| world.id(node)).collect();
        let colluders = [10, 11, 12, 13];
        for me in colluders {
            let plan = Plan {
                params: &params,
                me,
                ids: &ids,
                colluders: &colluders,
                board: Board::default(),
                from: Mono(0),
                until: Mono::NEVER,
                chance: me as u64,
            };
            let liar = (strategy("gray-liar").unwrap().make)(plan).unwrap();
            world.corrupt(me, liar);
        }
        world.net.loss_ppm = 100_000;
        world.run_for(s(60));
        assert_eq!(grays(&world, Mono(0)), NOBODY, "all links are alike; liars say {strain}");
        world.net.loss_ppm = 0;
        world.net.member_loss_ppm[3] = 800_000;
        world.run_for(s(60));
        assert_eq!(grays(&world, Mono(0)), [3], "liars say {strain}");
    }
}

#[test]
fn r8_neither_a_restart_nor_a_heal_grays_anybody() {
    let halves = |n: usize| vec![(0..n / 2).collect::<Vec<_>>()];
    let cases = [
        (2, 3, halves(2)),
        (3, 3, vec![vec![0]]),
        (4, 3, halves(4)),
        (20, 9, halves(20)),
        (20, 9, vec![vec![0, 1, 2]]),
        (20, 9, vec![vec![5]]),
    ];
    for (seed, (members, rings, groups)) in (1..).zip(cases) {
        for oneway in [false, true] {
            for cut in [5, 40] {
                let mut world = settled(members, rings, seed);
                world.partition(&groups, oneway);
                world.run_for(s(cut));
                world.heal();
                world.run_for(s(25));
                assert_eq!(
                    grays(&world, Mono(0)),
                    NOBODY,
                    "{groups:?} of {members}, one way: {oneway}, {cut} s"
                );
                assert!(world.settled(), "{groups:?} {oneway} {cut}: {}", world.explain());
            }
        }
    }
    let mut world = settled(20, 9, 9);
    for _ in 0..3 {
        world.crash(4);
        world.run_for(s(8));
        world.restart(4);
        world.run_for(s(8));
    }
    assert_eq!(grays(&world, Mono(0)), NOBODY);
}

#[test]
fn r8_loss_that_strikes_all_grays_nobody() {
    for (seed, loss_ppm) in [(6, 150_000), (7, 200_000), (8, 400_000), (9, 600_000)] {
        let mut world = settled(30, 23, seed);
        world.net.loss_ppm = loss_ppm;
        world.run_for(s(90));
        assert_eq!(grays(&world, Mono(0)), NOBODY, "{loss_ppm} ppm");
    }
}

#[test]
fn r8_a_mass_crash_and_a_liar_gray_no_survivor() {
    let mut world = settled(40, 9, 10);
    let liars: Vec<_> = (0..4).map(|ring| world.along(ring, 3, -1)).collect();
    (4..40).filter(|node| !liars.contains(node)).take(22).for_each(|node| world.crash(node));
    // Most pings of survivors come late, and all have it alike.
    world.net.loss_ppm = 600_000;
    slandered(&mut world, 3, 4, 40);
    assert_eq!(grays(&world, Mono(0)), NOBODY);
}

#[test]
fn r8_a_gray_member_accuses_nobody_is_gossiped_with_and_serves_its_probation() {
    let mut world = settled(20, 9, 11);
    world.net.member_loss_ppm[7] = 800_000;
    let gray = world.run_until_condition(s(60), |world| world.all_see(7, State::Gray));
    assert!(gray.is_some(), "{}", world.explain());
    // Its links are good again, and it is the closest before all who crash: by duty (R6) it would accuse some of them before
    // it has heard that others did.
    world.net.member_loss_ppm[7] = 0;
    world.run_for(s(2));
    let victims: Vec<_> = (0..6).map(|ring| world.along(ring, 7, 1)).collect();
    let signed = world.member(7).counters().accusations;
    victims.iter().for_each(|victim| world.crash(*victim));
    world.run_for(s(10));
    assert!(victims.iter().all(|victim| world.sees(7, *victim).unwrap().state == State::Down));
    assert_eq!(world.member(7).counters().accusations, signed);
    let other = (0..20).find(|node| *node != 7 && !victims.contains(node)).unwrap();
    world.command(other, ifrit_core::event::Command::SetTags(b"news".to_vec())).unwrap();
    world.run_for(s(5));
    assert_eq!(world.sees(7, other).unwrap().tags, b"news");
    assert!(world.all_see(7, State::Gray), "a probation takes 30 s");
    world.run_for(s(40));
    assert!(world.all_see(7, State::Live), "{}", world.explain());
    assert_eq!(healthy_removals(&world, Mono(0), &[7]), []);
}

#[test]
fn r8_one_that_crashes_while_gray_stays_out_until_its_lease_ends() {
    let mut setup = ifrit_sim::Setup::new(12, 12).rings(9);
    setup.wish.lease = Some(s(300));
    let mut world = World::converged(setup);
    world.net.member_loss_ppm[7] = 800_000;
    assert!(world.run_until_condition(s(60), |world| world.all_see(7, State::Gray)).is_some());
    world.crash(7);
    let crashed = world.now();
    world.run_for(s(120));
    assert!(world.all_see(7, State::Gray));
    let id = world.id(7);
    world.run_for(s(200));
    assert!(
        (0..12).filter(|node| *node != 7).all(|node| world.sees(node, 7).is_none()),
        "{}",
        world.explain()
    );
    let back = world.since(crashed).iter().any(|seen| {
        matches!(&seen.notice, Notice::Up { member, .. } if *member == id)
            || matches!(&seen.notice, Notice::Down { accusation } if accusation.accused == id)
    });
    assert!(!back, "neither accused nor taken back");
}

/// Sends one member no datagram: neither ping nor pong.
#[derive(Debug)]
struct MuteTo(MemberId);

impl Tamper for MuteTo {
    fn sends(&mut self, _: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        to != self.0 || matches!(wire, Wire::Frame(..))
    }
}

/// A gray member accuses nobody, so liars that answer all others stay where it watches them.
#[test]
fn r8_liars_that_answer_all_but_a_gray_member_do_not_keep_it_gray() {
    let mut world = settled(40, 23, 5);
    let (sick, id) = (7, world.id(7));
    world.net.member_loss_ppm[sick] = 800_000;
    assert!(world.run_until_condition(s(60), |world| world.all_see(sick, State::Gray)).is_some());
    let mut watched: Vec<_> = (0..23).map(|ring| world.along(ring, sick, 1)).collect();
    watched.sort_unstable();
    watched.dedup();
    // More than one in four of them, less than half.
    watched.iter().take(6).for_each(|liar| world.corrupt(*liar, Box::new(MuteTo(id))));
    assert!((13..24).contains(&watched.len()), "{watched:?}");
    world.net.member_loss_ppm[sick] = 0;
    world.run_for(s(60));
    assert!(world.all_see(sick, State::Live), "{}", world.explain());
}
