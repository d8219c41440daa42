//! The TLS end of the CA's service.

use super::Authority;
use crate::identity::{fill_random, generate_key, pkcs8};
use ifrit_core::crypto::Signer;
use rustls::{ServerConfig, server::NoServerSessionStorage};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// What a TLS server of the CA's service needs: a fresh key, a certificate of the root for
/// [`SERVICE_NAME`](super::SERVICE_NAME), and the root itself, which newcomers compare with their invite's fingerprint.
///
/// TLS 1.3 only, no resumption; ALPN is left to the host.
///
/// # Errors
/// If rustls refuses key or chain, which it does not.
pub fn server_config(authority: &Authority) -> Result<ServerConfig, rustls::Error> {
    let key = generate_key();
    let root = authority.root();
    let mut serial = [0; 8];
    fill_random(&mut serial);
    // As long as the root: the certificate lives no longer than the process that made it.
    let leaf = authority.issue_service(
        &key.public_key(),
        root.not_before,
        root.not_after,
        u64::from_be_bytes(serial),
    );
    // The cross certificate leads whoever knows only the former root to this one, and is passed over by all others.
    let mut chain = vec![CertificateDer::from(leaf)];
    if let Some(former) = root.former() {
        chain.push(CertificateDer::from(former.cross().to_vec()));
        chain.push(CertificateDer::from(former.root.der().to_vec()));
    }
    chain.push(CertificateDer::from(root.der().to_vec()));
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8(&key)));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
