//! The certificates and the revocation list in `tests/vectors`, byte for byte as the CA signs them today. A change there is a change of the format
//! that every member of a running network must understand: commit it only if that is meant.
//!
//! `UPDATE=1 cargo test -p ifrit-tests --test vectors` writes them anew. The no_std gate is made from them.

use ifrit_core::{
    crypto::{P256Signer, Signer},
    id::{MemberId, NetworkId},
    params::Wish,
    revocation::{Entry, Fields},
    time::Wall,
};
use ifrit_node::ca::Authority;
use std::{fs, path::Path};

/// 2026-01-01, and as good as never.
const START: Wall = Wall(1_767_225_600_000);
const END: Wall = Wall(32_503_680_000_000);

fn signer(byte: u8) -> P256Signer {
    P256Signer::from_scalar(&[byte; 32]).expect("in range")
}

fn assert_is(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, bytes).expect("tests/vectors can be written");
    }
    let kept = fs::read(&path).expect("the vector is there; UPDATE=1 writes it");
    assert!(kept == bytes, "{name} is no longer what the CA issues: see the head of this file");
}

#[test]
fn certificates_are_issued_byte_for_byte_as_ever() {
    let ca =
        Authority::create(signer(1), NetworkId([3; 32]), &Wish::default(), START, END).expect("a network");
    assert_is("root.der", ca.root().der());
    let entries = [5, 1, 9].map(|id| Entry { id: MemberId([id; 32]), until: END }).to_vec();
    let list = Fields { sequence: 7, entries, succession: vec![] }
        .sign(&ca.root().params, &mut signer(1))
        .expect("few");
    assert_is("revocations.bin", list.signed().bytes());
    assert_is("member.der", &ca.issue(&signer(7).public_key(), MemberId([1; 32]), START, END, 2));
}
