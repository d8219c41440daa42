//! Ideal signatures: nobody can forge, and both signing and checking cost one hash.

use ifrit_core::crypto::{Hash, P256Verifier, PublicKey, Signature, Signer, Verifier};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

/// A signature scheme of one world. A signature is a hash under a secret that only the world's signers hold, so a
/// member can sign with the keys that it owns and with no other. The CA's signatures stay real, and each is checked once.
#[derive(Clone)]
pub struct Ideal {
    secret: [u8; 32],
    /// The key of the CA, and of the one that it may get.
    ca: [PublicKey; 2],
    /// Only looked up, never walked: its order cannot reach a run.
    checked: Arc<Mutex<HashMap<Hash, bool>>>,
}

impl Ideal {
    /// A scheme for the network of the CA with these keys.
    pub fn new(secret: [u8; 32], ca: [PublicKey; 2]) -> Self {
        Self { secret, ca, checked: Arc::default() }
    }

    /// The signer for `key`.
    pub fn signer(&self, key: PublicKey) -> IdealSigner {
        IdealSigner { scheme: self.clone(), key }
    }

    fn sign(&self, key: &PublicKey, message: &[u8]) -> Signature {
        let half = |label: &[u8]| -> [u8; 32] {
            Sha256::new()
                .chain_update(self.secret)
                .chain_update(label)
                .chain_update(key.0)
                .chain_update(message)
                .finalize()
                .into()
        };
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&half(b"r"));
        // A repeated half is as unforgeable as one; its first bit is cleared, so that s is low.
        bytes.copy_within(..32, 32);
        bytes[32] &= 0x3f;
        Signature(bytes)
    }

    fn check_ca(&self, ca: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let check = Sha256::new().chain_update(ca.0).chain_update(signature.0).chain_update(message);
        let mut checked = self.checked.lock().expect("no check panics");
        let key = check.finalize().into();
        *checked.entry(key).or_insert_with(|| P256Verifier.verify(ca, message, signature))
    }
}

impl Verifier for Ideal {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        match self.ca.contains(key) {
            true => self.check_ca(key, message, signature),
            false => self.sign(key, message) == *signature,
        }
    }
}

impl fmt::Debug for Ideal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ideal(..)")
    }
}

/// Signs for one key of an [`Ideal`] scheme.
#[derive(Clone, Debug)]
pub struct IdealSigner {
    scheme: Ideal,
    key: PublicKey,
}

impl Signer for IdealSigner {
    fn sign(&mut self, message: &[u8]) -> Signature {
        self.scheme.sign(&self.key, message)
    }

    fn public_key(&self) -> PublicKey {
        self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifrit_core::crypto::P256Signer;

    #[test]
    fn ideal_signatures_hold_for_their_key_and_message_only() {
        let mut ca = P256Signer::from_scalar(&[9; 32]).expect("in range");
        let scheme = Ideal::new([1; 32], [ca.public_key(); 2]);
        let (alice, bob) = (PublicKey([2; 65]), PublicKey([3; 65]));
        let signature = scheme.signer(alice).sign(b"hello");
        assert!(signature.is_low_s());
        assert!(scheme.verify(&alice, b"hello", &signature));
        assert!(!scheme.verify(&bob, b"hello", &signature));
        assert!(!scheme.verify(&alice, b"hallo", &signature));
        let mut flipped = signature;
        flipped.0[40] ^= 1;
        assert!(!scheme.verify(&alice, b"hello", &flipped));
        assert!(
            !Ideal::new([4; 32], [ca.public_key(); 2]).verify(&alice, b"hello", &signature),
            "another world"
        );
        let real = ca.sign(b"certificate");
        assert!(scheme.verify(&ca.public_key(), b"certificate", &real));
        assert!(scheme.verify(&ca.public_key(), b"certificate", &real), "from memory");
        assert!(!scheme.verify(&ca.public_key(), b"Certificate", &real));
    }
}
