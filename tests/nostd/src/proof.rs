//! What is proved. Each check has an exit code of its own.

use alloc::{boxed::Box, sync::Arc, vec, vec::Vec};
use core::{net::SocketAddr, time::Duration};
use ifrit_core::{
    action::Action,
    certificate::{Certificate, Root},
    config::{Config, LocalIdentity, Probation, Stored},
    crypto::{P256Signer, P256Verifier, Signed, Signer},
    event::Event,
    id::{MemberId, NetworkId},
    mask::Mask,
    member::Member,
    note::{Fields, Note},
    params::{NetworkParams, Wish},
    seed::Seed,
    time::{Mono, Now, Wall},
};

/// The certificates of tests/vectors: a network, and a member whose key is [`SCALAR`].
const ROOT: &[u8] = include_bytes!("../../vectors/root.der");
const MEMBER: &[u8] = include_bytes!("../../vectors/member.der");
const SCALAR: [u8; 32] = [7; 32];
/// Actions that a member alone has at its start: far fewer.
const ACTIONS_MAX: u32 = 1000;

/// The exit code of the check that failed.
type Proof = Result<(), i32>;

fn check(holds: bool, code: i32) -> Proof {
    if holds { Ok(()) } else { Err(code) }
}

/// All checks, in order of what they need.
pub fn all() -> Proof {
    let mut signer = P256Signer::from_scalar(&SCALAR).ok_or(1)?;
    signatures(&mut signer)?;
    notes(&mut signer)?;
    members(signer)
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

/// A member of a network of one: the certificates parse, their signatures hold, and it runs.
fn members(signer: P256Signer) -> Proof {
    check(Root::parse(b"no certificate", &P256Verifier).is_err(), 20)?;
    let root = Root::parse(ROOT, &P256Verifier).map_err(|_| 21)?;
    let certificate = Certificate::parse(MEMBER, &root).map_err(|_| 22)?;
    check(certificate.verify(&root, &P256Verifier), 23)?;
    check(certificate.key() == signer.public_key(), 24)?;
    let now = Now { mono: Mono(0), wall: certificate.not_before + Duration::from_secs(3600) };
    let config = Config {
        root,
        addrs: vec![],
        tags: vec![],
        seeds: 0,
        probation: Probation::default(),
        verifier: Arc::new(P256Verifier),
    };
    let me = LocalIdentity { certificate: MEMBER.to_vec(), signer: Box::new(signer) };
    let mut member = Member::new(config, me, Stored::default(), Seed([5; 32]), now).map_err(|_| 25)?;
    member.handle(now, Event::Wake).map_err(|_| 26)?;
    // What one alone has to do is little; without an end to it, this program would hang.
    let drained = (0..ACTIONS_MAX).any(|_| matches!(member.poll_action(), Action::Wait { .. }));
    check(drained, 27)
}
