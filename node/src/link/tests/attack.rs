//! Peers and strangers that mean no good.

use super::world::*;
use crate::{
    limits::{HALF_OPEN_MAX, HALF_OPEN_PATIENCE, PINGS_BURST, PINGS_PER_SECOND},
    link::LinkEvent,
};
use ifrit_core::{event::Lane, seed::Seed, time::Wall};
use std::time::Duration;

#[test]
fn a_wrong_id_is_refused_by_the_dialer() {
    let mut world = World::new(2);
    let now = world.at();
    world.end(1).links.dial(now, id(9), addr(2));
    world.until(|world| world.end(1).ups(id(9)) == [false]);
    assert!(world.now.since(ifrit_core::time::Mono(0)) < Duration::from_secs(1), "at once");
    world.run(Duration::from_secs(1));
    assert!(world.end(2).events.is_empty(), "{:?}", world.end(2).events);
}

#[test]
fn a_certificate_of_another_ca_is_refused_by_both() {
    for (dialer, acceptor) in [(1, 2), (2, 1)] {
        let mut world = World::new(1);
        let foreign = identity(&authority(1), 2);
        world.start_as(2, &foreign);
        world.dial(dialer, acceptor);
        world.until(|world| world.end(dialer).ups(id(acceptor)) == [false]);
        assert!(world.now.since(ifrit_core::time::Mono(0)) < Duration::from_secs(1), "at once");
        world.run(Duration::from_secs(1));
        assert!(world.end(acceptor).events.is_empty());
    }
}

#[test]
fn a_dialer_that_is_refused_was_never_up() {
    // Member 2 trusts both networks' leaves as a dialer would see them, but its own is expired for the acceptor.
    let mut world = World::new(1);
    let short = identity_until(&world.authority, 2, Wall(START.0 + DAY));
    world.start_as(2, &short);
    world.wall_ahead = Duration::from_secs(3 * 24 * 3600);
    world.dial(2, 1);
    world.until(|world| world.end(2).ups(id(1)) == [false]);
    assert!(world.end(1).events.is_empty());
}

#[test]
fn an_expired_certificate_is_refused_and_the_allowance_is_honoured() {
    let allowance = authority(0).root().params.allowance_s;
    for (past, good) in [(allowance - 1, true), (allowance + 1, false)] {
        let mut world = World::new(1);
        let short = identity_until(&world.authority, 2, Wall(START.0 + DAY));
        world.start_as(2, &short);
        world.wall_ahead = Duration::from_millis(DAY) + Duration::from_secs(u64::from(past));
        world.dial(1, 2);
        world.until(|world| !world.end(1).events.is_empty());
        assert_eq!(world.end(1).ups(id(2)), [good], "{past} s past its end");
    }
}

#[test]
fn garbage_is_counted_and_harmless() {
    let mut world = World::pair();
    let mut rng = Seed([7; 32]).rng();
    for round in 0..2000_usize {
        let bytes = (0..round % 1500).map(|_| rng.next_u64() as u8).collect();
        world.inject(9, 1, bytes);
        world.run(Duration::from_micros(100));
    }
    assert!(world.end(1).links.counters.strays > 1000);
    assert_eq!(world.end(1).links.counters.panics, 0);
    world.frame(1, 2, Lane::Records, b"still here");
    world.until(|world| world.end(2).frames.len() == 1);
    assert_eq!(world.end(1).ups(id(2)), [true]);
}

#[test]
fn flipped_bits_harm_no_more_than_loss() {
    let mut world = World::new(2);
    world.noise = 20;
    world.dial(1, 2);
    world.until(|world| world.linked(1, 2));
    for n in 0..100_u8 {
        world.frame(1, 2, Lane::Records, &[n; 1000]);
    }
    world.until(|world| world.end(2).frames.len() == 100);
    assert!(world.end(2).frames.iter().enumerate().all(|(n, frame)| frame.bytes == [n as u8; 1000]));
    assert_eq!(world.end(2).links.counters.panics, 0);
}

#[test]
fn a_black_hole_delays_nobody() {
    let mut world = World::new(2);
    for hole in 10..40 {
        world.dial(1, hole);
    }
    world.dial(1, 2);
    let before = world.now;
    world.until(|world| world.linked(1, 2));
    // 31 dials, four at a time, each of which holds its place for a second of silence.
    assert!(world.now.since(before) <= Duration::from_secs(8), "{:?}", world.now.since(before));
    world.until(|world| (10..40).all(|hole| world.end(1).ups(id(hole)) == [false]));
}

#[test]
fn a_panic_in_one_connection_costs_that_link_only() {
    let mut world = World::new(3);
    world.dial(1, 2);
    world.dial(1, 3);
    world.until(|world| world.linked(1, 2) && world.linked(1, 3));
    let slot = world.end(1).links.up(&id(2)).expect("up");
    world.end(1).links.slots[slot].as_mut().expect("a link").panic_next = true;
    world.frame(1, 2, Lane::Records, b"lost");
    world.frame(1, 3, Lane::Records, b"not lost");
    world.until(|world| world.end(1).ups(id(2)) == [true, false]);
    world.until(|world| world.end(3).frames.len() == 1);
    assert_eq!(world.end(1).links.counters.panics, 1);
    world.dial(1, 2);
    world.until(|world| world.linked(1, 2));
}

