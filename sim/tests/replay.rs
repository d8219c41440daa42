//! Recorded runs of members in a world, replayed: DESIGN section 3, "Recorder" and "Deterministic".
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod recorded;

use crate::recorded::{recorded, take_traces};
use ifrit_core::{
    action::Action,
    config::{Config, LocalIdentity, Probation, Stored},
    crypto::{P256Verifier, PublicKey, Signature, Verifier},
    event::{Command, Event},
    limits::TAGS_MAX,
    recorder::{Ended, Recorder, ReplayError, Why, replay},
    seed::Seed,
};
use ifrit_sim::{Setup, World, network::Crypto};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
/// Kind, length, checksum.
const PREFIX: usize = 1 + 4 + 8;
const EVENT: u8 = 2;
const CHECK: u8 = 4;

/// The traces of all members, and what checks their signatures.
type Run = (Vec<(usize, Vec<u8>)>, Arc<dyn Verifier>);

/// Members find each other, one crashes and comes back, one leaves.
fn eventful<const WAITING_MAX: usize>(members: usize, crypto: Crypto) -> Run {
    let setup = Setup { crypto, bear: recorded::<WAITING_MAX>, loss_ppm: 50_000, ..Setup::new(members, 7) };
    let mut world = World::bootstrapped(setup.rings(5));
    world.run_for(SECOND * 10);
    world.crash(1);
    world.run_for(SECOND * 15);
    world.restart(1);
    world.run_for(SECOND * 15);
    world.leave(2);
    world.run_for(SECOND * 5);
    let verifier = world.network().verifier();
    drop(world);
    (take_traces(), verifier)
}

/// The trace with most in it.
fn longest(traces: &[(usize, Vec<u8>)]) -> &Vec<u8> {
    traces.iter().map(|(_, trace)| trace).max_by_key(|trace| trace.len()).unwrap()
}

/// Where each record begins, with its kind; the header's is the first.
fn records(trace: &[u8]) -> Vec<(usize, u8)> {
    let mut at = 9;
    let mut all = Vec::new();
    while at < trace.len() {
        all.push((at, trace[at]));
        at += PREFIX + u32::from_be_bytes(trace[at + 1..at + 5].try_into().unwrap()) as usize;
    }
    assert_eq!(at, trace.len());
    all
}

/// Makes a changed record look genuine.
fn seal(trace: &mut [u8], at: usize) {
    let len = u32::from_be_bytes(trace[at + 1..at + 5].try_into().unwrap()) as usize;
    let payload = at + PREFIX..at + PREFIX + len;
    let sum = Sha256::new().chain_update(b"ifrit trace 1").chain_update(&trace[at..at + 5]);
    let sum = sum.chain_update(&trace[payload]).finalize();
    trace[at + 5..at + PREFIX].copy_from_slice(&sum[..8]);
}

#[test]
fn every_member_s_run_replays_to_its_end() {
    for (members, crypto) in [(1, Crypto::Ideal), (20, Crypto::Ideal), (5, Crypto::Real)] {
        let (traces, verifier) = match members {
            1 => {
                let setup = Setup { bear: recorded::<{ usize::MAX }>, ..Setup::new(1, 3) };
                let mut world = World::bootstrap(setup);
                world.run_for(SECOND * 60);
                let verifier = world.network().verifier();
                drop(world);
                (take_traces(), verifier)
            }
            _ => eventful::<{ usize::MAX }>(members, crypto),
        };
        assert_eq!(traces.len(), if members == 1 { 1 } else { members + 1 }, "one crashed and came back");
        for (index, trace) in traces {
            let replayed =
                replay(&trace, Arc::clone(&verifier)).unwrap_or_else(|error| panic!("{index}: {error}"));
            assert_eq!(replayed.ended, Ended::Whole);
            assert_eq!(replayed.records, records(&trace).len() as u64);
            assert_eq!(
                replayed.events,
                records(&trace).iter().filter(|(_, kind)| *kind == EVENT).count() as u64
            );
        }
    }
}

