//! Certificates built by hand, so that every rule can be broken alone.

use super::*;
use crate::{
    crypto::{P256Signer, P256Verifier, Signer},
    id::NetworkId,
    params::{Preset, Wish},
};
use alloc::{string::ToString, vec, vec::Vec};
use p256::ecdsa::Signature as P256Signature;
use proptest::prelude::*;

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match value.len() {
        len @ ..=127 => bytes.push(len as u8),
        len @ ..=255 => bytes.extend([0x81, len as u8]),
        len => bytes.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    bytes.extend_from_slice(value);
    bytes
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

const ECDSA: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const BC: &[u8] = &[0x55, 0x1d, 0x13];
const USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EKU: &[u8] = &[0x55, 0x1d, 0x25];
const SAN: &[u8] = &[0x55, 0x1d, 0x11];
/// 2.25.0x49667274 in base 128.
const PARAMS: &[u8] = &[0x69, 0x84, 0xcb, 0x99, 0xe4, 0x74];

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { vec![1, 1, 0xff] } else { vec![] };
    sequence(&[tlv(6, oid), flag, tlv(4, value)])
}

/// All that varies. `Default` is a correct member of network 1.
#[derive(Clone)]
struct Fields {
    version: Vec<u8>,
    algorithm: Vec<u8>,
    issuer: &'static str,
    subject: Vec<u8>,
    from: Vec<u8>,
    until: Vec<u8>,
    key: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    outer_algorithm: Vec<u8>,
}

fn name(common: &str) -> Vec<u8> {
    sequence(&[tlv(0x31, &sequence(&[vec![6, 3, 0x55, 4, 3], tlv(0x0c, common.as_bytes())]))])
}

fn signer(seed: u8) -> P256Signer {
    P256Signer::from_scalar(&[seed; 32]).expect("in range")
}

fn spki(key: &PublicKey) -> Vec<u8> {
    [SPKI, &key.0].concat()
}

fn uri(text: &str) -> Vec<u8> {
    sequence(&[tlv(0x86, text.as_bytes())])
}

const ID: MemberId = MemberId([9; 32]);

fn network_params() -> NetworkParams {
    NetworkParams::new(NetworkId([1; 32]), &Wish::default()).expect("defaults")
}

fn member() -> Fields {
    Fields {
        version: vec![0xa0, 3, 2, 1, 2],
        algorithm: ECDSA.into(),
        issuer: "ifrit 1",
        subject: sequence(&[]),
        from: tlv(0x17, b"260101000000Z"),
        until: tlv(0x17, b"270101000000Z"),
        key: spki(&signer(2).public_key()),
        extensions: vec![
            extension(SAN, true, &uri(&member_uri(&NetworkId([1; 32]), &ID))),
            extension(EKU, false, &BOTH_ENDS),
        ],
        outer_algorithm: ECDSA.into(),
    }
}

const BOTH_ENDS: [u8; 22] = [0x30, 0x14, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];

fn root_fields() -> Fields {
    Fields {
        subject: name("ifrit 1"),
        key: spki(&signer(1).public_key()),
        extensions: vec![
            extension(BC, true, &[0x30, 3, 1, 1, 0xff]),
            extension(USAGE, true, &[3, 2, 1, 6]),
            extension(PARAMS, false, &tlv(4, &network_params().encode())),
        ],
        ..member()
    }
}

impl Fields {
    fn tbs(&self) -> Vec<u8> {
        sequence(&[
            self.version.clone(),
            vec![2, 1, 7],
            self.algorithm.clone(),
            name(self.issuer),
            sequence(&[self.from.clone(), self.until.clone()]),
            self.subject.clone(),
            self.key.clone(),
            tlv(0xa3, &sequence(&self.extensions)),
        ])
    }

    fn signed(&self, by: u8) -> Vec<u8> {
        let tbs = self.tbs();
        let signature = signer(by).sign(&tbs);
        self.around(tbs, &der_signature(&signature.0))
    }

    fn around(&self, tbs: Vec<u8>, signature: &[u8]) -> Vec<u8> {
        sequence(&[tbs, self.outer_algorithm.clone(), tlv(3, &[&[0], signature].concat())])
    }
}

fn der_signature(signature: &[u8; 64]) -> Vec<u8> {
    P256Signature::from_slice(signature).expect("in range").to_der().as_bytes().to_vec()
}

fn root() -> Root {
    Root::parse(&root_fields().signed(1), &P256Verifier).expect("a root")
}

