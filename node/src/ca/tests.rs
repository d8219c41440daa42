use super::*;
use crate::crypto::RingVerifier;
use ifrit_core::certificate::Certificate;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

const DAY: u64 = 86_400_000;
/// 2026-01-01.
const START: Wall = Wall(1_767_225_600_000);
const END: Wall = Wall(1_767_225_600_000 + 365 * DAY);

fn signer(seed: u8) -> P256Signer {
    P256Signer::from_scalar(&[seed; 32]).expect("in range")
}

fn authority(seed: u8) -> Authority {
    Authority::create(signer(seed), NetworkId([seed; 32]), &Wish::default(), START, END).expect("defaults")
}

#[test]
fn issuing_is_deterministic_and_the_core_accepts_it() {
    let ca = authority(1);
    let (key, id) = (signer(2).public_key(), MemberId([9; 32]));
    let der = ca.issue(&key, id, START, END, 7);
    assert_eq!(der, authority(1).issue(&key, id, START, END, 7));
    assert_eq!(ca.root().der(), authority(1).root().der());
    assert!(der.len() < 450, "{} bytes", der.len());

    let certificate = Certificate::parse(&der, ca.root()).expect("our own profile");
    assert_eq!((certificate.id, certificate.key()), (id, key));
    assert_eq!((certificate.not_before, certificate.not_after), (START, END));
    assert!(certificate.verify(ca.root(), &RingVerifier) && certificate.verify(ca.root(), &P256Verifier));
    assert_eq!(ca.root().params.rings, 23);
    assert_eq!(ca.root().params.id, NetworkId([1; 32]));
}

#[test]
fn the_id_and_the_key_survive_a_renewal() {
    let ca = authority(1);
    let (key, id) = (signer(2).public_key(), MemberId([9; 32]));
    let parse = |der: Vec<u8>| Certificate::parse(&der, ca.root()).expect("ours");
    let old = parse(ca.issue(&key, id, START, END, 7));
    let new = parse(ca.issue(&key, id, START + Duration::from_secs(60), END, 8));
    assert_eq!((old.id, old.key()), (new.id, new.key()));
    assert!(new.supersedes(&old) && !old.supersedes(&new));
}

#[test]
fn certificates_of_another_ca_are_refused() {
    let (ours, theirs) = (authority(1), authority(3));
    let der = theirs.issue(&signer(2).public_key(), MemberId([9; 32]), START, END, 7);
    assert_eq!(Certificate::parse(&der, ours.root()), Err(CertificateError::OtherNetwork));

    // One that claims our network's name, with an own key: its form is right, its signature is not.
    let liar =
        Authority::create(signer(3), NetworkId([1; 32]), &Wish::default(), START, END).expect("defaults");
    let der = liar.issue(&signer(2).public_key(), MemberId([9; 32]), START, END, 7);
    let certificate = Certificate::parse(&der, ours.root()).expect("its form is right");
    assert!(
        !certificate.verify(ours.root(), &P256Verifier) && !certificate.verify(ours.root(), &RingVerifier)
    );
}

#[test]
fn dates_beyond_2049_and_absurd_ones_are_written() {
    let ca = authority(1);
    let far = Wall(4_000_000_000_000);
    let der = ca.issue(&signer(2).public_key(), MemberId([9; 32]), START, far, 7);
    assert_eq!(Certificate::parse(&der, ca.root()).expect("ours").not_after, far);
    let der = ca.issue(&signer(2).public_key(), MemberId([9; 32]), START, Wall(u64::MAX), 7);
    assert_eq!(Certificate::parse(&der, ca.root()).expect("ours").not_after, Wall(LAST_SECOND * 1000));
}

#[test]
fn a_ca_needs_its_own_key() {
    let ca = authority(1);
    assert!(Authority::open(signer(1), ca.root().der()).is_ok());
    assert_eq!(Authority::open(signer(2), ca.root().der()).err(), Some(AuthorityError::WrongKey));
    let member = ca.issue(&signer(2).public_key(), MemberId([9; 32]), START, END, 7);
    assert!(matches!(Authority::open(signer(2), &member), Err(AuthorityError::Root(_))));
}

