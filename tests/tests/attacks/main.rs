//! What a lying member with a good certificate can make another one do. Each attack is one that somebody would try.

mod frames;
mod victim;

use crate::{
    frames::{strangers, want},
    victim::{Liar, Victim},
};
use ifrit_core::{
    action::Notice,
    event::{Event, Lane, Refused},
    limits::{FRAME_MAX, INBOX_BYTES_MAX, LANE_QUEUE_MAX, SERVED_MIN},
    seed::Seed,
};
use ifrit_sim::wire::{Bundle, announce, clock, hello, records};
use std::time::{Duration, Instant};

/// A liar with a link to a member among `members`: a ring neighbour where those are few, a stranger where its number is
/// not among theirs.
fn victim_and_liar(members: u32, n: u32) -> (Victim, Liar) {
    let mut victim = Victim::among(members);
    let liar = victim.liar(n);
    victim.link(&liar);
    (victim, liar)
}

#[test]
fn members_that_keep_links_for_ever_keep_no_newcomer_out() {
    let mut victim = Victim::among(200);
    for n in 1000..1400 {
        let hog = victim.liar(n);
        victim.link(&hog);
    }
    let newcomer = victim.liar(2000);
    victim.link(&newcomer);
    assert!(!victim.has_link(&newcomer), "each has its time first");
    victim.pass(Duration::from_secs(600));
    let newcomer = victim.liar(2001);
    let links = victim.links();
    victim.link(&newcomer);
    assert!(victim.has_link(&newcomer));
    assert_eq!(victim.links(), links, "another one gave way");
}

#[test]
fn a_peer_that_wants_everything_again_and_again_is_served_its_share() {
    let (mut victim, liar) = victim_and_liar(300, 2000);
    for _ in 0..1000 {
        let asked = victim.frame(&liar, &want(1..=255));
        assert_eq!(asked, Ok(()));
        let unread = victim.sent_to(&liar);
        victim.read(&liar);
        assert!(unread <= LANE_QUEUE_MAX + 64 * 1024 + 4096, "{unread}");
    }
    assert!(victim.read_by(&liar) as u64 <= SERVED_MIN + 64 * 1024, "{}", victim.read_by(&liar));
}

#[test]
fn a_peer_that_never_reads_costs_a_bounded_queue() {
    let (mut victim, liar) = victim_and_liar(300, 2000);
    for _ in 0..1000 {
        victim.frame(&liar, &want(1..=255)).expect("taken");
    }
    assert!(victim.sent_to(&liar) <= 3 * (LANE_QUEUE_MAX + 64 * 1024), "{}", victim.sent_to(&liar));
    victim.pass(Duration::from_secs(5));
    let other = victim.liar(2001);
    victim.link(&other);
    victim.frame(&other, &want(1..=20)).expect("taken");
    assert!(victim.sent_to(&other) > 5000, "others are served");
}

