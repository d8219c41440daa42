use super::{Consider, Ix, State};
use crate::{
    accusation::{self, Accusation},
    certificate::Certificate,
    crypto::{PublicKey, Signature, Signer},
    id::{MemberId, NetworkId},
    mask::Mask,
    note::{self, Note},
    params::{NetworkParams, Wish},
    time::{Mono, Now, Wall},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::time::Duration;
use proptest::prelude::*;

/// What is signed plays no part here: the state takes in records that were verified.
#[derive(Debug)]
struct NoKey;

impl Signer for NoKey {
    fn sign(&mut self, _message: &[u8]) -> Signature {
        Signature([1; 64])
    }

    fn public_key(&self) -> PublicKey {
        PublicKey([4; 65])
    }
}

fn network(rings: u8) -> NetworkParams {
    let wish = Wish { rings: Some(rings), ..Wish::default() };
    NetworkParams::new(NetworkId([9; 32]), &wish).expect("legal")
}

fn id(member: u8) -> MemberId {
    let mut id = [member; 32];
    id[1] = 77;
    MemberId(id)
}

fn now(ms: u64) -> Now {
    Now { mono: Mono(ms * 1_000_000), wall: Wall(1_000_000_000 + ms) }
}

fn certificate(member: u8) -> Arc<Certificate> {
    Arc::new(Certificate::unsigned(id(member), Wall(u64::MAX / 2)))
}

fn note(network: &NetworkParams, member: u8, epoch: u64, off: &[u8], leaving: bool) -> Arc<Note> {
    let mut mask = Mask::all(network.rings);
    off.iter().take(usize::from(network.tolerance())).for_each(|ring| mask.disable(ring % network.rings));
    let fields = note::Fields {
        id: id(member),
        epoch,
        issued: Wall(1_000_000_000),
        leaving,
        gray: false,
        answers: false,
        mask,
        addrs: Vec::new(),
        tags: Vec::new(),
    };
    Arc::new(fields.sign(network, &mut NoKey))
}

fn accuse(network: &NetworkParams, accuser: u8, accused: u8, ring: u8, epoch: u64) -> Arc<Accusation> {
    let fields = accusation::Fields { accused: id(accused), epoch, ring, accuser: id(accuser) };
    Arc::new(fields.sign(network, &mut NoKey))
}

/// One record as it may reach a view.
#[derive(Clone, Debug)]
enum Record {
    Note { member: u8, epoch: u64, off: Vec<u8>, leaving: bool },
    Accusation { accuser: u8, accused: u8, ring: u8, epoch: u64 },
}

const MEMBERS: u8 = 7;
const RINGS: u8 = 3;

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        1 => (0..MEMBERS, 2..4u64, prop::collection::vec(0..RINGS, 0..2), prop::bool::weighted(0.1))
            .prop_map(|(member, epoch, off, leaving)| Record::Note { member, epoch, off, leaving }),
        8 => (0..MEMBERS, 0..MEMBERS, 0..RINGS, 1..3u64).prop_filter("oneself", |(a, b, _, _)| a != b)
            .prop_map(|(accuser, accused, ring, epoch)| Record::Accusation { accuser, accused, ring, epoch }),
    ]
}

fn offer(state: &mut State, network: &NetworkParams, record: &Record, at: Now) {
    match record {
        Record::Note { member, epoch, off, leaving } => {
            let new = note(network, *member, *epoch, off, *leaving);
            let held = state.roster.by_id(&new.id()).map(|peer| (peer.note.epoch(), *peer.note.hash()));
            let better = held.is_none_or(|(epoch, hash)| {
                (new.epoch(), hash) > (epoch, *new.hash()) && *new.hash() != hash
            });
            if better {
                state.adopt(certificate(*member), new, at);
                state.enter(at.mono);
            }
        }
        Record::Accusation { accuser, accused, ring, epoch } => {
            let new = accuse(network, *accuser, *accused, *ring, *epoch);
            if state.consider(&new) == Consider::Fresh {
                state.accuse(new, at.mono);
            }
        }
    }
}

