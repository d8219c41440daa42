//! The world itself, with a toy in place of the core: time, loss, partitions, and how links live and end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use ifrit_core::{
    action::{Action, HangUp, Persist, Why},
    event::{Command, Event, Lane, Refused},
    id::MemberId,
    tags::{DATAGRAM_PING, DATAGRAM_PONG},
    time::{Mono, Now},
};
use ifrit_sim::{
    Setup, World,
    brain::{Birth, Brain},
    net::Latency,
};
use std::{any::Any, collections::VecDeque, net::SocketAddr, time::Duration};

const MS: Duration = Duration::from_millis(1);

/// Does what it is told in [`Command::SetTags`], answers pings, and writes down all that it hears.
#[derive(Debug)]
struct Toy {
    stored: u64,
    heard: Vec<(Mono, Heard)>,
    wants: VecDeque<Want>,
    doing: Want,
    refuse: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Datagram(MemberId, Vec<u8>),
    Frame(MemberId, Lane, Vec<u8>),
    Up(MemberId),
    Down(MemberId),
    SeedUp(MemberId),
    SeedDown,
    Unsent(u64),
    Acked(MemberId),
    Written(u32),
    Persisted(u64),
    Wake,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Want {
    Datagram(MemberId, Vec<u8>),
    Frame(MemberId, Lane, Vec<u8>),
    Dial(MemberId, SocketAddr),
    Seed,
    HangUp(MemberId),
    Persist,
    Wait(Option<Mono>),
}

/// Commands are plain bytes: a letter and what it needs.
fn order(letter: u8, who: MemberId, rest: &[u8]) -> Command {
    Command::SetTags([&[letter][..], &who.0, rest].concat())
}

fn bear(birth: Birth) -> Option<Box<dyn Brain>> {
    Some(Box::new(Toy {
        stored: birth.stored.epoch_ceiling,
        heard: Vec::new(),
        wants: VecDeque::new(),
        doing: Want::Wait(None),
        refuse: 0,
    }))
}

impl Toy {
    fn obey(&mut self, now: Now, order: &[u8]) {
        let who = MemberId(order[1..33].try_into().unwrap());
        let rest = order[33..].to_vec();
        self.wants.push_back(match order[0] {
            b'p' => Want::Datagram(who, vec![DATAGRAM_PING]),
            b'd' => Want::Datagram(who, rest),
            b'f' => Want::Frame(who, Lane::Urgent, rest),
            b'w' => Want::Frame(who, Lane::Walk, rest),
            b'o' => Want::Dial(who, SocketAddr::from(([10, 0, 0, rest[0]], 7000))),
            b's' => Want::Seed,
            b'h' => Want::HangUp(who),
            b'k' => Want::Persist,
            b't' => Want::Wait(Some(now.mono + MS * 50)),
            b'r' => return self.refuse = rest[0].into(),
            other => panic!("no order {other}"),
        });
    }
}

impl Brain for Toy {
    fn handle(&mut self, now: Now, event: Event<'_>) -> Result<(), Refused> {
        let heard = match event {
            Event::Command(Command::SetTags(order)) => {
                self.obey(now, &order);
                return Ok(());
            }
            Event::Command(_) => return Ok(()),
            Event::Frame { .. } if self.refuse > 0 => {
                self.refuse -= 1;
                return Err(Refused::Backpressure);
            }
            Event::Datagram { from, bytes } => {
                if bytes == [DATAGRAM_PING] {
                    self.wants.push_back(Want::Datagram(from, vec![DATAGRAM_PONG]));
                }
                Heard::Datagram(from, bytes.to_vec())
            }
            Event::Frame { from, lane, bytes } => Heard::Frame(from, lane, bytes.to_vec()),
            Event::LinkUp { member, .. } => Heard::Up(member),
            Event::LinkDown { member } => Heard::Down(member),
            Event::SeedUp { member, .. } => Heard::SeedUp(member),
            Event::SeedDown { .. } => Heard::SeedDown,
            Event::Unsent { token } => Heard::Unsent(token),
            Event::Acked { member } => Heard::Acked(member),
            Event::Written { bytes, .. } => Heard::Written(bytes),
            Event::Persisted { seq } => Heard::Persisted(seq),
            Event::Wake => Heard::Wake,
        };
        self.heard.push((now.mono, heard));
        Ok(())
    }