#[test]
fn broken_framing_ends_the_link() {
    for length in [0_u32, 64 * 1024 + 1, u32::MAX] {
        let mut world = World::pair();
        world.frame(1, 2, Lane::Records, b"good");
        world.until(|world| world.end(2).frames.len() == 1);
        let links = &mut world.end(1).links;
        let slot = links.up(&id(2)).expect("up");
        links.with(slot, |link| link.lanes_out[1].push_raw(length.to_be_bytes().to_vec()));
        links.mark(slot);
        world.until(|world| world.end(1).ups(id(2)) == [true, false]);
        assert_eq!(world.end(2).links.counters.malformed, 1);
        assert_eq!(world.end(2).ups(id(1)), [true, false]);
    }
}

#[test]
fn a_flood_of_handshakes_is_answered_with_retry_and_honest_dials_go_on() {
    let mut world = World::new(40);
    // Forty members dial the first at once: above 16 half-open ones must prove their address.
    for n in 2..=40 {
        world.dial(n, 1);
    }
    world.until(|world| (2..=40).all(|n| world.linked(1, n)));
    let counters = world.end(1).links.counters;
    assert!(counters.retries > 0, "{counters:?}");
    assert_eq!(counters.links, 39);
}

#[test]
fn a_lane_that_the_core_refuses_waits_and_the_others_go_on() {
    let mut world = World::pair();
    world.end(2).refuse.insert(Lane::Records);
    let frame = vec![3; 30_000];
    // More than a link takes of all its streams.
    for _ in 0..40 {
        world.frame(1, 2, Lane::Records, &frame);
        world.run(Duration::from_millis(100));
    }
    world.frame(1, 2, Lane::Urgent, b"urgent");
    world.frame(1, 2, Lane::Walk, b"walk");
    world.until(|world| world.end(2).frames.len() == 2);
    assert!(world.end(2).links.has_kept_frames());
    world.run(Duration::from_secs(10));
    assert_eq!(world.end(2).frames.len(), 2, "flow control holds the rest");
    world.end(2).refuse.clear();
    world.end(2).links.retry_frames();
    world.until(|world| world.end(2).frames.len() == 42);
    assert_eq!(world.end(2).links.lanes_wide, 0, "what the lane had for itself is taken back");
    assert!(!world.end(1).saw(&LinkEvent::Down { member: id(2) }));
}

/// Strangers without a certificate of this network stall as many handshakes as there may be, and go on.
fn besieged(hosts: impl Fn(u8) -> u8) -> World {
    let mut world = World::new(2);
    let stranger = identity(&authority(1), 40);
    for n in 40..120 {
        world.start_as(n, &stranger);
        world.deaf.insert(n);
        world.hosts.insert(n, hosts(n));
        world.dial(n, 1);
        world.run(Duration::from_millis(10));
    }
    assert_eq!(world.end(1).links.half_open, HALF_OPEN_MAX);
    world
}

#[test]
fn handshakes_that_one_host_stalls_keep_nobody_out() {
    let mut world = besieged(|_| 40);
    world.dial(2, 1);
    let before = world.now;
    world.until(|world| !world.end(2).ups(id(1)).is_empty());
    assert_eq!(world.end(2).ups(id(1)), [true]);
    assert!(world.now.since(before) < Duration::from_millis(50), "at once");
    assert!(world.end(1).links.counters.accepts_displaced > 0);
}

#[test]
fn handshakes_that_one_host_stalls_from_many_addresses_keep_nobody_out() {
    let mut world = besieged(|_| MANY_ADDRS);
    world.dial(2, 1);
    let before = world.now;
    world.until(|world| !world.end(2).ups(id(1)).is_empty());
    assert_eq!(world.end(2).ups(id(1)), [true]);
    assert!(world.now.since(before) < Duration::from_millis(50), "at once");
}

#[test]
fn handshakes_that_many_hosts_stall_give_way_after_a_second() {
    let mut world = besieged(|n| n);
    world.run(HALF_OPEN_PATIENCE);
    world.dial(2, 1);
    world.until(|world| !world.end(2).ups(id(1)).is_empty());
    assert_eq!(world.end(2).ups(id(1)), [true]);
}

#[test]
fn a_flood_of_pings_is_cut_and_costs_others_none() {
    let mut world = World::new(3);
    world.dial(1, 2);
    world.dial(1, 3);
    world.until(|world| world.linked(1, 2) && world.linked(1, 3));
    let before = world.now;
    for round in 0..2000 {
        for _ in 0..5 {
            world.ping(2, 1, &[1; 26]);
        }
        if round % 100 == 0 {
            world.ping(3, 1, &[1; 26]);
        }
        world.run(Duration::from_millis(1));
    }
    let of = |world: &mut World, n: u8| {
        let is = |event: &LinkEvent| matches!(event, LinkEvent::Datagram { from, .. } if *from == id(n));
        world.end(1).events.iter().filter(|(_, event)| is(event)).count() as u32
    };
    world.run(Duration::from_millis(10));
    let most = PINGS_BURST + PINGS_PER_SECOND * world.now.since(before).as_secs() as u32 + 1;
    let (flood, honest) = (of(&mut world, 2), of(&mut world, 3));
    assert!(flood <= most && flood > most / 2, "{flood} of 10,000");
    assert_eq!(honest, 20);
}