/// Offers all, again and again, until nothing changes.
fn offer_all(state: &mut State, network: &NetworkParams, records: &[Record], at: Now) {
    for _ in 0..records.len() + 2 {
        records.iter().for_each(|record| offer(state, network, record, at));
    }
}

fn fire_all(state: &mut State, at: Now) {
    while let Some(ix) = state.due(at.mono) {
        state.fire(ix, at.mono);
    }
}

type Shown = (crate::crypto::Hash, BTreeMap<MemberId, (bool, bool)>);

fn shown(state: &mut State) -> Shown {
    let root = state.settle_trie();
    let stands =
        state.roster.iter().map(|(id, ix)| (*id, (state.is_out(ix), state.is_accused(ix)))).collect();
    (root, stands)
}

fn world(network: &NetworkParams) -> State {
    let mut state = State::new(network, Mono(0));
    state.thaw(Mono(0));
    for member in 0..MEMBERS {
        state.adopt(certificate(member), note(network, member, 1, &[], false), now(0));
    }
    state.enter(Mono(0));
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// R2: the same records in any order, with repeats, give the same state and the same root, at rest.
    #[test]
    fn r2_same_records_in_any_order_same_state(
        first in prop::collection::vec(record(), 1..30),
        second in prop::collection::vec(record(), 0..12),
        shuffle in any::<u64>(),
    ) {
        let network = network(RINGS);
        let shuffled = |records: &[Record]| {
            let mut records = records.to_vec();
            let mut rng = crate::seed::Seed([shuffle as u8; 32]).child(&alloc::format!("{shuffle}")).rng();
            for at in (1..records.len()).rev() {
                records.swap(at, rng.below(at as u64 + 1) as usize);
            }
            records
        };
        let (mut a, mut b) = (world(&network), world(&network));
        // At rest no age and no hold runs any more.
        let rest = |state: &mut State, records: &[Record], from: u64| {
            let mut step = 0;
            while step < 6 || state.next_timer().is_some() {
                let at = now(from + step * 5_000);
                fire_all(state, at);
                offer_all(state, &network, records, at);
                step += 1;
                assert!(step < 100, "never at rest");
            }
        };
        rest(&mut a, &first, 1);
        rest(&mut b, &shuffled(&first), 1);
        prop_assert_eq!(shown(&mut a), shown(&mut b));
        let all: Vec<Record> = first.iter().chain(&second).cloned().collect();
        rest(&mut a, &all, 600_000);
        rest(&mut b, &shuffled(&all), 600_000);
        prop_assert_eq!(shown(&mut a), shown(&mut b));
    }

    /// R4: at every step of a random sequence the timers are what the accusations held say. The oracle asserts it, and
    /// R1 and the least fixpoint, after every change.
    #[test]
    fn r4_timers_are_a_function_of_the_accusations_held(
        steps in prop::collection::vec((record(), 0..1500u64), 1..60),
    ) {
        let network = network(RINGS);
        let mut state = world(&network);
        let mut ms = 1;
        for (record, wait) in steps {
            ms += wait;
            if wait % 7 == 0 {
                state.set_back(Duration::from_millis(wait), wait % 2 == 0, now(ms).mono);
            }
            fire_all(&mut state, now(ms));
            offer(&mut state, &network, &record, now(ms));
            state.oracle_credit = usize::MAX / 2;
        }
    }
}

/// The closest predecessors of `accused` on `ring`, closest first.
fn before(state: &State, accused: u8, ring: u8) -> Vec<u8> {
    state.rings.predecessors(&state.roster, ring, &id(accused)).map(|ix| state.id(ix).0[0]).collect()
}

