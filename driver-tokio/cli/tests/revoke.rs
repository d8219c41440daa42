//! Revocation and renewal as an operator sees them: processes, files, a CA that comes and goes.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, Process, World, json_lines, wait_for};
use std::{fs, path::Path};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Agents `a`, `b`, … that see each other.
fn together(world: &World, ca: &Ca, names: &[&str]) -> Vec<Agent> {
    let invite = ca.invite(world, &["--uses", "9"]);
    let agents: Vec<_> = names.iter().map(|name| world.agent(name, &["--join", &invite]).started()).collect();
    agents.iter().for_each(|agent| agent.sees_live(world, names.len()));
    agents
}

#[test]
fn r14_revoked_through_one_agent_is_out_at_all_and_stays_out() {
    let world = World::new();
    let ca = Ca::init(&world, "ca").serve(&world);
    let mut agents = together(&world, &ca, &["a", "b", "c"]);
    let mut gone = agents.pop().unwrap();
    let told = world.ok(&["ca", "revoke", "--dir", &ca.dir, &gone.id[..10], "--tell", agents[0].dir()]);
    assert!(told.contains(&gone.id), "{told}");
    agents.iter().for_each(|agent| agent.sees(&world, &gone.id, "revoked"));
    gone.process.fails(2, &["revoked this member", "new invite"]);
    let Ok([a, b]) = <[Agent; 2]>::try_from(agents) else { unreachable!("two are left") };
    let explained = a.ask(&world, "explain", &[&gone.id]);
    assert_eq!(explained[0]["state"], "revoked");
    let held = b.ask(&world, "revocations", &[]);
    assert_eq!(held[0]["members"][0]["id"], *gone.id, "{held:?}");

    world.agent("c", &[]).process.fails(2, &["revoked"]);
    let (dir, addr) = (a.dir.clone(), a.addr.clone());
    drop(a);
    let again = world.agent("a", &["--listen", &addr]).started();
    again.sees(&world, &gone.id, "revoked");
    again.sees_live(&world, 2);
    assert_eq!(dir, again.dir);
    let invite = ca.invite(&world, &[]);
    fs::remove_file(gone.dir.join("cert.pem")).unwrap();
    world.agent("c", &["--join", &invite]).process.fails(2, &["revoked this member"]);
    let rows = json_lines(&world.ok(&["ca", "list", "--dir", &ca.dir, "--json"]));
    let states: Vec<_> = rows.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["current", "current", "revoked"]);
    world.run(&["ca", "revoke", "--dir", &ca.dir, "m-aaaaaaaa"]).expect_code(2).says(&["ifrit ca list"]);
    let stranger = format!("m-{}", "a".repeat(52));
    world.run(&["ca", "revoke", "--dir", &ca.dir, &stranger]).expect_code(2).says(&["ifrit ca list"]);
    world.ok(&["ca", "revoke", "--dir", &ca.dir, &stranger, "--unknown", "--tell", again.dir()]);
    again.sees(&world, &stranger, "revoked");
}

#[test]
fn r14_revoked_while_the_ca_serves_nobody_travels_in_a_file() {
    let world = World::new();
    let mut ca = Ca::init(&world, "ca").serve(&world);
    let agents = together(&world, &ca, &["a", "b", "c"]);
    ca.stop();
    let file = world.path("revoked.pem");
    let import = |file: &Path| world.run(&["revocations", "--dir", agents[0].dir(), "--import", text(file)]);
    import(&file).expect_code(2).says(&["cannot read"]);
    fs::write(&file, "nothing").unwrap();
    import(&file).expect_code(2).says(&["no revocation list"]);
    world.ok(&["ca", "revoke", "--dir", &ca.dir, &agents[2].id, "--reason", "stolen", "--out", text(&file)]);
    import(&file).expect_code(0);
    agents[..2].iter().for_each(|agent| agent.sees(&world, &agents[2].id, "revoked"));
    let listed = world.ok(&["ca", "revocations", "--dir", &ca.dir, "--json"]);
    assert!(listed.contains(&agents[2].id), "{listed}");
    assert!(world.ok(&["ca", "log", "--dir", &ca.dir, "--count", "1"]).contains("stolen"));

    let other = Ca::init(&world, "other");
    other.issue(&world, "stranger");
    let rows = json_lines(&world.ok(&["ca", "list", "--dir", &other.dir, "--json"]));
    let stranger = rows[0]["id"].as_str().unwrap();
    world.ok(&["ca", "revoke", "--dir", &other.dir, stranger, "--out", text(&file)]);
    import(&file).expect_code(2).says(&["another network"]);
}

#[test]
fn r14_revoked_is_fetched_from_the_ca_by_whoever_asks_it_first() {
    let world = World::new();
    let ca = Ca::init(&world, "ca").serve(&world);
    let agents = together(&world, &ca, &["a", "b"]);
    world.ok(&["ca", "revoke", "--dir", &ca.dir, &agents[1].id]);
    agents[0].sees(&world, &agents[1].id, "revoked");
    let [_, log] = ca.process.as_ref().unwrap().output();
    assert_eq!(
        log.matches("request").count(),
        agents.len(),
        "newcomers are told of, questions are not:\n{log}"
    );
}

/// What is written with a certificate, by its serial in the CA's list.
fn serials(world: &World, ca: &Ca, id: &str) -> Vec<u64> {
    let rows = json_lines(&world.ok(&["ca", "list", "--all", "--json", "--dir", &ca.dir]));
    let of = rows.iter().filter(|row| row["id"] == id);
    of.map(|row| row["serial"].as_u64().unwrap()).collect()
}

#[test]
fn r14_agents_renew_by_themselves_and_nobody_notices() {
    let world = World::new();
    let mut ca = Ca::init(&world, "ca");
    ca.start(&world, &["--cert-lifetime", "6s"]);
    let agents = together(&world, &ca, &["a", "b"]);
    let monitor = Process::start(&world, "monitor", &["monitor", "--json", "--dir", agents[0].dir()]);
    wait_for("the monitor watches", || monitor.output()[0].contains("watching").then_some(()));
    let certificate = || fs::read_to_string(agents[0].dir.join("cert.pem")).unwrap();
    let first = certificate();
    let renewed = |id: &str| serials(&world, &ca, id).len() >= 3;
    wait_for("both have renewed twice", || agents.iter().all(|agent| renewed(&agent.id)).then_some(()));
    wait_for("it is on disk", || (certificate() != first).then_some(()));
    let reply = world.ok(&["send", "--dir", agents[0].dir(), &agents[1].id, "still there"]);
    assert_eq!(reply.trim(), "still there");
    let events = monitor.lines();
    let alarming = |event: &&serde_json::Value| {
        !["watching", "updated", "joined"].contains(&event["event"].as_str().unwrap())
    };
    assert_eq!(events.iter().filter(alarming).collect::<Vec<_>>(), Vec::<&serde_json::Value>::new());

    // The CA goes; the agent starts again on what it has.
    ca.stop();
    let Ok([a, b]) = <[Agent; 2]>::try_from(agents) else { unreachable!("two are left") };
    let (id, addr) = (a.id.clone(), a.addr.clone());
    drop(a);
    let again = world.agent("a", &["--listen", &addr]).started();
    assert_eq!(again.id, id, "the same member");
    again.sees_live(&world, 2);
    b.sees_live(&world, 2);
}
