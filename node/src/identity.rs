//! Who a member is: root, certificate and key, and the files that hold them.

use crate::{crypto::RingVerifier, file};
use data_encoding::BASE64;
use ifrit_core::{
    certificate::{Certificate, CertificateError, Root},
    config::LocalIdentity,
    crypto::{P256Signer, Signer},
    id::MemberId,
    time::Wall,
};
use p256::{
    SecretKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey},
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::{
    CertificateDer, PrivatePkcs8KeyDer,
    pem::{self, PemObject},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use crate::ca::generate_csr;

/// The network's root certificate, PEM.
pub const ROOT_FILE: &str = "root.pem";
/// The member's certificate, PEM.
pub const CERTIFICATE_FILE: &str = "cert.pem";
/// The member's private key, PKCS #8 PEM, mode 0600.
pub const KEY_FILE: &str = "key.pem";

/// A member's identity. The certificate is the root's, and the key is the certificate's; dates are not checked.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The network.
    pub root: Root,
    /// What the CA says of this member.
    pub certificate: Certificate,
    /// The member's key.
    pub signer: P256Signer,
}

/// Why there is no identity. Every message names the file, or what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Nothing is there yet.
    #[error("{} is missing: this directory was never enrolled; join with an invite (`ifrit agent --join`) \
             or have the CA issue it (`ifrit ca issue`)", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not hold what its name says.
    #[error("{} is damaged: {what}; restore it from a backup, or remove the directory and enrol again", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The certificate is not of this root.
    #[error("the certificate does not fit the root: {0}; root.pem and cert.pem must come from one CA")]
    Certificate(#[from] CertificateError),
    /// The key is not the certificate's.
    #[error("the key does not belong to the certificate of {0}: key.pem and cert.pem must come together")]
    WrongKey(MemberId),
    /// The certificate has ended.
    #[error(
        "the certificate of {id} has expired {ago:?} ago: renew it at the CA, or check this machine's clock"
    )]
    Expired {
        /// Whose.
        id: MemberId,
        /// For how long.
        ago: Duration,
    },
    /// The certificate begins later.
    #[error("the certificate of {id} begins only in {ahead:?}: is this machine's clock behind?")]
    NotYetValid {
        /// Whose.
        id: MemberId,
        /// In how long.
        ahead: Duration,
    },
}

impl Identity {
    /// From DER and a key; of the root, its [bundle](Root::bundle): alone, or with the one that it follows.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`] and [`IdentityError::WrongKey`].
    pub fn new(root: &[u8], certificate: &[u8], signer: P256Signer) -> Result<Self, IdentityError> {
        let root = Root::from_bundle(root, &RingVerifier)?;
        let certificate = Certificate::parse(certificate, &root)?;
        if !certificate.verify(&root, &RingVerifier) {
            return Err(CertificateError::BadSignature.into());
        }
        if certificate.key() != signer.public_key() {
            return Err(IdentityError::WrongKey(certificate.id));
        }
        Ok(Self { root, certificate, signer })
    }

    /// Reads the three files of `dir`.
    ///
    /// # Errors
    /// [`IdentityError`]; nothing is changed on disk.
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let root = load_certificates(&dir.join(ROOT_FILE))?;
        let certificate = load_certificate(&dir.join(CERTIFICATE_FILE))?;
        let signer = load_key(&dir.join(KEY_FILE))?;
        Self::new(&root, &certificate, signer)
    }

    /// Writes the three files into `dir`, which is made (mode 0700) if it is missing. Each file is replaced
    /// atomically, the certificate last: it alone says that the enrolment is complete.
    ///
    /// # Errors
    /// [`IdentityError::Io`]; files already replaced stay so.
    pub fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        save_key(&self.signer, dir)?;
        write(&dir.join(ROOT_FILE), &root_pem(&self.root))?;
        save_certificate(dir, self.certificate.der())
    }

    /// The member's id.
    pub fn id(&self) -> MemberId {
        self.certificate.id
    }

    /// Whether the certificate holds at `now`, with the network's allowance for wrong clocks.
    ///
    /// # Errors
    /// [`IdentityError::Expired`] and [`IdentityError::NotYetValid`].
    pub fn check_dates(&self, now: Wall) -> Result<(), IdentityError> {
        let allowance = Duration::from_secs(u64::from(self.root.params.allowance_s));
        if self.certificate.is_current(now, allowance) {
            return Ok(());
        }
        let id = self.id();
        Err(if now > self.certificate.not_after {
            IdentityError::Expired { id, ago: now.since(self.certificate.not_after) }
        } else {
            IdentityError::NotYetValid { id, ahead: self.certificate.not_before.since(now) }
        })
    }

    /// What the core wants.
    pub fn local(&self) -> LocalIdentity {
        LocalIdentity { certificate: self.certificate.der().to_vec(), signer: Box::new(self.signer.clone()) }
    }
}