    fn poll_action(&mut self) -> Action<'_> {
        self.doing = self.wants.pop_front().unwrap_or(Want::Wait(None));
        match &self.doing {
            Want::Datagram(to, bytes) => Action::Datagram { to: *to, token: 7, bytes },
            Want::Frame(to, lane, bytes) => Action::Frame { to: *to, lane: *lane, bytes },
            Want::Dial(member, addr) => Action::Dial { member: *member, addr: *addr },
            Want::Seed => Action::DialSeed { seed: 0 },
            Want::HangUp(member) => Action::HangUp { member: *member, why: HangUp::Idle },
            Want::Persist => Action::Persist { seq: 3, what: Persist::EpochCeiling(99) },
            Want::Wait(until) => Action::Wait { until: *until, why: Why::Idle },
        }
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

fn world(members: usize) -> World {
    let latency = Latency::Fixed(MS * 10);
    let mut world = World::new(Setup { bear, latency, ..Setup::new(members, 1).rings(3) });
    (0..members).for_each(|node| world.start(node));
    world
}

fn tell(world: &mut World, node: usize, letter: u8, whom: usize, rest: &[u8]) {
    let command = order(letter, world.id(whom), rest);
    world.command(node, command).unwrap();
}

fn toy(world: &World, node: usize) -> &Toy {
    world.brain(node).unwrap().any().downcast_ref().unwrap()
}

fn heard(world: &World, node: usize) -> Vec<Heard> {
    toy(world, node).heard.iter().map(|(_, heard)| heard.clone()).collect()
}

fn link(world: &mut World, one: usize, other: usize) {
    tell(world, one, b'o', other, &[other as u8]);
    world.run_for(MS * 100);
    assert!(world.linked(one).contains(&other) && world.linked(other).contains(&one));
}

#[test]
fn a_dial_brings_the_link_up_at_both_ends() {
    let mut world = world(2);
    tell(&mut world, 0, b'o', 1, &[1]);
    world.run_for(MS * 35);
    assert_eq!(heard(&world, 1), [Heard::Up(world.id(0))], "the acceptor first");
    assert_eq!(heard(&world, 0), []);
    world.run_for(MS * 10);
    assert_eq!(heard(&world, 0), [Heard::Up(world.id(1))]);
}

#[test]
fn a_dial_to_the_dead_times_out_and_one_to_somebody_else_fails_at_once() {
    let mut world = world(3);
    world.crash(1);
    tell(&mut world, 0, b'o', 1, &[1]);
    tell(&mut world, 2, b'o', 1, &[0]);
    world.run_for(MS * 100);
    assert_eq!(heard(&world, 2), [Heard::Down(world.id(1))]);
    assert_eq!(heard(&world, 0), []);
    world.run_for(Duration::from_secs(10));
    assert_eq!(heard(&world, 0), [Heard::Down(world.id(1))]);
}

#[test]
fn simultaneous_dials_make_one_link() {
    let mut world = world(2);
    tell(&mut world, 0, b'o', 1, &[1]);
    tell(&mut world, 1, b'o', 0, &[0]);
    world.run_for(Duration::from_secs(11));
    assert_eq!(heard(&world, 0), [Heard::Up(world.id(1))]);
    assert_eq!(heard(&world, 1), [Heard::Up(world.id(0))]);
}

#[test]
fn a_seed_says_who_it_is_once_the_link_is_up() {
    let mut world = world(2);
    tell(&mut world, 1, b's', 0, &[]);
    tell(&mut world, 0, b's', 0, &[]);
    world.run_for(Duration::from_secs(1));
    assert_eq!(heard(&world, 1), [Heard::Up(world.id(0)), Heard::SeedUp(world.id(0))]);
    assert_eq!(heard(&world, 0), [Heard::Up(world.id(1)), Heard::SeedDown], "it has no seed");
    tell(&mut world, 1, b's', 0, &[]);
    world.run_for(Duration::from_secs(1));
    assert_eq!(heard(&world, 1)[2..], [Heard::SeedUp(world.id(0))], "the link was there");
}

#[test]
fn a_ping_is_acknowledged_by_its_pong_once() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    tell(&mut world, 0, b'p', 1, &[]);
    world.run_for(MS * 15);
    assert_eq!(heard(&world, 1)[1..], [Heard::Datagram(world.id(0), vec![DATAGRAM_PING])]);
    world.run_for(MS * 100);
    let pong = Heard::Datagram(world.id(1), vec![DATAGRAM_PONG]);
    assert_eq!(heard(&world, 0)[1..], [Heard::Acked(world.id(1)), pong]);
    let (sent, answered) = (world.sent(0), world.sent(1));
    tell(&mut world, 0, b'p', 1, &[]);
    world.run_for(MS * 100);
    assert_eq!(
        (world.sent(0) - sent, world.sent(1) - answered),
        (62 + 57, 62),
        "ping, pong, acknowledgement"
    );
}

#[test]
fn a_lost_ping_is_probed_for() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    world.net.cut(0, 1);
    tell(&mut world, 0, b'p', 1, &[]);
    world.run_for(MS * 20);
    world.heal();
    world.run_for(MS * 200);
    assert_eq!(heard(&world, 0)[1..], [Heard::Acked(world.id(1))]);
    assert_eq!(heard(&world, 1).len(), 1, "a probe is no datagram");
}