/// R11: good records, more at once than can be verified, so that they wait: within bytes, however few they are.
#[test]
fn r11_a_peer_that_says_more_than_can_be_verified_is_held_back() {
    // One that has not joined takes members from anybody.
    let mut victim = Victim::told_of(1);
    let liar = victim.liar(3);
    victim.link(&liar);
    let frame = |n: u32| {
        let newcomers = (0..72).map(|m| {
            let mut newcomer = victim.liar(100 + 72 * n + m);
            let note = victim.note(&mut newcomer, 1);
            Bundle::of(newcomer.id).certificate(&newcomer.certificate).note(&note)
        });
        records(&newcomers.collect::<Vec<_>>())
    };
    let frames: Vec<Vec<u8>> = (0..24).map(frame).collect();
    let all: usize = frames.iter().map(Vec::len).sum();
    assert!(
        all > INBOX_BYTES_MAX + 2 * FRAME_MAX && frames.iter().all(|frame| frame.len() < FRAME_MAX),
        "{all}"
    );
    let mut refused = 0;
    for frame in &frames {
        match victim.frame(&liar, frame) {
            Ok(()) => {}
            Err(Refused::Backpressure) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        let waiting = victim.member.view().load().inbox_bytes;
        assert!(waiting < INBOX_BYTES_MAX + FRAME_MAX, "{waiting} B wait");
    }
    assert!(refused > 0, "{all} B were taken at once");
    assert!(victim.has_link(&liar), "to say much is no misbehaviour");
    // Once there is room they are taken.
    (0..100).for_each(|_| victim.pass(Duration::from_millis(50)));
    victim.frame(&liar, frames.last().expect("some")).expect("room");
}

#[test]
fn announcements_of_nobody_hold_up_no_other_pull() {
    let (mut victim, liar) = victim_and_liar(8, 3);
    for from in 0..64 {
        victim.frame(&liar, &strangers(5000 + 255 * from, 255)).expect("taken");
    }
    let honest = victim.liar(4);
    victim.link(&honest);
    victim.sent.clear();
    victim.frame(&honest, &announce(&[victim::id(77)], 1)).expect("taken");
    assert!(victim.sent_to(&honest) > 0, "it is asked at once");
    let mut newcomer = victim.liar(77);
    let note = victim.note(&mut newcomer, 1);
    let bundle = Bundle::of(newcomer.id).certificate(&newcomer.certificate).note(&note);
    victim.frame(&honest, &records(&[bundle])).expect("taken");
    assert!(victim.member.view().member(&newcomer.id).is_some());
}

#[test]
fn talk_about_clocks_and_epochs_tells_the_application_little() {
    let (mut victim, liar) = victim_and_liar(8, 3);
    victim.notices.clear();
    let epoch = victim.my_epoch();
    for round in 0..10_000_u64 {
        victim.frame(&liar, &clock(round)).expect("taken");
        victim.frame(&liar, &hello(epoch)).expect("taken");
        if round % 100 == 0 {
            victim.pass(Duration::from_millis(10));
        }
    }
    let wrong = victim.notices.iter().filter(|notice| matches!(notice, Notice::ClockWrong { .. })).count();
    assert!(wrong <= 2, "{wrong}");
    assert!(victim.notices.len() < 10, "{:?}", victim.notices);
    assert!(victim.my_epoch() - epoch < 5, "notes are issued at their own pace");
}

#[test]
fn a_forged_note_in_the_victim_s_own_name_is_misbehaviour() {
    let (mut victim, liar) = victim_and_liar(8, 3);
    let mut me = victim.liar(0);
    let note = victim.note(&mut me, victim.my_epoch() + 5);
    let mut bundle = Bundle::of(me.id).note(&note);
    let bytes = bundle.note.as_mut().expect("just put in");
    let middle = bytes.len() - 40;
    bytes[middle] ^= 0x55;
    victim.frame(&liar, &records(&[bundle])).expect("taken");
    assert!(!victim.has_link(&liar), "R10: a failed signature ends the link");
}

/// Those that accuse it stand behind others that it has just met, for whose sake it may answer for a while only; meanwhile nobody
/// answers its pings.
#[test]
fn r8_who_hears_nobody_and_has_nothing_to_answer_any_more_does_not_stay_deaf() {
    let mut victim = Victim::among(20);
    let mut liars: Vec<Liar> = (1..=20).map(|n| victim.liar(n)).collect();
    liars.iter().for_each(|liar| victim.link(liar));
    let before = victim.my_epoch();
    let step = Duration::from_millis(50);
    (0..16).for_each(|_| victim.pass(step));
    let watchers = victim.member.view().explain(&victim::id(0)).expect("it knows itself").watchers;
    for (ring, watcher) in watchers {
        let liar = liars.iter_mut().find(|liar| liar.id != watcher).expect("there are others");
        let accusation = victim.accusation(liar, victim::id(0), ring);
        let bundle = Bundle::of(victim::id(0)).accusation(&accusation);
        victim.frame(liar, &records(&[bundle])).expect("taken");
    }
    (0..20).for_each(|_| victim.pass(step));
    assert_eq!(victim.member.counters().accusations, 0, "it is deaf, and accuses nobody");
    (0..60 * 20).for_each(|_| victim.pass(step));
    assert_eq!(victim.my_epoch(), before, "there was nothing to answer any more");
    assert!(victim.member.counters().accusations > 0, "those that are silent are accused after all");
}

#[test]
fn old_notes_and_empty_bundles_wait_nowhere() {
    let (mut victim, liar) = victim_and_liar(8, 3);
    let mut same = victim.liar(3);
    let old = victim.note(&mut same, 1);
    let stale = Bundle::of(liar.id).certificate(&liar.certificate).note(&old);
    let before = victim.member.counters().verified;
    let mut refused = 0;
    for _ in 0..50 {
        refused += u32::from(victim.frame(&liar, &records(&vec![Bundle::of(liar.id); 1800])).is_err());
        refused += u32::from(victim.frame(&liar, &records(&vec![stale.clone(); 100])).is_err());
    }
    assert!(victim.member.counters().verified - before <= 1, "no signature is checked twice");
    assert!(refused < 100, "what is useless here may be refused for a while, not for ever");
    assert!(victim.has_link(&liar), "useless is no misbehaviour");
}

/// Flips, cuts, doubles and splices.
fn mutate(rng: &mut ifrit_core::seed::Rng, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut pick = |max: usize| rng.below(max.max(1) as u64) as usize;
    let mut frame = frames[pick(frames.len())].clone();
    for _ in 0..=pick(3) {
        let at = pick(frame.len());
        match pick(6) {
            0 | 1 if !frame.is_empty() => frame[at] ^= 1 << pick(8),
            2 if !frame.is_empty() => frame[at] = [0, 1, 127, 128, 255][pick(5)],
            3 => frame.truncate(at),
            4 => {
                let other = &frames[pick(frames.len())];
                let from = pick(other.len());
                frame.splice(at.., other[from..].iter().copied());
            }
            _ => frame.extend_from_within(at..),
        }
    }
    frame.truncate(64 * 1024);
    frame
}

/// Frames of the fuzz loop: the same ones in every run, however fast the machine.
const FUZZED: u64 = 4_000;

/// How long it runs instead, with `FUZZ_SECONDS`.
fn fuzz_time() -> Option<Duration> {
    std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs)
}

