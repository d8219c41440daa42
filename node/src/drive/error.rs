//! What can go wrong, and what to do about it.

use crate::{
    enrol::EnrolError, identity::IdentityError, node::NodeError, open::OpenError, store::StoreError,
};
use ifrit_core::event::Refused;
use std::{io, net::SocketAddr, path::PathBuf};

/// The member has stopped: [`Client::stop`](super::Client::stop) or `leave` was called, or its runtime has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the member has stopped: start a new one")]
pub struct Stopped;

/// Why a command was not carried out. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The member has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The member refused it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Why a member was not started. Nothing runs, the socket is closed and the directory unlocked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Neither an identity nor a directory.
    #[error(
        "no identity: give identity(..), data_dir(..) with an invite(..) the first time, or open_network(..)"
    )]
    NoIdentity,
    /// The directory holds no identity and there is no invite, or its files are damaged, or the certificate has ended.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Another process has the port.
    #[error("{0} is in use: stop the process that has it, or bind to another port (0 picks a free one)")]
    PortInUse(SocketAddr),
    /// The socket cannot be made.
    #[error("cannot bind {addr}: {source}")]
    Bind {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Bound to every interface, so that nobody knows which address to tell others.
    #[error("bound to every interface ({0}): say with advertise(..) where others reach this member")]
    NoAdvertised(SocketAddr),
    /// The directory is locked, or cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Enrolment failed.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// There is no such open network.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The member cannot be made: certificate, key, clock or limits.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// What is to hold the record is there already, and not an empty file.
    #[error("{} is there already: name another file to record to, or remove it", .0.display())]
    RecordExists(PathBuf),
    /// The file for the record cannot be made.
    #[error("cannot record to {}: {source}", path.display())]
    Record {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    NoRandomness,
    /// The runtime is not running, or is just ending.
    #[error("the async runtime is not running: call start() inside of it")]
    NoRuntime,
}

impl StartError {
    pub(super) fn bind(addr: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            return Self::PortInUse(addr);
        }
        Self::Bind { addr, source }
    }

    pub(super) fn record(path: PathBuf, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AlreadyExists {
            return Self::RecordExists(path);
        }
        Self::Record { path, source }
    }
}
