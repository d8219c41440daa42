//! Hosts on one machine: a network namespace each, with a cable (veth) to a switch (bridge) in a namespace of its own.
//!
//! ```text
//!   host 0  10.77.0.1 ──┐
//!   host 1  10.77.0.2 ──┤ bridge in the hub, where 10.77.0.254 is the CA
//!   ...                 ┘
//! ```
//! What a network does to packets is done by nft where they come in, so a cut may be one-way.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
};

/// Where the CA is.
pub(crate) const HUB: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);

/// Namespaces of this process, until dropped.
pub(crate) struct Lab {
    count: usize,
}

/// What happens to packets that come in at one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    /// Hosts whose packets it does not get.
    pub(crate) deaf_to: Vec<usize>,
    /// So many of a hundred UDP packets are lost.
    pub(crate) loss: u8,
}

/// Why there can be no lab here; `None` if there can.
pub(crate) fn missing() -> Option<String> {
    remove_leftovers();
    let probe = namespace("probe");
    let tried = run("ip", &["netns", "add", &probe])
        .and_then(|_| nft(&probe, &rules(&Weather { deaf_to: vec![0], loss: 1 })));
    let _ = run("ip", &["netns", "del", &probe]);
    tried.err()
}

fn namespace(name: &str) -> String {
    format!("ifrit-{}-{name}", std::process::id())
}

fn host_name(host: usize) -> String {
    namespace(&host.to_string())
}

pub(crate) fn ip(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, host as u8 + 1)
}

pub(crate) fn addr(host: usize, port: u16) -> SocketAddr {
    (ip(host), port).into()
}

/// Those of processes that were killed before they could tidy up.
fn remove_leftovers() {
    for name in run("ip", &["netns", "list"]).unwrap_or_default().lines() {
        let name = name.split(' ').next().unwrap_or_default();
        let pid = name.strip_prefix("ifrit-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            for pid in run("ip", &["netns", "pids", name]).unwrap_or_default().lines() {
                let _ = run("kill", &["-9", pid]);
            }
            let _ = run("ip", &["netns", "del", name]);
        }
    }
}

impl Lab {
    pub(crate) fn new(count: usize) -> Self {
        let (lab, hub) = (Self { count }, namespace("hub"));
        must(&["netns", "add", &hub]);
        must(&["-n", &hub, "link", "add", "switch", "type", "bridge"]);
        must(&["-n", &hub, "addr", "add", &format!("{HUB}/24"), "dev", "switch"]);
        must(&["-n", &hub, "link", "set", "switch", "up"]);
        for host in 0..count {
            let (name, port) = (host_name(host), format!("port{host}"));
            must(&["netns", "add", &name]);
            must(&[
                "link", "add", "eth0", "netns", &name, "type", "veth", "peer", "name", &port, "netns", &hub,
            ]);
            must(&["-n", &hub, "link", "set", &port, "master", "switch", "up"]);
            must(&["-n", &name, "addr", "add", &format!("{}/24", ip(host)), "dev", "eth0"]);
            ["lo", "eth0"].iter().for_each(|link| must(&["-n", &name, "link", "set", link, "up"]));
        }
        lab
    }

    /// `command` on a host.
    pub(crate) fn on(&self, host: usize, command: &Command) -> Command {
        inside(&host_name(host), command)
    }

    /// `command` where the CA is.
    pub(crate) fn in_hub(&self, command: &Command) -> Command {
        inside(&namespace("hub"), command)
    }

    pub(crate) fn set(&self, host: usize, weather: &Weather) {
        nft(&host_name(host), &rules(weather)).unwrap_or_else(|error| panic!("host {host}: {error}"));
    }

    /// Packets that the weather has taken from a host since it was set.
    pub(crate) fn taken(&self, host: usize) -> u64 {
        let listed = run("ip", &["netns", "exec", &host_name(host), "nft", "-j", "list", "counters"]);
        let listed: serde_json::Value = serde_json::from_str(&listed.expect("nft lists")).expect("JSON");
        let counters = listed["nftables"].as_array().expect("a list");
        counters.iter().filter_map(|item| item["counter"]["packets"].as_u64()).sum()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let hosts = (0..self.count).map(host_name);
        for name in hosts.chain([namespace("hub")]) {
            // Of the lab that could not be made whole some are missing.
            let _ = run("ip", &["netns", "del", &name]);
        }
    }
}

fn rules(weather: &Weather) -> String {
    let deaf = weather.deaf_to.iter().map(|host| ip(*host).to_string()).collect::<Vec<_>>().join(", ");
    let cut = if deaf.is_empty() {
        String::new()
    } else {
        format!("ip saddr {{ {deaf} }} counter name taken drop")
    };
    let lost = match weather.loss {
        0 => String::new(),
        loss => format!("meta l4proto udp numgen random mod 100 < {loss} counter name taken drop"),
    };
    // The first line makes the second one work when there is none yet.
    format!(
        "table inet weather {{ }}
         delete table inet weather
         table inet weather {{
           counter taken {{ }}
           chain incoming {{
             type filter hook input priority 0;
             iifname != \"eth0\" accept
             {cut}
             {lost}
           }}
         }}\n"
    )
}

fn nft(namespace: &str, rules: &str) -> Result<(), String> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, "nft", "-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("ip: {error}"))?;
    let stdin = child.stdin.take();
    let told = stdin.map_or(Ok(()), |mut stdin| stdin.write_all(rules.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("nft: {error}"))?;
    match told {
        Ok(()) if output.status.success() => Ok(()),
        _ => Err(format!("nft: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn inside(namespace: &str, command: &Command) -> Command {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
    command.get_envs().for_each(|(key, value)| match value {
        Some(value) => drop(inside.env(key, value)),
        None => drop(inside.env_remove(key)),
    });
    inside
}

fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn must(args: &[&str]) {
    run("ip", args).unwrap_or_else(|error| panic!("{error}"));
}