fn parse(fields: &Fields) -> Result<Certificate, CertificateError> {
    Certificate::parse(&fields.signed(1), &root())
}

#[test]
fn the_profile_is_accepted() {
    let der = member().signed(1);
    let certificate = Certificate::parse(&der, &root()).expect("the profile");
    assert_eq!((certificate.id, certificate.key()), (ID, signer(2).public_key()));
    assert_eq!(certificate.not_before, Wall(1_767_225_600_000));
    assert_eq!(certificate.not_after, Wall(1_798_761_600_000));
    assert_eq!((certificate.der(), certificate.tbs()), (&der[..], &member().tbs()[..]));
    assert_eq!(certificate.hash, hash(HASH_RECORD, &[&member().tbs()]));
    assert!(certificate.verify(&root(), &P256Verifier));
    assert_eq!(root().params, network_params());
    assert_eq!(root().key, signer(1).public_key());

    let mut harmless = member();
    harmless.extensions.push(extension(&[0x2a, 3], false, b"whatever"));
    harmless.extensions.push(extension(BC, true, &[0x30, 0]));
    harmless.subject = name("somebody");
    harmless.until = tlv(0x18, b"20510101000000Z");
    assert_eq!(parse(&harmless).map(|certificate| certificate.id), Ok(ID));
}

#[test]
fn whatever_is_not_the_profile_of_a_member_is_refused() {
    type Change = fn(&mut Fields);
    let uri_is = |text: &str| {
        let mut fields = member();
        fields.extensions[0] = extension(SAN, true, &uri(text));
        parse(&fields)
    };
    let changes: &[(&str, Change)] = &[
        ("version 1", |f| f.version = vec![]),
        ("version 2", |f| f.version = vec![0xa0, 3, 2, 1, 1]),
        ("inner algorithm", |f| *f.algorithm.last_mut().expect("bytes") = 3),
        ("outer algorithm", |f| *f.outer_algorithm.last_mut().expect("bytes") = 3),
        ("algorithm with NULL", |f| {
            f.algorithm = sequence(&[ECDSA[2..].into(), vec![5, 0]]);
            f.outer_algorithm = f.algorithm.clone();
        }),
        ("compressed key", |f| f.key[26] = 2),
        ("another curve", |f| f.key[22] = 8),
        ("key usage", |f| f.extensions.push(extension(USAGE, true, &[3, 2, 1, 6]))),
        ("a CA", |f| f.extensions.push(extension(BC, true, &[0x30, 3, 1, 1, 0xff]))),
        ("unknown critical", |f| f.extensions.push(extension(&[0x2a, 3], true, b""))),
        ("no name", |f| drop(f.extensions.remove(0))),
        ("the name twice", |f| f.extensions.push(f.extensions[0].clone())),
        ("client only", |f| {
            f.extensions[1] = extension(EKU, false, &[&[0x30, 10], &BOTH_ENDS[12..]].concat())
        }),
        ("two names", |f| {
            let one = tlv(0x86, member_uri(&NetworkId([1; 32]), &ID).as_bytes());
            f.extensions[0] = extension(SAN, true, &sequence(&[one.clone(), one]));
        }),
        ("a DNS name", |f| f.extensions[0] = extension(SAN, true, &sequence(&[tlv(0x82, b"ca.ifrit")]))),
        ("backward dates", |f| core::mem::swap(&mut f.from, &mut f.until)),
        ("generalized time before 2050", |f| f.until = tlv(0x18, b"20270101000000Z")),
        ("explicit default", |f| {
            f.extensions[1] = sequence(&[tlv(6, EKU), vec![1, 1, 0], tlv(4, &BOTH_ENDS)]);
        }),
    ];
    for (what, change) in changes {
        let mut fields = member();
        change(&mut fields);
        let error = parse(&fields).expect_err(what);
        assert!(
            matches!(error, CertificateError::Profile(_) | CertificateError::Malformed),
            "{what}: {error:?}"
        );
    }
    let good = member_uri(&NetworkId([1; 32]), &ID);
    for text in [
        good.to_uppercase(),
        good.replace("ifrit:", "http:"),
        good.to_string() + "/",
        good[..good.len() - 1].to_string(),
        good.replace("0101010101010101", "010101010101010"),
        good.replace("0101010101010101", "A101010101010101"),
        good.replace(&ID.base32(), &ID.base32().to_uppercase()),
        "".to_string(),
    ] {
        assert!(matches!(uri_is(&text), Err(CertificateError::Profile(_))), "{text}");
    }
    assert_eq!(uri_is(&member_uri(&NetworkId([2; 32]), &ID)), Err(CertificateError::OtherNetwork));
    assert_eq!(parse(&Fields { issuer: "ifrit 2", ..member() }), Err(CertificateError::OtherRoot));
}

