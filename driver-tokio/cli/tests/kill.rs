//! kill -9 at random instants: an agent always starts again, as who it was, and never in an epoch that it used before.
//!
//! `KILLS=500 SEED=7 cargo test -p ifrit --test kill -- --nocapture` kills so often, at other instants, and prints what it saw.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, Process, World, json_lines, pause, wait_or};
use ifrit_core::seed::{Rng, Seed};
use ifrit_node::store::{Store, Warning};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, time::Duration};

/// What the environment says, or `usual`.
fn told(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

fn dice(label: &str) -> Rng {
    Seed([told("SEED", 1) as u8; 32]).child(label).rng()
}

/// While it starts, while it joins, and while it writes what it has learned.
fn instant(dice: &mut Rng) -> Duration {
    let (from, to) = [(0, 60), (0, 250), (0, 250), (200, 900), (900, 3_000)][dice.below(5) as usize];
    Duration::from_millis(from + dice.below(to - from))
}

/// What a run that begins now would read, from a copy: the directory itself stays as the killed one left it.
fn left_by_the_killed(world: &World, dir: &Path) -> (u64, Vec<Warning>) {
    let copy = world.path("copy");
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        fs::copy(&entry, copy.join(entry.file_name().unwrap())).unwrap();
    }
    let loaded = Store::open(&copy).unwrap().load();
    (loaded.stored.epoch_ceiling, loaded.warnings)
}

/// What an observer has printed of a member.
fn told_of(monitor: &Process, id: &str) -> Vec<Value> {
    monitor.lines().into_iter().filter(|event| event["member"] == id).collect()
}

/// Files of the identity, byte by byte.
fn identity(dir: &Path) -> [Vec<u8>; 3] {
    ["key.pem", "cert.pem", "root.pem"].map(|name| fs::read(dir.join(name)).unwrap())
}

/// Starts it, and kills it at a random instant; before that it must not have ended.
fn live_and_die(world: &World, name: &str, args: &[&str], dice: &mut Rng) -> Agent {
    let mut agent = world.agent(name, args);
    pause(instant(dice));
    let ended = agent.process.child.try_wait().unwrap();
    assert_eq!(ended, None, "it ended by itself: {}", agent.process.output().concat());
    agent.process.kill();
    agent
}

#[test]
fn r15_an_agent_killed_at_random_instants_returns_as_itself_in_an_epoch_of_its_own() {
    let (world, mut dice, kills) = (World::new(), dice("run"), told("KILLS", 12));
    let ca = Ca::init(&world, "ca");
    ["a", "b", "victim"].iter().for_each(|name| ca.issue(&world, name));
    let a = world.agent("a", &[]).started();
    let b = world.agent("b", &["--seed-addr", &a.addr]).started();
    a.sees_live(&world, 2);
    let others = [&a, &b];
    let monitors =
        others.map(|agent| Process::start(&world, "monitor", &["monitor", "--json", "--dir", agent.dir()]));
    for monitor in &monitors {
        wait_or("the monitor listens", || (!monitor.output()[0].is_empty()).then_some(()), String::new);
    }
    // Always at one port, so that the others find it as soon as it is back.
    let listen = format!("127.0.0.1:{}", common::free_port());
    let args = ["--listen", &listen, "--seed-addr", &a.addr, "--seed-addr", &b.addr];
    let first = world.agent("victim", &args).started();
    let (dir, id, files) = (first.dir.clone(), first.id.clone(), identity(&first.dir));
    a.sees(&world, &id, "live");
    drop(first);

    let (mut warnings, mut seen) = (0, BTreeSet::new());
    for n in 0..kills {
        live_and_die(&world, "victim", &args, &mut dice);
        assert_eq!(identity(&dir), files, "kill {n}");
        let (ceiling, warned) = left_by_the_killed(&world, &dir);
        warnings += warned.len();
        let lost = warned.iter().any(|warning| matches!(warning, Warning::Lost { .. }));
        assert!(!lost, "kill {n}: {warned:?}");
        let used = others.iter().map(|other| other.epoch_of(&world, &id)).max().unwrap();
        assert!(used < ceiling, "kill {n}: epoch {used} was used, the next run begins with {ceiling}");
        assert!(seen.last().is_none_or(|last| *last <= used), "kill {n}: an epoch went back");
        seen.insert(used);
    }

    let back = world.agent("victim", &args).started();
    assert_eq!(back.id, id);
    others.iter().for_each(|other| other.sees(&world, &id, "live"));
    let last = back.epoch_of(&world, &id);
    assert!(seen.last().is_some_and(|seen| *seen < last), "{last} after {seen:?}");
    let left: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.len() <= 12, "what killed processes left is removed: {left:?}");
    for monitor in &monitors {
        let bad = |event: &Value| {
            ["equivocation", "identity-in-use", "misbehaviour"].iter().any(|kind| event["event"] == *kind)
        };
        assert_eq!(told_of(monitor, &id).into_iter().find(bad), None, "two notes of one epoch, or worse");
    }
    println!("{kills} kills: others saw {} epochs; {warnings} times a previous file was used", seen.len());
}

#[test]
fn an_agent_killed_while_it_enrols_is_one_member_in_the_end() {
    let (world, mut dice, kills) = (World::new(), dice("enrol"), told("KILLS", 12));
    let ca = Ca::init(&world, "ca").serve(&world);
    let mut members = BTreeSet::new();
    for n in 0..kills.div_ceil(3) {
        let (invite, name) = (ca.invite(&world, &[]), format!("node{n}"));
        for _ in 0..3 {
            live_and_die(&world, &name, &["--join", &invite], &mut dice);
        }
        // The invite is for one: whatever was cut short, this is the one.
        members.insert(world.agent(&name, &["--join", &invite]).started().id.clone());
    }
    let listed = json_lines(&world.ok(&["ca", "list", "--json", "--dir", &ca.dir]));
    let listed: BTreeSet<_> = listed.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect();
    assert_eq!(listed, members, "one certificate for each");
    println!("{} enrolments killed three times each: {} members", kills.div_ceil(3), members.len());
}