#[test]
fn mutated_frames_cause_no_panic_and_no_growth() {
    let mut victim = Victim::among(20);
    let mut liars: Vec<Liar> = (1..=20).map(|n| victim.liar(n)).collect();
    let mut frames = vec![hello(0), hello(9), clock(1), want(0..=20), announce(&[victim::id(5)], 1)];
    frames.push(strangers(9000, 50));
    for liar in &mut liars {
        let note = victim.note(liar, 2);
        let accusation = victim.accusation(liar, victim::id(0), 0);
        let bundle = Bundle::of(liar.id).certificate(&liar.certificate).note(&note);
        frames.push(records(&[bundle, Bundle::of(victim::id(0)).accusation(&accusation)]));
        victim.link(liar);
    }
    frames.extend(victim.sent.values().flatten().map(|(_, bytes)| bytes.clone()));
    let mut rng = Seed([9; 32]).rng();
    let (began, span) = (Instant::now(), fuzz_time());
    let (mut given, mut taken) = (0_u64, 0_u64);
    while span.map_or(given < FUZZED, |span| began.elapsed() < span) {
        given += 1;
        let liar = &liars[rng.below(20) as usize];
        if !victim.has_link(liar) {
            let _ = victim.give(Event::LinkUp { member: liar.id, certificate: &liar.certificate });
        }
        let bytes = mutate(&mut rng, &frames);
        let lane = Lane::ALL[rng.below(3) as usize];
        let event = match rng.below(5) {
            0 => Event::Datagram { from: liar.id, bytes: &bytes },
            _ => Event::Frame { from: liar.id, lane, bytes: &bytes },
        };
        taken += u64::from(victim.give(event).is_ok());
        if rng.below(50) == 0 {
            victim.pass(Duration::from_millis(rng.below(2000)));
        }
        let unread: Vec<_> = victim.sent.keys().copied().collect();
        for id in unread {
            victim.read_id(id);
        }
        victim.notices.clear();
        assert!(victim.links() <= 20);
    }
    assert!(taken > given / 4, "{taken} of {given}");
}