/// A new key from the system's randomness.
///
/// # Panics
/// If the system has no randomness: nothing safe can be done without.
pub fn generate_key() -> P256Signer {
    loop {
        let mut scalar = [0; 32];
        fill_random(&mut scalar);
        if let Some(key) = P256Signer::from_scalar(&scalar) {
            return key;
        }
    }
}

/// Bytes of the system's randomness.
///
/// # Panics
/// If the system has none.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill_random(&mut bytes);
    bytes
}

/// Fills `bytes` with the system's randomness.
///
/// # Panics
/// If the system has none.
pub(crate) fn fill_random(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("the system has randomness");
}

/// The key in `dir`, if there is one: an enrolment that was cut short goes on with it.
///
/// # Errors
/// [`IdentityError`], but not for a missing file.
pub fn load_key_of(dir: &Path) -> Result<Option<P256Signer>, IdentityError> {
    match load_key(&dir.join(KEY_FILE)) {
        Ok(key) => Ok(Some(key)),
        Err(IdentityError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A network's root certificate in a file (PEM), such as [`ROOT_FILE`] of a member's directory; if it follows another one, with
/// that one, and what that one signed for it.
///
/// # Errors
/// [`IdentityError`].
pub fn load_root(path: &Path) -> Result<Root, IdentityError> {
    Ok(Root::from_bundle(&load_certificates(path)?, &RingVerifier)?)
}

/// What [`load_root`] reads, as text.
pub fn root_pem(root: &Root) -> String {
    root.parts().into_iter().map(|part| pem("CERTIFICATE", part)).collect()
}

/// Replaces the root in `dir` by that of a [bundle](Root::bundle).
pub(crate) fn save_root(dir: &Path, bundle: &[u8]) -> Result<(), IdentityError> {
    write(&dir.join(ROOT_FILE), &root_pem(&Root::from_bundle(bundle, &RingVerifier)?))
}

/// Writes the key into `dir`, which is made (mode 0700) if it is missing.
///
/// # Errors
/// [`IdentityError::Io`]; an old key then stands.
pub fn save_key(key: &P256Signer, dir: &Path) -> Result<(), IdentityError> {
    let path = dir.join(KEY_FILE);
    file::private_dir(dir).map_err(|source| IdentityError::Io { path: dir.into(), source })?;
    write(&path, &pem("PRIVATE KEY", &pkcs8(key)))
}

/// Replaces the certificate in `dir` by a renewed one, DER.
pub(crate) fn save_certificate(dir: &Path, certificate: &[u8]) -> Result<(), IdentityError> {
    write(&dir.join(CERTIFICATE_FILE), &pem("CERTIFICATE", certificate))
}

/// The key as PKCS #8, DER.
pub(crate) fn pkcs8(key: &P256Signer) -> Vec<u8> {
    let secret = SecretKey::from_slice(&key.scalar()).expect("a signer's scalar is in range");
    secret.to_pkcs8_der().expect("a P-256 key has a PKCS #8 form").as_bytes().to_vec()
}

fn load_key(path: &Path) -> Result<P256Signer, IdentityError> {
    let damaged = |what: String| IdentityError::Damaged { path: path.into(), what };
    let pem = read(path)?;
    if file::is_open_to_others(path) {
        tracing::warn!(path = %path.display(), "others may read this private key: chmod 600 it");
    }
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|error| damaged(error.to_string()))?;
    let secret = SecretKey::from_pkcs8_der(der.secret_pkcs8_der())
        .map_err(|_| damaged("not a PKCS #8 key of P-256".into()))?;
    P256Signer::from_scalar(&secret.to_bytes().into()).ok_or_else(|| damaged("the key is zero".into()))
}

fn load_certificate(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let der = CertificateDer::from_pem_slice(&read(path)?);
    Ok(der.map_err(|error| damaged(path, &error))?.to_vec())
}

/// One or more, one behind the other.
fn load_certificates(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let pem = read(path)?;
    let ders: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match ders {
        Ok(ders) if ders.is_empty() => Err(damaged(path, &pem::Error::NoItemsFound)),
        Ok(ders) => Ok(ders.iter().flat_map(|der| der.iter().copied()).collect()),
        Err(error) => Err(damaged(path, &error)),
    }
}

fn damaged(path: &Path, error: &pem::Error) -> IdentityError {
    IdentityError::Damaged { path: path.into(), what: error.to_string() }
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => IdentityError::Missing(path.into()),
        _ => IdentityError::Io { path: path.into(), source },
    })
}

fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    file::write_atomic(path, text.as_bytes())
        .map_err(|source| IdentityError::Io { path: path.into(), source })
}

/// PEM (RFC 7468) with lines of 64 characters.
pub fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        text += &BASE64.encode(line);
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests;
