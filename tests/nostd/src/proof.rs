//! What is proved. Each check has an exit code of its own.

use alloc::{vec, vec::Vec};
use core::{hint::black_box, net::SocketAddr};
use ifrit_core::{
    certificate::Root,
    crypto::{P256Signer, P256Verifier, Signed, Signer},
    id::{MemberId, NetworkId},
    mask::Mask,
    member::Member,
    note::{Fields, Note},
    params::{NetworkParams, Wish},
    time::Wall,
};

/// The exit code of the check that failed.
type Proof = Result<(), i32>;

fn check(holds: bool, code: i32) -> Proof {
    if holds { Ok(()) } else { Err(code) }
}

/// All checks, in order of what they need.
pub fn all() -> Proof {
    let mut signer = P256Signer::from_scalar(&[7; 32]).ok_or(1)?;
    signatures(&mut signer)?;
    notes(&mut signer)?;
    members()
}

fn signatures(signer: &mut P256Signer) -> Proof {
    let key = signer.public_key();
    let signed = Signed::sign(b"body", signer);
    check(signed.verify(&P256Verifier, &key), 2)?;
    let mut forged = signed.bytes().to_vec();
    forged[0] ^= 1;
    check(!Signed::from_bytes(&forged).ok_or(3)?.verify(&P256Verifier, &key), 4)
}

fn notes(signer: &mut P256Signer) -> Proof {
    let network = NetworkParams::new(NetworkId([3; 32]), &Wish::default()).map_err(|_| 10)?;
    let addr = SocketAddr::from(([127, 0, 0, 1], 8300));
    let note = Fields {
        id: MemberId([1; 32]),
        epoch: 9,
        issued: Wall(1),
        leaving: false,
        gray: false,
        answers: true,
        mask: Mask::all(network.rings),
        addrs: vec![addr],
        tags: b"role=web".to_vec(),
    }
    .sign(&network, signer);
    let bytes: Vec<u8> = note.signed().bytes().into();
    let parsed = Note::parse(&bytes, &network).map_err(|_| 11)?;
    check(parsed == note, 12)?;
    check(parsed.signed().verify(&P256Verifier, &signer.public_key()), 13)?;
    check(Note::parse(&bytes[1..], &network).is_err(), 14)
}

fn members() -> Proof {
    check(Root::parse(b"no certificate", &P256Verifier).is_err(), 20)?;
    // The machine as a whole links: the optimiser must believe that these are called.
    black_box((Member::new as *const (), Member::handle as *const (), Member::poll_action as *const ()));
    Ok(())
}
