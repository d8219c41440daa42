//! The tools that look closer, at real agents.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, Process, World, json_lines, wait_for, wait_or};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

/// A network of agents that see each other, with names and tags.
fn network(world: &World, count: usize) -> Vec<Agent> {
    let ca = Ca::init(world, "ca");
    let mut agents: Vec<Agent> = Vec::new();
    for n in 0..count {
        let name = format!("node{n}");
        ca.issue(world, &name);
        let seed = agents.first().map(|first| first.addr.clone());
        let role = if n == 0 { "role=db" } else { "role=web" };
        let mut args = vec!["--name", &name, "--tags", role, "--tags", "zone=eu"];
        args.extend(seed.iter().flat_map(|seed| ["--seed-addr", seed.as_str()]));
        agents.push(world.agent(&name, &args).started());
    }
    agents.iter().for_each(|agent| agent.sees_live(world, count));
    agents
}

fn path(world: &World, name: &str) -> String {
    world.path(name).to_str().unwrap().to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn members_have_names_tags_and_round_trips_and_are_filtered_by_them() {
    let world = World::new();
    let mut agents = network(&world, 3);
    let names = |args: &[&str]| -> Vec<String> {
        let rows = agents[0].ask(&world, "members", args);
        let mut names: Vec<_> = rows.iter().map(|row| text(&row["name"]).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&["--tag", "role=web"]), ["node1", "node2"]);
    assert_eq!(names(&["--tag", "zone", "--tag", "role=db"]), ["node0"]);
    assert!(names(&["--tag", "rack"]).is_empty() && names(&["--state", "down,gray"]).is_empty());
    assert_eq!(names(&["--state", "live,accused"]).len(), 3);
    // It watches one other on all rings, or both.
    wait_for("a round trip", || {
        let rows = agents[0].ask(&world, "members", &[]);
        rows.iter().any(|row| row["rtt_ms"].as_f64().is_some_and(|ms| ms > 0.0)).then_some(())
    });
    let table = world.ok(&["members", "--dir", agents[0].dir()]);
    for part in ["NAME", "RTT", "node2", "role=web zone=eu", " ms", "3 members: 3 live"] {
        assert!(table.contains(part), "{part:?} is missing in\n{table}");
    }
    // A name stands for an id where only one has it.
    assert_eq!(agents[0].ask(&world, "explain", &["node2"])[0]["id"], agents[2].id.as_str());
    world.run(&["explain", "--dir", agents[0].dir(), "node9"]).expect_code(2).says(&["not a member id"]);
    let mut monitor = Process::start(
        &world,
        "monitor",
        &["monitor", "--json", "--dir", agents[0].dir(), "--event", "down"],
    );
    wait_for("it watches", || monitor.output()[0].contains("watching").then_some(()));
    let gone = agents.pop().unwrap();
    let id = gone.id.clone();
    drop(gone);
    agents[0].sees(&world, &id, "down");
    wait_for("the event", || monitor.lines().iter().any(|row| row["member"] == id).then_some(()));
    monitor.kill();
    let told = monitor.lines();
    let events: Vec<_> = told.iter().map(|row| text(&row["event"])).collect();
    assert!(events[0] == "watching" && events[1..].iter().all(|event| *event == "down"), "{told:?}");
    assert!(told.iter().any(|row| row["member"] == id), "{told:?}");
    let rows = agents[0].ask(&world, "members", &["--state", "down"]);
    assert_eq!(rows.iter().map(|row| text(&row["id"])).collect::<Vec<_>>(), [id]);
    world
        .run(&["members", "--dir", agents[0].dir(), "--state", "dead"])
        .expect_code(2)
        .says(&["possible values"]);
}

#[test]
fn round_trips_and_pings_are_measured() {
    let world = World::new();
    let mut agents = network(&world, 3);
    // It watches one other on all rings, or both.
    let rows = wait_for("pongs of all that it watches", || {
        let rows = agents[0].ask(&world, "rtt", &[]);
        (!rows.is_empty() && rows.iter().all(|row| row["pongs"].as_u64() > Some(2))).then_some(rows)
    });
    for row in &rows {
        let ms = |key: &str| row[key].as_f64().unwrap();
        assert!(
            ms("least_ms") > 0.0 && ms("least_ms") <= ms("mean_ms") && ms("mean_ms") <= ms("most_ms"),
            "{row}"
        );
        assert!(!row["rings"].as_array().unwrap().is_empty());
    }
    assert!(world.ok(&["rtt", "--dir", agents[0].dir()]).contains(&format!("watches {} member", rows.len())));
    let ping = ["--count", "3", "--interval", "10ms"];
    let pongs = agents[0].ask(&world, "ping", &[&[agents[1].id.as_str()], &ping[..]].concat());
    assert_eq!(pongs.len(), 3);
    assert!(pongs.iter().all(|row| row["ms"].as_f64() > Some(0.0) && row["from"] == agents[1].id.as_str()));
    let sequence: Vec<_> = pongs.iter().map(|row| row["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequence, [0, 1, 2]);
    let told = world.ok(&["ping", "--dir", agents[0].dir(), &agents[1].id, "--count", "1"]);
    assert!(told.contains("1 of 1 answered"), "{told}");
    // The application of neither was asked.
    let figures = agents[1].ask(&world, "metrics", &[]);
    let received = figures.iter().find(|row| {
        row["name"] == "ifrit_requests_total" && row["labels"] == json!({ "direction": "received" })
    });
    assert_eq!(received.unwrap()["value"], 0.0);
    let gone = agents.pop().unwrap();
    let id = gone.id.clone();
    drop(gone);
    agents[0].sees(&world, &id, "down");
    let done = world.run(&["ping", "--dir", agents[0].dir(), &id, "--count", "1", "--timeout", "300ms"]);
    done.expect_code(1).says(&["no answer", "ifrit explain"]);
}

#[test]
fn rings_are_drawn_and_say_who_watches_whom() {
    let world = World::new();
    let agents = network(&world, 4);
    let rings = agents[0].ask(&world, "rings", &[]);
    let why = &agents[0].ask(&world, "explain", &[&agents[0].id])[0];
    assert_eq!(rings.len() as u64, why["rings"].as_u64().unwrap());
    // What the picture says is what the member says of those who watch it.
    for watcher in why["watchers"].as_array().unwrap() {
        let ring = &rings[watcher["ring"].as_u64().unwrap() as usize];
        let spots = ring["spots"].as_array().unwrap();
        assert_eq!((spots.len(), &spots[0]["id"]), (4, &json!(agents[0].id)));
        assert_eq!(spots[3]["id"], watcher["id"], "the closest before it");
    }
    let of = world.ok(&["rings", "--dir", agents[0].dir(), &agents[2].id]);
    assert!(of.contains("WATCHED BY") && of.contains("WATCHES"), "{of}");
    assert_eq!(
        of.matches(&agents[2].id[..10]).count(),
        rings.len() + 1,
        "on each ring, and in the title:\n{of}"
    );
    let whole = world.ok(&["rings", "--dir", agents[0].dir(), "--ring", "1"]);
    assert!(
        agents.iter().all(|agent| whole.contains(&agent.id[..10])) && whole.contains("ring 1"),
        "{whole}"
    );
    world.run(&["rings", "--dir", agents[0].dir(), "--ring", "99"]).expect_code(2).says(&["no ring 99"]);
    let file = path(&world, "rings.svg");
    world.ok(&["rings", "--dir", agents[0].dir(), "--svg", &file]);
    let svg = fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg") && svg.matches("<title>").count() == 4 * rings.len());
}

#[test]
fn a_snapshot_is_checked_offline_and_a_forged_one_is_found_out() {
    let world = World::new();
    let mut agents = network(&world, 3);
    let gone = agents.pop().unwrap();
    let id = gone.id.clone();
    drop(gone);
    agents[0].sees(&world, &id, "down");
    let (file, root) = (path(&world, "view.jsonl"), path(&world, "node0/root.pem"));
    world.ok(&["snapshot", "dump", "--dir", agents[0].dir(), &file]);
    // Nobody runs any more.
    agents.clear();
    let verify = |file: &str, root: &str| world.run(&["snapshot", "verify", "--json", file, "--root", root]);
    let checked = json_lines(&verify(&file, &root).expect_code(0).stdout).remove(0);
    assert_eq!(
        (&checked["members"], &checked["certificates"], &checked["notes"]),
        (&json!(3), &json!(3), &json!(3))
    );
    assert!(checked["accusations"].as_u64() > Some(0) && checked["bad"] == json!([]), "{checked}");
    let good = fs::read_to_string(&file).unwrap();
    let row =
        |of: &str| good.lines().find(|line| line.contains(&format!("\"id\":\"{of}\""))).unwrap().to_owned();
    let parsed: Value = serde_json::from_str(&row(&id)).unwrap();
    let flip = |hex: &str| {
        let last = if hex.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &hex[..hex.len() - 1])
    };
    let forged = path(&world, "forged.jsonl");
    let accusation = text(&parsed["accusations"][0]);
    for (from, to, why) in [
        (text(&parsed["note"]), flip(text(&parsed["note"])), "note's signature"),
        (text(&parsed["certificate"]), flip(text(&parsed["certificate"])), "certificate"),
        (accusation, flip(accusation), "accusation does not hold"),
        ("\"state\":\"down\"", "\"state\":\"left\"".to_owned(), "its note says otherwise"),
        (&format!("\"epoch\":{}", parsed["epoch"]), "\"epoch\":7".to_owned(), "its note is of"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&forged, good.replacen(from, &to, 1)).unwrap();
        let done = verify(&forged, &root).expect_code(2);
        assert!(done.stdout.contains(why) && done.stdout.contains(&id), "{why}: {done:#?}");
    }
    // Everything is well signed, by another network's CA.
    let other = Ca::init(&world, "other");
    other.issue(&world, "stranger");
    verify(&file, &path(&world, "stranger/root.pem")).expect_code(2).says(&["under this root"]);
    fs::write(&forged, "garbage\n").unwrap();
    verify(&forged, &root).expect_code(2).says(&["line 1"]);
}

#[test]
fn a_bundle_holds_what_helps_and_no_secret() {
    let world = World::new();
    let ca = Ca::init(&world, "ca").serve(&world);
    let invite = ca.invite(&world, &[]);
    let agent = world.agent("node", &["--join", &invite, "--name", "first"]).started();
    wait_for("it logs", || (!agent.process.output()[1].is_empty()).then_some(()));
    // One file to attach, which unpacks to a directory of its name, and a directory for who asks for one.
    let (file, out) = (path(&world, "bundle.tar.gz"), path(&world, "bundle"));
    world.ok(&["debug", "bundle", "--dir", agent.dir(), &file]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let hidden = |name: &str| name.starts_with(".ifrit-bundle");
    let left = fs::read_dir(world.path(""))
        .unwrap()
        .filter(|entry| hidden(&entry.as_ref().unwrap().file_name().to_string_lossy()));
    assert_eq!(left.count(), 0, "nothing else is left");
    let unpacked = path(&world, "unpacked");
    let archive = flate2::read::GzDecoder::new(fs::File::open(&file).unwrap());
    tar::Archive::new(archive).unpack(&unpacked).unwrap();
    world.ok(&["debug", "bundle", "--dir", agent.dir(), "--unpacked", &out]);
    let names = |dir: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    };
    let packed = format!("{unpacked}/bundle");
    assert_eq!(names(&packed), names(&out));
    for dir in [&packed, &out] {
        assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
        holds_what_helps(dir, &agent, &invite);
    }
    for again in [&["--dir", agent.dir(), &file][..], &["--dir", agent.dir(), "--unpacked", &out]] {
        world.run(&[&["debug", "bundle"], again].concat()).expect_code(2).says(&["is there already"]);
    }
    let nowhere = path(&world, "no/such/bundle.tar.gz");
    world.run(&["debug", "bundle", "--dir", agent.dir(), &nowhere]).expect_code(1).says(&["cannot make"]);
}

fn holds_what_helps(out: &str, agent: &Agent, invite: &str) {
    let read = |name: &str| fs::read_to_string(format!("{out}/{name}")).unwrap();
    assert!(read("settings.toml").contains("name = \"first\"") && read("settings.toml").contains("secret"));
    assert!(read("members.jsonl").contains(&agent.id) && read("metrics.jsonl").contains("ifrit_members"));
    assert!(
        read("about.json").contains(env!("CARGO_PKG_VERSION")) && read("directory.jsonl").contains("key.pem")
    );
    assert!(read("log.txt").lines().any(|line| !line.is_empty()), "what was logged");
    assert!(read("snapshot.jsonl").contains(&agent.id) && read("cert.pem").contains("BEGIN CERTIFICATE"));
    let key = fs::read_to_string(agent.dir.join("key.pem")).unwrap();
    let body: Vec<_> = key.lines().filter(|line| !line.starts_with('-')).collect();
    let token = invite.rsplit('/').next().unwrap();
    let mut files = 0;
    for entry in fs::read_dir(out).unwrap() {
        let held = fs::read_to_string(entry.unwrap().path()).unwrap();
        let secrets = body.iter().copied().chain(["PRIVATE KEY", invite, token]);
        secrets.for_each(|secret| assert!(!held.contains(secret), "{secret} is in\n{held}"));
        files += 1;
    }
    assert!(files >= 10);
}

#[test]
fn a_key_is_made_once_and_enrols() {
    let world = World::new();
    let ca = Ca::init(&world, "ca").serve(&world);
    let dir = path(&world, "node");
    let made = json_lines(&world.ok(&["keygen", "--json", "--dir", &dir])).remove(0);
    let key = fs::read(format!("{dir}/key.pem")).unwrap();
    assert_eq!(fs::metadata(format!("{dir}/key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(text(&made["public"]).len(), 130);
    world.run(&["keygen", "--dir", &dir]).expect_code(2).says(&["holds a key already"]);
    let _agent = world.agent("node", &["--join", &ca.invite(&world, &[])]).started();
    assert_eq!(fs::read(format!("{dir}/key.pem")).unwrap(), key, "it enrolled with that key");
}

#[test]
fn completions_and_pages_name_every_command() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.ok(&["completions", shell]);
        assert!(["snapshot", "rings", "invite"].iter().all(|command| script.contains(command)), "{shell}");
    }
    let dir = path(&world, "man");
    let files = json_lines(&world.ok(&["man", "--json", &dir])).remove(0);
    let names: Vec<_> = files["files"].as_array().unwrap().iter().map(|file| text(file).to_owned()).collect();
    for page in ["ifrit.1", "ifrit-agent.1", "ifrit-snapshot-verify.1", "ifrit-ca-invite.1"] {
        let file = names.iter().find(|name| name.ends_with(&format!("/{page}")));
        let text = fs::read_to_string(file.unwrap_or_else(|| panic!("{page} is not in {names:?}"))).unwrap();
        assert!(text.contains(".TH") && text.contains("Examples"), "{page}:\n{text}");
    }
}

#[test]
fn a_live_view_refuses_a_pipe_and_says_what_to_use() {
    let world = World::new();
    let agents = network(&world, 1);
    for args in [&["top"][..], &["top", "--json"]] {
        let args = [args, &["--dir", agents[0].dir()]].concat();
        world.run(&args).expect_code(2).says(&["terminal", "ifrit members"]);
    }
}

#[test]
fn names_and_tags_change_while_it_runs() {
    let world = World::new();
    Ca::init(&world, "ca").issue(&world, "node");
    let config = path(&world, "ifrit.toml");
    fs::write(&config, "name = \"one\"\n").unwrap();
    let agent = world.agent("node", &["--config", &config]).started();
    let me = || agent.ask(&world, "members", &[]).remove(0);
    assert_eq!(me()["name"], "one");
    fs::write(&config, "name = \"two\"\ntags = [\"role=db\"]\n").unwrap();
    agent.process.signal("-HUP");
    wait_or(
        "the new name and tags are told",
        || (me()["name"] == "two" && me()["labels"] == json!({ "role": "db" })).then_some(()),
        || agent.process.output().concat(),
    );
}
