//! Frames about members that are known by number.

use crate::victim::id;
use ifrit_sim::wire;
use std::ops::RangeInclusive;

/// Announces so many that do not exist.
pub(crate) fn strangers(from: u32, count: u32) -> Vec<u8> {
    let ids: Vec<_> = (from..from + count).map(|n| id(1_000_000 + n)).collect();
    wire::announce(&ids, 1)
}

/// "Send me all that you have of these."
pub(crate) fn want(of: RangeInclusive<u32>) -> Vec<u8> {
    let ids: Vec<_> = of.map(id).collect();
    wire::want(&ids)
}
