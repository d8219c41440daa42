//! Liars with a plan. None removes a correct member.

use crate::{s, settled};
use ifrit_core::{
    accusation::{self, Accusation},
    action::Notice,
    event::Lane,
    id::MemberId,
    time::Mono,
};
use ifrit_sim::{
    Setup, World,
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records, records},
};

/// Accuses everybody else, ring by ring, beginning with its successor, each over all those accused before (finding 1).
#[derive(Debug)]
struct ChainAccuser {
    /// The members in the order of each ring, beginning after the liar.
    rings: Vec<Vec<MemberId>>,
}

impl Tamper for ChainAccuser {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + s(1));
        let Some(member) = hand.member else { return };
        for (ring, order) in (0..).zip(&self.rings) {
            let mut bundles = Vec::new();
            for accused in order {
                let Some(view) = member.view().member(accused) else { continue };
                let fields =
                    accusation::Fields { accused: *accused, epoch: view.epoch, ring, accuser: hand.me };
                let accusation = fields.sign(hand.params, hand.signer);
                bundles.push(Bundle::of(*accused).accusation(&accusation));
            }
            let frame = records(&bundles);
            for to in hand.linked.iter().copied() {
                hand.frame(to, Lane::Urgent, frame.clone());
            }
        }
    }
}

#[test]
fn r1_chain_accuser_removes_nobody() {
    for (members, rings, seed) in [(20, 7, 1), (50, 23, 2)] {
        let mut world = settled(members, rings, seed);
        let liar = 5;
        let after = |ring, steps| world.id(world.along(ring, liar, steps));
        let rings: Vec<Vec<_>> =
            (0..rings).map(|ring| (1..members as isize).map(|steps| after(ring, steps)).collect()).collect();
        let direct: Vec<_> = rings.iter().map(|order| order[0]).collect();
        let since = world.now();
        world.corrupt(liar, Box::new(ChainAccuser { rings }));
        world.run_for(s(60));
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

/// Sends the body of every note of its victim that it hears, with a garbage signature, to everybody (finding 7).
#[derive(Debug)]
struct SignatureRacer {
    victim: MemberId,
}

impl Tamper for SignatureRacer {
    fn hears(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        let Some(bundles) = read_records(frame) else { return true };
        for mut bundle in bundles.into_iter().filter(|bundle| bundle.id == self.victim) {
            let Some(note) = &mut bundle.note else { continue };
            let middle = note.len() - 40;
            note[middle] ^= 0x55;
            let garbage = records(&[bundle]);
            for to in hand.linked.iter().copied() {
                hand.frame(to, Lane::Urgent, garbage.clone());
            }
        }
        true
    }
}

#[test]
fn r10_garbage_ahead_of_the_genuine_rebuttal_removes_nobody() {
    let mut caught = 0;
    for seed in 1..=4 {
        let mut world = settled(12, 7, seed);
        let victim = 3;
        let liar = world.along(0, victim, -1);
        let id = world.id(victim);
        world.corrupt(liar, Box::new(SignatureRacer { victim: id }));
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

/// Shows each of its neighbours whatever it ever heard, again and again.
#[derive(Debug, Default)]
struct Replayer {
    heard: Vec<Vec<u8>>,
}

impl Tamper for Replayer {
    fn hears(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        if let Wire::Frame(_, frame) = wire
            && read_records(frame).is_some()
            && self.heard.len() < 200
        {
            self.heard.push(frame.to_vec());
        }
        true
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + s(1) / 5);
        for (n, to) in hand.linked.iter().copied().enumerate() {
            if let Some(frame) = self.heard.get(n * 7 % self.heard.len().max(1)) {
                hand.frame(to, Lane::Urgent, frame.clone());
            }
        }
    }
}

#[test]
fn r10_a_replayer_of_old_records_removes_and_revives_nobody() {
    let mut world = World::new(Setup::new(15, 3).rings(7));
    world.corrupt(2, Box::<Replayer>::default());
    (0..15).for_each(|node| world.start(node));
    world.settles_within(s(60));
    let liar = world.along(0, 5, -1);
    world.slander(liar, 5, 0);
    world.run_for(s(5));
    world.crash(9);
    world.settles_within(s(30));
    let since = world.now();
    world.run_for(s(60));
    assert!(world.settled(), "{}", world.explain());
    assert_eq!(world.removals(Mono(0)), []);
    let changes = world.since(since).iter().any(|seen| matches!(seen.notice, Notice::Up { .. }));
    assert!(!changes, "nobody comes back");
}

/// Turns bits of all that its member sends.
#[derive(Debug, Default)]
struct BitFlipper {
    n: usize,
}

impl Tamper for BitFlipper {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        self.n += 1;
        let flip = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let place = self.n * 31 % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << (self.n % 8);
            }
            bytes
        };
        match wire {
            Wire::Datagram(bytes) => hand.datagram(to, flip(bytes)),
            Wire::Frame(lane, bytes) => hand.frame(to, lane, flip(bytes)),
        }
        false
    }
}

#[test]
fn a_bit_flipper_harms_only_itself() {
    let mut world = settled(15, 7, 1);
    world.corrupt(2, Box::<BitFlipper>::default());
    world.run_for(s(60));
    assert_eq!(world.removals(Mono(0)), []);
    for node in world.correct() {
        let live = world.live_view(node);
        assert!(world.correct().iter().all(|other| live.contains(other)), "{}", world.explain());
    }
}
