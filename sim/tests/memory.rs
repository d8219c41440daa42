//! Bytes that a real member takes per member known (DESIGN section 8). A binary of its own: the allocator counts for the
//! whole process.

#[path = "../../core/benches/counting/mod.rs"]
mod counting;
#[path = "../benches/known/mod.rs"]
mod known;

use ifrit_core::params::Wish;
use ifrit_sim::{
    network::{Crypto, Network},
    rng::Faults,
};

#[test]
fn a_known_member_takes_at_most_1200_bytes() {
    let network = Network::new(&Wish { rings: Some(23), ..Wish::default() }, Crypto::Ideal, Faults::new(1));
    let held = known::held(&network, 10_000);
    assert_eq!(held.known, 10_001);
    let each = held.bytes / held.known;
    assert!(each <= 1_200, "{each} bytes, of which certificate {} and note {}", held.certificate, held.note);
}
