//! The agent's page: who gets it, what it may do, and how it looks.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

#[path = "../../../sim/tests/report/browser.rs"]
#[expect(dead_code, reason = "nobody prints this page")]
mod browser;
mod common;

use browser::{Browser, Scheme, WIDTH};
use common::{Agent, Ca, World, free_port, http::ask, json_lines, wait_for, wait_or};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

/// An agent with a page.
fn agent(world: &World, ca: &Ca, name: &str, args: &[&str]) -> (Agent, u16) {
    ca.issue(world, name);
    let port = free_port();
    let text = port.to_string();
    let all: Vec<_> = args.iter().copied().chain(["--web", &text]).collect();
    (world.agent(name, &all).started(), port)
}

/// The address to open, as the tool prints it.
fn url(world: &World, agent: &Agent) -> String {
    wait_for("the page is there", || {
        let done = world.run(&["web", "--json", "--dir", agent.dir()]);
        Some(json_lines(&done.stdout).first()?["url"].as_str()?.to_owned())
    })
}

fn token(url: &str) -> &str {
    url.split_once("?token=").unwrap().1
}

fn bearer(url: &str) -> String {
    format!("Authorization: Bearer {}", token(url))
}

#[test]
fn only_who_has_the_token_sees_the_page() {
    let world = World::new();
    let (agent, port) = agent(&world, &Ca::init(&world, "ca"), "node", &[]);
    let url = url(&world, &agent);
    let get = |path: &str, headers: &[&str]| ask(port, "GET", path, headers).unwrap();
    // Nothing of the member is told to others.
    let wrong = format!("/?token={}", "0".repeat(64));
    let bad_cookie = format!("Cookie: ifrit-{port}={}", "0".repeat(64));
    let tries: [(&str, &[&str]); 5] = [
        ("/", &[]),
        (&wrong, &[]),
        ("/?token=", &[]),
        ("/", &[&bad_cookie]),
        ("/", &["Authorization: Bearer x"]),
    ];
    for (path, headers) in tries {
        let answer = get(path, headers);
        assert_eq!(answer.status, 401, "{path} {headers:?}");
        assert!(!answer.body.contains(&agent.id[..10]) && answer.header("set-cookie").is_none());
    }
    // The token in the address is traded for a cookie that no script and no other page can use.
    let traded = get(&format!("/?token={}", token(&url)), &[]);
    assert_eq!((traded.status, traded.header("location")), (303, Some("/")));
    let cookie = traded.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");
    let cookie = format!("Cookie: other=1; ifrit-{port}={}", token(&url));
    for headers in [&[cookie.as_str()][..], &[bearer(&url).as_str()]] {
        let page = get("/", headers);
        assert_eq!(page.status, 200);
        assert!(page.body.contains(&agent.id));
    }
    let good = bearer(&url);
    assert_eq!(get("/other", &[&good]).status, 404);
    assert_eq!(ask(port, "POST", "/", &[&good, "Content-Length: 0"]).unwrap().status, 405);
    // The token is nowhere but in its file, which only its owner reads.
    let file = agent.dir.join("web.token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!agent.process.output().concat().contains(token(&url)), "the log does not tell it");
}

#[test]
fn a_page_of_somebody_else_s_name_is_refused() {
    let world = World::new();
    let (agent, port) = agent(&world, &Ca::init(&world, "ca"), "node", &[]);
    let good = bearer(&url(&world, &agent));
    let host = |host: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\n{good}\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!((host("localhost:1"), host("evil.example")), ("200".to_owned(), "421".to_owned()));
}

#[test]
fn the_page_lets_nothing_in_and_is_not_kept() {
    let world = World::new();
    let (agent, port) =
        agent(&world, &Ca::init(&world, "ca"), "node", &["--name", "<script>alert(1)</script>"]);
    let url = url(&world, &agent);
    let page = ask(port, "GET", "/", &[&bearer(&url)]).unwrap();
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    for (header, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "deny"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(page.header(header), Some(value), "{header}");
    }
    for never in ["<script", "http:", "https:", "<link", "<img", "@import", "url(h", "style=", "onload"] {
        assert!(!page.body.contains(never), "the page has {never}");
    }
    assert!(page.body.contains("&lt;script&gt;alert(1)"), "a name is text");
    // Answers to strangers are as strict.
    let refused = ask(port, "GET", "/", &[]).unwrap();
    assert!(
        refused.header("content-security-policy").is_some()
            && refused.header("cache-control") == Some("no-store")
    );
}

#[test]
fn a_page_is_off_unless_asked_for_stays_on_loopback_and_ends_with_the_agent() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "plain");
    let plain = world.agent("plain", &[]).started();
    world.run(&["web", "--dir", plain.dir()]).expect_code(2).says(&["no page", "--web"]);
    ca.issue(&world, "open");
    world.agent("open", &["--web", "0.0.0.0:0"]).process.fails(2, &["loopback", "ssh -L"]);
    let (mut agent, port) = agent(&world, &ca, "node", &[]);
    let old = url(&world, &agent);
    agent.process.signal("-TERM");
    agent.process.wait();
    assert!(!agent.dir.join("web.token").exists());
    world.run(&["web", "--dir", agent.dir()]).expect_code(1).says(&["no agent runs"]);
    // The next run has a token of its own.
    let agent = world.agent("node", &["--web", &port.to_string()]).started();
    let new = url(&world, &agent);
    assert_eq!(ask(port, "GET", "/", &[&bearer(&old)]).unwrap().status, 401);
    assert_eq!(ask(port, "GET", "/", &[&bearer(&new)]).unwrap().status, 200);
    // One that was killed leaves its token, and a run without a page has none.
    drop(agent);
    let agent = world.agent("node", &[]).started();
    world.run(&["web", "--dir", agent.dir()]).expect_code(2).says(&["no page"]);
}