#[test]
fn a_trace_cut_anywhere_replays_up_to_the_cut() {
    let (traces, verifier) = eventful::<{ usize::MAX }>(3, Crypto::Ideal);
    let trace = longest(&traces);
    let all = records(trace);
    // Around every record's ends for a while, then at every k-th byte.
    let near = all.iter().take(60).flat_map(|(at, _)| [at - 1, *at, at + 1, at + PREFIX]);
    let every = (0..trace.len()).step_by(1 + trace.len() / 100);
    let cuts: Vec<usize> = near.chain(every).filter(|cut| *cut < trace.len()).collect();
    let header = all[1].0;
    for cut in cuts {
        let result = replay(&trace[..cut], Arc::clone(&verifier));
        if cut < header {
            assert_eq!(result, Err(ReplayError::NoHeader), "cut at {cut}");
            continue;
        }
        let replayed = result.unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let whole = all.iter().take_while(|(at, _)| *at < cut).count() - 1;
        let is_end = all.iter().any(|(at, _)| *at == cut);
        assert_eq!(replayed.ended, Ended::Cut { half: !is_end }, "cut at {cut}");
        let whole = whole + usize::from(is_end);
        assert_eq!(replayed.records, whole as u64, "cut at {cut}");
        let checks = all[..whole].iter().filter(|(_, kind)| *kind == CHECK).count() as u64;
        assert_eq!(replayed.events, checks.saturating_sub(1), "cut at {cut}: the first check is the start's");
    }
}

#[test]
fn a_changed_byte_is_found_at_its_record() {
    let (traces, verifier) = eventful::<{ usize::MAX }>(3, Crypto::Ideal);
    let trace = longest(&traces);
    let all = records(trace);
    for number in (1..all.len().min(1200)).step_by(37) {
        let (at, kind) = all[number];
        let end = all.get(number + 1).map_or(trace.len(), |(at, _)| *at);
        for place in (at + 5..end).step_by(11) {
            let mut changed = trace.clone();
            changed[place] ^= 0x10;
            let error = replay(&changed, Arc::clone(&verifier)).unwrap_err();
            let ReplayError::Damaged { record, .. } = error else {
                panic!("byte {place} of record {number} ({kind}): {error}")
            };
            assert_eq!(record, number as u64, "byte {place}");
        }
    }
}

#[test]
fn another_event_is_a_difference_at_that_record_in_words() {
    let (traces, verifier) = eventful::<{ usize::MAX }>(3, Crypto::Ideal);
    let trace = longest(&traces);
    let all = records(trace);
    let pings = (1..all.len()).filter(|number| ping(trace, &all, *number).is_some());
    let mut tried = 0;
    for number in pings.step_by(3) {
        let mut changed = trace.clone();
        // The last byte of its token, which the pong repeats.
        changed[ping(trace, &all, number).unwrap() + 8] ^= 0x10;
        seal(&mut changed, all[number].0);
        let error = replay(&changed, Arc::clone(&verifier)).unwrap_err();
        let ReplayError::Differs(difference) = &error else { panic!("{error}") };
        assert_eq!((difference.record, difference.why), (number as u64, Why::Actions));
        let events = all[..number].iter().filter(|(_, kind)| *kind == EVENT).count();
        assert_eq!(difference.events, events as u64, "all before it were equal");
        for words in
            [format!("at record {number}"), "a ping (26 bytes".to_owned(), "send a pong (".to_owned()]
        {
            assert!(error.to_string().contains(&words), "{words} is missing: {error}");
        }
        tried += 1;
    }
    assert!(tried > 5, "{tried}");
}

/// Where the packet of this record begins, if it is an event with a ping.
fn ping(trace: &[u8], all: &[(usize, u8)], number: usize) -> Option<usize> {
    let ((start, kind), (end, _)) = (all[number], *all.get(number + 1)?);
    // Two varints of time, the event's variant, the sender, the packet's length, the packet.
    let begin = end.checked_sub(26).filter(|begin| *begin > start + PREFIX + 34)?;
    (kind == EVENT && trace[begin - 34] == 0 && trace[begin - 1] == 26 && trace[begin] == 1).then_some(begin)
}

/// A core that takes nobody's signature but the CA's and its own.
#[derive(Debug)]
struct Distrust(Arc<dyn Verifier>, PublicKey, PublicKey);

impl Verifier for Distrust {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        (*key == self.1 || *key == self.2) && self.0.verify(key, message, signature)
    }
}

