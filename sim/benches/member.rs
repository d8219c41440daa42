//! What one real member costs: bytes per member known, and the joiner's time against its signature checks alone.
//!
//! `cargo bench -p ifrit-sim --bench member`

#[path = "../../core/benches/counting/mod.rs"]
mod counting;

use ifrit_core::{
    config::{Config, LocalIdentity, Stored},
    crypto::{PublicKey, Signature, Verifier},
    event::{Event, Lane},
    mask::Mask,
    member::Member,
    note::Fields,
    params::Wish,
    seed::Seed,
    time::{Mono, Now, Wall},
};
use ifrit_node::crypto::RingVerifier;
use ifrit_sim::{
    network::{Credentials, Crypto, Network},
    rng::Faults,
    wire::{Bundle, records},
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the network's certificates are valid at: 2026-01-01.
const WALL_START: Wall = Wall(1_767_225_600_000);

/// Counts the time inside signature checks.
#[derive(Clone, Debug, Default)]
struct Timed(Arc<Mutex<(Duration, u64)>>);

impl Verifier for Timed {
    #[expect(clippy::disallowed_methods, reason = "the clock is the benchmark's")]
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let start = Instant::now();
        let good = RingVerifier.verify(key, message, signature);
        let mut sum = self.0.lock().expect("no check panics");
        *sum = (sum.0 + start.elapsed(), sum.1 + 1);
        good
    }
}

fn note(network: &Network, who: &Credentials) -> Vec<u8> {
    let fields = Fields {
        id: who.id,
        epoch: 7,
        issued: WALL_START,
        leaving: false,
        gray: false,
        answers: false,
        mask: Mask::all(network.params().rings),
        addrs: vec!["10.1.2.3:7000".parse().expect("an address")],
        tags: Vec::new(),
    };
    network.note(&who.scalar, fields).signed().bytes().to_vec()
}

fn bundles(network: &Network, count: usize) -> Vec<(Credentials, Vec<u8>)> {
    (1..=count).map(|index| network.enrol(index)).map(|who| (who.clone(), note(network, &who))).collect()
}

fn frame(members: &[(Credentials, Vec<u8>)]) -> Vec<u8> {
    let network = |(who, note): &(Credentials, Vec<u8>)| Bundle {
        certificate: Some(who.certificate.clone()),
        note: Some(note.clone()),
        ..Bundle::of(who.id)
    };
    records(&members.iter().map(network).collect::<Vec<_>>())
}

fn member(network: &Network, verifier: Arc<dyn Verifier>, records: Vec<u8>, seeds: u16) -> Member {
    let me = network.enrol(0);
    let config =
        Config { root: network.root().clone(), addrs: Vec::new(), tags: Vec::new(), seeds, verifier };
    let identity = LocalIdentity { certificate: me.certificate, signer: network.signer(&me.scalar) };
    let stored = Stored { epoch_ceiling: 0, records };
    Member::new(config, identity, stored, Seed([3; 32]), now(0)).expect("a legal member")
}

fn now(ms: u64) -> Now {
    Now { mono: Mono(ms * 1_000_000), wall: Wall(WALL_START.0 + ms) }
}

fn memory(network: &Network, members: &[(Credentials, Vec<u8>)]) {
    let saved = frame(members);
    let before = counting::live();
    let mut member = member(network, network.verifier(), saved.clone(), 0);
    drain(&mut member);
    let held = counting::live() - before;
    println!(
        "memory: {} known, {} bytes each with certificate ({} B) and note ({} B), allocator included; {:.1} MB in all",
        member.view().known(),
        held / members.len(),
        members[0].0.certificate.len(),
        members[0].1.len(),
        held as f64 / 1e6
    );
}

fn join(network: &Network, members: &[(Credentials, Vec<u8>)]) {
    let timed = Timed::default();
    let mut joiner = member(network, Arc::new(timed.clone()), Vec::new(), 1);
    let contact = &members[0].0;
    let up = Event::LinkUp { member: contact.id, certificate: &contact.certificate };
    joiner.handle(now(1), up).expect("a link is never refused here");
    let frames: Vec<Vec<u8>> = members.chunks(25).map(frame).collect();
    let ((), time, _) = counting::cost(|| {
        for frame in &frames {
            let event = Event::Frame { from: contact.id, lane: Lane::Records, bytes: frame };
            joiner.handle(now(1), event).expect("within the inbox");
            drain(&mut joiner);
        }
    });
    let (checks, count) = *timed.0.lock().expect("no check panics");
    println!(
        "join: {} members known, {count} signature checks, {:.2} times their time alone ({:?} / {:?})",
        joiner.view().known(),
        time.as_secs_f64() / checks.as_secs_f64(),
        time,
        checks
    );
}

fn drain(member: &mut Member) {
    use ifrit_core::action::Action;
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

fn main() {
    let count = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(10_000);
    let network = Network::new(&Wish { rings: Some(23), ..Wish::default() }, Crypto::Real, Faults::new(1));
    let members = bundles(&network, count);
    memory(&network, &members);
    join(&network, &members);
}
