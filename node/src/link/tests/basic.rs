//! Links come up, carry frames and pings, and end.

use super::world::*;
use crate::link::LinkEvent;
use ifrit_core::{action::HangUp, event::Lane};
use std::time::Duration;

#[test]
fn a_link_comes_up_at_both_ends() {
    let mut world = World::pair();
    assert_eq!(world.end(1).ups(id(2)), [true]);
    assert_eq!(world.end(2).ups(id(1)), [true]);
    let certificate = identity(&world.authority, 2).certificate.der().to_vec();
    assert!(world.end(1).saw(&LinkEvent::Up { member: id(2), certificate }));
    let up = |event: &LinkEvent| matches!(event, LinkEvent::Up { .. });
    let (dialer, acceptor) = (world.end(1).at(up), world.end(2).at(up));
    assert!(dialer > acceptor, "the dialer waits for the acceptor's word: {dialer:?} {acceptor:?}");
}

#[test]
fn frames_of_all_lanes_arrive_in_order() {
    let mut world = World::pair();
    for n in 0..50_u8 {
        for lane in Lane::ALL {
            world.frame(1, 2, lane, &[n; 300]);
            world.frame(2, 1, lane, &[n; 3]);
        }
    }
    world.until(|world| world.end(2).frames.len() == 150 && world.end(1).frames.len() == 150);
    for lane in Lane::ALL {
        let seen = world.end(2).frames.iter().filter(|frame| frame.lane == lane);
        let seen: Vec<_> = seen.map(|frame| (frame.from, frame.bytes.clone())).collect();
        assert_eq!(seen, (0..50).map(|n| (id(1), vec![n; 300])).collect::<Vec<_>>());
    }
}

#[test]
fn every_byte_of_a_frame_is_told_as_written_once() {
    let mut world = World::pair();
    for n in 0..20_u8 {
        world.frame(1, 2, Lane::Records, &vec![n; 10_000]);
    }
    world.until(|world| world.end(2).frames.len() == 20);
    let written = |event: &LinkEvent| match event {
        LinkEvent::Written { member, lane: Lane::Records, bytes } if *member == id(2) => u64::from(*bytes),
        _ => 0,
    };
    assert_eq!(world.end(1).events.iter().map(|(_, event)| written(event)).sum::<u64>(), 200_000);
}

#[test]
fn a_ping_arrives_and_its_acknowledgement_is_told() {
    let mut world = World::pair();
    assert!(world.ping(1, 2, b"ping"));
    let ping = LinkEvent::Datagram { from: id(1), bytes: b"ping".to_vec() };
    world.until(|world| world.end(2).saw(&ping));
    world.until(|world| world.end(1).saw(&LinkEvent::Acked { member: id(2) }));
    assert!(!world.ping(1, 3, b"ping"), "no link, no ping");
}

#[test]
fn a_hang_up_is_told_to_the_other_end_only() {
    let mut world = World::pair();
    let now = world.at();
    world.end(1).links.close(now, id(2), HangUp::Idle);
    world.until(|world| world.end(2).ups(id(1)) == [true, false]);
    assert_eq!(world.end(1).ups(id(2)), [true], "who hangs up has forgotten it");
    world.run(Duration::from_secs(5));
    assert_eq!(world.end(1).links.counters.links, 0);
    world.dial(2, 1);
    world.until(|world| world.linked(1, 2));
}

#[test]
fn what_was_sent_before_a_hang_up_is_delivered() {
    let mut world = World::pair();
    world.frame(1, 2, Lane::Urgent, b"I leave");
    world.settle();
    let now = world.at();
    world.end(1).links.close(now, id(2), HangUp::Leaving);
    world.until(|world| world.end(2).ups(id(1)) == [true, false]);
    assert_eq!(world.end(2).frames.len(), 1);
}

#[test]
fn simultaneous_dials_leave_the_lower_ids_link_and_never_flap() {
    for skew_ms in 0..12 {
        for first in [1, 2] {
            let mut world = World::new(2);
            world.dial(first, 3 - first);
            world.run(Duration::from_millis(skew_ms));
            world.dial(3 - first, first);
            world.until(|world| world.linked(1, 2));
            world.run(Duration::from_secs(15));
            assert_eq!(world.end(1).ups(id(2)), [true], "skew {skew_ms} ms, {first} first");
            assert_eq!(world.end(2).ups(id(1)), [true], "skew {skew_ms} ms, {first} first");
            world.frame(1, 2, Lane::Walk, b"there");
            world.frame(2, 1, Lane::Walk, b"back");
            world.until(|world| world.end(1).frames.len() + world.end(2).frames.len() == 2);
            for n in [1, 2] {
                let links = &world.end(n).links;
                assert_eq!(links.counters.links, 1);
                assert_eq!(links.endpoint.open_connections(), 1, "skew {skew_ms} ms, {first} first");
            }
        }
    }
}

#[test]
fn simultaneous_dials_agree_under_loss() {
    for round in 0..20 {
        let mut world = World::new(2);
        world.loss = 20;
        world.run(Duration::from_millis(round));
        world.ends.values_mut().for_each(|_| {});
        world.dial(1, 2);
        world.dial(2, 1);
        world.run(Duration::from_secs(40));
        world.until(|world| world.linked(1, 2));
        world.frame(1, 2, Lane::Records, b"there");
        world.frame(2, 1, Lane::Records, b"back");
        world.until(|world| world.end(1).frames.len() + world.end(2).frames.len() == 2);
    }
}

