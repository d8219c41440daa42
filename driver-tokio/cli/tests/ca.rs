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
