//! TLS 1.3 both ways: what is offered, and who is believed.
//!
//! A member is shown as its certificate alone. While the network's root follows another one, one of the new root shows behind it the
//! cross certificate and that root: whoever was away and knows only the old one learns the new one from them, without the CA.

use crate::crypto::RingVerifier;
use ifrit_core::{
    certificate::{Certificate, CertificateError as NotOurs, Root},
    id::MemberId,
    time::Wall,
};
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring as suites, verify_tls12_signature, verify_tls13_signature},
    server::{
        NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    time_provider::TimeProvider,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, TrustAnchor, UnixTime};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use webpki::{EndEntityCert, KeyUsage};

/// The protocol that both ends must speak.
const ALPN: &[u8] = b"ifrit/1";
/// The name passed when whoever answers at a seed will do. No base32 id is that short.
pub(super) const ANYBODY: &str = "seed";

/// The wall clock as last handed in: TLS may not ask the system for it.
#[derive(Debug, Default)]
pub(super) struct WallClock(AtomicU64);

impl WallClock {
    pub(super) fn set(&self, now: Wall) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Wall {
        Wall(self.0.load(Ordering::Relaxed))
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix(self.get()))
    }
}

/// What to believe, and as whom to speak.
#[derive(Debug)]
pub(super) struct Tls {
    checker: Arc<Checker>,
    clock: Arc<WallClock>,
    provider: Arc<CryptoProvider>,
    key: PrivateKeyDer<'static>,
}

impl Tls {
    pub(super) fn new(
        root: Root,
        me: MemberId,
        key: PrivateKeyDer<'static>,
        clock: Arc<WallClock>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let checker = Arc::new(Checker::new(root, me, clock.clone(), provider.clone())?);
        Ok(Self { checker, clock, provider, key })
    }

    /// Believes another root from now on; what was configured before keeps the old one.
    pub(super) fn believe(&mut self, root: Root) -> Result<(), Error> {
        let checker = Checker::new(root, self.checker.me, self.clock.clone(), self.provider.clone())?;
        self.checker = Arc::new(checker);
        Ok(())
    }

    /// Whose certificate this is.
    pub(super) fn id_of(&self, certificate: &[u8]) -> Option<MemberId> {
        let parse = |root: &Root| Certificate::parse(certificate, root).ok().map(|leaf| leaf.id);
        parse(&self.checker.believed.root).or_else(|| parse(&self.learnt()?))
    }

    /// A root that follows the one believed, as a peer has shown.
    pub(super) fn learnt(&self) -> Option<Root> {
        self.checker.learnt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What to show.
    fn chain(&self, certificate: &[u8]) -> Vec<CertificateDer<'static>> {
        let root = &self.checker.believed.root;
        let leaf = Certificate::parse(certificate, root);
        let mut chain = vec![owned(certificate)];
        if let Some(former) = root.former().filter(|_| leaf.is_ok_and(|leaf| !leaf.is_of_former()))
            && former.until + allowance(root) >= self.clock.get()
        {
            chain.extend([owned(former.cross()), owned(root.der())]);
        }
        chain
    }

    /// For dialling: no SNI, nothing resumed (resumption would skip the certificate checks).
    pub(super) fn client(&self, certificate: &[u8]) -> Result<QuicClientConfig, Error> {
        let builder = ClientConfig::builder_with_details(self.provider.clone(), self.clock.clone());
        let mut config = builder
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(self.checker.clone())
            .with_client_auth_cert(self.chain(certificate), self.key.clone_key())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        QuicClientConfig::try_from(config).map_err(|error| Error::General(error.to_string()))
    }

    /// For being dialled: a client certificate is a must; no tickets, no early data.
    pub(super) fn server(&self, certificate: &[u8]) -> Result<QuicServerConfig, Error> {
        let builder = ServerConfig::builder_with_details(self.provider.clone(), self.clock.clone());
        let mut config = builder
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(self.checker.clone())
            .with_single_cert(self.chain(certificate), self.key.clone_key())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        QuicServerConfig::try_from(config).map_err(|error| Error::General(error.to_string()))
    }
}

fn owned(certificate: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(certificate.to_vec())
}

/// One suite and one group: what every member has, and nothing that an attacker could choose.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![suites::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![suites::kx_group::X25519],
        ..suites::default_provider()
    }
}

/// A root as webpki wants it.
#[derive(Debug)]
struct Believed {
    root: Root,
    /// The root, and the former one while there is one. Which issued a certificate, its issuer's name says.
    anchors: Vec<TrustAnchor<'static>>,
}

