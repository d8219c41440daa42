//! Settings of real agents: each key takes effect, and SIGHUP changes what can change.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, Process, World, json_lines, wait_or};
use ifrit_node::store::Store;
use serde_json::Value;
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

/// What follows from a network made with these flags, as an agent of it shows.
fn effective(world: &World, name: &str, init: &[&str]) -> Value {
    let (ca, node) = (format!("{name}.ca"), format!("{name}.node"));
    let (ca, node) = (world.path(&ca), world.path(&node));
    let (ca, node) = (ca.to_str().unwrap(), node.to_str().unwrap());
    world.ok(&[&["ca", "init", "--dir", ca], init].concat());
    world.ok(&["ca", "issue", "--dir", ca, "--out", node]);
    json_lines(&world.ok(&["config", "show", "--effective", "--json", "--dir", node])).remove(0)
}

/// gossip_interval, monitor_interval, ping_limit, removal_timeout, num_rings of the Go library are the network's here.
#[test]
fn the_network_s_parameters_take_the_place_of_intervals_and_timeouts() {
    let world = World::new();
    let usual = effective(&world, "usual", &["--members", "100"]);
    let changed = |name: &str, init: &[&str], keys: &[&str]| {
        let other = effective(&world, name, init);
        for key in keys {
            let (part, key) = key.split_once('.').unwrap();
            assert_ne!(usual[part][key], other[part][key], "{name}: {key} in {other:#}");
        }
        other
    };
    // How far apart rounds are, when an accused member is removed: Delta. Go: gossip_interval, removal_timeout.
    let delta = changed(
        "delta",
        &["--members", "100", "--delta", "3s"],
        &["network.delta_ms", "derived.note_spacing_ms"],
    );
    assert_eq!(delta["derived"]["answer_time_ms"], 6_000);
    // How often members ping, and after how many misses they accuse: the preset. Go: monitor_interval, ping_limit.
    changed(
        "wan",
        &["--members", "100", "--preset", "wan"],
        &["derived.ping_interval_ms", "derived.misses", "derived.ping_timeout_ms"],
    );
    let rings = changed(
        "rings",
        &["--rings", "9"],
        &["network.rings", "derived.tolerance", "derived.ping_interval_ms"],
    );
    assert_eq!(rings["network"]["rings"], 9);
    assert_eq!(
        changed("lease", &["--members", "100", "--lease", "2h"], &["network.lease_ms"])["network"]["lease_ms"],
        7_200_000
    );

    // Each value says where it came from.
    assert_eq!(usual["settings"]["dir"]["from"], "--dir");
    assert_eq!(usual["settings"]["handlers"]["from"], "default");
}

/// removal_timeout of the Go library: it was never read there.
#[test]
fn an_accused_member_has_two_delta_to_answer() {
    let world = World::new();
    let ca = world.path("ca");
    let ca = ca.to_str().unwrap();
    world.ok(&["ca", "init", "--dir", ca, "--members", "8", "--preset", "local", "--delta", "1500ms"]);
    let ca = Ca { dir: ca.to_owned(), port: 0, process: None };
    ["a", "b"].iter().for_each(|name| ca.issue(&world, name));
    let a = world.agent("a", &[]).started();
    let mut b = world.agent("b", &["--seed-addr", &a.addr]).started();
    a.sees_live(&world, 2);
    b.process.kill();
    a.sees(&world, &b.id, "down");
    let why = &a.ask(&world, "explain", &[&b.id])[0];
    let history = why["history"].as_array().unwrap();
    let ago = |event: &str| {
        let past = history.iter().find(|past| past["event"] == event);
        past.unwrap_or_else(|| panic!("no {event} in {why:#}"))["ago_ms"].as_u64().unwrap()
    };
    let waited = ago("accused") - ago("down");
    // 3 s less what the agent took to write the first of the two down; by what follows from the preset it would be 0.9 s.
    assert!(waited > 2_000, "down {waited} ms after it was accused: {why:#}");
}

/// use_ca, ca_addr, boot_nodes, the CA's port, entry_addrs of the Go library.
#[test]
fn newcomers_find_the_ca_and_members_as_settings_say() {
    let world = World::new();
    let mut ca = Ca::init(&world, "ca");
    // The CA's port and how many members it tells of, from its file.
    let listen = format!("listen = \"127.0.0.1:{}\"\n", ca.port);
    fs::write(world.path("ca").join("ifrit.toml"), format!("{listen}contacts = 0\n")).unwrap();
    let serve = |world: &World| {
        Process::start(world, "ca", &["ca", "serve", "--dir", world.path("ca").to_str().unwrap()]).serving()
    };
    ca.process = Some(serve(&world));
    let invite = ca.invite(&world, &["--uses", "9"]);
    let contacts = |agent: &Agent| {
        let copy = world.path("copy");
        fs::create_dir_all(&copy).unwrap();
        fs::copy(agent.dir.join("contacts"), copy.join("contacts")).unwrap();
        Store::open(&copy).unwrap().load().contacts.len()
    };
    let one = world.agent("one", &["--join", &invite]).started();
    let two = world.agent("two", &["--join", &invite]).started();
    assert_eq!((contacts(&one), contacts(&two)), (0, 0), "the CA tells of nobody");

    // It moves to another port and tells of one; who holds the old invite says where it is now.
    ca.stop();
    let port = common::free_port();
    fs::write(world.path("ca").join("ifrit.toml"), format!("listen = \"127.0.0.1:{port}\"\ncontacts = 1\n"))
        .unwrap();
    ca.process = Some(serve(&world));
    world.agent("three", &["--join", &invite]).process.fails(1, &["cannot reach the CA"]);
    let three = world.agent("three", &["--join", &invite, "--ca", &format!("127.0.0.1:{port}")]).started();
    assert_eq!(contacts(&three), 1, "the CA tells of one");

    // Without an invite no CA is asked.
    ca.stop();
    ca.issue(&world, "four");
    let four = world.agent("four", &["--seed-addr", &three.addr]).started();
    four.sees(&world, &three.id, "live");
}

#[test]
fn the_control_socket_may_be_elsewhere() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    let socket = world.path("elsewhere.sock");
    let socket = socket.to_str().unwrap();
    enrolled(&world, &ca, "node", &format!("control_socket = \"{socket}\"\n"));
    let node = world.agent("node", &[]).started();
    wait_or("the socket is there", || fs::metadata(socket).ok(), String::new);
    let rows = json_lines(&world.ok(&["members", "--json", "--dir", socket]));
    assert_eq!(rows[0]["id"], node.id);
    world.run(&["members", "--dir", node.dir()]).expect_code(1).says(&["no agent runs with"]);
}
