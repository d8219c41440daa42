//! What is wrong gets a clear word, the right exit code, and loses nothing.

mod common;

use common::{Ca, World, wait_or};
use std::fs;

#[test]
fn tools_say_what_is_wrong_with_what_they_were_given() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "node");
    let dir = world.path("node");
    let dir = dir.to_str().unwrap();
    world.run(&["members", "--dir", dir]).expect_code(1).says(&["no agent runs", "ifrit agent --dir"]);
    world.run(&["members", "--dir", &format!("{dir}-not")]).expect_code(2).says(&["there is no directory"]);
    world.run(&["members"]).expect_code(2).says(&["--dir"]);
    world.run(&["no-such-command"]).expect_code(2).says(&["unrecognized subcommand"]);

    let agent = world.agent("node", &[]).started();
    for (member, why) in
        [("m-aaaaaaaa", "there is no member"), ("abc", "too short"), ("m-0000", "not a member id")]
    {
        for command in ["explain", "send"] {
            let mut args = vec![command, "--dir", agent.dir(), member];
            args.extend((command == "send").then_some("text"));
            world.run(&args).expect_code(2).says(&[why]);
        }
    }
    let unknown = format!("m-{}", "a".repeat(52));
    world.run(&["explain", "--dir", agent.dir(), &unknown]).expect_code(2).says(&["there is no member"]);
    let json = world.run(&["explain", "--json", "--dir", agent.dir(), "m-aaaaaaaa"]).expect_code(2);
    assert!(json.stderr.contains("\"exit\":2"), "{json:?}");
}

#[test]
fn an_agent_says_why_it_does_not_start() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "node");
    world.agent("empty", &[]).process.fails(2, &["holds no identity", "--join"]);

    let running = world.agent("node", &[]).started();
    world.agent("node", &[]).process.fails(1, &["in use by another process"]);
    ca.issue(&world, "other");
    world
        .agent("other", &["--listen", &running.addr])
        .process
        .fails(1, &[&running.addr, "in use", "--listen"]);
    world.agent("other", &["--listen", "203.0.113.1:0"]).process.fails(1, &["203.0.113.1", "this machine"]);
    world.agent("other", &["--seed-addr", "nonsense"]).process.fails(2, &["HOST:PORT"]);
    // Nobody has hurt the first one.
    running.sees_live(&world, 1);
}

#[test]
fn a_damaged_key_is_named_and_nothing_is_overwritten() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "node");
    let key = world.path("node").join("key.pem");
    let good = fs::read(&key).unwrap();
    fs::write(&key, &good[..good.len() / 2]).unwrap();
    world.agent("node", &[]).process.fails(2, &["key.pem", "damaged"]);
    assert_eq!(fs::read(&key).unwrap(), &good[..good.len() / 2]);
    fs::write(&key, good).unwrap();
    world.agent("node", &[]).started();
}

#[test]
fn a_certificate_of_another_ca_is_refused() {
    let world = World::new();
    let (one, other) = (Ca::init(&world, "one"), Ca::init(&world, "other"));
    one.issue(&world, "node");
    other.issue(&world, "foreign");
    fs::copy(world.path("foreign").join("cert.pem"), world.path("node").join("cert.pem")).unwrap();
    world.agent("node", &[]).process.fails(2, &["does not fit the root"]);
}

#[test]
fn half_written_state_is_noticed_and_the_previous_one_used() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "node");
    let mut first = world.agent("node", &[]).started();
    first.sees_live(&world, 1);
    let epoch = first.epoch_of(&world, &first.id);
    first.process.kill();
    let file = world.path("node").join("epoch");
    let good = fs::read(&file).unwrap();
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    let again = world.agent("node", &[]).started();
    assert_eq!(again.id, first.id);
    let [_, log] = again.process.output();
    assert!(log.contains("epoch") && log.contains("WARN"), "{log}");
    again.sees_live(&world, 1);
    assert!(again.epoch_of(&world, &again.id) > epoch, "an epoch is never used twice (R15)");
}

#[test]
fn an_invite_lets_in_as_many_as_it_says_and_only_in_time() {
    let world = World::new();
    let mut ca = Ca::init(&world, "ca").serve(&world);
    let once = ca.invite(&world, &[]);
    world.agent("one", &["--join", &once]).started();
    world.agent("two", &["--join", &once]).process.fails(2, &["used up"]);
    let short = ca.invite(&world, &["--expires", "1s"]);
    common::pause(std::time::Duration::from_millis(1_100)); // its life, and no guess
    world.agent("three", &["--join", &short]).process.fails(2, &["expired"]);
    world.agent("three", &["--join", "not-an-invite"]).process.fails(2, &["invite"]);
    world.agent("three", &["--join", &once[..once.len() - 3]]).process.fails(2, &["invite"]);

    ca.stop();
    let fresh = ca.invite(&world, &[]);
    world.agent("three", &["--join", &fresh]).process.fails(1, &[&format!("127.0.0.1:{}", ca.port)]);
    // Enrolled once, an agent needs neither CA nor invite: what --join says is not looked at.
    world.agent("one", &["--join", &once]).started();
}

#[test]
fn a_ca_with_another_fingerprint_is_not_believed() {
    let world = World::new();
    let mut genuine = Ca::init(&world, "genuine").serve(&world);
    let invite = genuine.invite(&world, &[]);
    genuine.stop();
    let mut other = Ca::init(&world, "other");
    other.port = genuine.port;
    let _other = other.serve(&world);
    world.agent("node", &["--join", &invite]).process.fails(2, &["fingerprint"]);
}

#[test]
fn an_agent_whose_seeds_are_all_unreachable_says_so_and_keeps_trying() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "early");
    ca.issue(&world, "late");
    let late = format!("127.0.0.1:{}", common::free_port());
    let early = world.agent("early", &["--seed-addr", &late]).started();
    wait_or(
        "it says that no seed answers",
        || early.process.output()[1].contains("no seed answers").then_some(()),
        || early.process.output().concat(),
    );
    let late = world.agent("late", &["--listen", &late]).started();
    early.sees_live(&world, 2);
    late.sees_live(&world, 2);
}

#[test]
fn a_directory_of_a_newer_version_is_left_alone() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "node");
    let version = world.path("node").join("version");
    assert_eq!(fs::read_to_string(&version).unwrap(), "1\n");
    fs::write(&version, "2\n").unwrap();
    world.agent("node", &[]).process.fails(2, &["written by a newer Ifrit", "its format is 2", "knows 1"]);
    assert_eq!(fs::read_to_string(&version).unwrap(), "2\n");
    fs::write(&version, "1\n").unwrap();
    world.agent("node", &[]).started();
}
