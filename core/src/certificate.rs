//! The exact X.509 profile that the CA issues (DESIGN sections 3 and 4, "Identity").

use crate::{
    crypto::{Hash, PublicKey, Verifier},
    id::MemberId,
    params::NetworkParams,
    time::Wall,
};
use alloc::sync::Arc;

/// A network's CA certificate: it defines the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What its extension says.
    pub params: NetworkParams,
    /// The CA's key.
    pub key: PublicKey,
    /// From when it holds.
    pub not_before: Wall,
    /// Until when.
    pub not_after: Wall,
    /// SHA-256 of the DER: the fingerprint that an invite carries.
    pub fingerprint: Hash,
    der: Arc<[u8]>,
}

/// A member's certificate. Whether the root's signature holds is not said by the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub id: MemberId,
    /// The member's key; renewal keeps it (R14).
    pub key: PublicKey,
    /// From when it holds.
    pub not_before: Wall,
    /// Until when.
    pub not_after: Wall,
    /// The hash of its TBS: its identity.
    pub hash: Hash,
    der: Arc<[u8]>,
}

/// Why DER is not a certificate of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not DER of a certificate, or over [`CERTIFICATE_MAX`](crate::limits::CERTIFICATE_MAX).
    #[error("not an X.509 certificate")]
    Malformed,
    /// Not the profile that the CA issues.
    #[error("not of the profile that an Ifrit CA issues: {0}")]
    Profile(&'static str),
    /// Of another network.
    #[error("a certificate of another network")]
    OtherNetwork,
    /// The signature is not the root's.
    #[error("not signed by this network's CA")]
    BadSignature,
}

impl Root {
    /// Parses a root and checks its own signature.
    pub fn parse(_der: &[u8], _verifier: &dyn Verifier) -> Result<Self, CertificateError> {
        Err(CertificateError::Malformed)
    }

    /// The bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl Certificate {
    /// Parses a member's certificate: form and network, not the signature and not the dates.
    pub fn parse(_der: &[u8], _root: &Root) -> Result<Self, CertificateError> {
        Err(CertificateError::Malformed)
    }

    /// Whether the root's key signed its TBS.
    pub fn verify(&self, _root: &Root, _verifier: &dyn Verifier) -> bool {
        false
    }

    /// The bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it holds at `now`, with the clock allowance on both sides.
    pub fn is_current(&self, now: Wall, allowance: core::time::Duration) -> bool {
        self.not_before <= now + allowance && now <= self.not_after + allowance
    }
}
