//! A network of five hosts that lives through what networks do: cuts, loss, delay, restarts, an upgrade. Real processes, each in
//! a network namespace of its own; real packets, dropped by nft. Needs root, `ip` and `nft`, and says so where they are missing.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

#[path = "../common/mod.rs"]
mod common;
mod hosts;
mod relay;

use common::{Agent, Ca, Process, World, ifrit, wait_or};
use hosts::{HUB, Lab, Weather, addr};
use relay::{INSIDE, OUTSIDE, Relay};
use serde_json::Value;
use std::{
    io::Write,
    time::{Duration, Instant},
};

const HOSTS: usize = 5;
/// Packets that a host must have lost before loss counts as borne: some 150 have come in by then.
const LOST: u64 = 30;
/// What a relay adds to each way.
const DELAY: Duration = Duration::from_millis(25);
/// Pings that must have taken so long.
const LONG_TRIPS: u64 = 100;

/// The test is one story, for each part begins where the one before has ended; this is who plays in it.
struct Site<'a> {
    lab: &'a Lab,
    world: &'a World,
    agents: Vec<Agent>,
    relays: Vec<Relay>,
    /// `ifrit monitor` of every agent that ever ran: what was ever seen is in their output.
    monitors: Vec<(usize, Process)>,
}

#[test]
fn a_relay_is_a_role_of_this_executable() {
    relay::play();
}

#[test]
fn five_hosts_live_through_what_networks_do() {
    if let Some(why) = hosts::missing() {
        // Not captured by the harness, unlike what `eprintln` prints.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: no network namespaces with nft here ({why}): NOT TESTED");
        return;
    }
    let lab = Lab::new(HOSTS);
    let world = World::new();
    let mut site = step("join of five", || Site::joined(&lab, &world));
    step("20 % loss", || site.loss());
    step("50 ms round trips", || site.delay());
    step("one-way cut and heal", || site.one_way_cut());
    // After it each lets those of the other side no longer watch it, for they accused it with right: so it comes late.
    step("partition 2|3 and heal", || site.partition());
    step("rolling restart of all", || site.roll(None));
    step("upgrade of all, one by one", || site.upgrade());
}

/// Says how long it took.
fn step<T>(name: &str, step: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = step();
    eprintln!("{name}: {:.1} s", started.elapsed().as_secs_f32());
    done
}

impl<'a> Site<'a> {
    fn joined(lab: &'a Lab, world: &'a World) -> Self {
        let dir = world.path("ca").to_str().unwrap().to_owned();
        // Few rings make a member known to be silent soon; a long delta bears a busy machine.
        world.ok(&["ca", "init", "--dir", &dir, "--members", "8", "--preset", "local", "--delta", "2s"]);
        let mut serve = ifrit();
        serve.args(["ca", "serve", "--json", "--dir", &dir, "--listen", &format!("{HUB}:8300")]);
        let process = Process::spawn(world, "ca", lab.in_hub(&serve), "");
        wait_or(
            "the CA answers",
            || process.output()[0].contains("serving").then_some(()),
            || process.output().concat(),
        );
        let ca = Ca { dir, port: 8300, process: Some(process) };
        let invite = ca.invite(world, &["--uses", &HOSTS.to_string()]);
        let relays = (0..HOSTS).map(|host| Relay::start(lab, host)).collect();
        let mut site = Self { lab, world, agents: Vec::new(), relays, monitors: Vec::new() };
        for host in 0..HOSTS {
            let agent = site.start(host, &["--join", &invite], None);
            site.agents.push(agent);
        }
        // The CA goes: nobody needs it any more.
        drop(ca);
        site.all_live();
        (0..HOSTS).for_each(|host| site.watch(host));
        site
    }

    /// Starts the agent of a host. The others reach it through its relay.
    fn start(&self, host: usize, args: &[&str], minor: Option<u16>) -> Agent {
        let mut command = ifrit();
        if let Some(minor) = minor {
            command.env("IFRIT_TEST_MINOR", minor.to_string());
        }
        let (listen, advertise) = (addr(host, INSIDE).to_string(), addr(host, OUTSIDE).to_string());
        let all = [&["--listen", &listen, "--advertise", &advertise], args].concat();
        let command = self.lab.on(host, &command);
        self.world.agent_by(command, &format!("host{host}"), &all).started()
    }

    /// Watches what the agent of a host tells from now on.
    fn watch(&mut self, host: usize) {
        let args = ["monitor", "--json", "--dir", self.agents[host].dir()];
        let monitor = Process::start(self.world, &format!("monitor{host}"), &args);
        self.monitors.push((host, monitor));
        self.tells("it watches", |by, event| by == host && event["event"] == "watching");
    }