#[test]
fn whatever_is_not_a_root_is_refused() {
    type Change = fn(&mut Fields);
    let changes: &[(&str, Change)] = &[
        ("no CA", |f| f.extensions[0] = extension(BC, true, &[0x30, 0])),
        ("CA, but not critical", |f| f.extensions[0] = extension(BC, false, &[0x30, 3, 1, 1, 0xff])),
        ("no basic constraints", |f| drop(f.extensions.remove(0))),
        ("signs no certificates", |f| f.extensions[1] = extension(USAGE, true, &[3, 2, 7, 0x80])),
        ("no parameters", |f| drop(f.extensions.remove(2))),
        ("no octet string", |f| f.extensions[2] = extension(PARAMS, false, &network_params().encode())),
        ("issued by another", |f| f.issuer = "ifrit 2"),
        ("a name", |f| f.extensions.push(member().extensions[0].clone())),
        ("unknown critical", |f| f.extensions.push(extension(&[0x2a, 3], true, b""))),
        ("even rings", |f| {
            let params = NetworkParams { rings: 22, ..network_params() };
            f.extensions[2] = extension(PARAMS, false, &tlv(4, &params.encode()));
        }),
    ];
    for (what, change) in changes {
        let mut fields = root_fields();
        change(&mut fields);
        let error = Root::parse(&fields.signed(1), &P256Verifier).expect_err(what);
        assert!(
            matches!(error, CertificateError::Profile(_) | CertificateError::Malformed),
            "{what}: {error:?}"
        );
    }
    let foreign = root_fields().signed(3);
    assert_eq!(Root::parse(&foreign, &P256Verifier), Err(CertificateError::BadSignature));
    assert!(Root::parse(&member().signed(1), &P256Verifier).is_err());
}

#[test]
fn a_relay_can_change_nothing_around_what_is_signed() {
    let fields = member();
    let tbs = fields.tbs();
    let good = signer(1).sign(&tbs);
    let der = der_signature(&good.0);
    assert_eq!(Certificate::parse(&fields.around(tbs.clone(), &der), &root()).map(|c| c.id), Ok(ID));

    let (r, s) = P256Signature::from_slice(&good.0).expect("valid").split_scalars();
    let high = P256Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).expect("valid").to_der();
    let flipped = Certificate::parse(&fields.around(tbs.clone(), high.as_bytes()), &root());
    assert!(matches!(flipped, Err(CertificateError::Profile(_))), "high s");

    let padded_r = tlv(2, &[&[0, 0], &good.0[..32]].concat());
    let padded = tlv(0x30, &[padded_r, tlv(2, &good.0[32..])].concat());
    let trailing = [&der[..], &[0]].concat();
    for signature in [&padded[..], &trailing, &[], &der[..der.len() - 1]] {
        let parsed = Certificate::parse(&fields.around(tbs.clone(), signature), &root());
        assert!(parsed.is_err(), "{signature:02x?}");
    }
    let whole = fields.around(tbs.clone(), &der);
    for other in
        [[&whole[..], &[0]].concat(), tlv(0x31, &whole[4..]), tlv(0x30, &[&whole[4..], &[5, 0]].concat())]
    {
        assert!(Certificate::parse(&other, &root()).is_err());
    }
    // BER's long form of the same length.
    let long = [&[0x30, 0x83, 0][..], &whole[2..]].concat();
    assert_eq!(Certificate::parse(&long, &root()), Err(CertificateError::Malformed));
}

#[test]
fn a_certificate_is_bounded() {
    let mut fields = member();
    fields.extensions.push(extension(&[0x2a, 3], false, &[0; crate::limits::CERTIFICATE_MAX]));
    assert_eq!(parse(&fields), Err(CertificateError::Malformed));
}

#[test]
fn another_key_s_signature_does_not_verify() {
    let forged = Certificate::parse(&member().signed(3), &root()).expect("its form is right");
    assert!(!forged.verify(&root(), &P256Verifier));
}

const LATER: &str = "ifrit 1 root 2";

