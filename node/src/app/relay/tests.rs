//! Broadcasts between a few members in virtual time, over real links.

use super::*;
use crate::link::tests::world::{RTT, World, id};
use ifrit_core::broadcast::RunId;

/// Members in a circle, each linked to the next one.
fn circle(members: u8) -> World {
    let mut world = World::new(members);
    let next = |n: u8| n % members + 1;
    for n in 1..=members {
        world.end(n).view.near.push(next(n));
        world.end(next(n)).view.near.push(n);
    }
    (1..=members).for_each(|n| world.dial(n, next(n)));
    world.until(|world| (1..=members).all(|n| world.linked(n, next(n))));
    world
}

fn say(world: &mut World, n: u8, bytes: &[u8]) -> u64 {
    let now = world.at();
    let end = world.end(n);
    end.app.broadcast(now, 7, bytes, &mut end.links, &end.view).expect("room")
}

/// Numbers and bodies that `n` was told of an author.
fn heard(world: &mut World, n: u8, of: u8) -> Vec<(u64, Vec<u8>)> {
    let broadcast = |event: &NodeEvent| match event {
        NodeEvent::Broadcast { author, sequence, body, .. } if *author == id(of) => {
            Some((*sequence, body.clone()))
        }
        _ => None,
    };
    world.end(n).told.iter().filter_map(broadcast).collect()
}

fn numbered(count: u64) -> Vec<(u64, Vec<u8>)> {
    (0..count).map(|n| (n, n.to_be_bytes().to_vec())).collect()
}

fn until_all_have(world: &mut World, author: u8, count: u64) {
    let members: Vec<u8> = world.ends.keys().copied().filter(|n| *n != author).collect();
    world.until(|world| members.iter().all(|n| heard(world, *n, author).len() as u64 == count));
    for n in members {
        assert_eq!(heard(world, n, author), numbered(count), "at {n}");
    }
}

#[test]
fn a_broadcast_goes_round_a_circle_once_and_in_order() {
    let mut world = circle(6);
    for n in 0..20u64 {
        say(&mut world, 1, &n.to_be_bytes());
    }
    until_all_have(&mut world, 1, 20);
    assert_eq!(heard(&mut world, 1, 1), [], "who says it knows it");
    world.run(Duration::from_secs(60));
    until_all_have(&mut world, 1, 20);
}

#[test]
fn the_largest_and_the_empty_arrive_and_larger_ones_are_refused() {
    let mut world = circle(3);
    say(&mut world, 1, &[]);
    say(&mut world, 1, &vec![7; BROADCAST_MAX]);
    world.until(|world| heard(world, 3, 1).len() == 2);
    assert_eq!(heard(&mut world, 3, 1)[1].1, vec![7; BROADCAST_MAX]);
    let now = world.at();
    let end = world.end(1);
    let refused = end.app.broadcast(now, 7, &vec![7; BROADCAST_MAX + 1], &mut end.links, &end.view);
    assert_eq!(refused, Err(BroadcastError::TooLarge { limit: BROADCAST_MAX }));
}

#[test]
fn broadcasts_survive_loss_and_links_that_break() {
    let mut world = circle(5);
    world.loss = 20;
    for n in 0..60u64 {
        say(&mut world, 2, &n.to_be_bytes());
        world.run(Duration::from_millis(50));
        if n % 20 == 10 {
            // A link breaks in the middle of it, and comes back.
            let now = world.at();
            world.end(2).links.close(now, id(3), ifrit_core::action::HangUp::Idle);
            world.settle();
            world.dial(2, 3);
        }
    }
    until_all_have(&mut world, 2, 60);
}

#[test]
fn who_was_cut_off_catches_up() {
    let mut world = circle(4);
    world.black.insert(3);
    (0..30u64).for_each(|n| _ = say(&mut world, 1, &n.to_be_bytes()));
    world.run(Duration::from_secs(120));
    assert_eq!(heard(&mut world, 3, 1), []);
    assert_eq!(heard(&mut world, 2, 1).len(), 30);
    world.black.clear();
    world.dial(2, 3);
    until_all_have(&mut world, 1, 30);
}

#[test]
fn who_says_no_frames_is_hung_up_and_others_go_on() {
    let mut world = circle(4);
    say(&mut world, 1, &0u64.to_be_bytes());
    until_all_have(&mut world, 1, 1);
    // Neighbour 2 of member 1 sends what is no frame, over a stream of the right type.
    let end = world.end(2);
    let key = end.app.relay.neighbours[&id(1)].own.stream;
    let key = key.or_else(|| end.app.streams.open(id(1), tags::RELAY, Owner::Relay(id(1)), &mut end.links));
    let junk = [&[2][..], &[0xff; 300]].concat();
    end.app.streams.write(key.expect("a stream"), &junk, &mut end.links).expect("written");
    world.settle();
    world.until(|world| world.end(1).links.counters.broadcast_garbage == 1);
    assert!(world.linked(1, 2), "the link lives");
    say(&mut world, 1, &1u64.to_be_bytes());
    until_all_have(&mut world, 1, 2);
}

