//! Frames as a liar writes them: by hand, so that nothing honest stands in the way.

use crate::victim::id;
use ifrit_core::{id::MemberId, tags};
use std::ops::RangeInclusive;

fn varint(mut value: u64, into: &mut Vec<u8>) {
    while value > 127 {
        into.push(value as u8 | 128);
        value >>= 7;
    }
    into.push(value as u8);
}

/// "I hold you out at this epoch."
pub(crate) fn hello(out_at: u64) -> Vec<u8> {
    let mut frame = vec![tags::FRAME_HELLO, 0, 0];
    varint(out_at, &mut frame);
    frame
}

/// "My wall clock says this."
pub(crate) fn clock(wall: u64) -> Vec<u8> {
    let mut frame = vec![tags::FRAME_CLOCK];
    varint(wall, &mut frame);
    frame
}

/// "I have something newer of these."
pub(crate) fn announce(ids: &[MemberId]) -> Vec<u8> {
    let mut frame = vec![tags::FRAME_ANNOUNCE];
    varint(ids.len() as u64, &mut frame);
    for id in ids {
        frame.extend_from_slice(&id.0[..8]);
        frame.extend([1; 8]);
    }
    frame
}

/// Announces so many that do not exist.
pub(crate) fn strangers(from: u32, count: u32) -> Vec<u8> {
    let ids: Vec<_> = (from..from + count).map(|n| id(1_000_000 + n)).collect();
    announce(&ids)
}

/// "Send me all that you have of these."
pub(crate) fn want(of: RangeInclusive<u32>) -> Vec<u8> {
    let mut frame = vec![tags::FRAME_WANT];
    varint(of.clone().count() as u64, &mut frame);
    for n in of {
        frame.extend_from_slice(&id(n).0[..8]);
        frame.push(0);
        frame.extend([0; 8]);
        // The certificate too, and all accusations.
        frame.extend([1, 1, 0]);
    }
    frame
}