fn later_fields() -> Fields {
    Fields { issuer: LATER, subject: name(LATER), key: spki(&signer(4).public_key()), ..root_fields() }
}

fn cross_fields() -> Fields {
    let mut fields = Fields { issuer: "ifrit 1", ..later_fields() };
    fields.extensions.truncate(2);
    fields.until = tlv(0x17, b"260701000000Z");
    fields
}

fn bundle(root: &[u8], former: &[u8], cross: &[u8]) -> Result<Root, CertificateError> {
    Root::from_bundle(&[root, former, cross].concat(), &P256Verifier)
}

fn later() -> Root {
    bundle(&later_fields().signed(4), &root_fields().signed(1), &cross_fields().signed(1)).expect("a bundle")
}

#[test]
fn r14_a_root_that_follows_another_believes_certificates_of_both_the_former_s_until_its_end() {
    let (root, until) = (later(), Wall(1_782_864_000_000));
    let former = root.former().expect("it follows one");
    assert_eq!((former.root.der(), former.until), (self::root().der(), until));
    assert_eq!(Root::from_bundle(&root.bundle(), &P256Verifier).as_ref(), Ok(&root));
    let alone = self::root();
    assert_eq!(Root::from_bundle(&alone.bundle(), &P256Verifier).as_ref(), Ok(&alone), "as a root without");
    assert!(root.answers_to(&root.fingerprint) && root.answers_to(&alone.fingerprint));
    assert!(!alone.answers_to(&root.fingerprint));

    let old = Certificate::parse(&member().signed(1), &root).expect("the former root's");
    assert!(old.is_of_former() && old.verify(&root, &P256Verifier));
    assert_eq!(old.not_after, until, "whatever it says");
    let short = Fields { until: tlv(0x17, b"260301000000Z"), ..member() };
    let short = Certificate::parse(&short.signed(1), &root).expect("the former root's");
    assert_eq!(short.not_after, Wall(1_772_323_200_000), "what ends sooner ends then");
    let late = Fields { from: tlv(0x17, b"260701000001Z"), ..member() };
    let late = Certificate::parse(&late.signed(1), &root).expect("the former root's");
    assert!(late.verify(&root, &P256Verifier));
    assert!(!late.is_current(until, Duration::from_secs(600)), "nothing holds that ends before it begins");
    let renewed = Fields { issuer: LATER, ..member() };
    let new = Certificate::parse(&renewed.signed(4), &root).expect("the root's");
    assert!(!new.is_of_former() && new.verify(&root, &P256Verifier));
    assert_eq!(new.not_after, Wall(1_798_761_600_000));
    // Each key counts for its own name only.
    for (fields, key) in [(member(), 4), (renewed.clone(), 1)] {
        let forged = Certificate::parse(&fields.signed(key), &root).expect("its form is right");
        assert!(!forged.verify(&root, &P256Verifier));
    }
    assert_eq!(Certificate::parse(&renewed.signed(4), &alone), Err(CertificateError::OtherRoot));
    assert_eq!(end_of(&renewed.signed(4)), Ok(new.not_after));
}

#[test]
fn r14_no_root_follows_another_without_its_signature_for_name_and_key() {
    let (root, former, cross) = (later_fields().signed(4), root_fields().signed(1), cross_fields().signed(1));
    assert!(bundle(&root, &former, &cross).is_ok());
    let cross_with = |change: &dyn Fn(&mut Fields), by| {
        let mut fields = cross_fields();
        change(&mut fields);
        bundle(&root, &former, &fields.signed(by))
    };
    assert_eq!(cross_with(&|_| {}, 4), Err(CertificateError::BadSignature), "signed by itself");
    type Change = fn(&mut Fields);
    let changes: [(&str, Change); 8] = [
        ("for another key", |f| f.key = spki(&signer(5).public_key())),
        ("for another name", |f| f.subject = name("ifrit 1 root 3")),
        ("by another name", |f| f.issuer = "ifrit 2"),
        ("no CA", |f| f.extensions[0] = extension(BC, true, &[0x30, 0])),
        ("signs no certificates", |f| drop(f.extensions.remove(1))),
        ("a member's name", |f| f.extensions.push(member().extensions[0].clone())),
        ("unknown critical", |f| f.extensions.push(extension(&[0x2a, 3], true, b""))),
        ("ends before it begins", |f| f.until = tlv(0x17, b"250101000000Z")),
    ];
    for (what, change) in changes {
        let error = cross_with(&change, 1).expect_err(what);
        assert!(matches!(error, CertificateError::Profile(_)), "{what}: {error:?}");
    }
    // A member's certificate is none, whatever key it has.
    assert!(bundle(&root, &former, &member().signed(1)).is_err());

    let mut other = later_fields();
    let params = NetworkParams::new(NetworkId([2; 32]), &Wish::default()).expect("defaults");
    other.extensions[2] = extension(PARAMS, false, &tlv(4, &params.encode()));
    assert_eq!(bundle(&other.signed(4), &former, &cross), Err(CertificateError::OtherNetwork));
    assert!(matches!(bundle(&former, &former, &cross), Err(CertificateError::Profile(_))), "itself");
    assert_eq!(bundle(&root, &former, b""), Err(CertificateError::Malformed));
    assert!(bundle(&root, &former, &[&cross[..], &cross].concat()).is_err(), "something behind it");
    assert_eq!(bundle(&[0x30; crate::limits::BUNDLE_MAX], &former, &cross), Err(CertificateError::Malformed));
}

