//! Rows of the tools that look closer.

use ifrit_core::view::Watched;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the pings of a watched member do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct WatchedRow {
    pub(crate) id: String,
    /// Rings on which it is watched.
    pub(crate) rings: Vec<u8>,
    /// Pongs since it is watched; without any there are no round trips.
    pub(crate) pongs: u64,
    pub(crate) last_ms: Option<f64>,
    /// The last eight weigh most.
    pub(crate) mean_ms: Option<f64>,
    pub(crate) least_ms: Option<f64>,
    pub(crate) most_ms: Option<f64>,
    /// Pings missed since the last pong.
    pub(crate) misses: u32,
    /// Share of pings lost of late.
    pub(crate) loss_percent: f64,
}

impl From<&Watched> for WatchedRow {
    fn from(watched: &Watched) -> Self {
        let trip = watched.round_trip;
        let known = |span: Duration| (trip.count > 0).then(|| in_ms(span));
        Self {
            id: watched.id.to_string(),
            rings: watched.rings.rings().collect(),
            pongs: trip.count,
            last_ms: known(trip.last),
            mean_ms: known(trip.mean),
            least_ms: known(trip.least),
            most_ms: known(trip.most),
            misses: watched.misses,
            loss_percent: f64::from(watched.loss_ppm) / 1e4,
        }
    }
}

/// Milliseconds, to the microsecond.
pub(crate) fn in_ms(span: Duration) -> f64 {
    span.as_micros() as f64 / 1e3
}

/// One answer to `ifrit ping`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PongRow {
    pub(crate) from: String,
    /// How many were sent before it.
    #[serde(default)]
    pub(crate) sequence: u32,
    /// `None`: no answer, and `error` says why.
    pub(crate) ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// First line of a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotHead {
    /// Which format: [`SNAPSHOT_FORMAT`].
    pub(crate) snapshot: u32,
    /// Whose view it is.
    pub(crate) of: String,
    pub(crate) network: String,
    /// When: milliseconds since 1970 by the agent's clock.
    pub(crate) at_ms: u64,
}

/// The format of snapshots that this version writes and reads.
pub(crate) const SNAPSHOT_FORMAT: u32 = 1;

/// The records of one member, as they travel, in hex.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordRow {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) epoch: u64,
    pub(crate) certificate: String,
    pub(crate) note: String,
    pub(crate) accusations: Vec<String>,
}

/// What an agent says of itself for a bundle: nothing secret.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AboutRow {
    pub(crate) version: String,
    pub(crate) id: String,
    pub(crate) network: String,
    pub(crate) listens: String,
    pub(crate) pid: u32,
    pub(crate) uptime_ms: u64,
    pub(crate) joined: bool,
    pub(crate) rings: u8,
    pub(crate) delta_ms: u64,
    /// What was wrong in its directory when it started.
    pub(crate) warnings: Vec<String>,
    /// Settings as a file has them, secrets hidden.
    pub(crate) settings: Vec<String>,
    /// The last lines of its log.
    pub(crate) log: Vec<String>,
}
