//! Why an agent does not start, in the words of the command line, and whose fault it is.

use crate::{error::bad_input, settings::agent::AgentSettings};
use ifrit_core::config::ConfigError;
use ifrit_node::{
    enrol::EnrolError, identity::IdentityError, node::NodeError, open::OpenError, store::StoreError,
};
use ifrit_tokio::StartError;

pub(super) fn explain_start(error: StartError, settings: &AgentSettings) -> anyhow::Error {
    let dir = settings.dir.display();
    match error {
        StartError::Identity(IdentityError::Missing(_)) => bad_input(format!(
            "{dir} holds no identity: enrol with --join INVITE (`ifrit ca invite` writes one), or let the CA issue one \
             into it (`ifrit ca issue --out {dir}`); --open FILE joins a network without a CA"
        )),
        StartError::PortInUse(addr) => anyhow::anyhow!(
            "{addr} is in use: stop the process that has it, or --listen on another port (0 takes any free one)"
        ),
        StartError::NoAdvertised(addr) => bad_input(format!(
            "{addr} is every interface: say with --advertise where the others reach this member"
        )),
        StartError::Bind { addr, source } => anyhow::Error::new(source)
            .context(format!("cannot listen on {addr}: give --listen an address of this machine")),
        error if is_bad_input(&error) => bad_input(error.to_string()),
        error => error.into(),
    }
}

/// Whether the same command fails again, until somebody gives another invite, repairs a file or sets the clock.
fn is_bad_input(error: &StartError) -> bool {
    match error {
        StartError::Identity(_)
        | StartError::Open(OpenError::Pem(_) | OpenError::Root(_) | OpenError::NotOpen(_))
        | StartError::Store(StoreError::Identity(_) | StoreError::Newer { .. })
        | StartError::Node(NodeError::Config(ConfigError::Revoked(_)))
        | StartError::RecordExists(_)
        | StartError::Record { .. } => true,
        StartError::Enrol(error) => matches!(
            error,
            EnrolError::Invite(_)
                | EnrolError::WrongFingerprint { .. }
                | EnrolError::Clock(_)
                | EnrolError::UnknownInvite
                | EnrolError::ExpiredInvite
                | EnrolError::UsedUpInvite
                | EnrolError::Revoked
                | EnrolError::WithdrawnInvite
        ),
        _ => false,
    }
}
