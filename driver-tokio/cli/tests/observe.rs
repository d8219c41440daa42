//! What an agent shows of itself: figures, health, readiness, and its log.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{
    Agent, Ca, World, free_port,
    http::{ask, get},
    json_lines, wait_for, wait_or,
};
use serde_json::Value;
use std::{collections::BTreeMap, io::Write, net::TcpStream};

/// An agent with an identity that shows its figures.
fn agent(world: &World, ca: &Ca, name: &str, args: &[&str]) -> (Agent, u16) {
    ca.issue(world, name);
    let port = free_port();
    let addr = format!("127.0.0.1:{port}");
    let all: Vec<_> = args.iter().copied().chain(["--metrics", &addr]).collect();
    (world.agent(name, &all).started(), port)
}

/// A network of as many agents, that see each other.
fn network(world: &World, count: usize) -> Vec<(Agent, u16)> {
    let ca = Ca::init(world, "ca");
    let mut agents = vec![agent(world, &ca, "node0", &[])];
    let seed = agents[0].0.addr.clone();
    agents.extend((1..count).map(|n| agent(world, &ca, &format!("node{n}"), &["--seed-addr", &seed])));
    agents.iter().for_each(|(agent, _)| agent.sees_live(world, count));
    agents
}

/// All values of `/metrics`, by name and labels as they stand there.
type Figures = BTreeMap<String, f64>;

fn figures(port: u16) -> Figures {
    let text = get(port, "/metrics").unwrap().body;
    let values = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    values.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

fn at(figures: &Figures, name: &str) -> f64 {
    figures.get(name).copied().unwrap_or_else(|| panic!("no {name} in {figures:#?}"))
}

fn list(world: &World) -> Vec<Value> {
    json_lines(&world.ok(&["metrics", "--list", "--json"]))
}

#[test]
fn a_running_agent_tells_every_metric_of_the_list_and_no_other() {
    let world = World::new();
    let (agent, port) = agent(&world, &Ca::init(&world, "ca"), "node", &[]);
    let answer = get(port, "/metrics").unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"), "{answer:?}");
    assert!(answer.body.ends_with("# EOF\n"));
    let told: Vec<[String; 3]> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let units = ["bytes", "seconds"].into_iter().filter(|unit| name.ends_with(&format!("_{unit}")));
            let unit = units.map(str::to_owned).next().unwrap_or_default();
            let total = if kind == "counter" { "_total" } else { "" };
            [format!("{name}{total}"), kind.to_owned(), unit]
        })
        .collect();
    let text = |metric: &Value, key: &str| metric[key].as_str().unwrap().to_owned();
    let listed: Vec<_> =
        list(&world).iter().map(|m| ["name", "type", "unit"].map(|key| text(m, key))).collect();
    assert_eq!(told, listed);
    // The tool tells the same by another way.
    let rows = agent.ask(&world, "metrics", &[]);
    let names: std::collections::BTreeSet<_> =
        figures(port).keys().map(|name| name.split('{').next().unwrap().to_owned()).collect();
    let tools: std::collections::BTreeSet<_> = rows.iter().map(|row| text(row, "name")).collect();
    assert_eq!(names, tools);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md")).unwrap();
    assert!(listed.iter().all(|[name, ..]| page.contains(&format!("| `{name}` |"))));
}

