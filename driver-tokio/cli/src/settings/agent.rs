//! The settings of `ifrit agent`.

use super::{
    kinds::{Bytes, Count, Endpoint, HostPort, LogFilter, LogFormat, Secret},
    settings,
};
use crate::tags::{Name, Tag};
use ifrit_core::config::Probation;
use ifrit_node::{invite::Invite, limits::Limits};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

const ABOUT: &str = "\
Settings of one Ifrit agent. `ifrit agent --config FILE` reads them; without --config, ifrit.toml in the agent's directory.

Each layer stands over those before it: defaults, this file, variables (IFRIT_LISTEN), flags (--listen).
`ifrit config show` prints what holds and where it came from, with --effective also all that follows from the network.
SIGHUP reads the layers again: what can change at once does, the log says what needs a restart.
Spans of time and sizes have units: \"500ms\", \"2m\", \"64 KiB\". Relative paths begin where the agent is started.

What is the network's is not here, for all members count on each other's: the number of rings, the preset (LAN, WAN, one
machine), Delta (within which a message reaches everybody) and the lease. They are fixed by `ifrit ca init`, and with them
how often members ping each other, after how many misses they accuse, and how long an accused member has to answer (2 Delta).
If the log says that round trips are longer than half of Delta, make a new network with --preset wan or a larger --delta.";

/// Keys of the Go library and of the network, and what to do here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("preset", NETWORK),
    ("delta", NETWORK),
    ("lease", NETWORK),
    ("members", NETWORK),
    ("rings", NETWORK),
    ("num_rings", NETWORK),
    ("byzantine", NETWORK),
    ("epsilon", NETWORK),
    ("gossip_interval", INTERVALS),
    ("view_update_interval", INTERVALS),
    ("monitor_interval", PINGS),
    ("pings_per_interval", PINGS),
    ("ping_limit", PINGS),
    ("removal_timeout", REMOVAL),
    ("dead_timeout", REMOVAL),
    ("entry_addrs", "is `seed_addr` here"),
    ("ca_addr", "is `ca` here, and seldom needed: the invite in `join` says where the CA is"),
    ("use_ca", INVITE),
    ("boot_nodes", "is `contacts` of `ifrit ca serve`"),
];
const NETWORK: &str = "is the network's, and no member changes it: `ifrit ca init` fixes it";
const INTERVALS: &str = "is no setting: records travel when they change, and how fast follows from the network's Delta \
                         (`ifrit ca init --delta`)";
const PINGS: &str = "is no setting: how often members ping and how many misses accuse follows from the network's preset \
                     and from the loss that is measured (`ifrit ca init --preset`)";
const REMOVAL: &str =
    "is no setting: an accused member always has 2 Delta to answer (`ifrit ca init --delta`)";
const INVITE: &str =
    "is not needed: the invite in `join` says where the CA is; a network without a CA is `open`";

