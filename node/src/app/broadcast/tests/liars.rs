//! Neighbours that offer what they do not give, give what nobody asked for, or take nothing.

use super::{net::*, *};
use std::cell::Cell;

fn run_of(author: u8, run: u64) -> RunId {
    RunId { author: id(author), run }
}

fn range(of: RunId, numbers: Range<u64>) -> Frame {
    Frame::Range { of, first: numbers.start, next: numbers.end, tip: Default::default() }
}

fn made(of: RunId, sequence: u64, text: &[u8]) -> Message {
    Message::new(&network(), of, sequence, Wall(0), text, |body| sign(of.author, body))
}

fn body(message: &Message) -> Frame {
    Frame::Body(message.signed().bytes().to_vec())
}

/// A member with these neighbours, none of which says anything by itself.
fn among(neighbours: Range<u8>) -> Broadcasts {
    let mut casts = Broadcasts::new(network(), id(0), BROADCAST_KEPT_BYTES);
    neighbours.for_each(|n| casts.up(Mono(MS), id(n)));
    casts
}

#[test]
fn who_takes_nothing_of_what_it_is_asked_grows_nothing() {
    let mut casts = among(1..2);
    for n in 0..10_000u64 {
        let of = run_of(10 + (n % 50) as u8, 1);
        for numbers in [n * 32..(n + 1) * 32, 0..0] {
            casts.receive(Mono(MS), id(1), range(of, numbers), &Known(u8::MAX));
        }
    }
    let (entries, _) = casts.load();
    assert!(entries <= 4 * BROADCAST_PULLS_PER_PEER, "{entries} entries");
}

#[test]
fn what_a_liar_offers_and_never_gives_is_not_its_authors_to_pay() {
    let mut casts = among(1..2);
    for n in 0..10_000u64 {
        for numbers in [n * 32..(n + 1) * 32, 0..0] {
            casts.receive(Mono(MS), id(1), range(run_of(10, 1), numbers), &Known(u8::MAX));
            while casts.next_pull(&id(1)).is_some() {}
        }
    }
    assert!(
        casts.held.quota(Mono(MS), id(10)).has_some(Mono(MS)),
        "its own broadcasts are asked for at once"
    );
}

#[test]
fn however_much_liars_are_asked_for_there_is_room_to_ask_others() {
    let mut casts = among(1..30);
    for liar in 1..20 {
        for run in 1..=3 {
            casts.receive(Mono(MS), id(liar), range(run_of(liar, run), 0..1000), &Known(u8::MAX));
        }
    }
    for honest in 20..30 {
        let of = run_of(40 + honest, 1);
        casts.receive(Mono(MS), id(honest), range(of, 0..3), &Known(u8::MAX));
        assert!(casts.next_pull(&id(honest)).is_some(), "{honest} is asked at once");
    }
}

/// A run of which the first 500 are gone, as everybody finds it who comes late.
#[test]
fn a_gap_is_passed_whatever_a_liar_says_to_have_of_it() {
    let of = run_of(7, 1);
    let claims: [fn(u64) -> Range<u64>; 3] =
        [|next| next + 2..next + 2, |next| next + 1..next + 2, |next| next..600];
    for claim in claims {
        let mut net = Net::new(3);
        let honest = &mut net.ends.get_mut(&0).expect("there").casts;
        honest.open(Mono(MS), of);
        honest.held.skip(Mono(MS), of, 500);
        (500..510).for_each(|n| honest.held.append(Mono(MS), made(of, n, &n.to_string().into_bytes())));
        net.link(0, 1);
        net.link(1, 2);
        let before = net.now;
        let mut own = 0;
        while net.bodies(1, 7).len() < 10 {
            assert!(net.now.since(before) < Duration::from_secs(60), "it comes in the end");
            let known = net.known;
            let casts = &mut net.ends.get_mut(&1).expect("there").casts;
            let next = casts.held.next(of).expect("not over");
            casts.receive(net.now, id(2), range(of, claim(next)), &known);
            // What it gives of its own keeps it in good standing.
            casts.receive(net.now, id(2), range(run_of(2, 1), own..own + 1), &known);
            casts.receive(net.now, id(2), body(&made(run_of(2, 1), own, b"own")), &known);
            own += 1;
            net.settle();
            net.run(Duration::from_millis(50));
        }
        net.check();
    }
}