#[test]
fn a_changed_core_fails_at_the_first_record_that_differs() {
    let setup = Setup { bear: recorded::<{ usize::MAX }>, crypto: Crypto::Real, ..Setup::new(3, 1) };
    let mut world = World::bootstrapped(setup.rings(3));
    world.run_for(SECOND);
    let ca = world.network().root().key;
    let own = world.network().signer(&world.scalar(0)).public_key();
    drop(world);
    let traces = take_traces();
    let (_, trace) = traces.iter().find(|(index, _)| *index == 0).unwrap();
    let verifier: Arc<dyn Verifier> = Arc::new(P256Verifier);
    assert!(replay(trace, Arc::clone(&verifier)).is_ok());
    let Err(ReplayError::Differs(difference)) =
        replay(trace, Arc::new(Distrust(Arc::clone(&verifier), ca, own)))
    else {
        panic!("the core is another one")
    };
    assert_eq!(difference.why, Why::Actions);
    assert!(difference.event.starts_with("records ("), "{difference}");
    assert!(difference.to_string().contains("BadSignature"), "{difference}");
    // With none but the CA's it does not even sign as the recorded one.
    let Err(ReplayError::Differs(difference)) = replay(trace, Arc::new(Distrust(verifier, ca, ca))) else {
        panic!("the signature is not the member's")
    };
    assert_eq!((difference.record, difference.why), (0, Why::SignsOther));
}

#[test]
fn a_full_queue_ends_the_trace_with_a_gap() {
    let (traces, verifier) = eventful::<6_000>(3, Crypto::Ideal);
    for (_, trace) in traces {
        assert!(trace.len() < 8_000, "{} bytes were kept", trace.len());
        let replayed = replay(&trace, Arc::clone(&verifier)).unwrap();
        assert_eq!(replayed.ended, Ended::Gap);
        assert!(replayed.events > 0 && replayed.records == records(&trace).len() as u64);
    }
}

#[test]
fn a_refused_event_has_changed_nothing_and_is_not_recorded() {
    let world = World::new(Setup::new(1, 1));
    let root = world.network().root().clone();
    let config = Config {
        root,
        addrs: vec![],
        tags: vec![],
        seeds: 0,
        probation: Probation::default(),
        verifier: world.network().verifier(),
    };
    let signer = world.network().signer(&world.scalar(0));
    let me = LocalIdentity { certificate: world.certificate(0).to_vec(), signer };
    let now = world.clocks(0);
    let (mut member, mut recorder) =
        Recorder::start(config, me, Stored::default(), Seed([1; 32]), now, usize::MAX).unwrap();
    let mut trace = recorder.take();
    let tags = |len| Event::Command(Command::SetTags(vec![7; len]));
    for len in [TAGS_MAX, TAGS_MAX + 1, 3] {
        while !matches!(recorder.poll_action(&mut member), Action::Wait { .. }) {}
        assert_eq!(recorder.handle(&mut member, now, tags(len)).is_err(), len > TAGS_MAX);
        trace.append(&mut recorder.take());
    }
    let replayed = replay(&trace, world.network().verifier()).unwrap();
    assert_eq!(
        (replayed.events, replayed.ended),
        (1, Ended::Cut { half: false }),
        "the last one has no check yet"
    );
    recorder.finish();
    trace.append(&mut recorder.take());
    let replayed = replay(&trace, world.network().verifier()).unwrap();
    assert_eq!((replayed.events, replayed.ended), (2, Ended::Whole));
}

#[test]
fn no_bytes_make_a_replay_panic() {
    let (traces, verifier) = eventful::<4_000>(3, Crypto::Ideal);
    let trace = longest(&traces);
    assert_eq!(replay(b"", Arc::clone(&verifier)), Err(ReplayError::NoHeader));
    assert_eq!(replay(b"what is this", Arc::clone(&verifier)), Err(ReplayError::NoTrace));
    for format in [1, 99] {
        let mut other = trace.clone();
        other[8] = format;
        assert_eq!(replay(&other, Arc::clone(&verifier)), Err(ReplayError::OtherFormat(format)));
    }
    let all = records(trace);
    for (number, (at, _)) in all.iter().enumerate().take(40) {
        let end = all.get(number + 1).map_or(trace.len(), |(at, _)| *at);
        for place in (*at..end).step_by(if number == 0 { 3 } else { 5 }) {
            let mut changed = trace.clone();
            changed[place] = changed[place].wrapping_add(1);
            if place > at + 5 {
                seal(&mut changed, *at);
            }
            drop(replay(&changed, Arc::clone(&verifier)));
        }
    }
}