#[test]
fn no_link_means_unsent() {
    let mut world = world(2);
    tell(&mut world, 0, b'p', 1, &[]);
    world.run_for(MS);
    assert_eq!(heard(&world, 0), [Heard::Unsent(7)]);
}

#[test]
fn datagrams_are_lost_at_the_rate_and_frames_come_late_but_in_order() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    world.net.loss_ppm = 200_000;
    for n in 0..1000u16 {
        tell(&mut world, 0, b'd', 1, &[9]);
        tell(&mut world, 0, b'f', 1, &n.to_be_bytes());
        world.run_for(MS);
    }
    world.run_for(Duration::from_secs(20));
    let (mut datagrams, mut frames) = (0, Vec::new());
    for heard in heard(&world, 1) {
        match heard {
            Heard::Datagram(..) => datagrams += 1,
            Heard::Frame(_, _, bytes) => frames.push(u16::from_be_bytes(bytes.try_into().unwrap())),
            _ => {}
        }
    }
    assert!((750..850).contains(&datagrams), "{datagrams}");
    assert_eq!(frames, (0..1000).collect::<Vec<_>>());
    let written: u32 =
        heard(&world, 0).iter().map(|heard| if let Heard::Written(bytes) = heard { *bytes } else { 0 }).sum();
    assert_eq!(written, 2000);
}

#[test]
fn a_refused_frame_is_offered_again_and_blocks_its_lane_only() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    tell(&mut world, 1, b'r', 0, &[3]);
    tell(&mut world, 0, b'f', 1, b"a");
    tell(&mut world, 0, b'f', 1, b"b");
    world.run_for(MS * 12);
    tell(&mut world, 1, b'r', 0, &[0]);
    tell(&mut world, 0, b'w', 1, b"c");
    world.run_for(MS * 200);
    let frame = |lane, text: &str| Heard::Frame(world.id(0), lane, text.into());
    let heard = heard(&world, 1);
    assert_eq!(heard[1..], [frame(Lane::Urgent, "a"), frame(Lane::Urgent, "b"), frame(Lane::Walk, "c")]);
}

#[test]
fn a_link_to_a_crashed_member_dies_of_silence() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    world.crash(1);
    for _ in 0..58 {
        tell(&mut world, 0, b'p', 1, &[]);
        world.run_for(Duration::from_secs(1));
    }
    assert_eq!(world.linked(0), [1]);
    world.run_for(Duration::from_secs(3));
    assert_eq!(heard(&world, 0).last(), Some(&Heard::Down(world.id(1))));
    assert!(world.linked(0).is_empty());
}

#[test]
fn a_restarted_member_is_noticed_by_the_next_packet() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    world.restart(1);
    tell(&mut world, 0, b'p', 1, &[]);
    world.run_for(MS * 25);
    assert_eq!(heard(&world, 0)[1..], [Heard::Down(world.id(1))]);
    assert_eq!(heard(&world, 1), []);
}

#[test]
fn a_restarted_member_s_dial_replaces_the_old_link() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    world.restart(1);
    link(&mut world, 1, 0);
    assert_eq!(heard(&world, 0)[1..], [Heard::Down(world.id(1)), Heard::Up(world.id(1))]);
}

#[test]
fn hanging_up_is_told_to_the_other() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    tell(&mut world, 0, b'h', 1, &[]);
    world.run_for(MS * 50);
    assert_eq!(heard(&world, 0).len(), 1, "no answer to a HangUp");
    assert_eq!(heard(&world, 1)[1..], [Heard::Down(world.id(0))]);
    assert!(world.linked(0).is_empty() && world.linked(1).is_empty());
}

