//! The exact X.509 profile that the CA issues (DESIGN sections 3 and 4, "Identity").
//!
//! `x509-cert` parses, this module checks. What the CA signs is the TBS, byte for byte as received: it is verified
//! and hashed as it is, never encoded again. Around it a relay can change nothing: the algorithm is one constant,
//! the signature is strict DER with a low s, and nothing may follow.
//!
//! | field | root | member |
//! |---|---|---|
//! | version, key, algorithm | 3, P-256 uncompressed, ecdsa-with-SHA256 | the same |
//! | issuer | itself | the root's subject |
//! | subject | anything | anything (the CA leaves it empty) |
//! | basic constraints | critical, CA | absent or not CA |
//! | key usage | critical, keyCertSign and cRLSign | absent |
//! | extended key usage | absent | absent, or server and client authentication |
//! | subject alternative name | absent | one URI, `ifrit://NETWORK/ID` |
//! | [`PARAMS_OID`] | the [`NetworkParams`] | ignored |
//! | any other critical extension | refused | refused |
//!
//! How one root follows another, and what a cross certificate is: [`Root::from_bundle`].

mod open;
mod params;
mod profile;
mod succession;
#[cfg(test)]
mod tests;

use crate::{
    crypto::{Hash, PublicKey, Signature, Verifier, hash},
    id::{MemberId, NetworkId},
    params::NetworkParams,
    tags::HASH_RECORD,
    time::Wall,
};
use alloc::{format, string::String, sync::Arc};
use core::time::Duration;
use profile::Envelope;

pub use open::{OPEN_SERIAL, open_id, open_signer};
pub use params::{NETWORK_PARAMS_LEN, PARAMS_OID};
pub use succession::Former;

/// A network's CA certificate: it defines the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What its extension says.
    pub params: NetworkParams,
    /// The CA's key.
    pub key: PublicKey,
    /// Its serial number: a CA counts its network's roots, from 1. 0 if it has more than 8 bytes.
    pub generation: u64,
    /// From when it holds.
    pub not_before: Wall,
    /// Until when.
    pub not_after: Wall,
    /// SHA-256 of the DER: the fingerprint that an invite carries, and that `openssl x509 -fingerprint` prints.
    pub fingerprint: Hash,
    der: Arc<[u8]>,
    /// Its subject, as DER: every member's issuer.
    subject: Arc<[u8]>,
    /// In an open network, its validity as DER: every member's.
    open: Option<Arc<[u8]>>,
    /// The root that it follows, as long as that one's certificates are believed too.
    former: Option<Arc<Former>>,
}

/// A member's certificate. Whether the root's signature holds is not said by the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub id: MemberId,
    /// From when it holds.
    pub not_before: Wall,
    /// Until when.
    pub not_after: Wall,
    /// The hash of its TBS: its identity.
    pub hash: Hash,
    der: Arc<[u8]>,
    envelope: Envelope,
    /// Where the key stands in `der`.
    key_at: u16,
    /// Whether the former root issued it: it holds no longer than that one is believed.
    by_former: bool,
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
    /// Of this network, but issued by a root of which nothing is known here: one that follows ours, or a forger's.
    #[error("issued by another root than this network's as it is known here")]
    OtherRoot,
    /// The signature is not the root's.
    #[error("not signed by this network's CA")]
    BadSignature,
}

impl Root {
    /// Parses a root, checks the profile, its parameters and its own signature; not its dates.
    ///
    /// # Errors
    /// [`CertificateError`], for any bytes that are not a root; never panics.
    pub fn parse(der: &[u8], verifier: &dyn Verifier) -> Result<Self, CertificateError> {
        let (root, envelope) = Self::unverified(der)?;
        if root.is_signed(&envelope, verifier) { Ok(root) } else { Err(CertificateError::BadSignature) }
    }

    /// The same but for its own signature.
    fn unverified(der: &[u8]) -> Result<(Self, Envelope), CertificateError> {
        let envelope = Envelope::open(der)?;
        let fields = profile::root(envelope.tbs(der))?;
        let root = Self {
            params: fields.params,
            key: fields.key,
            generation: fields.generation,
            not_before: fields.not_before,
            not_after: fields.not_after,
            fingerprint: hash(b"", &[der]),
            der: der.into(),
            open: open::is_open(&fields.params.id, &fields.key).then_some(fields.validity),
            subject: fields.subject,
            former: None,
        };
        Ok((root, envelope))
    }

    fn is_signed(&self, envelope: &Envelope, verifier: &dyn Verifier) -> bool {
        verifier.verify(&self.key, envelope.tbs(&self.der), &envelope.signature(&self.der))
    }

