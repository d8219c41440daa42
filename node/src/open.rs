//! Networks without a CA: whoever has the root certificate is in (DESIGN section 4, "Identity").
//!
//! One member makes the network ([`create`]) and hands its root to the others, who [`join`] with it; no secret and no
//! service is involved. **Nothing is promised of such a network**: one machine can be any number of members of it, and choose
//! among keys until it stands where it likes. It is for members that all trust each other, for tests, and for those who
//! come from a library without admission. See [`ifrit_core::certificate::open_signer`] for why it is safe against
//! everything but that.

use crate::{
    ca::{Authority, AuthorityError, ROOT_VALIDITY, backdated},
    crypto::RingVerifier,
    enrol::key_in,
    identity::{Identity, fill_random, generate_key, pem},
    store::{Store, StoreError},
};
use ifrit_core::{
    certificate::{CertificateError, OPEN_SERIAL, Root, open_id, open_signer},
    crypto::{P256Signer, Signer},
    id::NetworkId,
    params::Wish,
    time::Wall,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// Why there is no identity in an open network. Nothing was changed, unless said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not PEM with a certificate.
    #[error("the root of the open network is no PEM file with a certificate: {0}")]
    Pem(String),
    /// Not a root.
    #[error("the root of the open network: {0}")]
    Root(#[from] CertificateError),
    /// A network with a CA.
    #[error("network {0} is not open: join it with an invite of its CA")]
    NotOpen(NetworkId),
    /// The directory cannot be written. A key may stay in it, and is used when this is tried again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A new open network for `wish`, from ten minutes before `now` on; its root as PEM. It ends with its root, after
/// [`ROOT_VALIDITY`].
///
/// # Errors
/// [`AuthorityError::Params`] if no network can be as wished.
pub fn create(wish: &Wish, now: Wall) -> Result<(Root, String), AuthorityError> {
    let mut network = NetworkId([0; 32]);
    fill_random(&mut network.0);
    let (begin, end) = (backdated(now, 600), now + ROOT_VALIDITY);
    let authority = Authority::create(open_signer(&network), network, wish, begin, end)?;
    let root = authority.root().clone();
    let text = pem("CERTIFICATE", root.der());
    Ok((root, text))
}

/// A new member of the open network with this root (PEM).
///
/// # Errors
/// [`OpenError`].
pub fn join(root: &[u8]) -> Result<Identity, OpenError> {
    with_key(root, generate_key())
}

/// A new member, kept in the store's directory; with the key in it, if an earlier try was cut short.
///
/// # Errors
/// [`OpenError`].
pub fn join_in(root: &[u8], store: &Store) -> Result<Identity, OpenError> {
    let key = key_in(store)?;
    let identity = with_key(root, key)?;
    identity.save(store.dir()).map_err(StoreError::from)?;
    Ok(identity)
}

/// The member that has `key`: always the same.
fn with_key(root: &[u8], key: P256Signer) -> Result<Identity, OpenError> {
    let der = CertificateDer::from_pem_slice(root).map_err(|error| OpenError::Pem(error.to_string()))?;
    let root = Root::parse(&der, &RingVerifier)?;
    let network = root.params.id;
    let everybody = Authority::open(open_signer(&network), &der).map_err(|_| OpenError::NotOpen(network))?;
    let (public, begin, end) = (key.public_key(), root.not_before, root.not_after);
    let certificate = everybody.issue(&public, open_id(&public), begin, end, OPEN_SERIAL.into());
    Ok(Identity::new(&der, &certificate, key).expect("of the profile, and the key's"))
}

#[cfg(test)]
mod tests;
