use super::*;
use crate::identity::{CERTIFICATE_FILE, KEY_FILE};
use ifrit_core::{certificate::Certificate, crypto::P256Verifier, id::MemberId};
use rcgen::{CertificateParams, CustomExtension, DnType, IsCa};
use std::time::Duration;

type Change<'a> = &'a dyn Fn(&mut CertificateParams);

const NOW: Wall = Wall(1_767_225_600_000);

fn network() -> (Root, String) {
    create(&Wish::default(), NOW).expect("defaults")
}

#[test]
fn whoever_has_the_root_is_in_and_two_are_two() {
    let (root, pem) = network();
    assert!(root.is_open());
    let (one, two) = (join(pem.as_bytes()).expect("in"), join(pem.as_bytes()).expect("in"));
    assert_ne!(one.id(), two.id());
    assert_eq!(one.id(), open_id(&one.certificate.key()));
    assert_eq!(one.check_dates(NOW).ok(), Some(()));
    let seen = Certificate::parse(two.certificate.der(), &one.root).expect("of the network");
    assert!(seen.verify(&one.root, &P256Verifier) && seen.verify(&one.root, &RingVerifier));
}

#[test]
fn a_key_is_one_member_over_restarts_and_tries() {
    let ((_, pem), dir) = (network(), tempfile::tempdir().expect("a directory"));
    let store = Store::open(dir.path()).expect("free");
    let first = join_in(pem.as_bytes(), &store).expect("in");
    std::fs::remove_file(dir.path().join(CERTIFICATE_FILE)).expect("it was written last");
    let again = join_in(pem.as_bytes(), &store).expect("in");
    assert_eq!(again.certificate, first.certificate);
    assert_eq!(Identity::load(dir.path()).expect("kept").id(), first.id());
    assert!(dir.path().join(KEY_FILE).exists());
}

#[test]
fn a_network_with_a_ca_is_not_open() {
    let (begin, end) = (NOW, NOW + ROOT_VALIDITY);
    let ca =
        Authority::create(generate_key(), NetworkId([3; 32]), &Wish::default(), begin, end).expect("a CA");
    assert!(!ca.root().is_open());
    let root = pem("CERTIFICATE", ca.root().der());
    assert!(matches!(join(root.as_bytes()), Err(OpenError::NotOpen(NetworkId([3, ..])))));
    assert!(matches!(join(b"no PEM"), Err(OpenError::Pem(_))));
    // There, ids are the CA's to choose.
    let key = generate_key().public_key();
    let der = ca.issue(&key, MemberId([9; 32]), begin, end, 7);
    assert_eq!(Certificate::parse(&der, ca.root()).map(|it| it.id), Ok(MemberId([9; 32])));
}

/// All that a stranger with the root's key, which is everybody, may try.
#[test]
fn of_one_key_there_is_one_certificate() {
    let (root, pem) = network();
    let victim = join(pem.as_bytes()).expect("in");
    let everybody = Authority::open(open_signer(&root.params.id), root.der()).expect("everybody");
    let (key, id) = (victim.certificate.key(), victim.id());
    let (begin, end) = (root.not_before, root.not_after);
    let second = Duration::from_secs(1);
    let parse = |der: Vec<u8>| Certificate::parse(&der, &root).map(|it| it.hash);
    let same = everybody.issue(&key, id, begin, end, OPEN_SERIAL.into());
    assert_eq!(parse(same), Ok(victim.certificate.hash));
    for (what, der) in [
        ("another's id", everybody.issue(&key, MemberId([9; 32]), begin, end, OPEN_SERIAL.into())),
        ("another's key", everybody.issue(&generate_key().public_key(), id, begin, end, OPEN_SERIAL.into())),
        ("a later begin", everybody.issue(&key, id, begin + second, end, OPEN_SERIAL.into())),
        ("an early end", everybody.issue(&key, id, begin, begin + second, OPEN_SERIAL.into())),
        ("another number", everybody.issue(&key, id, begin, end, 3)),
    ] {
        assert!(matches!(parse(der), Err(CertificateError::Profile(_))), "{what}");
    }
}

#[test]
fn nothing_can_be_added_to_a_certificate() {
    let (root, pem) = network();
    let victim = join(pem.as_bytes()).expect("in");
    let everybody = Authority::open(open_signer(&root.params.id), root.der()).expect("everybody");
    let with = |change: Change<'_>| {
        let der = everybody.issue_changed(&victim.certificate.key(), victim.id(), OPEN_SERIAL.into(), change);
        Certificate::parse(&der, &root).map(|it| it.hash)
    };
    assert_eq!(with(&|_| ()), Ok(victim.certificate.hash));
    let note = || CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    let changes: [(&str, Change<'_>); 4] = [
        ("a name", &|it| it.distinguished_name.push(DnType::CommonName, "me")),
        ("an extension", &|it| it.custom_extensions.push(note())),
        ("no usage", &|it| it.extended_key_usages.clear()),
        ("a constraint", &|it| it.is_ca = IsCa::ExplicitNoCa),
    ];
    for (what, change) in changes {
        assert!(matches!(with(change), Err(CertificateError::Profile(_))), "{what}");
    }
}

/// Everybody can sign as the root does, so its word on who is a member no more is nobody's.
#[test]
fn r14_nobody_can_be_revoked() {
    use ifrit_core::{
        config::{Config, Probation, Stored},
        event::{Command, Event, Refused},
        member::Member,
        revocation::{Entry, Fields},
        seed::Seed,
        time::{Mono, Now},
    };
    let (root, pem) = network();
    let [one, two] = [(); 2].map(|()| join(pem.as_bytes()).expect("in"));
    let config = Config {
        root: one.root.clone(),
        addrs: Vec::new(),
        tags: Vec::new(),
        seeds: 0,
        probation: Probation::default(),
        verifier: std::sync::Arc::new(RingVerifier),
    };
    let now = Now { mono: Mono(0), wall: NOW };
    let member = Member::new(config, one.local(), Stored::default(), Seed([1; 32]), now);
    let fields =
        Fields { sequence: 1, entries: vec![Entry { id: two.id(), until: NOW }], succession: vec![] };
    let list = fields.sign(&root.params, &mut open_signer(&root.params.id)).expect("a list");
    let command = Command::SetRevocations(list.signed().bytes().to_vec());
    let refused = member.expect("it can be made").handle(now, Event::Command(command));
    assert_eq!(refused, Err(Refused::WrongRevocations));
}
