//! A CA and a certificate for each end, for those who have none of their own.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// The name that both ends have.
pub const NAME: &str = "localhost";

/// PEM.
pub struct Certs {
    pub root: String,
    pub certificate: String,
    pub key: String,
}

pub fn make() -> Result<Certs> {
    let ca_key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&ca_key)?;
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![NAME.to_owned()])?.signed_by(&key, &issuer)?;
    Ok(Certs { root: root.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
}