#[test]
fn r14_whoever_believes_a_root_believes_its_successor_and_no_other() {
    let (old, new) = (root(), later());
    let alone = Root::parse(&later_fields().signed(4), &P256Verifier).expect("a root");
    let bundle = new.bundle();
    assert_eq!(old.after(&bundle, &P256Verifier).as_ref(), Some(&new));
    assert_eq!(old.successor(&bundle, &P256Verifier).as_ref(), Some(&new));
    assert_eq!(alone.successor(&bundle, &P256Verifier), None, "unless it signs what brings it");
    assert_eq!(alone.after(&bundle, &P256Verifier).as_ref(), Some(&new), "it tells whom it followed");
    assert_eq!(new.after(&bundle, &P256Verifier).as_ref(), Some(&new));
    // A former root that somebody else made, for a genuine one that is known with another.
    let thief = Fields { key: spki(&signer(6).public_key()), ..root_fields() };
    let theirs = [&later_fields().signed(4)[..], &thief.signed(6), &cross_fields().signed(6)].concat();
    assert!(Root::from_bundle(&theirs, &P256Verifier).is_ok(), "it proves itself, and that is nothing");
    assert_eq!(new.after(&theirs, &P256Verifier), None);
    assert_eq!(old.after(&theirs, &P256Verifier), None);
    assert_eq!(new.after(&old.bundle(), &P256Verifier), None, "nor does it go back");
    // Whoever has the old key can say another end; what the new root says itself counts.
    let other = Fields { until: tlv(0x17, b"261201000000Z"), ..cross_fields() }.signed(1);
    let misled = self::bundle(&later_fields().signed(4), &root_fields().signed(1), &other);
    assert_eq!(misled.expect("a bundle").after(&bundle, &P256Verifier).as_ref(), Some(&new));
    assert_eq!(old.after(&old.bundle(), &P256Verifier).as_ref(), Some(&old));
}

/// Counts what it is asked.
#[derive(Debug, Default)]
struct Counting(core::sync::atomic::AtomicUsize);

impl Verifier for Counting {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self.0.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        P256Verifier.verify(key, message, signature)
    }
}

#[test]
fn r14_a_stranger_s_succession_costs_one_signature_check() {
    let count = |root: u8, cross: u8| {
        let counting = Counting::default();
        let bundle =
            [later_fields().signed(root), root_fields().signed(1), cross_fields().signed(cross)].concat();
        (self::root().successor(&bundle, &counting).is_some(), counting.0.into_inner())
    };
    assert_eq!(count(4, 5), (false, 1), "our root did not sign for it: all else is anybody's");
    assert_eq!(count(5, 1), (false, 2));
    assert_eq!(count(4, 1), (true, 2), "our own root is not checked again");
}

#[test]
fn r14_of_two_the_present_root_s_counts_whatever_the_former_s_says() {
    let root = later();
    let new = Fields { issuer: LATER, ..member() }.signed(4);
    let new = Certificate::parse(&new, &root).expect("the root's");
    // By a thief of the former key: it would end with that root, and take the member's place until then.
    let theirs = Fields { from: tlv(0x17, b"260501000000Z"), ..member() }.signed(1);
    let theirs = Certificate::parse(&theirs, &root).expect("the former root's");
    assert!(theirs.not_before > new.not_before);
    assert!(new.supersedes(&theirs) && !theirs.supersedes(&new));
}

