//! `ifrit ca …` as processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Process, World, wait_for};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_network_is_made_with_the_parameters_asked_for() {
    let world = World::new();
    let ca = world.path("ca");
    let made = json(&world.ok(&["ca", "init", "--dir", text(&ca), "--json"]));
    assert_eq!((made["rings"].as_u64(), made["members"].as_u64()), (Some(23), Some(1000)), "{made}");
    let wan = world.path("wan");
    let args = [
        "ca",
        "init",
        "--dir",
        text(&wan),
        "--rings",
        "11",
        "--preset",
        "wan",
        "--delta",
        "7s",
        "--lease",
        "12h",
    ];
    world.ok(&args);
    world.run(&["ca", "init", "--dir", text(&wan)]).expect_code(2).says(&["holds a CA already"]);
    let bad = world.path("bad");
    world.run(&["ca", "init", "--dir", text(&bad), "--rings", "10"]).expect_code(2).says(&["must be odd"]);
    world.run(&["ca", "init", "--dir", text(&bad), "--byzantine", "0.5"]).expect_code(2).says(&["below 0.5"]);
    assert!(!bad.exists(), "nothing is left of a network that cannot be");
    world.run(&["ca", "invite", "--dir", text(&bad)]).expect_code(2).says(&["ifrit ca init"]);
}

#[test]
fn a_member_can_be_issued_without_any_service() {
    let world = World::new();
    let (ca, node) = (world.path("ca"), world.path("node"));
    world.ok(&["ca", "init", "--dir", text(&ca)]);
    let issued = json(&world.ok(&["ca", "issue", "--dir", text(&ca), "--out", text(&node), "--json"]));
    assert!(issued["id"].as_str().unwrap().starts_with("m-"), "{issued}");
    let again = world.run(&["ca", "issue", "--dir", text(&ca), "--out", text(&node)]);
    again.expect_code(2).says(&["holds an identity already"]);
}

#[test]
fn invites_come_from_a_ca_that_serves_and_from_one_that_does_not() {
    let world = World::new();
    let ca = world.path("ca");
    world.ok(&["ca", "init", "--dir", text(&ca)]);
    let invite = ["ca", "invite", "--dir", text(&ca)];
    let line = world.ok(&invite);
    assert!(line.starts_with("ifrit1/127.0.0.1:8300/") && line.lines().count() == 1, "{line}");

    let mut server = Process::start(
        &world,
        "serve",
        &["ca", "serve", "--dir", text(&ca), "--listen", "127.0.0.1:0", "--json"],
    );
    let address = wait_for("the CA serves", || {
        let [stdout, stderr] = server.output();
        assert!(server.child.try_wait().unwrap().is_none(), "{stderr}");
        stdout.ends_with('\n').then(|| json(&stdout)["address"].as_str().unwrap().to_owned())
    });
    let line = world.ok(&invite);
    assert!(line.starts_with(&format!("ifrit1/{address}/")), "{line}");
    world.ok(&["ca", "issue", "--dir", text(&ca), "--out", text(&world.path("node"))]);
    world
        .run(&["ca", "serve", "--dir", text(&ca), "--listen", "127.0.0.1:0"])
        .expect_code(1)
        .says(&["serves already"]);

    // kill -9 leaves the socket's file behind; the next command does not stumble over it.
    server.kill();
    let line = world.ok(&invite);
    assert!(line.starts_with(&format!("ifrit1/{address}/")), "the address is remembered: {line}");
    let mut server =
        Process::start(&world, "serve", &["ca", "serve", "--dir", text(&ca), "--listen", &address, "--json"]);
    wait_for("the CA serves again", || server.output()[0].ends_with('\n').then_some(()));
    server.signal("-TERM");
    let status = wait_for("it stops", || server.child.try_wait().unwrap());
    assert!(status.success() && !ca.join("ca.sock").exists());
}

#[test]
fn what_the_ca_remembers_can_be_listed_and_taken_back_whether_it_serves_or_not() {
    let world = World::new();
    let mut ca = common::Ca::init(&world, "ca").serve(&world);
    let rows = |args: &[&str]| common::json_lines(&world.ok(&[args, &["--json", "--dir", &ca.dir]].concat()));
    let used = ca.invite(&world, &[]);
    let agent = world.agent("a", &["--join", &used]).started();
    let made = json(&world.ok(&["ca", "invite", "--dir", &ca.dir, "--uses", "3", "--json"]));
    let (id, invite) = (made["id"].as_str().unwrap().to_owned(), made["invite"].as_str().unwrap().to_owned());
    let states = rows(&["ca", "invites"]);
    let states: Vec<_> = states.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["used-up", "open"]);
    world.ok(&["ca", "uninvite", "--dir", &ca.dir, &id]);
    world.agent("b", &["--join", &invite]).process.fails(2, &["withdrawn"]);
    world.run(&["ca", "uninvite", "--dir", &ca.dir, "aaaaaaaa"]).expect_code(2).says(&["ifrit ca invites"]);

    let look = |rows: &dyn Fn(&[&str]) -> Vec<Value>| {
        let members = rows(&["ca", "list"]);
        assert_eq!((members.len(), members[0]["id"].as_str()), (1, Some(&*agent.id)), "{members:?}");
        let log = rows(&["ca", "log"]);
        let told: Vec<_> =
            log.iter().map(|row| (row["what"].as_str().unwrap(), row["from"].as_str().unwrap())).collect();
        let [init, invite, uninvite] = ["init", "invite", "uninvite"].map(|what| (what, "operator"));
        assert_eq!(told, [init, invite, ("enrol", "127.0.0.1"), invite, uninvite], "{log:?}");
        assert_eq!(rows(&["ca", "log", "--count", "1"]), log[4..]);
    };
    look(&rows);
    ca.stop();
    let rows = |args: &[&str]| common::json_lines(&world.ok(&[args, &["--json", "--dir", &ca.dir]].concat()));
    look(&rows);
    let text = world.ok(&["ca", "invites", "--dir", &ca.dir]);
    assert!(text.contains("withdrawn") && text.contains("0 of 3"), "{text}");
    assert!(world.ok(&["ca", "list", "--dir", &ca.dir]).contains("current"));
}
