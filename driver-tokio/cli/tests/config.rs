//! Settings of real agents: each key takes effect, and SIGHUP changes what can change.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, World, wait_or};
use std::fs;

/// An enrolled directory with this `ifrit.toml`.
fn enrolled(world: &World, ca: &Ca, name: &str, file: &str) {
    ca.issue(world, name);
    write(world, name, file);
}

fn write(world: &World, name: &str, file: &str) {
    fs::write(world.path(name).join("ifrit.toml"), file).unwrap();
}

fn logs(agent: &Agent, what: &str) {
    wait_or(
        &format!("it logs {what:?}"),
        || agent.process.output()[1].contains(what).then_some(()),
        || agent.process.output().concat(),
    );
}

fn hang_up(agent: &Agent, says: &str) {
    agent.process.signal("-HUP");
    logs(agent, says);
}

#[test]
fn sighup_changes_what_can_change_and_says_what_needs_a_restart() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    enrolled(&world, &ca, "a", "leave_on_stop = false\n");
    ca.issue(&world, "b");
    let mut a = world.agent("a", &[]).started();
    let b = world.agent("b", &[]).started();

    // Entry addresses: a finds b by what the file says now.
    write(&world, "a", &format!("seed_addr = [\"{}\"]\n", b.addr));
    hang_up(&a, "setting seed_addr is [");
    a.sees_live(&world, 2);

    // Addresses: b hears of the new ones.
    write(&world, "a", &format!("seed_addr = [\"{}\"]\nadvertise = [\"127.0.0.9:0\"]\n", b.addr));
    hang_up(&a, "setting advertise is [\"127.0.0.9:0\"] now (");
    let port = a.addr.rsplit_once(':').unwrap().1;
    wait_or(
        "b knows the new address",
        || {
            let members = b.ask(&world, "members", &[]);
            let row = members.into_iter().find(|row| row["id"] == a.id)?;
            row["addrs"].to_string().contains(&format!("127.0.0.9:{port}")).then_some(())
        },
        || format!("{:#?}", b.ask(&world, "members", &[])),
    );

    // What is wrong changes nothing, and the agent goes on.
    write(&world, "a", "seed_adr = []\n");
    hang_up(&a, "did you mean `seed_addr`?");
    write(&world, "a", "log_format = \"json\"\nlog = \"debug\"\nleave_on_stop = true\n");
    hang_up(&a, "setting log_format is \"json\" after a restart (");
    logs(&a, "setting leave_on_stop is true now (");
    // The log's level is another one from now on.
    logs(&a, "DEBUG");
    hang_up(&a, "setting log_format");

    // It leaves when stopped, as it was told while it ran.
    a.process.signal("-TERM");
    assert_eq!(a.process.wait(), Some(0));
    assert!(a.process.output()[0].contains("\"agent\":\"left\""), "{:?}", a.process.output());
}

#[test]
fn a_file_that_is_wrong_is_named_with_its_line_and_nothing_starts() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    enrolled(&world, &ca, "node", "# mine\nlog = \"info\"\nlistne = \"127.0.0.1:0\"\n");
    world.agent("node", &[]).process.fails(2, &["ifrit.toml:3: listne: unknown key; did you mean `listen`?"]);
    write(&world, "node", "num_rings = 9\n");
    world
        .agent("node", &[])
        .process
        .fails(2, &["ifrit.toml:1: num_rings: is the network's", "ifrit ca init"]);
    write(&world, "node", "");
    world.agent("node", &["--seed-addr", "nonsense"]).process.fails(2, &["--seed-addr: must be HOST:PORT"]);
    world.run(&["agent"]).expect_code(2).says(&["no directory is given", "--dir"]);
    world
        .run(&["agent", "--config", "nowhere.toml"])
        .expect_code(2)
        .says(&["nowhere.toml: there is no such file"]);
}

#[test]
fn limits_of_the_file_hold() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    enrolled(&world, &ca, "a", "handlers = 0\n");
    enrolled(&world, &ca, "b", "history = 1\n");
    let mut a = world.agent("a", &[]).started();
    let b = world.agent("b", &["--seed-addr", &a.addr]).started();
    b.sees_live(&world, 2);
    a.sees_live(&world, 2);
    // max_concurrent_messages of the Go library: none are answered here.
    world
        .run(&["send", "--dir", b.dir(), &a.id, "hello"])
        .expect_code(1)
        .says(&["too many requests are being answered"]);
    assert_eq!(world.ok(&["send", "--dir", a.dir(), &b.id, "hello"]), "hello\n");
    // Up, accused, down: of these the last is remembered, if nothing has come after it.
    a.process.kill();
    b.sees(&world, &a.id, "down");
    let kept = b.ask(&world, "explain", &[&a.id])[0]["history"].as_array().unwrap().len();
    assert!(kept <= 1, "{kept} changes are remembered");
}
