//! The network of a world: its CA, its members' keys and certificates, and how they sign.

use crate::{
    crypto::Ideal,
    node::WALL_START,
    rng::{Class, Faults},
};
use ifrit_core::{
    accusation::{self, Accusation},
    certificate::Root,
    crypto::{P256Signer, P256Verifier, PublicKey, Signer, Verifier},
    id::{MemberId, NetworkId},
    note::{self, Note},
    params::{NetworkParams, Wish},
    revocation::{self, Entry, Revocations},
    time::Wall,
};
use ifrit_node::ca::Authority;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How members sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypto {
    /// [`Ideal`] signatures.
    Ideal,
    /// ECDSA P-256, as in production.
    Real,
}

/// How long the CA and its certificates hold.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);
/// The CA's key and secret are drawn beside those of members, which have small numbers.
const CA: usize = usize::MAX;

/// A CA and the way in which its members sign.
#[derive(Debug)]
pub struct Network {
    authority: Authority,
    /// The key of the root that may follow.
    next: P256Signer,
    ideal: Option<Ideal>,
    faults: Faults,
    /// Looked up, never walked.
    keys: Mutex<HashMap<[u8; 32], PublicKey>>,
}

/// What the CA gives a member, and its key.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its id.
    pub id: MemberId,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its key's secret scalar.
    pub scalar: [u8; 32],
}

impl Network {
    /// A network for `wish`; all its randomness follows from `faults`.
    ///
    /// # Panics
    /// If no network can be as wished.
    pub fn new(wish: &Wish, crypto: Crypto, faults: Faults) -> Self {
        let key = P256Signer::from_scalar(&scalar(faults, CA)).expect("cleared to be below the order");
        let network = NetworkId(faults.bytes(Class::Identity, CA, 1));
        let before = Wall(WALL_START.0 - 24 * 3600 * 1000);
        let authority = Authority::create(key, network, wish, before, WALL_START + VALIDITY);
        let authority = authority.expect("a possible network");
        let next = P256Signer::from_scalar(&scalar(faults, CA - 1)).expect("cleared to be below the order");
        let cas = [authority.root().key, next.public_key()];
        let ideal = (crypto == Crypto::Ideal).then(|| Ideal::new(faults.bytes(Class::Identity, CA, 2), cas));
        Self { authority, next, ideal, faults, keys: Mutex::default() }
    }

    /// Enrols member number `index`.
    ///
    /// # Panics
    /// Never: every scalar drawn is in range.
    pub fn enrol(&self, index: usize) -> Credentials {
        let scalar = scalar(self.faults, index);
        let key = self.key(&scalar);
        let id = MemberId(self.faults.bytes(Class::Identity, index, 1));
        let certificate = self.issue(&key, id, WALL_START + VALIDITY, index as u64 + 2);
        Credentials { id, certificate, scalar }
    }

    /// The public key of a scalar. Each is computed once: it takes longer than a turn of a member.
    fn key(&self, scalar: &[u8; 32]) -> PublicKey {
        let compute = || P256Signer::from_scalar(scalar).expect("a key's scalar").public_key();
        *self.keys.lock().expect("no computation panics").entry(*scalar).or_insert_with(compute)
    }

    /// A certificate for `key` and `id` that ends at `until`.
    pub fn issue(&self, key: &PublicKey, id: MemberId, until: Wall, serial: u64) -> Vec<u8> {
        self.authority.issue(key, id, Wall(WALL_START.0 - 3600 * 1000), until, serial)
    }

    /// A certificate of the same key and id that counts from `from` on, and ends at `until` (R14).
    ///
    /// # Panics
    /// If the scalar is no key's.
    pub fn renew(&self, scalar: &[u8; 32], id: MemberId, from: Wall, until: Wall) -> Vec<u8> {
        let key = self.key(scalar);
        self.authority.issue(&key, id, from, until, from.0)
    }

    /// The root.
    pub fn root(&self) -> &Root {
        self.authority.root()
    }

    /// Its parameters.
    pub fn params(&self) -> &NetworkParams {
        &self.authority.root().params
    }

    /// Checks signatures.
    pub fn verifier(&self) -> Arc<dyn Verifier> {
        match &self.ideal {
            Some(ideal) => Arc::new(ideal.clone()),
            None => Arc::new(P256Verifier),
        }
    }

    /// Another root for this network, which follows its own; that one is believed until then (R14).
    ///
    /// # Panics
    /// If that is before the world begins.
    pub fn succeed(&self, until: Wall) -> Authority {
        self.succeed_by(self.next.clone(), until)
    }

    /// The same with another key: the root of whoever has this network's key too.
    ///
    /// # Panics
    /// If `until` is before the world begins.
    pub fn succeed_by(&self, key: P256Signer, until: Wall) -> Authority {
        let (from, to) = (self.root().not_before, WALL_START + VALIDITY * 2);
        self.authority.succeed(key, from, to, until).expect("the world's dates are in order")
    }

    /// A revocation list of the CA's: who, each until the last certificate ends.
    ///
    /// # Panics
    /// If the sequence is 0, or they are too many.
    pub fn revoke(&self, sequence: u64, who: &[MemberId]) -> Revocations {
        let entries = who.iter().map(|id| Entry { id: *id, until: WALL_START + VALIDITY }).collect();
        let fields = revocation::Fields { sequence, entries, succession: Vec::new() };
        fields.sign(self.params(), &mut self.authority.key().clone()).expect("a list that can be")
    }

    /// Signs with the key of this scalar.
    ///
    /// # Panics
    /// If the scalar is no key's.
    pub fn signer(&self, scalar: &[u8; 32]) -> Box<dyn Signer> {
        match &self.ideal {
            Some(ideal) => Box::new(ideal.signer(self.key(scalar))),
            None => Box::new(P256Signer::from_scalar(scalar).expect("a key's scalar")),
        }
    }

    /// An accusation signed with the key of this scalar.
    pub fn accuse(&self, scalar: &[u8; 32], fields: accusation::Fields) -> Accusation {
        fields.sign(self.params(), &mut *self.signer(scalar))
    }

    /// A note signed with the key of this scalar.
    pub fn note(&self, scalar: &[u8; 32], fields: note::Fields) -> Note {
        fields.sign(self.params(), &mut *self.signer(scalar))
    }
}

/// A secret scalar: its first bit is cleared, which puts it below the group's order.
fn scalar(faults: Faults, index: usize) -> [u8; 32] {
    let mut scalar = faults.bytes(Class::Identity, index, 0);
    scalar[0] &= 0x7f;
    scalar
}
