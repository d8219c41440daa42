//! A peer with a good certificate that speaks QUIC well and lanes badly.

use super::world::*;
use crate::{limits::*, link::Link};
use ifrit_core::event::Lane;
use quinn_proto::{Dir, StreamId, VarInt};
use std::time::Duration;

/// Member 1 lies to member 2 through its own end of the link.
fn lie<R>(world: &mut World, f: impl FnOnce(&mut Link) -> R) -> R {
    let links = &mut world.end(1).links;
    let slot = links.up(&id(2)).expect("up");
    let result = links.with(slot, f).expect("no panic");
    links.mark(slot);
    result
}

/// Opens a stream with these first bytes.
fn open(world: &mut World, dir: Dir, bytes: &[u8]) -> Option<StreamId> {
    lie(world, |link| {
        let stream = link.conn.streams().open(dir)?;
        let written = link.conn.send_stream(stream).write(bytes);
        assert!(bytes.is_empty() || written == Ok(bytes.len()));
        Some(stream)
    })
}

/// Whether the link still carries frames of both, and a third member's.
fn assert_works(world: &mut World) {
    let before = world.end(2).frames.len();
    world.frame(1, 2, Lane::Walk, b"walk");
    world.frame(3, 2, Lane::Urgent, b"urgent");
    world.until(|world| world.end(2).frames.len() == before + 2);
    assert_eq!(world.end(2).ups(id(1)), [true]);
    assert_eq!(world.end(2).links.counters.panics, 0);
}

fn three() -> World {
    let mut world = World::new(3);
    world.dial(1, 2);
    world.dial(3, 2);
    world.until(|world| world.linked(1, 2) && world.linked(3, 2));
    world
}

#[test]
fn a_lane_that_is_opened_twice_ends_the_link() {
    let mut world = three();
    world.frame(1, 2, Lane::Records, b"first");
    world.until(|world| world.end(2).frames.len() == 1);
    open(&mut world, Dir::Uni, &[Lane::Records as u8]).expect("credit");
    world.until(|world| world.end(2).ups(id(1)) == [true, false]);
    assert_eq!(world.end(2).links.counters.malformed, 1);
    let offenders: Vec<_> = world.end(2).links.offenders.iter().collect();
    assert_eq!(offenders, [(&id(1), crate::offenders::Offence::Framing, 1)]);
}

#[test]
fn a_lane_that_ends_ends_the_link() {
    for reset in [true, false] {
        let mut world = three();
        let stream = open(&mut world, Dir::Uni, &[Lane::Records as u8]).expect("credit");
        world.run(Duration::from_millis(50));
        lie(&mut world, |link| {
            let mut stream = link.conn.send_stream(stream);
            if reset { stream.reset(VarInt::from_u32(0)).is_ok() } else { stream.finish().is_ok() }
        });
        world.until(|world| world.end(2).ups(id(1)) == [true, false]);
    }
}

#[test]
fn lanes_of_unknown_kinds_are_turned_away_by_the_thousand() {
    let mut world = three();
    world.frame(1, 2, Lane::Walk, b"walk");
    let mut opened = 0;
    for kind in 0..2000_u32 {
        if let Some(stream) = open(&mut world, Dir::Uni, &[100 + (kind % 100) as u8; 50]) {
            opened += 1;
            world.run(RTT);
            lie(&mut world, |link| link.conn.send_stream(stream).reset(VarInt::from_u32(0)).is_ok());
        }
        world.run(Duration::from_millis(1));
    }
    assert!(opened > 1000, "{opened}");
    assert_works(&mut world);
}

#[test]
fn streams_that_say_nothing_are_as_many_as_their_credit() {
    let mut world = three();
    world.frame(1, 2, Lane::Walk, b"walk");
    world.until(|world| world.end(2).frames.len() == 1);
    for _ in 0..1000 {
        open(&mut world, Dir::Bi, &[1]);
        world.run(Duration::from_millis(1));
    }
    let held = world.end(2).app.streams_held();
    assert!(held <= REQUESTS_PER_PEER, "{held}");
    assert_works(&mut world);
}

#[test]
fn requests_that_are_begun_and_given_up_leave_nothing() {
    let mut world = three();
    for _ in 0..3000 {
        if let Some(stream) = open(&mut world, Dir::Bi, &[1, 2, 3]) {
            lie(&mut world, |link| {
                let _ = link.conn.send_stream(stream).reset(VarInt::from_u32(0));
                link.conn.recv_stream(stream).stop(VarInt::from_u32(0)).is_ok()
            });
        }
        world.run(Duration::from_micros(500));
    }
    world.run(Duration::from_secs(1));
    assert_eq!(world.end(2).app.streams_held(), 0);
    assert!(world.end(2).told.is_empty(), "{:?}", world.end(2).told.len());
    assert_works(&mut world);
}

#[test]
fn a_frame_that_dribbles_or_never_ends_holds_up_its_own_lane_only() {
    let mut world = three();
    let length = 60_000_u32.to_be_bytes();
    let stream = open(&mut world, Dir::Uni, &[Lane::Records as u8]).expect("credit");
    lie(&mut world, |link| link.conn.send_stream(stream).write(&length).is_ok());
    for _ in 0..2000 {
        lie(&mut world, |link| link.conn.send_stream(stream).write(&[7]).is_ok());
        world.run(Duration::from_micros(300));
    }
    assert!(world.end(2).frames.is_empty());
    assert_works(&mut world);
    // It ends after all: one whole frame.
    let mut left = 58_000;
    while left > 0 {
        left -= lie(&mut world, |link| link.conn.send_stream(stream).write(&vec![7; left]).unwrap_or(0));
        world.run(Duration::from_millis(5));
    }
    world.until(|world| world.end(2).frames.iter().any(|frame| frame.bytes == [7; 60_000]));
}

#[test]
fn datagrams_of_all_sizes_are_harmless() {
    let mut world = three();
    for size in 0..1150 {
        world.ping(1, 2, &vec![7; size]);
        world.run(Duration::from_millis(40));
    }
    assert!(world.end(2).links.counters.pings_in > 1000);
    assert_works(&mut world);
}

#[test]
fn one_member_that_dials_without_end_keeps_one_link_and_costs_others_none() {
    let mut world = three();
    // As if member 1 were started anew 300 times, each time from another port.
    for n in 0..300_u32 {
        world.hosts.insert(1, (n % 200) as u8 + 20);
        world.start(1);
        world.dial(1, 2);
        world.run(Duration::from_millis(20));
    }
    let links = world.end(2).links.slots.iter().flatten().count();
    assert!(links < 100, "{links} connections");
    assert!(world.end(2).links.counters.links <= 2);
    world.run(Duration::from_secs(15));
    assert!(world.end(2).links.slots.iter().flatten().count() <= 3);
    assert_eq!(world.end(2).ups(id(3)), [true], "the others' links are what they were");
}
