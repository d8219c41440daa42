//! Members that dial, hang up, crash and restart at random, under loss: the books must balance.

use super::world::*;
use crate::link::LinkEvent;
use ifrit_core::{
    action::HangUp,
    event::Lane,
    seed::{Rng, Seed},
};
use std::time::Duration;

const MEMBERS: u8 = 4;

fn other(rng: &mut Rng, of: u8) -> u8 {
    (1..=MEMBERS).filter(|&n| n != of).nth(rng.below(u64::from(MEMBERS) - 1) as usize).expect("another")
}

fn something(world: &mut World, rng: &mut Rng) {
    let a = 1 + rng.below(u64::from(MEMBERS)) as u8;
    let b = other(rng, a);
    let now = world.at();
    match rng.below(12) {
        0..4 => world.dial(a, b),
        4 => world.end(a).links.dial_seed(now, 1, addr(b)),
        5 => world.end(a).links.close(now, id(b), HangUp::Idle),
        6 => world.start(a),
        7 => drop(world.ping(a, b, b"ping")),
        8 if world.end(a).links.is_up(&id(b)) => world.frame(a, b, Lane::Records, &[9; 3000]),
        9 => world.black = [a].into(),
        10 => world.black.clear(),
        _ => world.run(Duration::from_millis(rng.below(3000))),
    }
    world.run(Duration::from_millis(rng.below(8)));
}

/// An up and a down take turns, and begin with an up or with a dial's end.
fn assert_turns(world: &mut World) {
    for n in 1..=MEMBERS {
        for of in (1..=MEMBERS).filter(|&of| of != n) {
            let ups = world.end(n).ups(id(of));
            assert!(!ups.windows(2).any(|two| two == [true, true]), "{n} sees two links of {of}: {ups:?}");
        }
    }
}

fn assert_books(world: &mut World, what: &str) {
    for n in 1..=MEMBERS {
        let links = &world.end(n).links;
        let slots = links.slots.iter().flatten().count();
        let up = links.peers.values().filter(|peer| peer.active.is_some()).count();
        assert_eq!(links.half_open, 0, "{what}: {n}");
        assert!(links.dials.is_idle(), "{what}: {n} {:?}", links.dials);
        assert_eq!(links.counters.links, up as u64, "{what}: {n} {:?}", links.peers);
        assert_eq!(links.endpoint.open_connections(), slots, "{what}: {n}");
        assert_eq!(slots, up, "{what}: {n} keeps what is over {:?}", links.peers);
        let rest = links.peers.values().filter(|peer| peer.dial.is_some() || peer.spares != [None; 2]);
        assert_eq!(rest.count(), 0, "{what}: {n} {:?}", links.peers);
        assert_eq!(links.counters.panics, 0);
    }
}

#[test]
fn the_books_balance_after_chaos() {
    for round in 0..30 {
        let mut rng = Seed([round; 32]).rng();
        let mut world = World::new(MEMBERS);
        world.loss = [0, 10, 30][usize::from(round % 3)];
        for _ in 0..150 {
            something(&mut world, &mut rng);
            // Forget hang-ups, which are told to nobody, and restarts.
            if rng.below(10) == 0 {
                world.ends.values_mut().for_each(|end| end.events.clear());
            }
        }
        world.loss = 0;
        world.black.clear();
        // Long enough for links of which only one end is left, after probes that were doubled often.
        world.run(Duration::from_secs(300));
        assert_books(&mut world, "after a rest");
        assert!(world.ends.values().all(|end| end.links.counters.links == 0));
        world.ends.values_mut().for_each(|end| end.events.clear());
        for a in 1..=MEMBERS {
            for b in (1..=MEMBERS).filter(|&b| b != a) {
                world.dial(a, b);
            }
        }
        world.until(|world| (1..=MEMBERS).all(|a| (1..a).all(|b| world.linked(a, b))));
        world.run(Duration::from_secs(15));
        assert_books(&mut world, "all linked");
        assert_turns(&mut world);
        let downs = |end: &End| end.events.iter().any(|(_, event)| matches!(event, LinkEvent::Down { .. }));
        assert!(!world.ends.values().any(downs), "dials of both ends at once flap");
    }
}

#[test]
fn a_link_and_an_exchange_cost_what_was_measured() {
    let mut world = World::pair();
    world.run(Duration::from_secs(1));
    let sent = |world: &mut World| -> (u64, u64) {
        let counters = world.ends.values().map(|end| end.links.counters);
        counters
            .fold((0, 0), |(n, bytes), c| (n + c.datagrams_out, bytes + c.bytes_out + 28 * c.datagrams_out))
    };
    let (packets, bytes) = sent(&mut world);
    assert!(bytes < 4600, "a handshake took {packets} packets, {bytes} bytes");
    world.ping(1, 2, &[0; 32]);
    world.run(Duration::from_secs(5));
    let (after, total) = sent(&mut world);
    assert_eq!(after - packets, 2, "a ping and its acknowledgement");
    assert!(total - bytes <= 150, "{} bytes", total - bytes);
    let before = sent(&mut world);
    world.run(Duration::from_secs(40));
    assert_eq!(sent(&mut world), before, "silence costs nothing");
}
