//! What a world costs: start, idling, and a crash of one member in a hundred.
//!
//! `cargo bench -p ifrit-sim --bench world -- MEMBERS [IDLE_SECONDS [CRASH_SECONDS]]`

use ifrit_sim::{Setup, World};
use std::time::{Duration, Instant};

/// A figure of this process in MB.
fn megabytes(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Seconds of the processor that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Prints one line: what happened since the last one.
#[expect(clippy::disallowed_methods, reason = "the clock is the benchmark's")]
fn measured<T>(what: &str, world: impl FnOnce() -> T, shown: impl FnOnce(&T) -> (Duration, u64)) -> T {
    let (start, busy) = (Instant::now(), cpu());
    let made = world();
    let (span, events) = shown(&made);
    println!(
        "{what:8} {:8.1} virtual s {:8.1} s wall {:8.1} s cpu {events:10} events {:6} MB now {:6} MB peak",
        span.as_secs_f64(),
        start.elapsed().as_secs_f64(),
        cpu() - busy,
        megabytes("VmRSS:"),
        megabytes("VmHWM:"),
    );
    made
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let number = |at: usize, default: u64| numbers.get(at).copied().unwrap_or(default);
    let members = number(0, 100) as usize;
    println!("{members} members, {} MB", megabytes("VmRSS:"));
    let mut world = measured(
        "start",
        || World::converged(Setup::new(members, 1)),
        |world| (Duration::from_nanos(world.now().0), world.handled()),
    );
    let ran = |world: &mut World, what: &str, seconds: u64| {
        let (at, handled) = (world.now(), world.handled());
        measured(
            what,
            || world.run_for(Duration::from_secs(seconds)),
            |()| (Duration::from_secs(seconds), 0),
        );
        println!("         {} events, digest {:016x}", world.handled() - handled, world.digest());
        assert_eq!(world.now().since(at), Duration::from_secs(seconds));
    };
    let sent = |world: &World| (0..world.len()).map(|node| world.sent(node)).sum::<u64>();
    let before = sent(&world);
    let idle = number(1, 30);
    ran(&mut world, "idle", idle);
    println!("         {} B/s per member", (sent(&world) - before) / idle.max(1) / members as u64);
    let crashed = (members / 100).max(1);
    (0..crashed).for_each(|at| world.crash(at * 7 + 3));
    let begun = world.now();
    ran(&mut world, "crash", number(2, 30));
    let right =
        world.running().iter().filter(|node| world.member(**node).view().live() == members - crashed).count();
    let last = world.since(begun).last().map(|seen| seen.at.since(begun));
    println!("         {right} of {} views are right, last told after {last:?}", members - crashed);
}
