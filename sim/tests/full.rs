//! Whole members over a virtual UDP, and the link model held against them: DESIGN sections 5 and 7.

use ifrit_core::view::State;
use ifrit_node::{
    app::{StreamError, StreamId},
    node::NodeEvent,
};
use ifrit_sim::{Setup, World};
use std::{process::Command, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn settled(setup: Setup) -> World {
    let mut world = World::bootstrap(setup);
    world.run_for(SECOND);
    world.settles_within(SECOND * 60);
    world
}

/// Bytes that a member sends per idle second, on average.
fn idle(world: &mut World, span: Duration) -> u64 {
    let sum = |world: &World| (0..world.len()).map(|member| world.sent(member)).sum::<u64>();
    let before = sum(world);
    world.run_for(span);
    (sum(world) - before) / world.len() as u64 / span.as_secs()
}

#[test]
fn whole_members_find_each_other_lose_one_and_take_it_back() {
    let mut world = settled(Setup::new(8, 3).rings(7).whole());
    world.crash(3);
    let all_know = |world: &World| world.all_see(3, State::Down);
    let took = world.run_until_condition(SECOND * 20, all_know).expect("the crash is seen");
    assert!(took > world.params().delta * 2, "nobody is out before 2Δ: {took:?}");
    world.restart(3);
    world.settles_within(SECOND * 20);
    world.leave(5);
    world.run_until_condition(SECOND * 5, |world| world.all_see(5, State::Left)).expect("the leave is seen");
}

#[test]
fn whole_members_bear_loss_and_a_partition() {
    let mut world = settled(Setup { loss_ppm: 200_000, ..Setup::new(6, 4).rings(5).whole() });
    let since = world.now();
    world.run_for(SECOND * 60);
    assert_eq!(world.removals(since), [], "a fifth of all packets is lost");
    world.partition(&[vec![0, 1, 2]], false);
    world
        .run_until_condition(SECOND * 60, |world| world.agree(&[0, 1, 2]) && world.agree(&[3, 4, 5]))
        .expect("each side sees itself alone");
    world.heal();
    world.settles_within(SECOND * 60);
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

/// What is promised of a message stream: whole and in order under loss; over at both ends, and told so, when a partition
/// outlasts its link or an end restarts; a new one after that.
#[test]
fn a_message_stream_bears_loss_and_ends_with_a_partition_or_a_restart() {
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

fn digest() -> u64 {
    let mut world = settled(Setup { loss_ppm: 50_000, ..Setup::new(5, 7).rings(3).whole() });
    world.crash(2);
    world.run_for(SECOND * 10);
    world.digest()
}

/// Every UDP packet is in the digest, keys and signatures of TLS with it. The other process is this test, run by itself.
#[test]
fn whole_members_repeat_bit_for_bit_in_another_process() {
    let mine = digest();
    if std::env::var_os("IFRIT_SIM_DIGEST").is_some() {
        println!("digest={mine:016x}");
        return;
    }
    assert_eq!(digest(), mine, "twice in one process");
    let name = "whole_members_repeat_bit_for_bit_in_another_process";
    let me = std::env::current_exe().expect("a test knows its own file");
    let other = Command::new(me).args([name, "--exact", "--nocapture"]).env("IFRIT_SIM_DIGEST", "1").output();
    let printed = String::from_utf8(other.expect("starts").stdout).expect("text");
    assert!(printed.contains(&format!("digest={mine:016x}")), "{printed}");
}

/// The model's figures stand for the real stack's.
#[test]
fn the_link_model_costs_what_whole_members_cost() {
    for loss_ppm in [0, 100_000] {
        let setup = || Setup { loss_ppm, ..Setup::new(10, 5).rings(7) };
        let (mut model, mut whole) = (settled(setup()), settled(setup().whole()));
        let (modelled, real) = (idle(&mut model, SECOND * 60), idle(&mut whole, SECOND * 60));
        println!("loss {loss_ppm} ppm: model {modelled} B/s, whole members {real} B/s");
        let within =
            |share: u64| modelled * 100 > real * (100 - share) && modelled * 100 < real * (100 + share);
        assert!(within(if loss_ppm == 0 { 10 } else { 25 }), "model {modelled}, whole members {real} B/s");
    }
}
