//! Liars with a plan. None removes a correct member.

use crate::{s, settled};
use ifrit_core::{accusation::Accusation, action::Notice, id::MemberId, time::Mono};
use ifrit_sim::{
    Setup, World,
    adversary::strategy,
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};

fn conspire(world: &mut World, name: &str, liars: &[usize]) {
    // The slower they are, the less a test costs; the strategies' own tests have them at full speed.
    let knobs = strategy(name).unwrap().params;
    let slow = knobs.iter().any(|(key, ..)| *key == "every").then_some("every = \"1s\"");
    let params = toml::from_str(slow.unwrap_or_default()).unwrap();
    world.conspire(strategy(name).unwrap(), liars, &params).unwrap();
}

#[test]
fn r1_chain_accuser_removes_nobody() {
    for (members, rings, seed) in [(20, 7, 1), (50, 23, 2)] {
        let mut world = settled(members, rings, seed);
        let liar = 5;
        let direct: Vec<_> = (0..rings).map(|ring| world.id(world.along(ring, liar, 1))).collect();
        let since = world.now();
        conspire(&mut world, "chain-accuser", &[liar]);
        world.run_for(s(10));
        assert_eq!(world.removals(Mono(0)), [], "{members} members");
        for seen in world.since(since) {
            if let Notice::Accused { accusation } = &seen.notice {
                let ring = usize::from(accusation.ring);
                assert_eq!(accusation.accused, direct[ring], "only the direct successor is accused validly");
            }
        }
        let live = world.correct().iter().map(|node| world.live_view(*node).len()).min();
        assert_eq!(live, Some(members), "nobody is hidden");
    }
}

/// A pair of which each directly precedes the other on some ring, and one that follows the first: (a, b, v, rings of
/// a→b, b→a, a→v).
fn mutual_pair(world: &World, rings: u8) -> Option<(usize, usize, usize, [u8; 3])> {
    let all = || (0..rings).flat_map(|ring| (0..world.len()).map(move |node| (ring, node)));
    all().find_map(|(q, a)| {
        let b = world.along(q, a, 1);
        let back = (0..rings).find(|ring| world.along(*ring, b, 1) == a)?;
        let (r, v) = (0..rings).map(|ring| (ring, world.along(ring, a, 1))).find(|(_, v)| *v != b)?;
        Some((a, b, v, [q, back, r]))
    })
}

/// Keeps its own later notes to itself: it answers nothing.
#[derive(Debug)]
pub(crate) struct Unanswering;

impl Tamper for Unanswering {
    fn sends(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        let own = |bundle: &Bundle| bundle.id == hand.me && bundle.note.is_some();
        !read_records(frame).is_some_and(|bundles| bundles.iter().any(own))
    }
}

#[test]
fn r2_mutual_accusers_remove_nobody() {
    let mut done = 0;
    for seed in 1..=6 {
        let mut world = World::new(Setup::new(10, seed).rings(7));
        let Some((a, b, v, rings)) = mutual_pair(&world, 7) else { continue };
        (0..10).for_each(|node| world.start(node));
        world.settles_within(s(30));
        let words = [(a, b, rings[0]), (b, a, rings[1]), (a, v, rings[2])]
            .map(|(accuser, accused, ring)| (accused, world.accuse(accuser, accused, ring)));
        for liar in [a, b] {
            world.corrupt(liar, Box::new(Unanswering));
        }
        // Each half hears the pair's words in another order.
        let peers = world.linked(a);
        for (n, to) in peers.into_iter().enumerate() {
            let mut order: Vec<&(usize, Accusation)> = words.iter().collect();
            if n % 2 == 1 {
                order.reverse();
            }
            for (accused, accusation) in order {
                let bundle = Bundle::of(world.id(*accused)).accusation(accusation);
                world.show(a, to, &[bundle]);
            }
        }
        world.run_for(s(20));
        assert_eq!(world.removals(Mono(0)), [], "seed {seed}");
        let correct = world.correct();
        let digests: Vec<_> = correct.iter().map(|node| world.member(*node).view().digest()).collect();
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}:\n{}", world.explain());
        done += 1;
    }
    assert!(done >= 2, "too few networks with such a pair: {done}");
}

#[test]
fn r10_garbage_ahead_of_the_genuine_rebuttal_removes_nobody() {
    let mut caught = 0;
    for seed in 1..=4 {
        let mut world = settled(12, 7, seed);
        let victim = 3;
        let liar = world.along(0, victim, -1);
        conspire(&mut world, "signature-racer", &[liar]);
        world.slander(liar, victim, 0);
        // For a while only the liar hears the victim: its garbage is everywhere first.
        (0..12).filter(|node| ![liar, victim].contains(node)).for_each(|node| world.net.cut(victim, node));
        world.run_for(s(1) / 5);
        world.heal();
        world.run_for(s(10));
        assert_eq!(world.removals(Mono(0)), [], "seed {seed}");
        let named = world.observed().iter().any(|seen| matches!(seen.notice, Notice::Misbehaviour { .. }));
        caught += u32::from(named);
    }
    // Where the genuine note was first all the same, garbage around the same body is a duplicate and nobody is blamed.
    assert!(caught > 0, "the liar is named");
}

#[test]
fn r10_a_replayer_of_old_records_removes_and_revives_nobody() {
    let mut world = World::new(Setup::new(15, 3).rings(7));
    conspire(&mut world, "accusation-replayer", &[2]);
    conspire(&mut world, "stale-note-replayer", &[12]);
    (0..15).for_each(|node| world.start(node));
    world.settles_within(s(60));
    let liar = world.along(0, 5, -1);
    world.slander(liar, 5, 0);
    world.run_for(s(5));
    world.crash(9);
    world.settles_within(s(30));
    let since = world.now();
    world.run_for(s(20));
    assert!(world.settled(), "{}", world.explain());
    assert_eq!(world.removals(Mono(0)), []);
    let changes = world.since(since).iter().any(|seen| matches!(seen.notice, Notice::Up { .. }));
    assert!(!changes, "nobody comes back");
}

#[test]
fn a_bit_flipper_harms_only_itself() {
    let mut world = settled(15, 7, 1);
    conspire(&mut world, "bit-flipper", &[2]);
    world.run_for(s(60));
    assert_eq!(world.removals(Mono(0)), []);
    for node in world.correct() {
        let live = world.live_view(node);
        assert!(world.correct().iter().all(|other| live.contains(other)), "{}", world.explain());
    }
}
