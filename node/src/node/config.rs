//! What a node is made from.

use crate::{identity::Identity, limits::Limits};
use ifrit_core::{
    config::{ConfigError, Probation, Stored},
    limits::SEEDS_MAX,
    seed::Seed,
};
use std::net::SocketAddr;

/// What a node is made from.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Who it is.
    pub identity: Identity,
    /// Where others reach it; at most [`ADDRS_MAX`](ifrit_core::limits::ADDRS_MAX).
    pub addrs: Vec<SocketAddr>,
    /// The application's bytes; at most [`TAGS_MAX`](ifrit_core::limits::TAGS_MAX).
    pub tags: Vec<u8>,
    /// Whom to ask first, as `host:port`; at most [`SEEDS_MAX`].
    pub seeds: Vec<String>,
    /// What an earlier run left on disk.
    pub stored: Stored,
    /// Fresh randomness for this run. Used for nothing secret.
    pub seed: Seed,
    /// What it allows itself and others.
    pub limits: Limits,
    /// Its way back when it was gray (R8).
    pub probation: Probation,
}

/// Why a node cannot be made. Nothing was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The core refuses the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// TLS refuses the identity.
    #[error("TLS refuses the identity: {0}")]
    Tls(String),
    /// Too many seeds.
    #[error("more than {SEEDS_MAX} seeds")]
    TooManySeeds,
}
