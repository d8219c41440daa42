//! Open networks: nobody decides who comes in (DESIGN section 4, "Identity").
//!
//! The key of such a network's root is no secret: it follows from the network id, which stands in the root. So everybody
//! who has the root issues the own certificate, and whoever sees a root sees whether it is open. Nothing is promised
//! there: one machine can be any number of members, and try keys until it stands where it likes.
//!
//! What a CA would decide must not be anybody's choice: else a stranger issues a certificate for somebody else's key that
//! ends tomorrow, and by R14 it would count. So of one key there is exactly one TBS: the id is the hash of the key, dates
//! are the root's, and serial number, subject and extensions are fixed. Such a network ends with its root, and nobody
//! can be revoked in it.

use super::{CertificateError, Root, profile::Tbs};
use crate::{
    crypto::{P256Signer, PublicKey, Signer, hash},
    id::{MemberId, NetworkId},
    tags::HASH_OPEN,
};
use CertificateError::Profile;

/// The serial number of every member's certificate in an open network; the root has 1.
pub const OPEN_SERIAL: u8 = 2;

/// The key of an open network's root.
pub fn open_signer(network: &NetworkId) -> P256Signer {
    let scalar = |n: u8| hash(HASH_OPEN, &[&network.0, &[n]]);
    let key = (0..=u8::MAX).find_map(|n| P256Signer::from_scalar(&scalar(n)));
    key.expect("each hash is a key but with probability 2⁻³²")
}

/// Who has this key in an open network.
pub fn open_id(key: &PublicKey) -> MemberId {
    MemberId(hash(b"", &[&key.0]))
}

impl Root {
    /// Whether its network is open: everybody can make members, and nothing is promised.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// Whether everybody can know this key.
pub(super) fn is_open(network: &NetworkId, key: &PublicKey) -> bool {
    open_signer(network).public_key() == *key
}

/// Whether this is the only certificate that `key` can have in an open network whose root has this `validity`.
pub(super) fn check(
    tbs: &Tbs,
    id: &MemberId,
    key: &PublicKey,
    validity: &[u8],
) -> Result<(), CertificateError> {
    if *id != open_id(key) {
        return Err(Profile("in an open network the id is the hash of the key"));
    }
    if tbs.validity()? != validity {
        return Err(Profile("in an open network the dates are the root's"));
    }
    if !tbs.is_plain(OPEN_SERIAL)? {
        return Err(Profile("in an open network a certificate says nothing but whose it is"));
    }
    Ok(())
}