impl Believed {
    fn new(root: Root) -> Result<Self, Error> {
        let former = root.former().map(|former| &former.root);
        let anchors = [Some(&root), former].into_iter().flatten().map(anchor).collect::<Result<_, _>>()?;
        Ok(Self { root, anchors })
    }
}

/// Checks a peer's certificate: a leaf of this network's root, in its time, of the expected member.
#[derive(Debug)]
struct Checker {
    believed: Believed,
    /// A root that follows it, by which a peer's certificate held.
    learnt: Mutex<Option<Root>>,
    me: MemberId,
    clock: Arc<WallClock>,
    provider: Arc<CryptoProvider>,
}

impl Checker {
    fn new(
        root: Root,
        me: MemberId,
        clock: Arc<WallClock>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        Ok(Self { believed: Believed::new(root)?, learnt: Mutex::default(), me, clock, provider })
    }

    /// Cheap checks first, the signature last.
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        usage: KeyUsage,
    ) -> Result<MemberId, Error> {
        if !matches!(chain, [] | [_, _]) {
            return Err(refused(
                "the chain is neither a leaf alone nor one with the root that follows another",
            ));
        }
        match (Certificate::parse(leaf, &self.believed.root), chain) {
            (Ok(certificate), _) => self.check_by(&self.believed, leaf, &certificate, usage),
            (Err(NotOurs::OtherRoot), [cross, root]) => {
                let ours = &self.believed.root;
                let next = ours.successor(&[root, ours.der(), cross].concat(), &RingVerifier);
                let next = Believed::new(next.ok_or_else(|| refused(&NotOurs::OtherRoot.to_string()))?)?;
                let certificate = Certificate::parse(leaf, &next.root);
                let certificate = certificate.map_err(|error| refused(&error.to_string()))?;
                let id = self.check_by(&next, leaf, &certificate, usage)?;
                *self.learnt.lock().unwrap_or_else(PoisonError::into_inner) = Some(next.root);
                Ok(id)
            }
            (Err(error), _) => Err(refused(&error.to_string())),
        }
    }

    fn check_by(
        &self,
        believed: &Believed,
        leaf: &CertificateDer<'_>,
        certificate: &Certificate,
        usage: KeyUsage,
    ) -> Result<MemberId, Error> {
        if certificate.id == self.me {
            return Err(refused("this is my own certificate"));
        }
        let time = self.time_within(certificate)?;
        let leaf = EndEntityCert::try_from(leaf).map_err(|error| refused(&error.to_string()))?;
        leaf.verify_for_usage(
            &[webpki::ring::ECDSA_P256_SHA256],
            &believed.anchors,
            &[],
            time,
            usage,
            None,
            None,
        )
        .map_err(|error| refused(&error.to_string()))?;
        Ok(certificate.id)
    }

    /// The time at which webpki is asked: now, moved into the certificate's days by at most the network's allowance
    /// for wrong clocks, of which webpki knows nothing.
    fn time_within(&self, certificate: &Certificate) -> Result<UnixTime, Error> {
        let now = self.clock.get();
        if !certificate.is_current(now, allowance(&self.believed.root)) {
            let ended = now > certificate.not_after;
            let why = if ended { CertificateError::Expired } else { CertificateError::NotValidYet };
            return Err(Error::InvalidCertificate(why));
        }
        Ok(unix(now.clamp(certificate.not_before, certificate.not_after)))
    }

    fn verify_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }
}

fn allowance(root: &Root) -> Duration {
    Duration::from_secs(u64::from(root.params.allowance_s))
}

fn anchor(root: &Root) -> Result<TrustAnchor<'static>, Error> {
    let der = owned(root.der());
    let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|error| Error::General(error.to_string()))?;
    Ok(anchor.to_owned())
}

fn refused(why: &str) -> Error {
    Error::InvalidCertificate(CertificateError::Other(rustls::OtherError(Arc::from(Box::<
        dyn std::error::Error + Send + Sync,
    >::from(
        why.to_owned()
    )))))
}

fn unix(wall: Wall) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(wall.0))
}

impl ServerCertVerifier for Checker {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let id = self.check(leaf, chain, KeyUsage::server_auth())?;
        let name = name.to_str();
        if name != ANYBODY && MemberId::from_base32(&name) != Ok(id) {
            return Err(Error::InvalidCertificate(CertificateError::NotValidForName));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

impl ClientCertVerifier for Checker {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(leaf, chain, KeyUsage::client_auth())?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
