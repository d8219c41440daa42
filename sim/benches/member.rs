//! What one real member costs, against the budgets of DESIGN section 8: bytes per member known, and the joiner's CPU
//! time against that of its signature checks alone.
//!
//! `cargo bench -p ifrit-sim --bench member [N] [memory] [rings=K]`; with `memory` it does not measure the join, for large N.

#[path = "../../core/benches/counting/mod.rs"]
mod counting;
mod known;

use ifrit_core::{
    certificate::Certificate,
    crypto::{PublicKey, Signature, Verifier},
    event::{Event, Lane},
    member::Member,
    note::Note,
    params::Wish,
};
use ifrit_node::crypto::RingVerifier;
use ifrit_sim::{
    network::{Credentials, Crypto, Network},
    rng::Faults,
    wire::{Bundle, records},
};
use known::{drain, fields, held, member, now};
use std::{sync::Arc, time::Duration};

/// Bytes per known member without tags, certificate included.
const BYTES_BUDGET: usize = 1_200;
/// The joiner's CPU time in times of its signature checks'.
const JOIN_BUDGET: f64 = 1.5;
/// Members in one page of records.
const PAGE: usize = 25;
/// Pages between two looks at the clock: what else the machine does then slows both sides of the ratio.
const PAGES: usize = 20;

fn memory(count: usize) {
    let held = held(&network(Crypto::Ideal), count);
    let each = held.bytes / held.known;
    println!(
        "memory: {} known, {each} bytes each with certificate ({} B) and note ({} B), allocator included; {:.1} MB \
         in all; {:.2} of the budget of {BYTES_BUDGET}",
        held.known,
        held.certificate,
        held.note,
        held.bytes as f64 / 1e6,
        each as f64 / BYTES_BUDGET as f64,
    );
}

fn join(count: usize) {
    let network = network(Crypto::Real);
    let members: Vec<Known> = (1..=count).map(|index| Known::new(&network, index)).collect();
    let mut joiner = member(&network, Arc::new(RingVerifier), Vec::new(), 1);
    let contact = &members[0].who;
    let up = Event::LinkUp { member: contact.id, certificate: &contact.certificate };
    joiner.handle(now(1), up).expect("a link is never refused here");
    let before = joiner.counters().verified;
    let (mut whole, mut alone) = (Duration::ZERO, Duration::ZERO);
    for some in members.chunks(PAGE * PAGES) {
        let frames: Vec<Vec<u8>> = some.chunks(PAGE).map(frame).collect();
        whole += timed(|| frames.iter().for_each(|frame| take(&mut joiner, contact, frame)));
        let checks: Vec<Check> = some.iter().flat_map(|known| known.checks(&network)).collect();
        alone += timed(|| assert!(checks.iter().all(Check::holds)));
    }
    let ratio = whole.as_secs_f64() / alone.as_secs_f64();
    println!(
        "join: {} known, {} signature checks, CPU {whole:.2?}, of the checks alone {alone:.2?}: {ratio:.2} times; budget \
         {JOIN_BUDGET}",
        joiner.view().known(),
        joiner.counters().verified - before,
    );
}

fn take(joiner: &mut Member, contact: &Credentials, frame: &[u8]) {
    let event = Event::Frame { from: contact.id, lane: Lane::Records, bytes: frame };
    joiner.handle(now(1), event).expect("within the inbox");
    drain(joiner);
}

/// This thread's time on a processor so far: what else the machine does is not in it. Exact to a tick.
fn cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is measured on Linux");
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds come first"))
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = cpu();
    work();
    cpu().saturating_sub(start)
}

/// A member that others know.
struct Known {
    who: Credentials,
    note: Note,
}

impl Known {
    fn new(network: &Network, index: usize) -> Self {
        let who = network.enrol(index);
        let note = network.note(&who.scalar, fields(network, who.id));
        Self { who, note }
    }

    fn bundle(&self) -> Bundle {
        Bundle {
            certificate: Some(self.who.certificate.clone()),
            note: Some(self.note.signed().bytes().to_vec()),
            ..Bundle::of(self.who.id)
        }
    }

    /// Its certificate's and its note's.
    fn checks(&self, network: &Network) -> [Check; 2] {
        let root = network.root();
        let certificate = Certificate::parse(&self.who.certificate, root).expect("of this network");
        let note = self.note.signed();
        [
            Check { key: root.key, body: certificate.tbs().to_vec(), signature: certificate.signature() },
            Check { key: certificate.key(), body: note.body().to_vec(), signature: note.signature() },
        ]
    }
}

fn frame(members: &[Known]) -> Vec<u8> {
    records(&members.iter().map(Known::bundle).collect::<Vec<_>>())
}

struct Check {
    key: PublicKey,
    body: Vec<u8>,
    signature: Signature,
}

impl Check {
    fn holds(&self) -> bool {
        RingVerifier.verify(&self.key, &self.body, &self.signature)
    }
}

fn network(crypto: Crypto) -> Network {
    let told = std::env::args().filter_map(|arg| arg.strip_prefix("rings=")?.parse().ok()).next();
    Network::new(&Wish { rings: Some(told.unwrap_or(23)), ..Wish::default() }, crypto, Faults::new(1))
}

fn main() {
    let count = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(10_000);
    memory(count);
    if !std::env::args().any(|arg| arg == "memory") {
        join(count);
    }
}