settings! {
    /// What an agent is told.
    AgentSettings, variables "IFRIT_", about ABOUT, elsewhere ELSEWHERE;

    "Who and where" {
        /// Where it keeps key, certificate, state and control socket; made if missing. Needed. Nobody else may read it.
        dir: PathBuf = PathBuf::new(), restart, like "\"/var/lib/ifrit\"";

        /// An invite of `ifrit ca invite`; not looked at once it has enrolled. A secret: whoever holds it can become a member.
        join: Option<Secret> = None, restart, like "\"ifrit1/...\"";

        /// Where the CA answers, if it has moved since the invite was made or the identity was issued without its service; for
        /// renewals and revocations remembered. Whose CA it must be stays the invite's.
        ca: Option<HostPort> = None, restart, like "\"ca.example:8300\"";

        /// Instead of an invite, the root of a network without a CA (`ifrit ca init --open`). Whoever has it can make any number
        /// of members, so nothing is promised of such a network.
        open: Option<PathBuf> = None, restart, like "\"net/root.pem\"";

        /// A member to begin with; repeat it for more. Adds to what the invite says. Names are looked up anew at every try,
        /// for as long as none of them is a live member.
        seed_addr: Vec<HostPort> = Vec::new(), live, like "[\"192.0.2.7:8301\", \"node2.example:8301\"]";

        /// The one UDP socket; port 0 takes any free one.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8301)), restart, like "\"[::]:8301\"";

        /// Where the others reach it, if not at the address it listens on; up to 4. Port 0 stands for the one it listens on.
        /// If it listens on every interface and nothing is said, it tells the address from which it reaches the CA or a seed.
        advertise: Vec<SocketAddr> = Vec::new(), live, like "[\"203.0.113.5:8301\"]";

        /// Where `ifrit members` and the other tools reach it (mode 0600), if not at control.sock in the directory, whose path
        /// must not be longer than about 90 bytes. Give the tools this path then, as their --dir.
        control_socket: Option<PathBuf> = None, restart, like "\"/run/ifrit/control.sock\"";
    }

    "What others see" {
        /// A name for people, one word; it proves nothing, members are told apart by their ids.
        name: Option<Name> = None, live, like "\"web-1\"";

        /// What others may know of it, and filter by: KEY=VALUE; repeat it for more. With the name 512 bytes.
        tags: Vec<Tag> = Vec::new(), live, like "[\"role=db\", \"zone=eu\"]";
    }

    "Life" {
        /// Leave the network when stopped by Ctrl-C or SIGTERM. Otherwise it stops without a word: started again soon, nobody
        /// notices.
        leave_on_stop: bool = false, live, like "true";

        /// Record the run to a new file, for a replay: all that the member is told and a digest of what it does, no private
        /// key. If the disk is too slow or full the record ends, the agent does not.
        record: Option<PathBuf> = None, restart, like "\"node1.trace\"";
    }

    "Limits" {
        /// Requests of other members that are answered at a time; more are told that this one is busy. One that waits costs
        /// about 1 kB. 0: none are answered.
        handlers: Count<0, 1_000_000> = Count(Limits::default().handlers), restart, like "500";

        /// Of these for one member, so that none takes them all.
        handlers_per_member: Count<0, 1_000_000> = Count(Limits::default().handlers_per_member), restart, like "50";

        /// Time for one answer; then the caller is told that it took too long.
        handler_time: Duration = Limits::default().handler_time, restart, like "\"5s\"";

        /// Requests of this member that wait for their end at a time; more fail at once. About 300 bytes each, and their
        /// bodies, up to 64 MiB together.
        requests: Count<1, 1_000_000> = Count(Limits::default().requests), restart, like "1000";

        /// Events kept for a reader that is too slow, each tool and the log by itself; beyond, the oldest are dropped and
        /// the reader is told how many.
        events: Count<1, 1_000_000> = Count(Limits::default().events), restart, like "500";

        /// Broadcasts kept for such a reader.
        event_size: Bytes = Bytes(Limits::default().event_bytes as u64), restart, like "\"1 MiB\"";

        /// Broadcasts kept for other members that come late, for up to 10 min. 4 MiB of one author.
        broadcast_size: Bytes = Bytes(Limits::default().broadcast_kept as u64), restart, like "\"8 MiB\"";

        /// Changes of members that `ifrit explain` remembers, with their evidence. About 1 kB each.
        history: Count<0, 1_000_000> = Count(Limits::default().history), restart, like "1000";
    }

    "Gray" {
        /// For how long the pings of this member must be good before it is live again, once it was gray because its own links
        /// were bad; each further time twice as long. When a member becomes gray is the network's.
        probation: Duration = Probation::default().first, restart, like "\"10s\"";

        /// The longest. A member that was not gray for so long begins anew.
        probation_longest: Duration = Probation::default().longest, restart, like "\"10m\"";
    }

    "Observation" {
        /// Serve /metrics (OpenMetrics, for Prometheus), /healthz and /readyz over HTTP. A port alone is one of loopback. Off
        /// unless given. Whoever reaches it reads the figures: no secrets, but member ids.
        metrics: Option<Endpoint> = None, restart, like "\"127.0.0.1:8390\"";

        /// Serve a page for people over HTTP: members, rings, accusations, traffic. Read-only, of loopback only, and behind a
        /// token: `ifrit web` prints the address to open. A port is enough. Off unless given.
        web: Option<Endpoint> = None, restart, like "8391";
    }

    "Log" {
        /// What is logged on stderr. `error`, `warn`, `info`, `debug` or `trace`, also per module: "warn,ifrit=debug". RUST_LOG
        /// says the same.
        log: LogFilter = LogFilter("info".to_owned()), live, like "\"debug\"";

        /// How it is logged. `text`, or `json`: one object a line.
        log_format: LogFormat = LogFormat::Text, restart, like "\"json\"";
    }
}

impl AgentSettings {
    /// The invite, with the CA where it is now.
    pub(crate) fn invite(&self) -> Option<String> {
        let text = &self.join.as_ref()?.0;
        let invite = match (text.parse::<Invite>(), &self.ca) {
            (Ok(invite), Some(addr)) => Invite { ca: addr.0.clone(), ..invite }.to_string(),
            // What is wrong with it is told when it is used.
            _ => text.clone(),
        };
        Some(invite)
    }

    /// What the member allows itself and others.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.handlers = self.handlers.0;
        limits.handlers_per_member = self.handlers_per_member.0;
        limits.handler_time = self.handler_time;
        limits.requests = self.requests.0;
        limits.events = self.events.0;
        limits.event_bytes = self.event_size.usize();
        limits.broadcast_kept = self.broadcast_size.usize();
        limits.history = self.history.0;
        limits
    }

    /// Its way back when it was gray.
    pub(crate) fn probation(&self) -> Probation {
        Probation { first: self.probation, longest: self.probation_longest }
    }
}
