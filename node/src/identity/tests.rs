use super::*;
use crate::ca::Authority;
use ifrit_core::{id::NetworkId, params::Wish};

const START: Wall = Wall(1_767_225_600_000);
const DAY: Duration = Duration::from_secs(86_400);

fn authority(seed: u8) -> Authority {
    let key = P256Signer::from_scalar(&[seed; 32]).expect("in range");
    Authority::create(key, NetworkId([seed; 32]), &Wish::default(), START, START + DAY * 365)
        .expect("defaults")
}

fn identity(ca: &Authority, key: &P256Signer) -> Identity {
    let der = ca.issue(&key.public_key(), MemberId([9; 32]), START, START + DAY, 7);
    Identity::new(ca.root().der(), &der, key.clone()).expect("all fit")
}

#[test]
fn files_round_trip_with_private_modes() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("node/deeper");
    let saved = identity(&authority(1), &generate_key());
    saved.save(&dir).expect("it can be written");
    let loaded = Identity::load(&dir).expect("it can be read");
    assert_eq!((loaded.id(), loaded.certificate.der()), (saved.id(), saved.certificate.der()));
    assert_eq!(loaded.signer.scalar(), saved.signer.scalar());
    assert_eq!(loaded.root, saved.root);
    assert_eq!(fs::read_dir(&dir).expect("readable").count(), 3, "no temporary file is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(KEY_FILE)), 0o600);
    }
}

#[test]
fn missing_and_damaged_files_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = Identity::load(dir.path()).expect_err("empty");
    assert!(matches!(error, IdentityError::Missing(_)), "{error}");
    identity(&authority(1), &generate_key()).save(dir.path()).expect("it can be written");
    for name in [ROOT_FILE, CERTIFICATE_FILE, KEY_FILE] {
        let path = dir.path().join(name);
        let whole = fs::read(&path).expect("readable");
        for len in [0, 1, whole.len() / 2, whole.len() - 20] {
            fs::write(&path, &whole[..len]).expect("writable");
            let error = Identity::load(dir.path()).expect_err("half-written");
            let fits = matches!(&error, IdentityError::Damaged { path: found, .. } if *found == path);
            assert!(fits, "{name} cut to {len}: {error}");
        }
        fs::write(&path, whole).expect("writable");
    }
    Identity::load(dir.path()).expect("whole again");
}

#[test]
fn parts_of_different_members_are_refused() {
    let (ours, theirs) = (authority(1), authority(2));
    let (a, b) = (identity(&ours, &generate_key()), identity(&theirs, &generate_key()));
    let wrong_key = Identity::new(ours.root().der(), a.certificate.der(), b.signer.clone());
    assert!(matches!(wrong_key, Err(IdentityError::WrongKey(id)) if id == a.id()));
    let wrong_root = Identity::new(theirs.root().der(), a.certificate.der(), a.signer.clone());
    assert!(matches!(wrong_root, Err(IdentityError::Certificate(CertificateError::OtherNetwork))));
}

#[test]
fn dates_are_judged_with_the_allowance() {
    let identity = identity(&authority(1), &generate_key());
    let allowance = Duration::from_secs(u64::from(identity.root.params.allowance_s));
    let before = |span: Duration| Wall(START.0 - span.as_millis() as u64);
    let second = Duration::from_secs(1);
    identity.check_dates(START).expect("now");
    identity.check_dates(before(allowance)).expect("the clock may be behind");
    identity.check_dates(START + DAY + allowance).expect("or ahead");
    let early = identity.check_dates(before(allowance + second)).expect_err("too early");
    assert!(matches!(early, IdentityError::NotYetValid { ahead, .. } if ahead == allowance + second));
    let late = identity.check_dates(START + DAY + allowance + second).expect_err("too late");
    assert!(matches!(late, IdentityError::Expired { ago, .. } if ago == allowance + second));
}
