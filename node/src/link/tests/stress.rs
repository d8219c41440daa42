//! Loss and congestion.

use super::world::*;
use crate::link::LinkEvent;
use ifrit_core::event::Lane;
use std::time::Duration;

#[test]
fn frames_arrive_in_order_under_loss() {
    let mut world = World::new(2);
    world.loss = 20;
    world.dial(1, 2);
    world.until(|world| world.linked(1, 2));
    for n in 0..200_u8 {
        for lane in Lane::ALL {
            world.frame(1, 2, lane, &[n; 500]);
        }
    }
    world.until(|world| world.end(2).frames.len() == 600);
    for lane in Lane::ALL {
        let seen = world.end(2).frames.iter().filter(|frame| frame.lane == lane);
        assert!(seen.map(|frame| frame.bytes[0]).eq(0..200));
    }
}

#[test]
fn pings_pass_under_congestion() {
    let mut world = World::pair();
    world.loss = 40;
    let mut sent = 0;
    for round in 0..300_u32 {
        if round % 10 == 0 && world.end(1).links.is_up(&id(2)) {
            world.frame(1, 2, Lane::Records, &[1; 20_000]);
        }
        let before = world.end(1).links.counters.datagrams_out;
        assert!(world.ping(1, 2, &round.to_be_bytes()), "round {round} reached the wire");
        assert_eq!(world.end(1).links.counters.datagrams_out, before + 1);
        sent += 1;
        world.run(Duration::from_millis(200));
    }
    let pings = world.end(2).events.iter().filter(|(_, event)| matches!(event, LinkEvent::Datagram { .. }));
    let arrived = pings.count();
    assert!((130..=230).contains(&arrived), "{arrived} of {sent} at 40 % loss");
}

#[test]
fn pings_reach_the_wire_towards_a_dead_peer() {
    let mut world = World::pair();
    world.frame(1, 2, Lane::Records, &[1; 60_000]);
    world.settle();
    world.black.insert(2);
    for round in 0..50 {
        assert!(world.ping(1, 2, b"ping"), "round {round}");
        world.run(Duration::from_millis(200));
    }
    assert!(!world.end(1).saw(&LinkEvent::Acked { member: id(2) }));
}

#[test]
fn urgent_frames_pass_bulk() {
    let mut world = World::pair();
    for _ in 0..20 {
        world.frame(1, 2, Lane::Walk, &[7; 25_000]);
    }
    world.settle();
    world.frame(1, 2, Lane::Urgent, b"you are accused");
    let before = world.now;
    world.until(|world| world.end(2).frames.iter().any(|frame| frame.lane == Lane::Urgent));
    assert!(world.now.since(before) <= RTT * 2, "{:?}", world.now.since(before));
    assert!(world.end(2).frames.len() < 21, "the bulk is still on its way");
}
