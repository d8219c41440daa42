//! Hashes, keys and signatures.
//!
//! Verifiers must all accept exactly the same set, or views diverge: 64 bytes r‖s, low s only, over SHA-256.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::{Signature as P256Signature, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// SHA-256 over a domain and parts. The parts' lengths must follow from the domain.
pub fn hash(domain: &[u8], parts: &[&[u8]]) -> Hash {
    let mut state = Sha256::new();
    state.update(domain);
    parts.iter().for_each(|part| state.update(part));
    state.finalize().into()
}

/// An ECDSA P-256 signature: r‖s, big-endian. A relay can flip s, so a signature is never an identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}…", self.0[0], self.0[1])
    }
}

/// Half the order of P-256, rounded down: the greatest s that is low.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

impl Signature {
    /// Whether s is at most half the group's order. A high s is refused everywhere.
    pub fn is_low_s(&self) -> bool {
        self.0[32..] <= HALF_ORDER[..]
    }
}

/// An uncompressed SEC1 point of P-256 (ring refuses compressed ones).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 65]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}…", self.0[1], self.0[2])
    }
}

/// Checks a signature. Pure: the same answer on every machine.
pub trait Verifier: Send + Sync + fmt::Debug {
    /// Whether `signature` is `key`'s over SHA-256 of `message`, with a low s.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;
}

/// Signs with the member's own key. Deterministic (RFC 6979), low s.
pub trait Signer: Send + fmt::Debug {
    /// Signs SHA-256 of `message`.
    fn sign(&mut self, message: &[u8]) -> Signature;
    /// The key that verifies what [`Signer::sign`] makes.
    fn public_key(&self) -> PublicKey;
    /// Takes out what was signed since the last call, in its order. Only a signer that keeps a log, for a
    /// [recorder](crate::recorder), has any.
    fn take_log(&mut self) -> alloc::vec::Vec<Signature> {
        alloc::vec::Vec::new()
    }
}

/// The default verifier, in pure Rust.
#[derive(Clone, Copy, Debug, Default)]
pub struct P256Verifier;

impl Verifier for P256Verifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        if !signature.is_low_s() {
            return false;
        }
        let Ok(key) = VerifyingKey::from_sec1_bytes(&key.0) else { return false };
        let Ok(signature) = P256Signature::from_slice(&signature.0) else { return false };
        key.verify_prehash(&Sha256::digest(message), &signature).is_ok()
    }
}

/// The default signer: a P-256 key in memory.
#[derive(Clone)]
pub struct P256Signer(Box<SigningKey>);

impl P256Signer {
    /// From the 32-byte secret scalar; `None` if it is zero or not below the group's order.
    pub fn from_scalar(scalar: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(scalar).ok().map(|key| Self(Box::new(key)))
    }

    /// The 32-byte secret scalar.
    pub fn scalar(&self) -> [u8; 32] {
        self.0.to_bytes().into()
    }
}

impl Signer for P256Signer {
    fn sign(&mut self, message: &[u8]) -> Signature {
        // A P-256 key signs any 32-byte digest: r = 0 or s = 0 has probability 2⁻²⁵⁶ and RFC 6979 retries.
        #[expect(clippy::unwrap_used)]
        let signature: P256Signature = self.0.sign_prehash(&Sha256::digest(message)).unwrap();
        Signature(signature.normalize_s().to_bytes().into())
    }

    fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 65];
        bytes.copy_from_slice(self.0.verifying_key().to_sec1_point(false).as_bytes());
        PublicKey(bytes)
    }
}

impl fmt::Debug for P256Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256Signer(..)")
    }
}

/// A body and its signature, as they travel: nobody re-encodes in order to verify.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// Body followed by 64 bytes of signature.
    bytes: Arc<[u8]>,
}

impl Signed {
    /// Bytes of the signature at the end.
    pub const SIGNATURE: usize = 64;

    /// From `body ‖ signature`; `None` if shorter than a signature.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::SIGNATURE).then(|| Self { bytes: bytes.into() })
    }

    /// Signs `body`.
    pub fn sign(body: &[u8], signer: &mut dyn Signer) -> Self {
        let mut bytes = alloc::vec::Vec::with_capacity(body.len() + Self::SIGNATURE);
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&signer.sign(body).0);
        Self { bytes: bytes.into() }
    }

    /// What was signed.
    pub fn body(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - Self::SIGNATURE]
    }

    /// The signature.
    pub fn signature(&self) -> Signature {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(&self.bytes[self.bytes.len() - Self::SIGNATURE..]);
        Signature(bytes)
    }

    /// Both, as they travel.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The record's identity: the hash of its body, never of its signature.
    pub fn hash(&self) -> Hash {
        hash(crate::tags::HASH_RECORD, &[self.body()])
    }

    /// Whether the signature is `key`'s.
    pub fn verify(&self, verifier: &dyn Verifier, key: &PublicKey) -> bool {
        verifier.verify(key, self.body(), &self.signature())
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({} bytes)", self.bytes.len())
    }
}

/// Serialisable short form of a [`tyalias@Hash`]: 16 bytes, for announcements, where a collision costs one round of
/// anti-entropy and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct ShortHash(pub [u8; 16]);

impl From<Hash> for ShortHash {
    fn from(hash: Hash) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        Self(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_s_is_refused() {
        let mut signer = P256Signer::from_scalar(&[7; 32]).expect("in range");
        let signed = Signed::sign(b"body", &mut signer);
        assert!(signed.verify(&P256Verifier, &signer.public_key()));
        let flipped = P256Signature::from_slice(&signed.signature().0).expect("valid");
        let (r, s) = flipped.split_scalars();
        let high = P256Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).expect("valid");
        let high = Signature(high.to_bytes().into());
        assert!(!high.is_low_s());
        assert!(!P256Verifier.verify(&signer.public_key(), b"body", &high));
        let plain = VerifyingKey::from_sec1_bytes(&signer.public_key().0).expect("key");
        let high = P256Signature::from_slice(&high.0).expect("valid");
        assert!(plain.verify_prehash(&Sha256::digest(b"body"), &high).is_ok(), "only the rule refuses it");
    }
}
