//! Measurements for the README, over real processes on this machine:
//! `cargo bench -p ifrit --bench measure`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Agent, Ca, Process, World, json_lines, wait_or};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

fn network(world: &World, members: usize) -> Vec<Agent> {
    let ca = Ca::init(world, "ca").serve(world);
    let invite = ca.invite(world, &["--uses", &members.to_string()]);
    let starting: Vec<_> =
        (0..members).map(|n| world.agent(&format!("node{n}"), &["--join", &invite])).collect();
    let agents: Vec<_> = starting.into_iter().map(Agent::started).collect();
    agents.iter().for_each(|agent| agent.sees_live(world, members));
    agents
}

fn from_kill_to_down_at_all_of_8_processes() {
    let world = World::new();
    let mut agents = network(&world, 8);
    for _ in 0..3 {
        let mut victim = agents.remove(0);
        let watch =
            |agent: &Agent| Process::start(&world, "monitor", &["monitor", "--json", "--dir", agent.dir()]);
        let monitors: Vec<_> = agents.iter().map(watch).collect();
        monitors.iter().for_each(|monitor| drop(seen(monitor, "watching", None)));
        let killed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
        victim.process.kill();
        let down = |monitor| {
            seen(monitor, "down", Some(&victim.id))["at_ms"].as_u64().expect("every event has it") - killed
        };
        let times: Vec<u64> = monitors.iter().map(down).collect();
        let (first, last) =
            (times.iter().min().expect("some survive"), times.iter().max().expect("some survive"));
        println!("{} survivors: kill -9 to Down, first {first} ms, all {last} ms", times.len());
    }
}

fn main() {
    from_kill_to_down_at_all_of_8_processes();
    idle_bytes_of_8_and_32_members();
}

fn seen(monitor: &Process, event: &str, member: Option<&str>) -> Value {
    let is_it = |row: &Value| row["event"] == event && member.is_none_or(|id| row["member"] == id);
    wait_or(event, || json_lines(&monitor.output()[0]).into_iter().find(is_it), || monitor.output().concat())
}

fn idle_bytes_of_8_and_32_members() {
    for members in [8, 32] {
        let mut world = World::new();
        "ifrit=debug".clone_into(&mut world.log);
        let agents = network(&world, members);
        // The first whole stretches are the join's; what follows is idle.
        let idle: Vec<f64> = agents.iter().map(|agent| traffic(agent, 5)).collect();
        let mean = idle.iter().sum::<f64>() / idle.len() as f64;
        let max = idle.iter().copied().fold(0.0, f64::max);
        println!("{members} members: {mean:.0} bytes/s sent each, headers included (most: {max:.0})");
    }
}

/// Bytes per second of the `n`th stretch that an agent logs.
fn traffic(agent: &Agent, n: usize) -> f64 {
    let line = wait_or(
        "it logs its traffic",
        || {
            agent.process.output()[1]
                .lines()
                .filter(|line| line.contains("traffic"))
                .nth(n)
                .map(str::to_owned)
        },
        || agent.process.output().concat(),
    );
    let value = |name: &str| -> f64 {
        let (_, rest) = line.split_once(&format!("{name}=")).expect("every line has it");
        rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    value("bytes_sent_with_headers") / value("seconds")
}
