//! A network without a CA.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, World};

/// An open network, and the file that everybody needs.
fn network(world: &World) -> String {
    let dir = world.path("net");
    let flags = ["--open", "--members", "8", "--preset", "local"];
    world.ok(&[&["ca", "init", "--dir", dir.to_str().unwrap()][..], &flags].concat());
    dir.join("root.pem").to_str().unwrap().to_owned()
}

fn joins(world: &World, name: &str, root: &str, others: &[Agent]) -> Agent {
    let seeds = others.iter().flat_map(|other| ["--seed-addr", other.addr.as_str()]);
    world.agent(name, &[&["--open", root][..], &seeds.collect::<Vec<_>>()].concat()).started()
}

#[test]
fn members_of_an_open_network_need_its_root_and_each_other() {
    let world = World::new();
    let root = network(&world);
    let mut agents = Vec::new();
    for n in 0..3 {
        agents.push(joins(&world, &format!("node{n}"), &root, &agents));
    }
    agents.iter().for_each(|agent| agent.sees_live(&world, 3));
    assert!(
        agents[0].process.output()[1].contains("nothing is promised"),
        "{:?}",
        agents[0].process.output()
    );
    // The same member over a restart.
    let mut last = agents.pop().unwrap();
    last.process.kill();
    agents.iter().for_each(|agent| agent.sees(&world, &last.id, "down"));
    let again = joins(&world, "node2", &root, &agents);
    assert_eq!(again.id, last.id);
    agents.iter().for_each(|agent| agent.sees_live(&world, 3));
}

#[test]
fn what_is_no_open_network_is_named() {
    let world = World::new();
    let root = network(&world);
    let dir = world.path("net");
    let dir = dir.to_str().unwrap();
    // Neither kind is made over the other.
    world.run(&["ca", "init", "--dir", dir]).expect_code(2).says(&["holds a CA already"]);
    world.run(&["ca", "init", "--dir", dir, "--open"]).expect_code(2).says(&["root.pem is there already"]);
    world.run(&["ca", "invite", "--dir", dir]).expect_code(2).says(&["holds no CA"]);
    let closed = world.path("ca");
    world.ok(&["ca", "init", "--dir", closed.to_str().unwrap(), "--members", "8"]);
    for (file, says) in [
        (closed.join("root.pem"), "is not open: join it with an invite"),
        (world.path("nothing"), "cannot read"),
        (closed.join("ca.redb"), "no PEM file"),
    ] {
        let mut agent = world.agent("node", &["--open", file.to_str().unwrap()]);
        agent.process.fails(2, &[says]);
    }
    assert!(std::path::Path::new(&root).exists());
}