#[test]
fn r1_an_accusation_is_valid_iff_all_between_are_out() {
    let network = network(RINGS);
    let mut state = world(&network);
    let chain = before(&state, 0, 0);
    let (near, far) = (chain[0], chain[1]);
    assert_eq!(state.consider(&accuse(&network, far, 0, 0, 1)), Consider::Blocked);
    assert_eq!(state.consider(&accuse(&network, near, 0, 0, 2)), Consider::Future);
    assert_eq!(state.consider(&accuse(&network, near, 0, 0, 0)), Consider::Stale);
    assert_eq!(state.consider(&accuse(&network, 99, 0, 0, 1)), Consider::UnknownAccuser);
    assert_eq!(state.consider(&accuse(&network, near, 99, 0, 1)), Consider::NotAccusable);
    state.adopt(certificate(near), note(&network, near, 2, &[], true), now(5));
    let over_left = accuse(&network, far, 0, 0, 1);
    assert_eq!(state.consider(&over_left), Consider::Fresh);
    state.accuse(Arc::clone(&over_left), now(5).mono);
    assert!(state.is_accused(ix(&state, 0)));
    assert_eq!(state.consider(&over_left), Consider::Duplicate);
    // The accuser's own state never matters (R2).
    state.adopt(certificate(far), note(&network, far, 2, &[], true), now(6));
    assert!(state.is_accused(ix(&state, 0)));
    // A disabled ring.
    state.adopt(certificate(0), note(&network, 0, 2, &[0], false), now(7));
    assert_eq!(state.consider(&accuse(&network, far, 0, 0, 2)), Consider::RingDisabled);
}

#[test]
fn r1_a_merely_accused_member_is_not_skipped() {
    let network = network(RINGS);
    let mut state = world(&network);
    let chain = before(&state, 0, 0);
    let (near, far) = (chain[0], chain[1]);
    state.accuse(accuse(&network, far, near, 0, 1), now(1).mono);
    assert!(state.is_accused(ix(&state, near)));
    // Parked: held and pushed, but neither valid nor hashed.
    let root = state.settle_trie();
    state.accuse(accuse(&network, far, 0, 0, 1), now(1).mono);
    assert!(!state.is_accused(ix(&state, 0)));
    assert_eq!(state.settle_trie(), root);
    assert_eq!(state.pushes.len(), 2);
    // It is taken up when what stands between is out.
    let later = now(1 + 2 * u64::from(network.delta_ms));
    fire_all(&mut state, later);
    assert!(state.is_out(ix(&state, near)));
    assert!(state.is_accused(ix(&state, 0)));
}

#[test]
fn r4_a_member_goes_down_after_two_delta_and_not_before() {
    let network = network(RINGS);
    let mut state = world(&network);
    let near = before(&state, 0, 0)[0];
    let two_delta = 2 * u64::from(network.delta_ms);
    state.accuse(accuse(&network, near, 0, 0, 1), now(10).mono);
    fire_all(&mut state, now(10 + two_delta - 1));
    assert!(!state.is_out(ix(&state, 0)));
    state.set_back(Duration::from_millis(50), false, now(10 + two_delta - 1).mono);
    fire_all(&mut state, now(10 + two_delta));
    assert!(!state.is_out(ix(&state, 0)), "set back");
    fire_all(&mut state, now(60 + two_delta));
    assert!(state.is_out(ix(&state, 0)));
    // A newer note brings it back at once.
    state.adopt(certificate(0), note(&network, 0, 2, &[], false), now(61 + two_delta));
    assert!(!state.is_out(ix(&state, 0)));
    assert_eq!(state.next_timer(), None);
}

#[test]
fn r4_a_closer_accusation_inherits_the_age() {
    let network = network(RINGS);
    let mut state = world(&network);
    let chain = before(&state, 0, 0);
    state.adopt(certificate(chain[0]), note(&network, chain[0], 2, &[], true), now(5));
    state.accuse(accuse(&network, chain[1], 0, 0, 1), now(10).mono);
    let timer = state.next_timer();
    state.accuse(accuse(&network, chain[0], 0, 0, 1), now(900).mono);
    assert_eq!(state.next_timer(), timer);
    assert_eq!(state.case(ix(&state, 0)).expect("accused").slots.len(), 1);
}

