//! Broadcasts of 1 KiB to 100 whole members in virtual time: how soon all have one, and how many bytes that takes beside
//! the bodies. UDP, IP and QUIC overhead are counted; what the members send when idle is not.
//!
//! `cargo run --release -p ifrit-sim --example broadcast_cost`

use ifrit_node::node::NodeEvent;
use ifrit_sim::{Setup, World};
use std::time::Duration;

const MEMBERS: usize = 100;
const COUNT: u32 = 10;
/// For each broadcast.
const SPAN: Duration = Duration::from_secs(3);
const BODY: [u8; 1024] = [7; 1024];

fn sent(world: &World) -> u64 {
    (0..MEMBERS).map(|member| world.sent(member)).sum()
}

/// Members that were told a broadcast since this was asked last.
fn told(world: &mut World) -> usize {
    let is_broadcast = |event: &NodeEvent| matches!(event, NodeEvent::Broadcast { .. });
    (0..MEMBERS).filter(|member| world.told(*member).iter().any(is_broadcast)).count()
}

/// Has `author` say one, and waits until all have it; how long that took.
fn broadcast(world: &mut World, author: usize) -> Duration {
    let since = world.now();
    let said = world.on_node(author, |node, now| node.broadcast(now, &BODY));
    said.expect("it runs").expect("no more than the others take");
    let mut have = 0;
    while have < MEMBERS - 1 {
        world.run_for(Duration::from_millis(1));
        have += told(world);
        assert!(world.now().since(since) < SPAN, "only {have} members have it");
    }
    world.now().since(since)
}

fn main() {
    let mut world = World::bootstrap(Setup::new(MEMBERS, 1).whole());
    world.run_for(Duration::from_secs(1));
    world.settles_within(Duration::from_secs(60));
    world.run_for(Duration::from_secs(10));
    let before = sent(&world);
    world.run_for(SPAN * COUNT);
    let idle = sent(&world) - before;

    let (before, mut took) = (sent(&world), Vec::new());
    for n in 0..COUNT {
        took.push(broadcast(&mut world, n as usize * 3));
        world.run_for(SPAN - took[n as usize]);
    }
    let cost = (sent(&world) - before).saturating_sub(idle) as f64 / f64::from(COUNT);
    took.sort();
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    let least = ((MEMBERS - 1) * BODY.len()) as f64;
    println!("1 KiB to {} members over {} rings", MEMBERS - 1, world.params().rings);
    println!("all have it after   {median:?} (median), {worst:?} (worst of {COUNT})");
    println!("sent for one        {:.1} kB, {:.2} times the bodies", cost / 1000.0, cost / least);
    println!("idle                {} B/s per member", idle / MEMBERS as u64 / (SPAN * COUNT).as_secs());
}
