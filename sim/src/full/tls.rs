//! TLS that repeats: randomness from a seed, signatures by RFC 6979, key exchange on P-256 with drawn scalars.
//!
//! Everything else is ring's, as in production. Never for a real network: whoever knows the seed reads along.

use crate::rng::mix;
use p256::{
    NonZeroScalar, ProjectivePoint, PublicKey,
    ecdsa::{DerSignature, SigningKey as P256Key, signature::Signer as _},
    elliptic_curve::{point::AffineCoordinates, sec1::ToSec1Point},
    pkcs8::DecodePrivateKey,
};
use rustls::{
    Error, NamedGroup, PeerMisbehaved, SignatureAlgorithm, SignatureScheme,
    crypto::{
        ActiveKeyExchange, CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, SharedSecret,
        SupportedKxGroup, ring as suites,
    },
    sign::{Signer, SigningKey},
};
use rustls_pki_types::PrivateKeyDer;
use std::{cell::Cell, sync::Arc};

thread_local! {
    /// The chance of the member whose turn it is: rustls wants its sources `'static`, and a run has one thread.
    static TURN: Cell<Chance> = const { Cell::new(Chance(0)) };
}

/// A member's source of randomness: a counter, hashed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// From a seed of the world's.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let words = seed.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes")));
        Self(words.fold(0, |state, word| mix(state ^ word)))
    }

    /// Lets TLS draw from here during `turn`.
    pub(super) fn during<T>(&mut self, turn: impl FnOnce() -> T) -> T {
        let before = TURN.replace(*self);
        let done = turn();
        *self = TURN.replace(before);
        done
    }
}

fn draw(bytes: &mut [u8]) {
    let Chance(mut state) = TURN.get();
    for chunk in bytes.chunks_mut(8) {
        state = mix(state);
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    // One step more, so that what was told does not tell what comes.
    TURN.set(Chance(mix(!state)));
}

/// The provider: same suite as in production, same checks.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![suites::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![&Drawn],
        secure_random: &Drawn,
        key_provider: &Drawn,
        ..suites::default_provider()
    }
}

#[derive(Debug)]
struct Drawn;

impl SecureRandom for Drawn {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        draw(bytes);
        Ok(())
    }
}

impl SupportedKxGroup for Drawn {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut scalar = [0; 32];
        draw(&mut scalar);
        // Below the group's order, and not zero.
        (scalar[0], scalar[31]) = (scalar[0] & 0x7f, scalar[31] | 1);
        let secret = NonZeroScalar::try_from(&scalar[..]).map_err(|_| Error::General("scalar".into()))?;
        let public = PublicKey::from_secret_scalar(&secret).to_sec1_point(false).as_bytes().to_vec();
        Ok(Box::new(Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

/// One key exchange under way.
struct Exchange {
    secret: NonZeroScalar,
    public: Vec<u8>,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer = PublicKey::from_sec1_bytes(peer).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = ProjectivePoint::from(*peer.as_affine()) * *self.secret;
        Ok(SharedSecret::from(&shared.to_affine().x()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

impl KeyProvider for Drawn {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let key =
            P256Key::from_pkcs8_der(key.secret_der()).map_err(|error| Error::General(error.to_string()))?;
        Ok(Arc::new(Key(key)))
    }
}

/// A member's key, signing by RFC 6979.
#[derive(Clone, Debug)]
struct Key(P256Key);

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ECDSA_NISTP256_SHA256)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: DerSignature = self.0.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}
