//! What an application signs with a member's key.
//!
//! Body: version `u8`, domain `u8`, network `[8]`, signer `[32]`, length `u64`, bytes. Integers are big-endian. The key
//! never signs an application's bytes alone: no choice of them makes a note, an accusation or a broadcast, and a
//! signature speaks in one network for one member.

use crate::{
    id::MemberId,
    params::NetworkParams,
    tags::{BODY_APPLICATION, BODY_VERSION},
};
use alloc::vec::Vec;

/// The body that `signer` signs when its application signs `bytes`.
pub fn body(network: &NetworkParams, signer: &MemberId, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(50 + bytes.len());
    out.extend([BODY_VERSION, BODY_APPLICATION]);
    out.extend(network.id.prefix());
    out.extend(signer.0);
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
    out
}
