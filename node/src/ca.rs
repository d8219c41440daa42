//! The certificate authority without any I/O: what it signs, and what it takes from others.
//!
//! It builds every field of a certificate itself. From a request it takes the public key only, after checking that
//! the requester holds its private half: rcgen would copy `is_ca` and names from the requester. Issuing is
//! deterministic (RFC 6979, low s): the same key, id, dates and serial give the same bytes on every machine, which
//! the simulator relies on.

mod csr;
mod database;
mod invites;
mod limiter;
mod lists;
mod revoke;
mod rotate;
mod rows;
mod service;
#[cfg(test)]
mod tests;
mod tls;
pub(crate) mod wire;

use ifrit_core::{
    certificate::{CertificateError, PARAMS_OID, Root, member_uri},
    crypto::{P256Signer, P256Verifier, PublicKey, Signer},
    id::{MemberId, NetworkId},
    params::{NetworkParams, ParamsError, Wish},
    time::Wall,
};
use p256::ecdsa::Signature as P256Signature;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm, SigningKey,
};
use std::time::Duration;

pub use csr::{CSR_MAX, CsrError, generate_csr, requested_key};
pub(crate) use database::backdated;
pub use database::{
    AUDIT_MAX, CONTACTS_MAX, Ca, CaError, DATABASE_FILE, Enrolled, MEMBER_VALIDITY, ROOT_VALIDITY, Refusal,
};
pub use invites::{INVITE_MEMORY, INVITES_MAX, InviteRow, InviteState, invite_id};
pub use limiter::{BURST, REFILL, SOURCES_MAX};
pub use lists::{Holds, IssuedRow, LogRow};
pub use revoke::{list_from_pem, list_to_pem};
pub use rotate::{OVERLAP_MIN, Rotated};
pub use service::{Answer, BODY_MAX, Service};
pub use tls::server_config;

/// The name in the TLS certificate of the CA's own HTTPS service.
pub const SERVICE_NAME: &str = "ca.ifrit";
/// 9999-12-31T23:59:59Z: X.509 can write no later second.
const LAST_SECOND: u64 = 253_402_300_799;

/// A CA: a root certificate and its key. Signs; remembers nothing.
#[derive(Debug)]
pub struct Authority {
    key: KeyOf,
    root: Root,
}

/// Why there is no CA.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// No network can have these parameters.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The root is not one.
    #[error("the root certificate: {0}")]
    Root(#[from] CertificateError),
    /// The key does not belong to the root.
    #[error("the CA's key does not belong to its root certificate")]
    WrongKey,
}

impl Authority {
    /// A new network: a root, signed by itself, that carries the parameters for `wish`.
    ///
    /// Dates are cut to whole seconds. Serial number 1 is the root's.
    ///
    /// # Errors
    /// [`AuthorityError::Params`] if no network can be as wished; [`AuthorityError::Root`] if it ends before it begins.
    pub fn create(
        key: P256Signer,
        network: NetworkId,
        wish: &Wish,
        not_before: Wall,
        not_after: Wall,
    ) -> Result<Self, AuthorityError> {
        let params = NetworkParams::new(network, wish)?;
        let key = KeyOf::from(key);
        let certificate = root_params(&params, 1, not_before, not_after)
            .self_signed(&key)
            .expect("all fields are ours, and the key signs everything");
        let root = Root::parse(certificate.der(), &P256Verifier)?;
        Ok(Self { key, root })
    }

    /// Another root for the same network, which follows this one: it is signed by itself with `key`, and this one says in a cross
    /// certificate, which holds until `until`, that it is its successor. Until then certificates of both are believed.
    ///
    /// # Errors
    /// [`AuthorityError::Root`] if dates are not in order, `key` is this root's, or the network is open.
    pub fn succeed(
        &self,
        key: P256Signer,
        not_before: Wall,
        not_after: Wall,
        until: Wall,
    ) -> Result<Self, AuthorityError> {
        let key = KeyOf::from(key);
        let generation = self.root.generation + 1;
        let params = root_params(&self.root.params, generation, not_before, not_after);
        let root = params.self_signed(&key).expect("all fields are ours, and the key signs everything");
        let mut params = params;
        params.custom_extensions.clear();
        set_dates(&mut params, not_before, until);
        let cross = self.sign(params, &key.public);
        let former = Root::parse(self.root.der(), &P256Verifier)?;
        let root = Root::parse(root.der(), &P256Verifier)?.following(former, &cross, &P256Verifier)?;
        Ok(Self { key, root })
    }

    /// The CA with this key and root: of the root, its [bundle](Root::bundle).
    ///
    /// # Errors
    /// [`AuthorityError`] if `root` is not a root, or not this key's.
    pub fn open(key: P256Signer, root: &[u8]) -> Result<Self, AuthorityError> {
        let root = Root::from_bundle(root, &P256Verifier)?;
        let key = KeyOf::from(key);
        if key.public != root.key {
            return Err(AuthorityError::WrongKey);
        }
        Ok(Self { key, root })
    }