#[test]
fn a_restarted_peer_is_noticed_in_one_round_trip() {
    for (old, new) in [(1, 2), (2, 1)] {
        let mut world = World::pair();
        world.run(Duration::from_secs(1));
        world.start(old);
        let before = world.now;
        world.ping(new, old, b"are you there");
        world.until(|world| world.end(new).ups(id(old)) == [true, false]);
        assert!(world.now.since(before) <= RTT, "{:?}", world.now.since(before));
    }
}

#[test]
fn a_restarted_peer_that_dials_takes_the_place_of_its_old_link() {
    for (old, new) in [(1, 2), (2, 1)] {
        let mut world = World::pair();
        world.run(Duration::from_secs(1));
        world.start(old);
        let before = world.now;
        world.dial(old, new);
        world.until(|world| world.linked(1, 2));
        assert!(world.now.since(before) <= RTT * 4, "{:?}", world.now.since(before));
        assert_eq!(world.end(new).ups(id(old)), [true, false, true]);
    }
}

#[test]
fn a_peer_that_moved_and_restarted_takes_the_place_of_its_old_link() {
    let mut world = World::pair();
    // Member 1 comes back at another address; at the old one nobody answers.
    world.ends.remove(&1);
    let identity = identity(&world.authority, 1);
    world.start_as(3, &identity);
    world.dial(3, 2);
    world.until(|world| world.end(2).ups(id(1)) == [true, false, true]);
    world.until(|world| world.end(3).ups(id(2)) == [true]);
}

#[test]
fn a_peer_that_moved_and_restarted_may_dial_by_id_and_as_a_seed() {
    for seed_first in [true, false] {
        let mut world = World::pair();
        world.ends.remove(&1);
        let identity = identity(&world.authority, 1);
        world.start_as(3, &identity);
        let now = world.at();
        let links = &mut world.end(3).links;
        if seed_first {
            links.dial_seed(now, 7, addr(2));
            links.dial(now, id(2), addr(2));
        } else {
            links.dial(now, id(2), addr(2));
            links.dial_seed(now, 7, addr(2));
        }
        world.until(|world| world.end(3).saw(&LinkEvent::SeedUp { seed: 7, member: id(2) }));
        world.run(Duration::from_secs(5));
        assert_eq!(world.end(3).ups(id(2)), [true], "seed first: {seed_first}");
        assert!(!world.end(3).saw(&LinkEvent::SeedDown { seed: 7 }));
        assert_eq!(world.end(2).ups(id(1)), [true, false, true]);
    }
}

#[test]
fn a_seed_is_told_by_the_member_that_answers() {
    let mut world = World::new(2);
    let now = world.at();
    world.end(1).links.dial_seed(now, 7, addr(2));
    let up = LinkEvent::SeedUp { seed: 7, member: id(2) };
    world.until(|world| world.end(1).saw(&up));
    assert!(world.linked(1, 2));
    world.end(1).events.clear();
    let now = world.at();
    world.end(1).links.dial_seed(now, 7, addr(2));
    world.until(|world| world.end(1).saw(&up));
    world.run(Duration::from_secs(15));
    assert!(world.end(1).ups(id(2)).is_empty(), "the link that is there stays");
    assert_eq!(world.end(2).ups(id(1)), [true]);
    assert_eq!(world.end(2).links.endpoint.open_connections(), 1);
}

#[test]
fn a_member_never_dials_itself() {
    let mut world = World::new(1);
    world.dial(1, 1);
    world.until(|world| world.end(1).ups(id(1)) == [false]);
    let now = world.at();
    world.end(1).links.dial_seed(now, 0, addr(1));
    world.until(|world| world.end(1).saw(&LinkEvent::SeedDown { seed: 0 }));
    assert_eq!(world.end(1).ups(id(1)), [false]);
}

#[test]
fn a_dial_that_nobody_answers_fails_after_ten_seconds() {
    let mut world = World::new(1);
    world.dial(1, 9);
    world.until(|world| !world.end(1).events.is_empty());
    assert_eq!(world.end(1).ups(id(9)), [false]);
    assert_eq!(world.now.since(ifrit_core::time::Mono(0)), crate::limits::HANDSHAKE_TIMEOUT);
}

#[test]
fn a_silent_link_ends_by_itself() {
    let mut world = World::pair();
    world.black.insert(2);
    world.until(|world| world.end(1).ups(id(2)) == [true, false]);
    assert!(
        world.now.since(ifrit_core::time::Mono(0)) <= crate::limits::IDLE_TIMEOUT + Duration::from_secs(1)
    );
}

#[test]
fn a_member_that_moves_keeps_the_links_that_it_dialed() {
    let mut world = World::pair();
    let end = world.ends.remove(&1).expect("runs");
    world.ends.insert(5, end);
    let now = world.at();
    world.end(5).links.moved(now);
    world.frame(5, 2, Lane::Records, b"from elsewhere");
    world.until(|world| world.end(2).frames.len() == 1);
    world.frame(2, 1, Lane::Records, b"to elsewhere");
    world.until(|world| world.end(5).frames.len() == 1);
    assert_eq!(world.end(2).ups(id(1)), [true]);
}

#[test]
fn a_member_that_moves_ends_the_links_that_it_accepted() {
    let mut world = World::pair();
    let end = world.ends.remove(&2).expect("runs");
    world.ends.insert(5, end);
    let now = world.at();
    world.end(5).links.moved(now);
    world.until(|world| world.end(5).ups(id(1)) == [true, false]);
    world.dial(5, 1);
    world.until(|world| world.end(1).ups(id(2)) == [true, false, true]);
    world.until(|world| world.end(5).ups(id(1)) == [true, false, true]);
    assert!(world.now.since(ifrit_core::time::Mono(0)) < Duration::from_secs(5), "{:?}", world.now);
}