#[test]
fn a_partition_stops_everything_and_ends_links_after_a_minute() {
    let mut world = world(3);
    link(&mut world, 0, 1);
    world.partition(&[vec![0]], false);
    tell(&mut world, 0, b'f', 1, b"late");
    tell(&mut world, 2, b'o', 0, &[0]);
    world.run_for(Duration::from_secs(11));
    assert_eq!(heard(&world, 2), [Heard::Down(world.id(0))]);
    assert_eq!(heard(&world, 1).len(), 1);
    world.heal();
    world.run_for(Duration::from_secs(20));
    assert_eq!(heard(&world, 1)[1..], [Heard::Frame(world.id(0), Lane::Urgent, b"late".to_vec())]);
    world.partition(&[vec![0]], false);
    world.run_for(Duration::from_secs(61));
    assert_eq!(heard(&world, 0).last(), Some(&Heard::Down(world.id(1))));
    assert_eq!(heard(&world, 1).last(), Some(&Heard::Down(world.id(0))));
}

#[test]
fn a_paused_member_wakes_late_and_then_hears_what_waited() {
    let mut world = world(2);
    link(&mut world, 0, 1);
    tell(&mut world, 1, b't', 0, &[]);
    let before = toy(&world, 1).heard.len();
    world.pause(1, Duration::from_secs(5));
    tell(&mut world, 0, b'd', 1, b"x");
    world.run_for(Duration::from_secs(4));
    assert_eq!(toy(&world, 1).heard.len(), before);
    let start = toy(&world, 1).heard[0].0;
    world.run_for(Duration::from_secs(2));
    let heard = &toy(&world, 1).heard[before..];
    assert_eq!(heard[0].1, Heard::Wake);
    assert!(heard[0].0.since(start) >= Duration::from_secs(5), "the clock has jumped");
    assert!(heard.iter().any(|(_, heard)| matches!(heard, Heard::Datagram(..))));
}

#[test]
fn the_disk_outlives_a_crash() {
    let mut world = world(1);
    tell(&mut world, 0, b'k', 0, &[]);
    world.run_for(MS * 10);
    assert_eq!(heard(&world, 0), [Heard::Persisted(3)]);
    let old = world.disk(0);
    world.restart(0);
    assert_eq!(toy(&world, 0).stored, 99);
    world.restart_with_disk(0, ifrit_core::config::Stored::default());
    assert_eq!(toy(&world, 0).stored, 0);
    assert_eq!(old.epoch_ceiling, 99);
}

#[test]
fn equal_seeds_give_equal_runs() {
    let run = |seed| {
        let latency = Latency::Uniform(MS, MS * 9);
        let mut world =
            World::new(Setup { bear, latency, loss_ppm: 300_000, ..Setup::new(2, seed).rings(3) });
        (0..2).for_each(|node| world.start(node));
        tell(&mut world, 0, b'o', 1, &[1]);
        world.run_for(Duration::from_secs(5));
        for _ in 0..50 {
            tell(&mut world, 0, b'p', 1, &[]);
            world.run_for(MS * 10);
        }
        (world.digest(), world.handled())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_warm_world_idles_like_one_that_bootstrapped() {
    let idle = |mut world: World| {
        world.run_for(Duration::from_secs(30));
        let sum = |world: &World| {
            let pings = (0..world.len()).map(|node| world.member(node).counters().pings).sum::<u64>();
            ((0..world.len()).map(|node| world.sent(node)).sum::<u64>(), pings)
        };
        let (before, since) = (sum(&world), world.now());
        world.run_for(Duration::from_secs(60));
        let after = sum(&world);
        assert!(world.since(since).is_empty(), "nobody is told anything");
        (after.0 - before.0, after.1 - before.1)
    };
    let warm = idle(World::converged(Setup::new(30, 5)));
    let grown = idle(World::bootstrapped(Setup::new(30, 5)));
    let alike = |a: u64, b: u64| a.abs_diff(b) * 20 < a;
    assert!(alike(warm.0, grown.0) && alike(warm.1, grown.1), "(bytes, pings): {warm:?}, not {grown:?}");
}

#[test]
fn a_warm_world_is_the_same_every_time() {
    let run = || {
        let mut world = World::converged(Setup::new(20, 6));
        world.run_for(Duration::from_secs(5));
        (world.digest(), world.handled(), world.now())
    };
    assert_eq!(run(), run());
}