#[test]
fn what_a_neighbour_is_given_is_bounded_however_often_it_comes_anew() {
    let (mut casts, of) = (among(1..2), run_of(0, 1));
    casts.open(Mono(MS), of);
    (0..60).for_each(|n| casts.held.append(Mono(MS), made(of, n, &[7; 60_000])));
    let mut given = 0;
    for _ in 0..100 {
        casts.down(Mono(MS), &id(1), &Known(u8::MAX));
        casts.up(Mono(MS), id(1));
        casts.receive(Mono(MS), id(1), Frame::Pull { of, from: 0, count: 60 }, &Known(u8::MAX));
        let content = std::iter::from_fn(|| casts.next_content(Mono(MS), &id(1)));
        given += content.map(|frame| frame.encode().len() as u64).sum::<u64>();
    }
    assert!(given <= BROADCAST_GIVEN_BURST + 2 * Message::MAX as u64, "{given} bytes");
    assert!(given >= BROADCAST_GIVEN_BURST, "{given} bytes");
}

/// Counts what is checked.
struct Counting(Cell<usize>);

impl Judge for Counting {
    fn knows(&self, _: &MemberId) -> bool {
        true
    }

    fn verifies(&self, message: &Message) -> bool {
        self.0.set(self.0.get() + 1);
        Known(u8::MAX).verifies(message)
    }

    fn is_untimely(&self, _: &Message) -> bool {
        false
    }
}

#[test]
fn of_an_author_that_signs_many_for_one_number_two_are_checked() {
    let (mut casts, of, judge) = (among(1..2), run_of(1, 1), Counting(Cell::new(0)));
    casts.receive(Mono(MS), id(1), range(of, 0..1), &judge);
    for n in 0..100 {
        casts.receive(Mono(MS), id(1), body(&made(of, 0, &[n])), &judge);
    }
    assert_eq!(judge.0.get(), 2);
    let told: Vec<_> = std::iter::from_fn(|| casts.next_told()).collect();
    assert!(matches!(told[..], [Told::Delivered(_), Told::Equivocation { .. }]), "{told:?}");
}

#[test]
fn nobody_is_blamed_for_an_author_that_has_gone_meanwhile() {
    let (mut casts, of) = (among(1..2), run_of(9, 1));
    casts.receive(Mono(MS), id(1), range(of, 0..2), &Known(u8::MAX));
    // Its note is no longer in lease here.
    casts.receive(Mono(MS), id(1), body(&made(of, 0, b"0")), &Known(9));
    assert_eq!(casts.next_told(), None);
    assert!(casts.peers[&id(1)].deaf_until.is_none());
}

/// A view with a clock.
struct Later {
    known: Known,
    now: Mono,
}

impl Judge for Later {
    fn knows(&self, author: &MemberId) -> bool {
        self.known.knows(author)
    }

    fn verifies(&self, message: &Message) -> bool {
        self.known.verifies(message)
    }

    fn is_untimely(&self, message: &Message) -> bool {
        untimely(&network(), clocks(self.now).wall, message)
    }
}

/// An author goes out of the view for so long that nothing is known of it any more, and comes back; or the receiver has
/// started anew. A liar has kept what it said.
#[test]
fn what_was_said_long_ago_is_told_to_nobody_as_new() {
    let (of, mut now) = (run_of(9, 1), Mono(MS));
    let told = |casts: &mut Broadcasts, now: Mono| {
        let judge = Later { known: Known(u8::MAX), now };
        casts.receive(now, id(1), range(of, 0..2), &judge);
        (0..2).for_each(|n| casts.receive(now, id(1), body(&made(of, n, b"said")), &judge));
        std::iter::from_fn(|| casts.next_told()).collect::<Vec<_>>()
    };
    let mut casts = among(1..2);
    assert_eq!(told(&mut casts, now).len(), 2);
    for _ in 0..6 * 60 {
        now = now + Duration::from_secs(10);
        casts.wake(now, &Later { known: Known(9), now });
    }
    assert_eq!(casts.held.next(of), Some(0), "all is forgotten");
    assert_eq!(told(&mut casts, now), []);
    assert_eq!(told(&mut among(1..2), now), []);
}

#[test]
fn an_author_that_nobody_knows_for_a_moment_is_not_forgotten() {
    let (of, mut now) = (run_of(9, 1), Mono(MS));
    let mut casts = among(1..2);
    let judge = |known, now| Later { known: Known(known), now };
    casts.receive(now, id(1), range(of, 0..1), &judge(u8::MAX, now));
    casts.receive(now, id(1), body(&made(of, 0, b"said")), &judge(u8::MAX, now));
    let kept = BROADCAST_KEPT_TIME + Duration::from_secs(20);
    while now < Mono(MS) + kept {
        now = now + Duration::from_secs(10);
        casts.wake(now, &judge(9, now));
    }
    assert_eq!((casts.held.bytes(), casts.held.next(of)), (0, Some(1)));
}