    /// The bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it holds at `now`, with `allowance` for wrong clocks on both sides.
    pub fn is_current(&self, now: Wall, allowance: Duration) -> bool {
        holds(self.not_before, self.not_after, now, allowance)
    }
}

impl Certificate {
    /// Parses a member's certificate: form and network, not the signature and not the dates. One that the former root issued
    /// holds at most as long as that one is believed.
    ///
    /// # Errors
    /// [`CertificateError`], for any bytes that are not of the profile or of `root`'s network; never panics.
    pub fn parse(der: &[u8], root: &Root) -> Result<Self, CertificateError> {
        let envelope = Envelope::open(der)?;
        let fields = profile::member(envelope.tbs(der), root)?;
        let certificate = Self {
            id: fields.id,
            not_before: fields.not_before,
            not_after: fields.not_after,
            hash: hash(HASH_RECORD, &[envelope.tbs(der)]),
            der: der.into(),
            envelope,
            key_at: key_at(der, &fields.key)?,
            by_former: false,
        };
        Ok(match root.former() {
            Some(former) if fields.by_former => certificate.of_former(former.until),
            _ => certificate,
        })
    }

    /// This one when another root has followed the one that issued it, which is believed until then.
    pub(crate) fn of_former(&self, until: Wall) -> Self {
        Self { not_after: self.not_after.min(until), by_former: true, ..self.clone() }
    }

    /// Whether the former root issued it, and it should be renewed soon.
    pub fn is_of_former(&self) -> bool {
        self.by_former
    }

    /// A certificate that no CA signed, for tests of what rests on verified ones.
    #[cfg(test)]
    pub(crate) fn unsigned(id: MemberId, not_after: Wall) -> Self {
        let der = include_bytes!("../../tests/vectors/member.der");
        let envelope = Envelope::open(der).expect("a vector");
        Self {
            id,
            key_at: 0,
            not_before: Wall(0),
            not_after,
            hash: hash(HASH_RECORD, &[&id.0]),
            der: der[..].into(),
            envelope,
            by_former: false,
        }
    }

    /// Whether the root's key signed its TBS, or the former's if that one issued it.
    pub fn verify(&self, root: &Root, verifier: &dyn Verifier) -> bool {
        let issuer = match root.former() {
            Some(former) if self.by_former => &former.root.key,
            None if self.by_former => return false,
            _ => &root.key,
        };
        verifier.verify(issuer, self.tbs(), &self.signature())
    }

    /// The bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The member's key; renewal keeps it (R14).
    pub fn key(&self) -> PublicKey {
        let mut key = [0; 65];
        key.copy_from_slice(&self.der[usize::from(self.key_at)..][..65]);
        PublicKey(key)
    }

    /// What the CA signed.
    pub fn tbs(&self) -> &[u8] {
        self.envelope.tbs(&self.der)
    }

    /// The CA's signature.
    pub fn signature(&self) -> Signature {
        self.envelope.signature(&self.der)
    }

    /// Whether it holds at `now`, with the clock allowance on both sides; the ends themselves belong to it.
    pub fn is_current(&self, now: Wall, allowance: Duration) -> bool {
        holds(self.not_before, self.not_after, now, allowance)
    }

    /// Whether `self` counts when both are of one member (R14): that of the present root, then the later `not_before`, then the
    /// lower hash. So whoever stole the former root's key takes no member's place from it, and the CA's clock may go back.
    pub fn supersedes(&self, other: &Self) -> bool {
        (!self.by_former, self.not_before, other.hash) > (!other.by_former, other.not_before, self.hash)
    }
}

/// Where `key` stands: it is kept once, in the bytes.
fn key_at(der: &[u8], key: &PublicKey) -> Result<u16, CertificateError> {
    let at = der.windows(key.0.len()).position(|window| window == key.0);
    at.and_then(|at| u16::try_from(at).ok()).ok_or(CertificateError::Malformed)
}

/// Never if it ends before it begins: as a certificate does that begins when its root is believed no more. Without that the allowance
/// would let it in.
fn holds(not_before: Wall, not_after: Wall, now: Wall, allowance: Duration) -> bool {
    not_before <= not_after && not_before <= now + allowance && now <= not_after + allowance
}

/// When a certificate of the profile ends, whichever root issued it; not when it ceases to be believed.
///
/// # Errors
/// [`CertificateError`], for any bytes that are no certificate.
pub fn end_of(der: &[u8]) -> Result<Wall, CertificateError> {
    profile::end(Envelope::open(der)?.tbs(der))
}

/// The URI in a member's certificate: `ifrit://NETWORK/ID`, with 16 hex digits and 52 base32 characters.
pub fn member_uri(network: &NetworkId, id: &MemberId) -> String {
    format!("{}{network}/{}", profile::SCHEME, id.base32())
}