    /// All that was ever told, with the host that told it.
    fn told(&self) -> Vec<(usize, Value)> {
        let of = |(host, monitor): &(usize, Process)| {
            monitor.lines().into_iter().map(|event| (*host, event)).collect::<Vec<_>>()
        };
        self.monitors.iter().flat_map(of).collect()
    }

    fn tells(&self, what: &str, wanted: impl Fn(usize, &Value) -> bool) {
        wait_or(
            what,
            || self.told().iter().any(|(host, event)| wanted(*host, event)).then_some(()),
            || format!("{:#?}", self.agents.iter().map(|agent| agent.process.output()).collect::<Vec<_>>()),
        );
    }

    /// Everybody sees everybody live.
    fn all_live(&self) {
        self.agents.iter().for_each(|agent| agent.sees_live(self.world, HOSTS));
    }

    /// Runs a part in which nobody may be seen down, or gray, by anybody.
    fn nobody_goes_out(&mut self, part: impl FnOnce(&mut Self)) {
        let out = |site: &Self| {
            let told = site.told().into_iter();
            told.filter(|(_, event)| event["event"] == "down" || event["event"] == "gray").collect::<Vec<_>>()
        };
        let before = out(self).len();
        part(self);
        let out = out(self);
        assert_eq!(out.len(), before, "seen out: {:#?}", out.last());
    }

    /// Each side goes on by itself and knows that the other is gone; then they are one again, without a word of anybody's.
    fn partition(&self) {
        let sides = [&[0, 1][..], &[2, 3, 4]];
        for (side, other) in [(sides[0], sides[1]), (sides[1], sides[0])] {
            let weather = Weather { deaf_to: other.to_vec(), loss: 0 };
            side.iter().for_each(|host| self.lab.set(*host, &weather));
        }
        let part = Instant::now();
        for (side, other) in [(sides[0], sides[1]), (sides[1], sides[0])] {
            for by in side {
                let gone = other.iter().map(|host| &self.agents[*host].id);
                gone.for_each(|id| self.agents[*by].sees(self.world, id, "down"));
                self.agents[*by].sees_live(self.world, side.len());
            }
        }
        eprintln!("  known on both sides after {:.1} s", part.elapsed().as_secs_f32());
        let heal = Instant::now();
        self.fine_weather();
        self.all_live();
        eprintln!("  healed after {:.1} s", heal.elapsed().as_secs_f32());
    }

    /// One host does not hear one that it watches: it accuses, which is answered through the others; and the other way round.
    fn one_way_cut(&mut self) {
        let (deaf, unheard) = self.pair();
        self.nobody_goes_out(|site| {
            site.lab.set(deaf, &Weather { deaf_to: vec![unheard], loss: 0 });
            let [accuser, accused] = [deaf, unheard].map(|host| site.agents[host].id.clone());
            // What was said before the cut was of lower epochs.
            let epoch = site.agents[unheard].epoch_of(site.world, &accused);
            let of_epoch = |event: &Value| event["epoch"].as_u64();
            for witness in (0..HOSTS).filter(|host| ![deaf, unheard].contains(host)) {
                site.tells("the accusation is seen", |by, event| {
                    let evidence = &event["evidence"];
                    let is_it = evidence["accuser"] == accuser && evidence["accused"] == accused;
                    by == witness && event["event"] == "accused" && is_it && of_epoch(event) >= Some(epoch)
                });
                site.tells("the answer is seen", |by, event| {
                    let is_it = event["event"] == "rebutted" && event["member"] == accused;
                    by == witness && is_it && of_epoch(event) > Some(epoch)
                });
            }
            assert!(site.lab.taken(deaf) > 0);
            site.fine_weather();
            site.all_live();
        });
    }

    /// Two hosts of which the first watches the second, and both watch others more than each other: who hears none of those it
    /// watches would say that its own links are bad, and would be right.
    fn pair(&self) -> (usize, usize) {
        let watched = |by: usize, of: usize| {
            let why = &self.agents[by].ask(self.world, "explain", &[&self.agents[of].id])[0];
            let watchers = why["watchers"].as_array().unwrap().iter();
            watchers.filter(|watcher| watcher["id"] == self.agents[by].id).count()
        };
        let rings: Vec<Vec<usize>> =
            (0..HOSTS).map(|by| (0..HOSTS).map(|of| watched(by, of)).collect()).collect();
        let percent = |by: usize, of: usize| 100 * rings[by][of] / rings[by].iter().sum::<usize>().max(1);
        let pairs = (0..HOSTS).flat_map(|a| (0..HOSTS).map(move |b| (a, b)));
        let fit = pairs.filter(|&(a, b)| a != b && rings[a][b] > 0);
        fit.min_by_key(|&(a, b)| percent(a, b).max(percent(b, a))).expect("each of five watches somebody")
    }