    /// The root.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The CA's key.
    pub fn key(&self) -> &P256Signer {
        &self.key.signer
    }

    /// A member's certificate, DER, about 400 bytes.
    ///
    /// A renewal is the same call with the same id and key. Dates are cut to whole seconds; `serial` should be new.
    pub fn issue(
        &self,
        key: &PublicKey,
        id: MemberId,
        not_before: Wall,
        not_after: Wall,
        serial: u64,
    ) -> Vec<u8> {
        let uri = member_uri(&self.root.params.id, &id);
        let name = SanType::URI(uri.try_into().expect("ASCII"));
        self.sign(leaf(vec![ExtendedKeyUsagePurpose::ClientAuth], name, not_before, not_after, serial), key)
    }

    /// The TLS certificate of the CA's HTTPS service, for [`SERVICE_NAME`]. No member: it has no URI.
    pub fn issue_service(&self, key: &PublicKey, not_before: Wall, not_after: Wall, serial: u64) -> Vec<u8> {
        let name = SanType::DnsName(SERVICE_NAME.try_into().expect("ASCII"));
        self.sign(leaf(vec![], name, not_before, not_after, serial), key)
    }

    /// What an issuer with other habits would sign, in the root's time.
    #[cfg(test)]
    pub(crate) fn issue_changed(
        &self,
        key: &PublicKey,
        id: MemberId,
        serial: u64,
        change: &dyn Fn(&mut CertificateParams),
    ) -> Vec<u8> {
        let name = SanType::URI(member_uri(&self.root.params.id, &id).try_into().expect("ASCII"));
        let (begin, end) = (self.root.not_before, self.root.not_after);
        let mut params = leaf(vec![ExtendedKeyUsagePurpose::ClientAuth], name, begin, end, serial);
        change(&mut params);
        self.sign(params, key)
    }

    fn sign(&self, params: CertificateParams, key: &PublicKey) -> Vec<u8> {
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = name_of(&self.root.params.id, self.root.generation);
        let issuer = Issuer::from_params(&issuer, &self.key);
        let certificate = params.signed_by(&Subject(*key), &issuer);
        certificate.expect("all fields are ours, and the key signs everything").der().to_vec()
    }
}

fn root_params(
    params: &NetworkParams,
    generation: u64,
    not_before: Wall,
    not_after: Wall,
) -> CertificateParams {
    let mut root = CertificateParams::default();
    root.distinguished_name = name_of(&params.id, generation);
    root.serial_number = Some(SerialNumber::from(generation));
    set_dates(&mut root, not_before, not_after);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    root.custom_extensions = vec![params_extension(params)];
    root
}

/// The parameters, as an OCTET STRING, so that tools which print certificates get on with it.
fn params_extension(params: &NetworkParams) -> CustomExtension {
    let bytes = params.encode();
    let mut content = vec![0x04, bytes.len() as u8];
    content.extend_from_slice(&bytes);
    CustomExtension::from_oid_content(&PARAMS_OID.map(u64::from), content)
}

fn leaf(
    mut usages: Vec<ExtendedKeyUsagePurpose>,
    name: SanType,
    not_before: Wall,
    not_after: Wall,
    serial: u64,
) -> CertificateParams {
    usages.insert(0, ExtendedKeyUsagePurpose::ServerAuth);
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = DistinguishedName::new();
    leaf.serial_number = Some(SerialNumber::from(serial));
    set_dates(&mut leaf, not_before, not_after);
    leaf.is_ca = IsCa::NoCa;
    leaf.subject_alt_names = vec![name];
    leaf.extended_key_usages = usages;
    leaf
}

/// The root's subject, and so every issuer: each of a network's roots has another.
fn name_of(network: &NetworkId, generation: u64) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    let number = if generation == 1 { String::new() } else { format!(" root {generation}") };
    name.push(DnType::CommonName, format!("ifrit {network}{number}"));
    name
}

/// Explicit dates: nothing here looks at a clock.
fn set_dates(params: &mut CertificateParams, not_before: Wall, not_after: Wall) {
    let seconds = |wall: Wall| Duration::from_secs((wall.0 / 1000).min(LAST_SECOND));
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + seconds(not_before);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + seconds(not_after);
}

/// A key that rcgen can sign with.
pub(crate) struct KeyOf {
    signer: P256Signer,
    public: PublicKey,
}

impl From<P256Signer> for KeyOf {
    fn from(signer: P256Signer) -> Self {
        Self { public: signer.public_key(), signer }
    }
}

impl std::fmt::Debug for KeyOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.public.fmt(f)
    }
}

impl PublicKeyData for KeyOf {
    fn der_bytes(&self) -> &[u8] {
        &self.public.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for KeyOf {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.signer.clone().sign(message);
        let signature = P256Signature::from_slice(&signature.0).map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// A key that rcgen can certify.
struct Subject(PublicKey);

impl PublicKeyData for Subject {
    fn der_bytes(&self) -> &[u8] {
        &self.0.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}
