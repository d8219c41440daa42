//! Certificate requests: made by a newcomer, judged by the CA.

use super::KeyOf;
use ifrit_core::crypto::{P256Signer, PublicKey};
use p256::ecdsa::VerifyingKey;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, PKCS_ECDSA_P256_SHA256,
    PublicKeyData,
};
use rustls_pki_types::CertificateSigningRequestDer;

/// Bytes of a request: ours have about 230; other tools put a name and extensions into theirs.
pub const CSR_MAX: usize = 2048;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrError {
    /// Over [`CSR_MAX`], or not PKCS #10.
    #[error("not a certificate request (PKCS #10, DER, at most {CSR_MAX} bytes)")]
    Malformed,
    /// Nobody proved to hold the key.
    #[error("the request is not signed by the key that it names")]
    NoProof,
    /// Not ECDSA on P-256 with an uncompressed point.
    #[error("the request's key is not an uncompressed ECDSA P-256 key")]
    WrongKind,
}

/// A request for `key`, DER. It names nothing: the CA would not copy it.
pub fn generate_csr(key: &P256Signer) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let csr = params.serialize_request(&KeyOf::from(key.clone()));
    csr.expect("an empty request, and the key signs everything").der().to_vec()
}

/// The one thing that the CA takes from a request: its key, proved by the request's signature.
///
/// # Errors
/// [`CsrError`], for any bytes that are not a request with proof of possession.
pub fn requested_key(csr: &[u8]) -> Result<PublicKey, CsrError> {
    if csr.len() > CSR_MAX {
        return Err(CsrError::Malformed);
    }
    let csr = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr)).map_err(
        |error| match error {
            rcgen::Error::InvalidCertificationRequestSignature => CsrError::NoProof,
            _ => CsrError::Malformed,
        },
    )?;
    let key = csr.public_key;
    let is_p256 = *key.algorithm() == PKCS_ECDSA_P256_SHA256;
    let point: [u8; 65] = key.der_bytes().try_into().map_err(|_| CsrError::WrongKind)?;
    if !is_p256 || point[0] != 4 || VerifyingKey::from_sec1_bytes(&point).is_err() {
        return Err(CsrError::WrongKind);
    }
    Ok(PublicKey(point))
}
