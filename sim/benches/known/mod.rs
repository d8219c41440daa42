//! A member that knows N others, and what that takes.

use super::counting;
use ifrit_core::{
    action::Action,
    config::{Config, LocalIdentity, Probation, Stored},
    crypto::{Verifier, hash},
    event::Event,
    id::MemberId,
    mask::Mask,
    member::Member,
    note::Fields,
    seed::Seed,
    time::{Mono, Now, Wall},
};
use ifrit_sim::{
    network::Network,
    wire::{Bundle, records},
};
use std::sync::Arc;

/// What the network's certificates are valid at: 2026-01-01.
const WALL_START: Wall = Wall(1_767_225_600_000);

pub(crate) fn now(ms: u64) -> Now {
    Now { mono: Mono(ms * 1_000_000), wall: Wall(WALL_START.0 + ms) }
}

/// The fields of a note without tags.
pub(crate) fn fields(network: &Network, id: MemberId) -> Fields {
    Fields {
        id,
        epoch: 7,
        issued: WALL_START,
        leaving: false,
        gray: false,
        answers: false,
        mask: Mask::all(network.params().rings),
        addrs: vec!["10.1.2.3:7000".parse().expect("an address")],
        tags: Vec::new(),
    }
}

/// Member 0, with what it saved.
pub(crate) fn member(network: &Network, verifier: Arc<dyn Verifier>, records: Vec<u8>, seeds: u16) -> Member {
    let me = network.enrol(0);
    let config = Config {
        root: network.root().clone(),
        addrs: Vec::new(),
        tags: Vec::new(),
        seeds,
        probation: Probation::default(),
        verifier,
    };
    let identity = LocalIdentity { certificate: me.certificate, signer: network.signer(&me.scalar) };
    let stored = Stored { epoch_ceiling: 0, records };
    Member::new(config, identity, stored, Seed([3; 32]), now(0)).expect("a legal member")
}

/// Takes all actions, and wakes it as often as it wants now.
pub(crate) fn drain(member: &mut Member) {
    loop {
        match member.poll_action() {
            Action::Wait { until: Some(at), .. } if at <= now(1).mono => {
                member.handle(now(1), Event::Wake).expect("never refused");
            }
            Action::Wait { .. } => break,
            _ => {}
        }
    }
}

/// What a member with `count` others on disk holds.
pub(crate) struct Held {
    /// How many it knows, itself included.
    pub(crate) known: usize,
    /// Bytes in all, the allocator's own included.
    pub(crate) bytes: usize,
    /// Bytes of a certificate.
    pub(crate) certificate: usize,
    /// Bytes of a note.
    pub(crate) note: usize,
}

pub(crate) fn held(network: &Network, count: usize) -> Held {
    let (saved, certificate, note) = saved(network, count);
    let before = counting::live();
    let mut member = member(network, network.verifier(), saved.clone(), 0);
    drain(&mut member);
    Held { known: member.view().known(), bytes: counting::live() - before, certificate, note }
}

/// A snapshot of `count` members, with the sizes of a certificate and a note. A member believes its own disk: all
/// certificates are one with other ids, so that no time goes into keys and signatures.
fn saved(network: &Network, count: usize) -> (Vec<u8>, usize, usize) {
    let one = network.enrol(1);
    let mut signer = network.signer(&one.scalar);
    let name = one.id.base32();
    let named = |window: &[u8]| window == name.as_bytes();
    let at = one.certificate.windows(name.len()).position(named).expect("the certificate names its member");
    let bundle = |index: usize| {
        let id = MemberId(hash(b"known", &[&index.to_be_bytes()]));
        let mut certificate = one.certificate.clone();
        certificate[at..at + name.len()].copy_from_slice(id.base32().as_bytes());
        let note = fields(network, id).sign(network.params(), &mut *signer).signed().bytes().to_vec();
        Bundle { certificate: Some(certificate), note: Some(note), ..Bundle::of(id) }
    };
    let bundles: Vec<Bundle> = (0..count).map(bundle).collect();
    let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    (records(&bundles), size(&bundles[0].certificate), size(&bundles[0].note))
}
