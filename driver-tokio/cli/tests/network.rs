//! A network of real processes over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, Process, World, wait_or};
use std::os::unix::fs::PermissionsExt;

const MEMBERS: usize = 4;

/// A network whose members have enrolled with one invite over HTTPS and see each other.
fn network(world: &World) -> (Ca, Vec<Agent>) {
    let ca = Ca::init(world, "ca").serve(world);
    let invite = ca.invite(world, &["--uses", &MEMBERS.to_string()]);
    let join = |n| world.agent(&format!("node{n}"), &["--join", &invite]).started();
    let agents: Vec<_> = (0..MEMBERS).map(join).collect();
    agents.iter().for_each(|agent| agent.sees_live(world, MEMBERS));
    (ca, agents)
}

#[test]
fn processes_join_talk_crash_restart_and_leave() {
    let world = World::new();
    let (mut ca, mut agents) = network(&world);
    // Members need no CA from now on, not even to return.
    ca.stop();

    let [first, second] = [&agents[0], &agents[1]];
    let reply = first.ask(&world, "send", &[&second.id, "hello"]);
    assert_eq!((&reply[0]["text"], &reply[0]["from"]), (&"hello".into(), &second.id.as_str().into()));
    let mode = std::fs::metadata(first.dir.join("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut victim = agents.pop().unwrap();
    let epoch = first_of(&agents).epoch_of(&world, &victim.id);
    let mut monitor =
        Process::start(&world, "monitor", &["monitor", "--json", "--dir", first_of(&agents).dir()]);
    tells(&monitor, "watching");
    victim.process.kill();
    agents.iter().for_each(|agent| agent.sees(&world, &victim.id, "down"));
    says_why(first_of(&agents), &world, &victim.id);
    tells(&monitor, "down");
    monitor.kill();

    let returned = world.agent("node3", &[]).started();
    assert_eq!(returned.id, victim.id);
    agents.iter().for_each(|agent| agent.sees(&world, &returned.id, "live"));
    assert!(first_of(&agents).epoch_of(&world, &returned.id) > epoch);
    returned.sees_live(&world, MEMBERS);

    leaves(returned, &agents, &world);
}

/// Waits until the monitor has printed such an event.
fn tells(monitor: &Process, event: &str) {
    wait_or(
        event,
        || monitor.lines().into_iter().find(|row| row["event"] == event),
        || monitor.output().concat(),
    );
}

fn first_of(agents: &[Agent]) -> &Agent {
    &agents[0]
}

/// The verdict comes with the signed evidence, and with how it came about.
fn says_why(agent: &Agent, world: &World, id: &str) {
    let why = &agent.ask(world, "explain", &[&id[..10]])[0];
    let accusation = &why["accusations"][0];
    assert_eq!(why["state"], "down", "{why:#}");
    assert_eq!(accusation["accused"], id, "{why:#}");
    assert!(accusation["accuser"].as_str().unwrap().starts_with("m-"), "{why:#}");
    assert!(accusation["signed"].as_str().unwrap().len() > 128, "{why:#}");
    let history = why["history"].as_array().unwrap();
    assert!(
        history.iter().any(|past| past["event"] == "down" && past["evidence"]["accused"] == id),
        "{why:#}"
    );
    let text = world.ok(&["explain", "--dir", agent.dir(), id]);
    assert!(text.contains("accusations of this epoch") && text.contains("on ring"), "{text}");
}

fn leaves(mut agent: Agent, others: &[Agent], world: &World) {
    world.ok(&["leave", "--dir", agent.dir()]);
    assert_eq!(agent.process.wait(), Some(0));
    assert!(!agent.dir.join("control.sock").exists());
    for other in others {
        knows_that_it_left(other, world, &agent.id);
        other.sees_live(world, others.len());
    }
}

fn knows_that_it_left(agent: &Agent, world: &World, id: &str) {
    wait_or(
        "it is known to have left",
        || matches!(agent.state_of(world, id).as_str(), "left" | "").then_some(()),
        || format!("{:#?}", agent.ask(world, "explain", &[id])),
    );
}

#[test]
fn a_stopped_agent_returns_with_its_identity_and_may_leave_when_stopped() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "a");
    ca.issue(&world, "b");
    let a = world.agent("a", &[]).started();
    let mut b = world.agent("b", &["--seed-addr", &a.addr]).started();
    a.sees_live(&world, 2);

    let epoch = a.epoch_of(&world, &b.id);
    b.process.signal("-TERM");
    assert_eq!(b.process.wait(), Some(0));
    assert!(!b.dir.join("control.sock").exists());
    let mut again = world.agent("b", &["--leave-on-stop"]).started();
    assert_eq!(again.id, b.id);
    // Its own view comes from its disk, and it may be back before it was missed: only the new epoch says that they have met.
    wait_or(
        "its return is known",
        || (a.epoch_of(&world, &b.id) > epoch).then_some(()),
        || format!("{:#?}", a.ask(&world, "explain", &[&b.id])),
    );
    again.sees_live(&world, 2);

    again.process.signal("-INT");
    assert_eq!(again.process.wait(), Some(0));
    knows_that_it_left(&a, &world, &b.id);
    a.sees_live(&world, 1);
}