/// A network in which somebody has crashed, seen by one that has a page with its first curves.
fn eventful(world: &World) -> (Vec<Agent>, u16, String) {
    let ca = Ca::init(world, "ca");
    let (first, port) = agent(world, &ca, "node0", &["--name", "first", "--tags", "role=db"]);
    let mut agents = vec![first];
    for n in 1..6 {
        let name = format!("node{n}");
        ca.issue(world, &name);
        let (seed, called) = (agents[0].addr.clone(), format!("web-{n}"));
        let args = ["--seed-addr", &seed, "--name", &called, "--tags", "zone=eu"];
        agents.push(world.agent(&name, &args).started());
    }
    agents[0].sees_live(world, 6);
    let gone = agents.pop().unwrap();
    let id = gone.id.clone();
    drop(gone);
    agents[0].sees(world, &id, "down");
    let url = url(world, &agents[0]);
    wait_for("the first curves", || {
        ask(port, "GET", "/", &[&bearer(&url)])?.body.contains("<polyline").then_some(())
    });
    (agents, port, url)
}

#[test]
fn the_page_shows_members_rings_trouble_and_traffic_light_and_dark() {
    let world = World::new();
    let (agents, port, url) = eventful(&world);
    let ids = agents.iter().map(|agent| agent.id.as_str());
    let parts = [
        "web-1",
        "zone=eu",
        "(this agent)",
        "✗ down",
        "Accusations and rebuttals",
        "Round trip",
        "all UDP",
        "5</span>",
    ];
    let parts: Vec<_> = parts.into_iter().chain(ids).collect();
    let page = || ask(port, "GET", "/", &[&bearer(&url)]).unwrap().body;
    // All five live: on a busy machine one may be late just now.
    let page = wait_or(
        "the page shows it all",
        || Some(page()).filter(|page| parts.iter().all(|part| page.contains(part))),
        || {
            let page = page();
            let missing: Vec<_> = parts.iter().filter(|part| !page.contains(**part)).collect();
            format!("{missing:?} is missing in\n{page}")
        },
    );
    assert_eq!(page.matches("class=\"ring\"").count(), 12, "the first rings are drawn");
    let Some(browser) = Browser::find() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("KEEP_REPORTS").map_or_else(|| scratch.path().into(), PathBuf::from);
    for (scheme, paper) in [(Scheme::Light, [255, 255, 255]), (Scheme::Dark, [17, 22, 28])] {
        // As a browser gets it: the token traded for a cookie, the style let in by its hash.
        let picture = browser.see(scheme, &url, &dir.join(format!("web-{scheme:?}.png").to_lowercase()));
        assert_eq!((picture.width, picture.paper()), (WIDTH, paper), "{scheme:?}");
        assert!((0.02..0.6).contains(&picture.ink()), "{scheme:?}: {} of it is not paper", picture.ink());
        let file = dir.join(format!("web-{scheme:?}.html").to_lowercase());
        fs::write(&file, page.replace("http-equiv=\"refresh\"", "name=\"no-refresh\"")).unwrap();
        let measured = browser.measure(scheme, &file);
        let one = |kind: &str| measured.iter().find(|(of, _)| of == kind).map(|(_, what)| what.as_str());
        assert_eq!(one("dark"), Some(if scheme == Scheme::Dark { "true" } else { "false" }));
        assert_eq!(one("width"), Some(format!("{WIDTH} of {WIDTH}").as_str()), "it does not fit");
        let faults: Vec<_> = measured
            .iter()
            .filter(|(kind, _)| ["outside", "overlap", "faint", "nameless"].contains(&kind.as_str()))
            .collect();
        assert!(faults.is_empty(), "{scheme:?}: {faults:#?}");
    }
}