    fn loss(&mut self) {
        self.nobody_goes_out(|site| {
            (0..HOSTS).for_each(|host| site.lab.set(host, &Weather { deaf_to: Vec::new(), loss: 20 }));
            for host in 0..HOSTS {
                wait_or(
                    "a host has lost enough",
                    || (site.lab.taken(host) >= LOST).then_some(()),
                    || format!("{} packets", site.lab.taken(host)),
                );
            }
            site.fine_weather();
            site.all_live();
        });
    }

    fn fine_weather(&self) {
        (0..HOSTS).for_each(|host| self.lab.set(host, &Weather::default()));
    }

    /// As between countries: everything goes on, only slower.
    fn delay(&mut self) {
        self.nobody_goes_out(|site| {
            site.relays.iter_mut().for_each(|relay| relay.delay(DELAY));
            let before = site.long_trips();
            wait_or(
                "round trips are that long",
                || (site.long_trips() >= before + LONG_TRIPS).then_some(()),
                || format!("{} of {LONG_TRIPS}", site.long_trips() - before),
            );
            site.all_live();
            site.relays.iter_mut().for_each(|relay| relay.delay(Duration::ZERO));
        });
    }

    /// Pings of all whose pong took 50 ms, which is a bound of the histogram, or longer.
    fn long_trips(&self) -> u64 {
        let of = |agent: &Agent| {
            let figures = agent.ask(self.world, "metrics", &[]);
            let figure = |name: &str, le: Option<&str>| {
                let mut rows = figures.iter().filter(|row| row["name"] == name);
                let row = rows.find(|row| row["labels"]["le"].as_str() == le);
                row.unwrap_or_else(|| panic!("no {name} in {figures:#?}"))["value"].as_f64().unwrap() as u64
            };
            let all = figure("ifrit_round_trip_seconds_count", None);
            all - figure("ifrit_round_trip_seconds_bucket", Some("0.05"))
        };
        self.agents.iter().map(of).sum()
    }

    /// Stops and starts one after the other, each when all see the one before again.
    fn roll(&mut self, minor: Option<u16>) {
        self.nobody_goes_out(|site| (0..HOSTS).for_each(|host| site.restart(host, minor)));
    }

    fn restart(&mut self, host: usize, minor: Option<u16>) {
        let id = self.agents[host].id.clone();
        let others = || (0..HOSTS).filter(|other| *other != host);
        let epoch = |site: &Self, by: usize| site.agents[by].epoch_of(site.world, &id);
        let before = others().map(|by| epoch(self, by)).max();
        self.agents[host].process.signal("-TERM");
        assert_eq!(self.agents[host].process.wait(), Some(0));
        self.agents[host] = self.start(host, &[], minor);
        assert_eq!(self.agents[host].id, id);
        self.watch(host);
        for by in others() {
            wait_or(
                "it is seen again",
                || (Some(epoch(self, by)) > before).then_some(()),
                || format!("{:#?}", self.agents[by].ask(self.world, "explain", &[&id])),
            );
        }
        self.all_live();
    }

    /// A new build with the next minor version of the wire: members of both live together, and talk, until all are new.
    fn upgrade(&mut self) {
        self.nobody_goes_out(|site| {
            for host in 0..HOSTS {
                site.restart(host, Some(1));
                // The last that is still old, or the first new one.
                let other = if host == HOSTS - 1 { 0 } else { HOSTS - 1 };
                for (from, to) in [(host, other), (other, host)] {
                    let reply = site.agents[from].ask(site.world, "send", &[&site.agents[to].id, "hello"]);
                    assert_eq!(reply[0]["text"], "hello", "{reply:#?}");
                }
                // The request was over a link, so each knows what the other speaks.
                let minor = |by: usize, of: usize| {
                    site.agents[by].ask(site.world, "explain", &[&site.agents[of].id])[0]["minor"].as_u64()
                };
                assert_eq!(minor(other, host), Some(1));
                assert_eq!(minor(host, other), Some(u64::from(host == HOSTS - 1)));
            }
        });
    }
}
