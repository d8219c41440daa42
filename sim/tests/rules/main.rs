//! Whole networks of real members against the rules of DESIGN section 4, under crashes, partitions and liars.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod accused;
mod crash;
mod gray;
mod join;
mod liars;
mod notes;
mod partition;
mod revoked;
mod rings;
mod succession;

use ifrit_sim::{Setup, World};
use std::time::Duration;

/// Seconds.
fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A settled network with this many members and rings.
fn settled(members: usize, rings: u8, seed: u64) -> World {
    World::converged(Setup::new(members, seed).rings(rings))
}
