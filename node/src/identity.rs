//! Who this member is, and in which network.

use ifrit_core::{
    certificate::{Certificate, Root},
    crypto::P256Signer,
};

/// A member's certificate and key, and the root of its network.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The network's root certificate.
    pub root: Root,
    /// The member's certificate.
    pub certificate: Certificate,
    /// The member's key.
    pub signer: P256Signer,
}