/// The trap in rcgen: what a requester asks for must not be in what the CA signs.
#[test]
fn names_and_rights_of_a_request_are_not_copied() {
    let ca = authority(1);
    let key = KeyPair::generate().expect("randomness");
    let mut greedy = CertificateParams::new(vec!["ca.ifrit".to_owned()]).expect("a name");
    greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    greedy.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    greedy
        .subject_alt_names
        .push(SanType::URI(member_uri(&ca.root().params.id, &MemberId([66; 32])).try_into().expect("ASCII")));
    let csr = greedy.serialize_request(&key).expect("rcgen writes it");
    let requested = requested_key(csr.der()).expect("it is well signed");

    let der = ca.issue(&requested, MemberId([9; 32]), START, END, 7);
    let certificate = Certificate::parse(&der, ca.root()).expect("the profile, which has no CA in it");
    assert_eq!(certificate.id, MemberId([9; 32]));
    assert!(!der.windows(8).any(|bytes| bytes == b"ca.ifrit"));
}

#[test]
fn a_request_needs_proof_of_possession() {
    let csr = generate_csr(&signer(2));
    assert!(csr.len() < 300, "{}", csr.len());
    assert_eq!(requested_key(&csr), Ok(signer(2).public_key()));

    // Another's key in the request, signed by ours.
    let (ours, theirs) = (signer(2).public_key().0, signer(3).public_key().0);
    let place = csr.windows(65).position(|bytes| bytes == ours).expect("the key is in it");
    let mut stolen = csr.clone();
    stolen[place..place + 65].copy_from_slice(&theirs);
    assert_eq!(requested_key(&stolen), Err(CsrError::NoProof));

    assert_eq!(requested_key(b"garbage"), Err(CsrError::Malformed));
    assert_eq!(requested_key(&[0x30; CSR_MAX + 1]), Err(CsrError::Malformed));
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("randomness");
    let csr = CertificateParams::default().serialize_request(&p384).expect("rcgen writes it");
    assert_eq!(requested_key(csr.der()), Err(CsrError::WrongKind));
}

proptest::proptest! {
    #[test]
    fn no_bytes_in_a_request_panic(place in 0usize..230, value: u8, cut in 0usize..300) {
        let mut csr = generate_csr(&signer(2));
        if let Some(byte) = csr.get_mut(place) {
            *byte = value;
        }
        csr.truncate(cut);
        let _ = requested_key(&csr);
    }
}

fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::ring::default_provider()
}

#[test]
fn webpki_accepts_members_at_both_ends() {
    let ca = authority(1);
    let der = ca.issue(&signer(2).public_key(), MemberId([9; 32]), START, END, 7);
    let leaf = CertificateDer::from(der);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(ca.root().der())).expect("a trust anchor");
    let now = UnixTime::since_unix_epoch(Duration::from_millis(START.0 + DAY));
    let algorithms = provider().signature_verification_algorithms;

    let parsed = rustls::server::ParsedCertificate::try_from(&leaf).expect("webpki reads it");
    rustls::client::verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], now, algorithms.all)
        .expect("as a server");
    let clients =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.clone().into(), provider().into())
            .build()
            .expect("a verifier");
    clients.verify_client_cert(&leaf, &[], now).expect("as a client");
    let late = UnixTime::since_unix_epoch(Duration::from_millis(END.0 + DAY));
    clients.verify_client_cert(&leaf, &[], late).expect_err("it has ended");

    let service = ca.issue_service(&signer(4).public_key(), START, END, 8);
    assert!(Certificate::parse(&service, ca.root()).is_err(), "the service is no member");
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider().into())
            .build()
            .expect("a verifier");
    let name = ServerName::try_from(SERVICE_NAME).expect("a name");
    use rustls::client::danger::ServerCertVerifier;
    verifier.verify_server_cert(&service.into(), &[], &name, &[], now).expect("by its name");
    verifier.verify_server_cert(&leaf, &[], &name, &[], now).expect_err("a member is not the CA's service");
}