#[test]
fn r6_a_down_member_without_support_is_held_and_then_returns() {
    let network = network(RINGS);
    let mut state = world(&network);
    let chain = before(&state, 0, 0);
    let delta = u64::from(network.delta_ms);
    state.accuse(accuse(&network, chain[1], chain[0], 0, 1), now(1).mono);
    fire_all(&mut state, now(1 + 2 * delta));
    state.accuse(accuse(&network, chain[1], 0, 0, 1), now(2 + 2 * delta).mono);
    fire_all(&mut state, now(2 + 4 * delta));
    assert!(state.is_out(ix(&state, 0)));
    // Whoever stood between returns: the accusation reaches over a live member now.
    let back = now(3 + 4 * delta);
    state.adopt(certificate(chain[0]), note(&network, chain[0], 2, &[], false), back);
    let held = state.case(ix(&state, 0)).and_then(|case| case.hold).expect("held");
    assert!(state.is_out(ix(&state, 0)) && held > back.mono);
    fire_all(&mut state, Now { mono: held, ..back });
    assert!(!state.is_out(ix(&state, 0)));
}

#[test]
fn r9_whatever_is_out_of_lease_is_forgotten_with_its_accusations() {
    let network = network(RINGS);
    let mut state = world(&network);
    let near = before(&state, 0, 0)[0];
    state.accuse(accuse(&network, near, 0, 0, 1), now(10).mono);
    let me = ix(&state, 6);
    let end = now(u64::from(network.lease_s) * 1000 + 1);
    state.expire(me, end.mono);
    assert_eq!(state.roster.len(), 1);
    assert_eq!(state.next_timer(), None);
}

fn ix(state: &State, member: u8) -> Ix {
    state.roster.ix(&id(member)).expect("in the roster")
}

/// R2: of two notes with one epoch the lower hash counts, whether it came before or after the accused went down.
#[test]
fn r2_a_leave_at_an_equal_epoch_counts_before_and_after_the_timer() {
    let network = network(RINGS);
    let (stays, leaves) = (note(&network, 0, 2, &[], false), note(&network, 0, 2, &[], true));
    let (mut late, mut early) = (world(&network), world(&network));
    let near = before(&late, 0, 0)[0];
    late.adopt(certificate(0), stays, now(5));
    late.accuse(accuse(&network, near, 0, 0, 2), now(10).mono);
    fire_all(&mut late, now(20 + 2 * u64::from(network.delta_ms)));
    assert!(late.is_out(ix(&late, 0)));
    let end = now(30 + 2 * u64::from(network.delta_ms));
    late.adopt(certificate(0), Arc::clone(&leaves), end);
    early.adopt(certificate(0), leaves, end);
    assert_eq!(late.roster[ix(&late, 0)].standing, super::Standing::Left);
    assert_eq!(shown(&mut late), shown(&mut early));
}

#[test]
fn r6_ages_run_over_a_held_member_once_it_has_left() {
    let network = network(RINGS);
    let mut state = world(&network);
    let chain = before(&state, 0, 0);
    let delta = u64::from(network.delta_ms);
    // chain[0] goes down over chain[1], and is held once chain[1] is back.
    state.accuse(accuse(&network, chain[2], chain[1], 0, 1), now(1).mono);
    fire_all(&mut state, now(1 + 2 * delta));
    state.accuse(accuse(&network, chain[2], chain[0], 0, 1), now(2 + 2 * delta).mono);
    fire_all(&mut state, now(2 + 4 * delta));
    let back = now(3 + 4 * delta);
    state.adopt(certificate(chain[1]), note(&network, chain[1], 2, &[], false), back);
    assert!(state.case(ix(&state, chain[0])).is_some_and(|case| case.hold.is_some()));
    // An accusation over it is valid, and its age stands still; when it leaves, the age runs.
    state.accuse(accuse(&network, chain[1], 0, 0, 1), back.mono);
    assert!(state.is_accused(ix(&state, 0)));
    let age = |state: &State| state.case(ix(state, 0)).and_then(|case| case.oldest()).is_some();
    assert!(!age(&state));
    state.adopt(certificate(chain[0]), note(&network, chain[0], 2, &[], true), back);
    assert!(age(&state));
}
