//! R3: what liars can make a correct member answer ends, whatever they do to get its rings back.

use crate::{s, settled};
use ifrit_core::{id::MemberId, mask::Mask, time::Mono};
use ifrit_sim::{
    World,
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};

/// Says nothing of itself but what a test says in its name.
#[derive(Debug)]
struct Puppet;

impl Tamper for Puppet {
    fn sends(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        let own = |bundle: &Bundle| bundle.id == hand.me && bundle.note.is_some();
        !read_records(frame).is_some_and(|bundles| bundles.iter().any(own))
    }
}

/// The puppet's next note, to all it has links to.
fn says(world: &mut World, puppet: usize, above: u64, gray: bool) {
    let note = world.note(puppet, above, |note| (note.gray, note.answers) = (gray, true));
    world.spread(puppet, &[Bundle::of(world.id(puppet)).note(&note)]);
}

/// Notes that a member issued for whatever reason.
fn notes(world: &World, member: usize) -> u64 {
    let counters = world.member(member).counters();
    counters.signed - counters.accusations
}

#[test]
fn r3_a_liar_that_comes_and_goes_gets_its_ring_back_once() {
    let mut world = settled(20, 7, 1);
    let (victim, ring) = (3, 2);
    let (near, far) = (world.along(ring, victim, -1), world.along(ring, victim, -2));
    [near, far].into_iter().for_each(|liar| world.corrupt(liar, Box::new(Puppet)));
    let before = notes(&world, victim);
    for round in 0..120 {
        // Gray and back: the closest predecessor that is not out changes each time.
        says(&mut world, near, round + 1, round % 2 == 0);
        world.run_for(s(1) / 20);
        [near, far].into_iter().for_each(|liar| world.slander(liar, victim, ring));
        world.run_for(s(1) / 2);
    }
    assert!(notes(&world, victim) - before <= 5, "{} notes", notes(&world, victim) - before);
    assert_eq!(world.removals(Mono(0)), []);
}

/// Liars around a victim: on two rings right before it; on a third right before another liar; on a fourth before a correct
/// member, whom yet another liar may accuse.
struct Plot {
    victim: usize,
    direct: [(u8, usize); 2],
    /// The ring, the liar right before the victim, and the one before that.
    pair: (u8, usize, usize),
    /// The ring, the correct member right before the victim, the liar before that; and whoever accuses the correct one.
    over: (u8, usize, usize),
    accuser: (u8, usize),
}

impl Plot {
    /// One in which no more than t rings of the victim have a liar right before it.
    fn find(world: &World, rings: u8, t: usize) -> Option<Self> {
        let before = |ring, of| world.along(ring, of, -1);
        let all = || 0..rings;
        let fours = all()
            .flat_map(|a| all().flat_map(move |b| all().flat_map(move |c| all().map(move |d| [a, b, c, d]))));
        let fours: Vec<_> =
            fours.filter(|[a, b, c, d]| a < b && ![a, b].contains(&c) && ![a, b, c].contains(&d)).collect();
        let plots = (0..world.len()).flat_map(|victim| fours.iter().map(move |four| (victim, *four)));
        let plot = |(victim, [a, b, r, q]): (usize, [u8; 4])| {
            let (near, correct) = (before(r, victim), before(q, victim));
            let (far, over) = (before(r, near), before(q, correct));
            let direct = [(a, before(a, victim)), (b, before(b, victim))];
            let liars = [direct[0].1, direct[1].1, near, far, over];
            let accuser =
                all().map(|ring| (ring, before(ring, correct))).find(|(_, liar)| liars.contains(liar))?;
            let against = all().filter(|ring| liars.contains(&before(*ring, victim))).count();
            let told = [far, over].iter().all(|liar| world.linked(*liar).contains(&victim));
            let fits = against <= t && told && !liars.contains(&correct) && !liars.contains(&victim);
            fits.then_some(Self { victim, direct, pair: (r, near, far), over: (q, correct, over), accuser })
        };
        plots.into_iter().find_map(plot)
    }
}

#[test]
fn r3_with_no_ring_free_answers_end_too() {
    let (rings, t) = (7, 3);
    let mut world = settled(30, rings, 1);
    let plot = Plot::find(&world, rings, t).unwrap();
    let Plot { victim, direct, pair: (ring, near, far), over: (q, correct, over), accuser } = plot;
    world.corrupt(near, Box::new(Puppet));
    for (ring, liar) in direct {
        world.slander(liar, victim, ring);
        world.run_for(s(1));
    }
    world.slander(accuser.1, correct, accuser.0);
    for _ in 0..2 {
        world.run_for(s(1) / 20);
        world.slander(over, victim, q);
        world.run_for(s(1) / 2);
    }
    assert_eq!(world.own_mask(victim).unwrap().count(), 4, "no ring is free");
    let before = notes(&world, victim);
    for step in 0..400 {
        if step % 10 == 0 {
            // It answers what it is accused of, and keeps its rings: so it can be accused again.
            let note = world.note(near, 1 + step, |note| note.mask = Mask::all(rings));
            world.spread(near, &[Bundle::of(world.id(near)).note(&note)]);
            world.run_for(s(1) / 20);
            world.slander(far, near, ring);
        }
        world.slander(far, victim, ring);
        world.run_for(s(1) / 10);
    }
    assert!(notes(&world, victim) - before <= 5, "{} notes", notes(&world, victim) - before);
    assert_eq!(world.removals(Mono(0)), []);
}
