//! Among many of the state machines: in order, once, every gap told, whatever relays, authors and links do.

mod liars;
mod net;

use self::net::*;
use super::*;
use ifrit_core::{id::NetworkId, params::Wish, time::Wall};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn texts(range: Range<u64>) -> Vec<Vec<u8>> {
    range.map(|n| n.to_string().into_bytes()).collect()
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_broadcast_reaches_all_once_and_its_body_travels_once_per_member() {
    let mut net = Net::full(8);
    (0..50u64).for_each(|n| assert_eq!(net.say(0, n.to_string().as_bytes()), n));
    net.run(LONG);
    for n in 1..8 {
        assert_eq!(net.bodies(n, 0), texts(0..50), "at {n}");
    }
    assert_eq!(net.bodies(0, 0), texts(0..0), "who says it knows it");
    assert_eq!(net.bodies, 7 * 50);
    net.check();
}

#[test]
fn it_goes_over_many_hops_in_its_order() {
    let mut net = Net::line(10);
    for n in 0..200u64 {
        net.say(3, n.to_string().as_bytes());
        if n % 10 == 0 {
            net.run(Duration::from_millis(3));
        }
    }
    net.run(LONG);
    for n in (0..10).filter(|n| *n != 3) {
        assert_eq!(net.bodies(n, 3), texts(0..200), "at {n}");
    }
    net.check();
}

#[test]
fn a_late_joiner_gets_what_is_kept_and_a_partition_catches_up() {
    let mut net = Net::line(4);
    net.cut(1, 2);
    (0..300u64).for_each(|n| _ = net.say(0, n.to_string().as_bytes()));
    (0..10u64).for_each(|n| _ = net.say(3, n.to_string().as_bytes()));
    net.run(LONG);
    assert_eq!((net.bodies(1, 0).len(), net.bodies(2, 0).len()), (300, 0));
    net.link(1, 2);
    net.start(9);
    net.link(9, 3);
    net.run(LONG);
    for n in [2, 3, 9] {
        assert_eq!(net.bodies(n, 0), texts(0..300), "at {n}");
    }
    for n in [0, 1, 9] {
        assert_eq!(net.bodies(n, 3), texts(0..10), "at {n}");
    }
    net.check();
}

#[test]
fn what_nobody_keeps_any_more_is_told_as_missed() {
    let mut net = Net::line(3);
    net.cut(1, 2);
    let large = vec![7; 60_000];
    for _ in 0..200 {
        net.say(0, &large);
        net.run(Duration::from_millis(100));
    }
    net.link(1, 2);
    net.run(LONG);
    let heard = net.heard(2, 0);
    let Err(missed) = &heard[0] else { panic!("what is gone is told first") };
    assert_eq!(missed.end + heard.len() as u64 - 1, 200, "and all the rest has come");
    assert!(missed.end > 50);
    net.check();
}

#[test]
fn an_author_that_restarts_begins_a_new_run_and_hears_of_its_last_one() {
    let mut net = Net::line(3);
    (0..5u64).for_each(|n| _ = net.say(0, n.to_string().as_bytes()));
    net.run(LONG);
    net.restart(0);
    assert_eq!(net.say(0, b"0"), 0);
    net.run(LONG);
    assert_eq!(net.bodies(2, 0), [texts(0..5), texts(0..1)].concat());
    assert_eq!(net.bodies(0, 0), texts(0..5), "what it said before it restarted");
    net.check();
}

#[test]
fn of_an_author_that_restarts_again_and_again_the_last_runs_are_followed() {
    let mut net = Net::line(3);
    for _ in 0..BROADCAST_RUNS_MAX * 3 {
        net.say(0, b"0");
        net.run(LONG);
        net.restart(0);
    }
    assert_eq!(net.bodies(2, 0).len(), BROADCAST_RUNS_MAX * 3);
    assert!(net.ends[&2].casts.held.runs().count() <= BROADCAST_RUNS_MAX);
    net.check();
}

#[test]
fn a_silent_relay_costs_an_eighth_of_delta_and_only_once() {
    for habit in [Habit::Silent, Habit::Garbler] {
        let mut net = Net::new(4);
        // Both relays are linked to the author; the liar is heard first.
        net.ends.get_mut(&1).expect("there").habit = habit;
        [(0, 1), (0, 2), (1, 3), (2, 3)].into_iter().for_each(|(a, b)| net.link(a, b));
        net.ends.get_mut(&2).expect("there").habit = Habit::Slow(20);
        for n in 0..20u64 {
            net.say(0, n.to_string().as_bytes());
            let before = net.now;
            while net.bodies(3, 0).len() as u64 <= n {
                assert!(net.step(), "{habit:?}: it comes");
            }
            let limit = if n == 0 { 400 } else { 250 };
            assert!(net.now.since(before) < Duration::from_millis(limit), "{habit:?}: {n}");
        }
        net.run(LONG);
        assert_eq!(net.bodies(3, 0), texts(0..20), "{habit:?}");
        net.check();
    }
}

#[test]
fn a_liar_alone_suppresses_nothing_that_an_honest_relay_has() {
    // Liars all around, one honest relay.
    for habit in [Habit::Silent, Habit::Garbler, Habit::Slow(3000)] {
        let mut net = Net::new(12);
        for liar in 1..10 {
            net.ends.get_mut(&liar).expect("there").habit = habit;
            net.link(0, liar);
            net.link(liar, 11);
        }
        net.link(0, 10);
        net.link(10, 11);
        (0..100u64).for_each(|n| _ = net.say(0, n.to_string().as_bytes()));
        net.run(Duration::from_secs(3));
        assert_eq!(net.bodies(11, 0), texts(0..100), "{habit:?}");
        net.check();
    }
}

#[test]
fn a_flooding_author_is_held_to_its_quota_and_hurts_nobody() {
    let mut net = Net::line(3);
    let large = vec![7; 60_000];
    let mut said = 0;
    // The author's own quota is not kept by a liar: its messages are made as fast as it likes.
    for n in 0..40u64 {
        for _ in 0..20 {
            let end = net.ends.get_mut(&0).expect("there");
            *end.casts.held.quota(net.now, id(0)) =
                bucket::Bucket::new(net.now, BROADCAST_RATE, BROADCAST_BURST);
            net.say(0, &large);
            said += 1;
        }
        net.say(1, n.to_string().as_bytes());
        net.run(Duration::from_millis(50));
        assert_eq!(net.bodies(2, 1).len() as u64, n + 1, "the others' go through at once");
    }
    let got: usize = net.bodies(1, 0).iter().map(Vec::len).sum();
    let limit = BROADCAST_BURST + 3 * BROADCAST_RATE;
    assert!(got as u64 <= limit, "{got} of {said} messages' bytes in 2 s");
    let (_, bytes) = net.ends[&1].casts.load();
    assert!(bytes <= BROADCAST_KEPT_PER_AUTHOR + BROADCAST_WINDOW * Message::MAX + 100_000);
    net.run(LONG * 2);
    assert_eq!(net.bodies(2, 1).len(), 40);
    net.check();
}

#[test]
fn an_author_of_whom_nobody_knows_is_asked_for_once_it_is_known() {
    let mut net = Net::line(3);
    net.known = Known(1);
    net.say(0, b"0");
    net.say(2, b"0");
    net.run(LONG);
    assert_eq!((net.bodies(1, 0).len(), net.bodies(1, 2).len(), net.bodies(0, 2).len()), (1, 0, 0));
    net.known = Known(9);
    net.run(LONG);
    assert_eq!((net.bodies(1, 2).len(), net.bodies(0, 2).len()), (1, 1));
    net.check();
}

#[test]
fn two_bodies_for_one_number_are_told_once_by_whoever_sees_both() {
    let mut net = Net::new(3);
    let of = RunId { author: id(7), run: 1 };
    let made = |text: &[u8]| Message::new(&network(), of, 0, Wall(0), text, |body| sign(id(7), body));
    // The author, at both ends of the line, says different things.
    for (n, text) in [(0, b"one"), (2, b"two")] {
        let end = net.ends.get_mut(&n).expect("there");
        end.casts.open(net.now, of);
        end.casts.held.append(net.now, made(text));
    }
    for n in [0, 2] {
        net.link(n, 1);
        net.run(LONG);
    }
    assert_eq!(net.bodies(1, 7), [b"one".to_vec()]);
    let told: Vec<_> =
        net.ends[&1].told.iter().filter(|told| matches!(told, Told::Equivocation { .. })).collect();
    let expected =
        Told::Equivocation { of, ours: made(b"one").signed().clone(), theirs: made(b"two").signed().clone() };
    assert_eq!(told, [&expected]);
    net.check();
}

#[test]
fn no_more_is_kept_than_the_member_allows() {
    for kept in [20_000, 100_000] {
        let mut casts = Broadcasts::new(network(), id(0), kept);
        for author in 10..60u8 {
            let of = RunId { author: id(author), run: 1 };
            casts.open(Mono(0), of);
            for n in 0..4 {
                let body = |body: &[u8]| sign(id(author), body);
                casts.held.append(Mono(0), Message::new(&network(), of, n, Wall(0), &[7; 1000], body));
            }
        }
        let held = casts.held.bytes();
        assert!(held <= kept && held > kept - 2_000, "{held} of {kept}");
    }
}

#[test]
fn a_neighbour_that_offers_more_than_there_is_room_for_is_asked_again() {
    let mut net = Net::new(2);
    let mut casts = Broadcasts::new(network(), id(0), BROADCAST_KEPT_BYTES);
    // More runs than it may offer: of 150 authors, 4 each.
    for author in 10..160u8 {
        for run in 1..=BROADCAST_RUNS_MAX as u64 {
            let of = RunId { author: id(author), run };
            casts.open(net.now, of);
            let message = Message::new(&network(), of, 0, Wall(0), b"x", |body| sign(id(author), body));
            casts.held.append(net.now, message);
        }
    }
    net.ends.get_mut(&0).expect("there").casts = casts;
    net.link(0, 1);
    net.run(LONG);
    let got = net.ends[&1].told.iter().filter(|told| matches!(told, Told::Delivered(_))).count();
    assert_eq!(got, 600);
    const { assert!(600 > BROADCAST_OFFERS_PER_PEER) };
    net.check();
}

/// What a hostile neighbour may say, over and over.
fn hostile() -> impl Strategy<Value = Frame> {
    let of = (0..40u8, 0..200u64).prop_map(|(n, run)| RunId { author: id(n), run });
    let number = prop_oneof![0..100u64, Just(u64::MAX), Just(u64::MAX - 1), any::<u64>()];
    let range = (of.clone(), number.clone(), number.clone(), any::<[u8; 8]>())
        .prop_map(|(of, a, b, tip)| Frame::Range { of, first: a.min(b), next: a.max(b), tip });
    let pull = (of.clone(), number.clone(), any::<u32>()).prop_map(|(of, from, count)| Frame::Pull {
        of,
        from,
        count,
    });
    let body = (of, 0..100u64, any::<bool>()).prop_map(|(of, sequence, honest)| {
        let message = Message::new(&network(), of, sequence, Wall(0), b"text", |body| {
            if honest { sign(of.author, body) } else { Signature([0; 64]) }
        });
        Frame::Body(message.signed().bytes().to_vec())
    });
    prop_oneof![range, pull, body, Just(Frame::Again), Just(Frame::Body(vec![1, 2, 3]))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_that_a_neighbour_says_panics_grows_or_breaks_the_order(
        frames in proptest::collection::vec(hostile(), 1..3000)
    ) {
        let mut net = Net::full(3);
        net.known = Known(30);
        for (n, frame) in frames.into_iter().enumerate() {
            let known = net.known;
            net.ends.get_mut(&1).expect("there").casts.receive(net.now, id(0), frame, &known);
            if n % 16 == 0 {
                net.settle();
                net.run(Duration::from_millis(20));
            }
        }
        net.say(2, b"0");
        net.run(LONG);
        net.check();
        assert_eq!(net.bodies(1, 2).last(), Some(&b"0".to_vec()));
        let (entries, bytes) = net.ends[&1].casts.load();
        let of_peer = 3 * BROADCAST_OFFERS_PER_PEER + 3 * BROADCAST_PULLS_PER_PEER;
        prop_assert!(entries <= 3 * of_peer && bytes <= 40 * BROADCAST_RUNS_MAX * 100 * 1000, "{entries} {bytes}");
    }

    #[test]
    fn under_any_faults_all_that_is_told_is_in_order_and_all_comes_in_the_end(
        members in 3..8u8,
        extra in proptest::collection::vec((0..8u8, 0..8u8), 0..12),
        acts in proptest::collection::vec((0..10u8, 0..8u8, 0..8u8, 1..400u64), 1..120),
        liar in proptest::option::of(0..3u8),
    ) {
        let mut net = Net::new(members);
        // A ring of honest members and some chords; the liar, if any, is besides.
        (0..members).for_each(|n| net.link(n, (n + 1) % members));
        for (a, b) in extra {
            if a % members != b % members {
                net.link(a % members, b % members);
            }
        }
        if let Some(kind) = liar {
            net.start(100);
            let habits = [Habit::Silent, Habit::Garbler, Habit::Slow(700)];
            net.ends.get_mut(&100).expect("there").habit = habits[usize::from(kind)];
            (0..members).for_each(|n| net.link(100, n));
        }
        let mut said: BTreeMap<u8, u64> = BTreeMap::new();
        for (act, a, b, ms) in acts {
            let (a, b) = (a % members, b % members);
            match act {
                0 if a != b && net.links.contains_key(&(a.min(b), a.max(b))) => {
                    // Loss: the link is made anew, and what was on its way is gone.
                    net.cut(a, b);
                    net.link(a, b);
                }
                1 if a != 0 => {
                    net.restart(a);
                    said.remove(&a);
                }
                _ => {
                    let n = said.entry(a).or_default();
                    net.say(a, n.to_string().as_bytes());
                    *n += 1;
                }
            }
            net.run(Duration::from_millis(ms));
        }
        net.run(LONG);
        net.check();
        for (author, count) in said {
            let run = net.ends[&author].life;
            for (n, end) in net.ends.iter().filter(|(n, _)| **n != author && **n < 100) {
                let got = end.told.iter().filter(|told| {
                    matches!(told, Told::Delivered(m) if m.of() == RunId { author: id(author), run })
                });
                prop_assert_eq!(got.count() as u64, count, "of {} at {}", author, n);
            }
        }
    }
}
