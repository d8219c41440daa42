//! A network gets another root while it runs, as an operator sees it: processes and files.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, World, json_lines, wait_for, wait_or};
use std::fs;

/// How many certificates a PEM file holds.
fn certificates(agent: &Agent, file: &str) -> usize {
    fs::read_to_string(agent.dir.join(file)).unwrap().matches("BEGIN CERTIFICATE").count()
}

/// The members that have not renewed, as the CA knows it.
fn waiting(world: &World, ca: &Ca) -> usize {
    json_lines(&world.ok(&["ca", "list", "--former", "--json", "--dir", &ca.dir])).len()
}

#[test]
fn r14_another_root_follows_and_nobody_is_interrupted() {
    let world = World::new();
    let mut ca = Ca::init(&world, "ca").serve(&world);
    let invite = ca.invite(&world, &["--uses", "9"]);
    let join =
        |name: &str, more: &[&str]| world.agent(name, &[&["--join", &invite], more].concat()).started();
    let a = join("a", &[]);
    let seed = ["--seed-addr", &a.addr];
    let (b, c) = (join("b", &seed), join("c", &seed));
    [&a, &b, &c].iter().for_each(|agent| agent.sees_live(&world, 3));
    let (id, old) = (c.id.clone(), fs::read_to_string(world.path("ca").join("root.pem")).unwrap());
    drop(c);

    world.run(&["ca", "rotate", "--dir", &ca.dir, "--overlap", "1s"]).expect_code(2).says(&["at least 10 s"]);
    // They renew within half of it; the other half is for what follows, on a busy machine too.
    let told = world.ok(&["ca", "rotate", "--dir", &ca.dir, "--overlap", "80s", "--tell", a.dir(), "--json"]);
    let told = &json_lines(&told)[0];
    assert_eq!((told["told"].as_bool(), told["fingerprint"].as_str().unwrap().len()), (Some(true), 64));
    world.run(&["ca", "rotate", "--dir", &ca.dir]).expect_code(2).says(&["just followed another"]);
    for agent in [&a, &b] {
        wait_for("the new root is on disk", || (certificates(agent, "root.pem") == 3).then_some(()));
    }
    let log = || a.process.output()[1].contains("another root has followed").then_some(());
    wait_or("it is told", log, || a.process.output().concat());
    wait_for("all but the one that is away have renewed", || (waiting(&world, &ca) <= 1).then_some(()));
    let reply = world.ok(&["send", "--dir", a.dir(), &b.id, "still there"]);
    assert_eq!(reply.trim(), "still there");

    // One that was away meanwhile, while the CA is down; and one that starts again with what it has.
    ca.stop();
    let c = world.agent("c", &["--seed-addr", &a.addr]).started();
    assert_eq!(c.id, id);
    c.sees_live(&world, 3);
    wait_for("it has learnt the root", || (certificates(&c, "root.pem") == 3).then_some(()));
    let (dir, addr) = (b.dir.clone(), b.addr.clone());
    drop(b);
    let b = world.agent("b", &["--listen", &addr, "--seed-addr", &a.addr]).started();
    assert_eq!(b.dir, dir);
    b.sees_live(&world, 3);
    a.sees_live(&world, 3);

    // A snapshot is checked offline under what the root's file holds; the old file knows only who has not renewed.
    let (file, root) = (world.path("view.jsonl"), world.path("old.pem"));
    fs::write(&root, old).unwrap();
    world.ok(&["snapshot", "dump", "--dir", a.dir(), file.to_str().unwrap()]);
    let verify = |root: &str| world.run(&["snapshot", "verify", file.to_str().unwrap(), "--root", root]);
    verify(a.dir.join("root.pem").to_str().unwrap()).expect_code(0);
    verify(root.to_str().unwrap()).expect_code(2);
    let log = world.ok(&["ca", "log", "--dir", &ca.dir]);
    assert!(log.contains("rotate"), "{log}");
}

#[test]
fn r14_an_open_network_has_nothing_to_rotate() {
    let world = World::new();
    let dir = world.path("net");
    let dir = dir.to_str().unwrap();
    world.ok(&["ca", "init", "--open", "--dir", dir]);
    world.run(&["ca", "rotate", "--dir", dir]).expect_code(2).says(&["open network"]);
}
