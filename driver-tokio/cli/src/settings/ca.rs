//! The settings of `ifrit ca serve`.

use super::{
    kinds::{Count, HostPort, LogFilter, LogFormat},
    settings,
};
use ifrit_node::ca::CONTACTS_MAX;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

const ABOUT: &str = "\
Settings of the CA's service. `ifrit ca serve --config FILE` reads them; without --config, ifrit.toml in the CA's directory.

Each layer stands over those before it: defaults, this file, variables (IFRIT_CA_LISTEN), flags (--listen).
What the network is (rings, preset, Delta, lease) was fixed by `ifrit ca init` and does not change.";

const ELSEWHERE: &[(&str, &str)] = &[
    ("num_rings", NETWORK),
    ("rings", NETWORK),
    ("delta", NETWORK),
    ("preset", NETWORK),
    ("port", "is in `listen` here"),
    ("boot_nodes", "is `contacts` here"),
];
const NETWORK: &str = "is the network's: `ifrit ca init` fixes it";

settings! {
    /// What a CA that serves is told.
    CaSettings, variables "IFRIT_CA_", about ABOUT, elsewhere ELSEWHERE;

    "Who and where" {
        /// The CA's directory. Needed.
        dir: PathBuf = PathBuf::new(), restart, like "\"/var/lib/ifrit-ca\"";

        /// Where to listen for HTTPS.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8300)), restart, like "\"192.0.2.1:8300\"";

        /// Where newcomers reach it, if not at the address it listens on; invites carry it.
        advertise: Option<HostPort> = None, restart, like "\"ca.example:8300\"";
    }

    "Newcomers" {
        /// Members that enrolled lately which a newcomer is told of, to begin with; beside those that its invite names.
        contacts: Count<0, CONTACTS_MAX> = Count(CONTACTS_MAX), restart, like "5";
    }

    "Certificates" {
        /// How long members' certificates hold that are issued from now on; remembered.
        cert_lifetime: Option<Duration> = None, restart, like "\"90days\"";
    }

    "Log" {
        /// What is logged on stderr. `error`, `warn`, `info`, `debug` or `trace`, also per module. RUST_LOG says the same.
        log: LogFilter = LogFilter("info".to_owned()), live, like "\"debug\"";

        /// How it is logged. `text`, or `json`: one object a line.
        log_format: LogFormat = LogFormat::Text, restart, like "\"json\"";
    }
}