#[test]
fn who_is_no_ring_neighbour_is_turned_away_and_tries_again() {
    let mut world = World::new(2);
    world.end(1).view.near.push(2);
    world.dial(1, 2);
    world.until(|world| world.linked(1, 2));
    say(&mut world, 1, &0u64.to_be_bytes());
    world.run(Duration::from_secs(10));
    assert!(world.end(2).links.counters.streams_refused > 0);
    assert_eq!(heard(&mut world, 2, 1), []);
    world.end(2).view.near.push(1);
    until_all_have(&mut world, 1, 1);
}

/// Each turns the other's stream away while its own wait lasts: they must not do so for ever.
#[test]
fn two_that_hang_up_one_after_the_other_find_each_other_again() {
    let mut world = circle(2);
    let delta = world.end(1).app.relay.delta;
    for n in [1, 2] {
        let now = world.at();
        let end = world.end(n);
        end.app.hang_up(now, id(3 - n), &mut end.links, &end.view);
        world.run(delta / 2);
    }
    for n in [1, 2] {
        say(&mut world, n, &0u64.to_be_bytes());
    }
    let before = world.now;
    until_all_have(&mut world, 1, 1);
    until_all_have(&mut world, 2, 1);
    assert!(world.now.since(before) < Duration::from_secs(20), "at the next look at the latest");
}

#[test]
fn who_opens_streams_and_drops_them_is_told_everything_twice_per_delta_at_most() {
    let mut world = circle(2);
    say(&mut world, 1, &0u64.to_be_bytes());
    until_all_have(&mut world, 1, 1);
    let (delta, before) = (world.end(1).app.relay.delta, world.now);
    let mut opened = 0;
    while world.now.since(before) < delta {
        let end = world.end(2);
        let key = end.app.streams.open(id(1), tags::RELAY, Owner::Relay(id(1)), &mut end.links);
        if let Some(key) = key {
            opened += 1;
            // It may have been refused already.
            end.app.streams.write(key, &Frame::Again.encode(), &mut end.links).ok();
            world.settle();
            world.run(RTT);
            let end = world.end(2);
            end.app.streams.remove(key);
            end.links.abandon(key, Reset::Dropped);
        }
        world.settle();
        world.run(RTT);
    }
    let refused = world.end(1).links.counters.streams_refused;
    assert!(opened > 10 && opened - refused <= 3, "{refused} of {opened} are refused");
}

#[test]
fn what_is_not_here_is_answered_once_however_much_is_asked_for() {
    let mut world = circle(2);
    say(&mut world, 1, &0u64.to_be_bytes());
    until_all_have(&mut world, 1, 1);
    let at = world.at();
    let (now, end) = (at.mono, world.end(1));
    let eye = Eye { view: &end.view, now: at, network: end.app.pen.network() };
    let casts = &mut end.app.relay.casts;
    let mut answered = Vec::new();
    for author in [1, 9] {
        let of = RunId { author: id(author), run: 8 };
        casts.receive(now, id(2), Frame::Pull { of, from: 5, count: 60 }, &eye);
        answered.extend(std::iter::from_fn(|| casts.next_content(now, &id(2))));
    }
    let is_range = |frame: &Frame| matches!(frame, Frame::Range { .. });
    assert!(answered.len() == 2 && answered.iter().all(is_range), "{answered:?}");
}

/// It drops none by itself, and bears no grudge when member 1 ends what was said over them.
#[test]
fn who_opens_stream_after_stream_beside_the_first_is_told_everything_twice_per_delta_at_most() {
    let mut world = circle(2);
    say(&mut world, 1, &0u64.to_be_bytes());
    until_all_have(&mut world, 1, 1);
    let (delta, before) = (world.end(1).app.relay.delta, world.now);
    let (mut opened, mut open) = (0, Vec::new());
    world.end(2).app.relay.delta = Duration::ZERO;
    while world.now.since(before) < delta {
        let links = &mut world.end(2).links;
        if let Some(key) = links.open(id(1)) {
            opened += 1;
            open.push(key);
            let hello = [&[tags::RELAY][..], &Frame::Again.encode()].concat();
            assert_eq!(links.write(key, &hello), Ok(hello.len()));
        }
        // What member 1 ends gives credit back.
        let ended = open.extract_if(.., |key| links.stopped(*key).is_some());
        ended.collect::<Vec<_>>().into_iter().for_each(|key| links.abandon(key, Reset::Dropped));
        world.settle();
        world.run(RTT);
    }
    let refused = world.end(1).links.counters.streams_refused;
    // The first is taken, and the first beside it.
    assert!(opened > 10 && opened - refused <= 4, "{refused} of {opened} are refused");
}

#[test]
fn credit_for_more_streams_is_no_reason_to_look_at_all_neighbours() {
    let mut world = circle(2);
    let now = world.at();
    let end = world.end(1);
    end.app.relay.look_at = Mono::NEVER;
    end.app.on_link(now, &crate::link::LinkEvent::Available { member: id(2) }, &mut end.links, &end.view);
    assert_eq!(end.app.relay.look_at, Mono::NEVER);
}