#[test]
fn figures_say_what_happened() {
    let world = World::new();
    let mut agents = network(&world, 3);
    let (crashed, _) = agents.pop().unwrap();
    let id = crashed.id.clone();
    drop(crashed);
    agents.iter().for_each(|(agent, _)| agent.sees(&world, &id, "down"));
    // Of each of them, whatever its place on the rings; some only with its next ping.
    let moved = [
        "ifrit_removals_total{reason=\"down\"}",
        "ifrit_pings_sent_total",
        "ifrit_round_trip_seconds_count",
        "ifrit_round_trip_seconds_sum",
        "ifrit_signatures_verified_total{result=\"good\"}",
        "ifrit_signatures_made_total",
        "ifrit_records_total{outcome=\"new\"}",
        "ifrit_sent_bytes_total{purpose=\"pings\"}",
        "ifrit_received_bytes_total{purpose=\"pings\"}",
        "ifrit_sent_bytes_total{purpose=\"records\"}",
        "ifrit_sent_bytes_total{purpose=\"hello\"}",
        "ifrit_uptime_seconds",
        "ifrit_links",
        "ifrit_neighbours",
        "ifrit_watched",
        "ifrit_delta_seconds",
        "ifrit_certificate_end_seconds",
        "ifrit_queue_limit{queue=\"links\"}",
    ];
    let stands = [
        ("ifrit_members{state=\"live\"}", 2.0),
        ("ifrit_members{state=\"down\"}", 1.0),
        ("ifrit_joined", 1.0),
    ];
    for (agent, port) in &agents {
        let wrong = |f: &Figures| -> Vec<&str> {
            let still = moved.iter().filter(|name| at(f, name) == 0.0);
            let other = stands.iter().filter(|(name, value)| at(f, name) != *value).map(|(name, _)| name);
            still.chain(other).copied().collect()
        };
        wait_or(
            &format!("the figures of {} say what happened", agent.id),
            || wrong(&figures(*port)).is_empty().then_some(()),
            || format!("{:?} in {:#?}", wrong(&figures(*port)), figures(*port)),
        );
    }
    let all: Vec<_> = agents.iter().map(|(_, port)| figures(*port)).collect();
    for f in &all {
        let purposes: f64 =
            f.iter().filter(|(name, _)| name.starts_with("ifrit_sent_bytes")).map(|(_, bytes)| bytes).sum();
        assert!(at(f, "ifrit_udp_bytes_total{direction=\"sent\"}") > purposes, "QUIC adds to it: {f:#?}");
        let last = at(f, "ifrit_round_trip_seconds_bucket{le=\"+Inf\"}");
        assert_eq!(last, at(f, "ifrit_round_trip_seconds_count"));
        assert!(at(f, "ifrit_queue{queue=\"links\"}") <= at(f, "ifrit_queue_limit{queue=\"links\"}"));
    }
    // Only somebody missed a ping and accused: with so few members the other need not stand before the crashed one on any
    // ring, and where it does it may accuse without a miss of its own, because the member is Down by then (R6).
    for name in [
        "ifrit_pings_missed_total",
        "ifrit_accusations_made_total",
        "ifrit_accusations_received_total{outcome=\"taken\"}",
    ] {
        assert!(all.iter().map(|f| at(f, name)).sum::<f64>() > 0.0, "{name} is 0 in {all:#?}");
    }
    // Requests, by their purpose.
    let [(first, port), (second, _)] = &agents[..] else { panic!("two are left") };
    assert_eq!(first.ask(&world, "send", &[&second.id, "hello"])[0]["text"], "hello");
    let f = figures(*port);
    assert_eq!(f["ifrit_requests_total{direction=\"sent\"}"], 1.0);
    assert!(f["ifrit_sent_bytes_total{purpose=\"requests\"}"] >= 5.0);
    assert!(f["ifrit_received_bytes_total{purpose=\"requests\"}"] >= 5.0);
}

#[test]
fn healthy_is_who_answers_and_ready_who_has_joined() {
    let world = World::new();
    let (first, port) = agent(&world, &Ca::init(&world, "ca"), "first", &[]);
    wait_for("it is ready", || (get(port, "/readyz")?.status == 200).then_some(()));
    assert_eq!(get(port, "/healthz").unwrap().body, "ok\n");
    // Nobody is where this one was sent, so that it has not joined.
    drop(first);
    let ca = Ca { dir: world.path("ca").to_str().unwrap().to_owned(), port: 0, process: None };
    let (_lost, port) = agent(&world, &ca, "lost", &["--seed-addr", "127.0.0.1:1"]);
    let answer = get(port, "/readyz").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (503, "not joined yet\n"));
    assert_eq!(get(port, "/healthz").unwrap().status, 200);
}

#[test]
fn only_reading_is_answered_and_connections_are_bounded() {
    let world = World::new();
    let (_agent, port) = agent(&world, &Ca::init(&world, "ca"), "node", &[]);
    assert_eq!(ask(port, "POST", "/metrics", &["Content-Length: 0"]).unwrap().status, 405);
    assert_eq!(get(port, "/").unwrap().status, 404);
    assert_eq!(get(port, "/metrics").unwrap().header("cache-control"), Some("no-store"));
    let mut endless = TcpStream::connect(("127.0.0.1", port)).unwrap();
    while endless.write_all(&[b'x'; 4096]).is_ok() {}
    let silent: Vec<_> = (0..32).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    wait_for("one too many is turned away", || get(port, "/healthz").is_none().then_some(()));
    drop(silent);
    wait_for("there is room again", || get(port, "/healthz"));
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_else() {
    let world = World::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let dir = world.path("node");
    let done = world.run(&["agent", "--dir", dir.to_str().unwrap(), "--metrics", &addr]);
    done.expect_code(1).says(&[&addr, "--metrics"]);
}

#[test]
fn a_quiet_cluster_is_silent_at_info() {
    let world = World::new();
    let agents = network(&world, 3);
    let pings = |f: &Figures| at(f, "ifrit_pings_sent_total");
    // What has been told for good reason: on an overloaded machine somebody may be late just now.
    let told = || -> Vec<f64> {
        let notices = |f: Figures| f.into_iter().filter(|(name, _)| name.starts_with("ifrit_notices"));
        agents.iter().flat_map(|(_, port)| notices(figures(*port))).map(|(_, count)| count).collect()
    };
    let logs =
        || -> Vec<String> { agents.iter().map(|(agent, _)| agent.process.output()[1].clone()).collect() };
    wait_or(
        "a stretch in which nothing happens, and nothing is logged",
        || {
            let (before, log) = (told(), logs());
            let start: Vec<_> = agents.iter().map(|(_, port)| pings(&figures(*port))).collect();
            wait_for("everybody has pinged", || {
                let all = agents.iter().zip(&start);
                all.into_iter().all(|((_, port), start)| pings(&figures(*port)) > start + 20.0).then_some(())
            });
            let (now, logged) = (told(), logs());
            (now == before).then(|| assert_eq!(logged, log))
        },
        || format!("{:#?}", logs()),
    );
}