#[test]
fn r14_the_later_not_before_counts_then_the_lower_hash() {
    let old = parse(&member()).expect("the profile");
    let later = Fields { from: tlv(0x17, b"260102000000Z"), ..member() };
    let new = parse(&later).expect("the profile");
    assert!(new.supersedes(&old) && !old.supersedes(&new) && !old.supersedes(&old));
    let twin = parse(&Fields { subject: name("twin"), ..member() }).expect("the profile");
    assert_eq!(old.supersedes(&twin), old.hash < twin.hash);
    assert_ne!(old.supersedes(&twin), twin.supersedes(&old));
}

#[test]
fn dates_hold_with_the_allowance_at_both_ends() {
    let certificate = parse(&member()).expect("the profile");
    let allowance = Duration::from_millis(5000);
    let (from, until) = (certificate.not_before.0, certificate.not_after.0);
    for (now, current) in [
        (0, false),
        (from - 5001, false),
        (from - 5000, true),
        (from, true),
        (until, true),
        (until + 5000, true),
        (until + 5001, false),
        (u64::MAX, false),
    ] {
        assert_eq!(certificate.is_current(Wall(now), allowance), current, "{now}");
    }
}

#[test]
fn parameters_have_one_layout() {
    let params = NetworkParams { delta_ms: 0x373, ..network_params() };
    let bytes = params.encode();
    assert_eq!(bytes[..2], [1, 1]);
    assert_eq!(
        bytes[33..],
        [
            23, 0, 0, 3, 0xe8, 0, 1, 0x86, 0xa0, 0, 0, 3, 0xe8, 1, 0, 0, 3, 0x73, 0, 1, 0x51, 0x80, 0, 0, 2,
            0x58
        ]
    );
    assert_eq!(NetworkParams::decode(&bytes), Some(params));
    assert_eq!(NetworkParams::decode(&bytes[..58]), None);
    assert_eq!(NetworkParams::decode(&[&bytes[..], &[0]].concat()), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1200)) {
        let _ = Root::parse(&bytes, &P256Verifier);
        let _ = Certificate::parse(&bytes, &root());
        let _ = Root::from_bundle(&bytes, &P256Verifier);
        let _ = NetworkParams::decode(&bytes);
    }

    #[test]
    fn no_change_of_a_certificate_panics_or_verifies(
        place in 0usize..500, value in any::<u8>(), cut in 0usize..600,
    ) {
        let good = member().signed(1);
        let mut der = good.clone();
        if let Some(byte) = der.get_mut(place) {
            *byte = value;
        }
        der.truncate(cut.max(1));
        if let Ok(certificate) = Certificate::parse(&der, &root()) {
            prop_assert_eq!(certificate.verify(&root(), &P256Verifier), der == good);
        }
        let mut root = root_fields().signed(1);
        let whole = root.clone();
        if let Some(byte) = root.get_mut(place) {
            *byte = value;
        }
        prop_assert_eq!(Root::parse(&root, &P256Verifier).is_ok(), root == whole);
    }

    #[test]
    fn no_change_of_a_bundle_panics_or_is_believed(place in 0usize..1600, value in any::<u8>(), cut in 0usize..1700) {
        let whole = later().bundle();
        let mut bytes = whole.clone();
        if let Some(byte) = bytes.get_mut(place) {
            *byte = value;
        }
        bytes.truncate(cut.max(1));
        let alone = later_fields().signed(4);
        let good = bytes == whole || bytes == alone;
        prop_assert_eq!(Root::from_bundle(&bytes, &P256Verifier).is_ok(), good);
        prop_assert_eq!(root().after(&bytes, &P256Verifier).is_some(), bytes == whole);
    }

    #[test]
    fn parameters_that_decode_encode_to_the_same(
        mut bytes in any::<[u8; 32]>(), rings in any::<u8>(), members in any::<u32>(), byzantine_ppm in 0u32..600_000,
        epsilon_ppm in 0u32..1_100_000, preset in 0usize..3, numbers in any::<[u32; 3]>(),
    ) {
        bytes[0] = bytes[0].max(1);
        let params = NetworkParams {
            id: NetworkId(bytes), rings, members, byzantine_ppm, epsilon_ppm,
            preset: [Preset::Lan, Preset::Wan, Preset::Local][preset],
            delta_ms: numbers[0], lease_s: numbers[1], allowance_s: numbers[2],
        };
        let decoded = NetworkParams::decode(&params.encode());
        prop_assert_eq!(decoded, params.check().is_ok().then_some(params));
    }
}
