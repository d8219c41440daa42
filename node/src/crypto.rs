//! The fast verifier.

use ifrit_core::crypto::{PublicKey, Signature, Verifier};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

/// Verifies with ring: four times as fast as the core's [`P256Verifier`](ifrit_core::crypto::P256Verifier), and must
/// accept exactly the same set, or views diverge: uncompressed points on the curve, r and s in range, low s only.
#[derive(Clone, Copy, Debug, Default)]
pub struct RingVerifier;

impl Verifier for RingVerifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        signature.is_low_s()
            && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.0).verify(message, &signature.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifrit_core::crypto::{P256Signer, P256Verifier, Signer};
    use proptest::prelude::*;

    fn both(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let pure = P256Verifier.verify(key, message, signature);
        assert_eq!(
            pure,
            RingVerifier.verify(key, message, signature),
            "the verifiers disagree: {:02x?} {message:02x?} {:02x?}",
            key.0,
            signature.0
        );
        pure
    }

    /// The order of P-256.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];

    /// n − s, byte by byte.
    fn flipped(signature: &Signature) -> Signature {
        let mut high = signature.0;
        let mut borrow = 0i16;
        for i in (0..32).rev() {
            let digit = i16::from(ORDER[i]) - i16::from(signature.0[32 + i]) - borrow;
            borrow = i16::from(digit < 0);
            high[32 + i] = digit.rem_euclid(256) as u8;
        }
        Signature(high)
    }

    #[test]
    fn both_verifiers_agree_at_the_edges() {
        let mut signer = P256Signer::from_scalar(&[7; 32]).expect("in range");
        let key = signer.public_key();
        let good = signer.sign(b"message");
        assert!(both(&key, b"message", &good));
        assert!(!both(&key, b"message", &flipped(&good)), "high s");
        assert_eq!(flipped(&flipped(&good)), good);
        let edges = [[0; 32], [0xff; 32], ORDER, {
            let mut one = [0; 32];
            one[31] = 1;
            one
        }];
        for r in edges {
            for s in edges {
                let mut bytes = [0; 64];
                bytes[..32].copy_from_slice(&r);
                bytes[32..].copy_from_slice(&s);
                both(&key, b"message", &Signature(bytes));
            }
        }
        for first in 0..=255 {
            let mut other = key;
            other.0[0] = first;
            assert_eq!(both(&other, b"message", &good), first == 4, "only uncompressed points: {first}");
        }
        for point in [[0; 65], [4; 65], [0xff; 65]] {
            assert!(!both(&PublicKey(point), b"message", &good), "not on the curve");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn both_verifiers_agree_on_mutations(
            scalar in any::<[u8; 32]>(),
            message in proptest::collection::vec(any::<u8>(), 0..200),
            place in 0usize..(65 + 64),
            xor in any::<u8>(),
            flip in any::<bool>(),
        ) {
            let Some(mut signer) = P256Signer::from_scalar(&scalar) else { return Ok(()) };
            let mut key = signer.public_key();
            let mut signature = signer.sign(&message);
            prop_assert!(both(&key, &message, &signature));
            if flip {
                signature = flipped(&signature);
            }
            match place.checked_sub(65) {
                None => key.0[place] ^= xor,
                Some(place) => signature.0[place] ^= xor,
            }
            prop_assert_eq!(both(&key, &message, &signature), xor == 0 && !flip);
        }
    }
}
