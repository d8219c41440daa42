//! What `ifrit_node::app` promises of requests and message streams, kept by whole members under loss, partition and restart.

use ifrit_node::{
    app::{RequestError, RequestId, StreamError, StreamId},
    node::NodeEvent,
};
use ifrit_sim::{Setup, World};
use std::{collections::BTreeMap, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn settled(setup: Setup) -> World {
    let mut world = World::bootstrap(setup);
    world.run_for(SECOND);
    world.settles_within(SECOND * 60);
    world
}

/// Requests of one member to another, which answers with what it was asked.
#[derive(Default)]
struct Asking {
    asked: BTreeMap<RequestId, Vec<u8>>,
    /// What the handler got, in that order.
    handled: Vec<Vec<u8>>,
    ends: Vec<(RequestId, Result<Vec<u8>, RequestError>)>,
}

impl Asking {
    fn ask(&mut self, world: &mut World, body: &[u8]) {
        let to = world.id(3);
        let id = world.on_node(0, |node, now| node.request(now, to, body, SECOND * 30)).expect("it runs");
        self.asked.insert(id, body.to_vec());
    }

    fn go_on(&mut self, world: &mut World) {
        for event in world.told(3) {
            if let NodeEvent::Request { token, body, .. } = event {
                self.handled.push(body.clone());
                world.on_node(3, |node, now| node.respond(now, token, Ok(body)));
            }
        }
        for event in world.told(0) {
            if let NodeEvent::Reply { id, result, .. } = event {
                self.ends.push((id, result));
            }
        }
        world.run_for(SECOND / 50);
    }
}

/// Whatever happens on the way: a handler runs once for one that succeeds, and never twice.
#[test]
fn a_request_is_handled_at_most_once_and_ends_exactly_once() {
    let mut world = settled(Setup { loss_ppm: 200_000, ..Setup::new(6, 11).rings(5).whole() });
    let mut asking = Asking::default();
    for round in 0..400_u16 {
        asking.ask(&mut world, &round.to_be_bytes());
        asking.go_on(&mut world);
        match round {
            100 => world.partition(&[vec![0, 1, 2]], false),
            150 => world.heal(),
            200 => world.crash(3),
            250 => world.restart(3),
            _ => {}
        }
    }
    let end = world.now() + SECOND * 40;
    while world.now() < end {
        asking.go_on(&mut world);
    }
    assert_eq!(asking.ends.len(), asking.asked.len());
    let (mut good, mut bad) = (0, 0);
    for (id, result) in &asking.ends {
        let body = asking.asked.remove(id).expect("one end each");
        let handled = asking.handled.iter().filter(|handled| **handled == body).count();
        match result {
            Ok(answer) => {
                assert_eq!((answer, handled), (&body, 1));
                good += 1;
            }
            Err(error) => {
                assert!(handled <= 1, "{error}: {handled}");
                bad += 1;
            }
        }
    }
    assert!(good > 100 && bad > 10, "{good} good, {bad} bad");
}

/// Each has a stream of its own: a small one passes a large one.
#[test]
fn requests_keep_no_order() {
    let mut world = settled(Setup::new(5, 12).rings(3).whole());
    let mut asking = Asking::default();
    let (large, small) = (vec![7; 1_000_000], b"small");
    asking.ask(&mut world, &large);
    asking.ask(&mut world, small);
    while asking.ends.len() < 2 {
        asking.go_on(&mut world);
    }
    assert!(asking.handled == [small.to_vec(), large] && asking.ends.iter().all(|(_, end)| end.is_ok()));
}

/// Both ends of a message stream between two whole members, driven by what they are told.
struct Talk {
    ends: [(usize, Option<StreamId>); 2],
    bytes: Vec<u8>,
    written: usize,
    seen: Vec<u8>,
    /// How each end was told that it is over.
    over: [Option<StreamError>; 2],
}

impl Talk {
    fn begin(world: &mut World, from: usize, to: usize, length: u32) -> Self {
        let id = world.id(to);
        let stream = world.on_node(from, |node, now| node.open_stream(now, id, SECOND * 20));
        let bytes = (0..length).map(|n| (n % 251) as u8).collect();
        Self { ends: [(from, stream), (to, None)], bytes, written: 0, seen: Vec::new(), over: [None; 2] }
    }

    /// Writes and reads what goes, then lets some time pass.
    fn go_on(&mut self, world: &mut World) {
        for end in 0..2 {
            for event in world.told(self.ends[end].0) {
                match event {
                    NodeEvent::StreamOpened { id, .. } => self.ends[end].1 = Some(id),
                    NodeEvent::StreamOpen { result: Err(why), .. } => self.over[end] = Some(why),
                    NodeEvent::StreamEnded { id, why } if Some(id) == self.ends[end].1 => {
                        self.over[end] = Some(why)
                    }
                    _ => {}
                }
            }
        }
        let [(from, out), (to, into)] = self.ends;
        let rest = &self.bytes[self.written..];
        let written =
            out.and_then(|id| world.on_node(from, |node, now| node.write_stream(now, id, rest).ok())?);
        self.written += written.unwrap_or(0);
        let seen = &mut self.seen;
        into.map(|id| world.on_node(to, |node, now| node.read_stream(now, id, usize::MAX, seen).ok()));
        world.run_for(SECOND / 50);
    }

    fn until(&mut self, world: &mut World, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = world.now() + limit;
        while !done(self) {
            assert!(world.now() < end, "{} written, {} seen, {:?}", self.written, self.seen.len(), self.over);
            self.go_on(world);
        }
    }
}

/// Over at both ends, and told so, when a partition outlasts its link or an end restarts; a new one after that.
#[test]
fn a_message_stream_is_in_order_without_gap_or_double_until_it_is_lost() {
    let mut world = settled(Setup { loss_ppm: 100_000, ..Setup::new(6, 9).rings(5).whole() });
    let mut talk = Talk::begin(&mut world, 0, 3, 400_000);
    talk.until(&mut world, SECOND * 120, |talk| talk.seen.len() == talk.bytes.len());
    assert_eq!(talk.seen, talk.bytes);
    // A short partition delays it.
    talk.bytes.extend_from_slice(b"and after");
    world.partition(&[vec![0, 1, 2]], false);
    world.run_for(SECOND * 3);
    world.heal();
    talk.until(&mut world, SECOND * 60, |talk| talk.seen.ends_with(b"and after"));
    world.partition(&[vec![0, 1, 2]], false);
    talk.until(&mut world, SECOND * 120, |talk| talk.over == [Some(StreamError::Lost); 2]);
    world.heal();
    world.settles_within(SECOND * 60);
    let mut talk = Talk::begin(&mut world, 0, 3, 1000);
    talk.until(&mut world, SECOND * 60, |talk| talk.seen.len() == talk.bytes.len());
    world.crash(3);
    world.restart(3);
    talk.until(&mut world, SECOND * 120, |talk| talk.over[0] == Some(StreamError::Lost));
    world.settles_within(SECOND * 60);
    let mut talk = Talk::begin(&mut world, 0, 3, 1000);
    talk.until(&mut world, SECOND * 60, |talk| talk.seen == talk.bytes);
}
