//! What no scenario shows by chance: one thing done to a small network, and what must follow. Each is for one bug, or two.

use crate::told::{Told, garbled, ms, s, settled};
use ifrit_core::{
    action::Notice,
    event::Command,
    id::MemberId,
    note::Note,
    planted::Bug,
    tags::{FRAME_ANNOUNCE, FRAME_HELLO, FRAME_REDIRECT, FRAME_WALK_ASK},
    time::{Mono, Wall},
    view::State,
};
use ifrit_sim::{
    Setup, World,
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};

pub(crate) type Script = fn() -> Result<(), String>;

/// By the bugs that each catches.
pub(crate) const SCRIPTS: &[(Bug, &str, Script)] = &[
    (Bug::Circle, "circle", circle),
    (Bug::NoHold, "circle", circle),
    (Bug::LastAccuser, "two_accusers", two_accusers),
    (Bug::NarrowAnswer, "over_an_accused_one", over_an_accused_one),
    (Bug::UnanswerableDisables, "no_answer_needed", no_answer_needed),
    (Bug::ExtraRing, "more_than_t_rings", more_than_t_rings),
    (Bug::FireFirst, "rebuttal_in_the_queue", rebuttal_in_the_queue),
    (Bug::LateFires, "asleep", asleep),
    (Bug::AgesBeforeJoin, "a_contact_that_drips", a_contact_that_drips),
    (Bug::OwnLoss, "trained_patience", trained_patience),
    (Bug::NoLinkNoMiss, "gone_without_links", gone_without_links),
    (Bug::AccusationsFirst, "order_of_pushes", order_of_pushes),
    (Bug::ParkedKept, "parked", parked),
    (Bug::PastLease, "past_lease", past_lease),
    (Bug::FailedBody, "garbage", garbage),
    (Bug::GarbageSpends, "garbage", garbage),
    (Bug::Redials, "ends_its_links", ends_its_links),
    (Bug::FirstOfEpoch, "two_notes", two_notes),
    (Bug::NewsCharged, "announces_nothing", announces_nothing),
    (Bug::AnyKey, "another_key", another_key),
    (Bug::NoJump, "foreign_note", foreign_note),
];

pub(crate) fn check(holds: bool, otherwise: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// Three members of whom m stands right before a and before b somewhere, and a and b before each other: rings and accusers.
struct Circle {
    members: [usize; 3],
    /// Of m, from right before it; of a and b over m; of a over b; of b over a: ring, accuser, accused.
    words: [(u8, usize, usize); 5],
}

fn circle_in(world: &World, observer: usize, rings: u8) -> Option<Circle> {
    let orders: Vec<_> = (0..rings).map(|ring| world.ring(ring)).collect();
    let before = |ring: u8, of: usize, steps: usize| {
        let order = &orders[usize::from(ring)];
        let place = order.iter().position(|node| *node == of)?;
        Some(order[(place + order.len() - steps) % order.len()])
    };
    // Whoever the observer would have to accuse itself is no use.
    let far =
        |of: usize| (0..rings).all(|ring| (1..=3).all(|steps| before(ring, of, steps) != Some(observer)));
    let others: Vec<_> = (0..world.len()).filter(|node| *node != observer && far(*node)).collect();
    // `accused` is accused over `over`, which stands right before it.
    let over = |over: usize, accused: usize| {
        let ring = (0..rings).find(|ring| before(*ring, accused, 1) == Some(over))?;
        Some((ring, before(ring, accused, 2)?, accused))
    };
    let triple = |m: usize, a: usize, b: usize| {
        let words = [(0, before(0, m, 1)?, m), over(m, a)?, over(m, b)?, over(b, a)?, over(a, b)?];
        let one_ring_each = words[1].0 != words[3].0 && words[2].0 != words[4].0;
        one_ring_each.then_some(Circle { members: [m, a, b], words })
    };
    let pairs = others.iter().flat_map(|m| others.iter().map(move |a| (*m, *a))).filter(|(m, a)| m != a);
    pairs
        .flat_map(|(m, a)| others.iter().map(move |b| (m, a, *b)))
        .filter(|(m, a, b)| m != b && a != b)
        .find_map(|(m, a, b)| triple(m, a, b))
}

/// R2, R6: two that went down over a third lose that support when it comes back; only each other is left to hold them up. They
/// are held for a while, not down for ever, and not back at once.
fn circle() -> Result<(), String> {
    let places = |seed| {
        let world = World::new(Setup::new(20, seed).rings(7));
        Some((seed, circle_in(&world, Told::OBSERVER, 7)?))
    };
    let (seed, Circle { members: [m, a, b], words }) = (1..200).find_map(places).ok_or("no such network")?;
    let mut told = Told::new(20, seed, &[m, a, b]);
    let span = told.world.params().delta * 2 + ms(500);
    told.accused(words[0]);
    told.world.run_for(span);
    check(told.sees(m).state == State::Down, "the first is not down")?;
    words[1..].iter().for_each(|word| told.accused(*word));
    // The first is dialled meanwhile, to heal, and ages stand still for that for 4Δ.
    told.world.run_for(span + told.world.params().delta * 4);
    check([a, b].iter().all(|node| told.sees(*node).state == State::Down), "the two are not down")?;
    let back = told.world.note(m, 1, |_| {});
    told.note(m, &back);
    for node in [a, b] {
        let why = told.explain(node);
        check(why.member.state == State::Down, format!("{node} is back at once"))?;
        check(why.held_until.is_some(), format!("{node} is down in a circle, and not held"))?;
    }
    Ok(())
}

/// R2: of two accusers on one ring the closest one's word is kept, whichever came last.
fn two_accusers() -> Result<(), String> {
    let mut told = Told::new(20, 1, &[3]);
    let (closest, farther) = (told.before(2, 3, 1), told.before(2, 3, 2));
    told.accused((0, told.before(0, closest, 1), closest));
    told.accused((2, closest, 3));
    told.accused((2, farther, 3));
    let kept = told.explain(3).accusations;
    let kept: Vec<_> = kept.iter().map(|charge| told.world.index(&charge.accusation.accuser)).collect();
    check(kept == [closest], format!("of {closest} and {farther} it keeps {kept:?}"))
}

/// R3: others may hold the one between down by now, so an accusation over one that is merely accused here is answered.
fn over_an_accused_one() -> Result<(), String> {
    let mut world = settled(20, 1);
    let (near, far, teller) = (world.along(2, 3, -1), world.along(2, 3, -2), world.along(1, 3, 1));
    let epoch = world.sees(3, 3).map(|view| view.epoch);
    let first = world.accuse(world.along(0, near, -1), near, 0);
    let second = world.accuse(far, 3, 2);
    let bundles = [(near, &first), (3, &second)].map(|(of, word)| Bundle::of(world.id(of)).accusation(word));
    world.show(teller, 3, &bundles);
    world.run_for(s(2));
    check(world.sees(3, 3).map(|view| view.epoch) > epoch, "it does not answer")
}

/// R3: an accusation over live members that nobody accuses needs no answer, and costs no ring.
fn no_answer_needed() -> Result<(), String> {
    let mut world = settled(20, 1);
    let (far, teller) = (world.along(2, 3, -3), world.along(1, 3, 1));
    for round in 0..3 {
        let word = world.accuse(far, 3, 2);
        world.show(teller, 3, &[Bundle::of(world.id(3)).accusation(&word)]);
        world.run_for(s(1));
        world.command(3, Command::SetTags(vec![round])).map_err(|refused| refused.to_string())?;
        world.run_for(s(5));
    }
    let mask = world.own_mask(3).ok_or("it does not run")?;
    check(mask.count() == 7, format!("it disabled rings: {mask:?}"))?;
    check(world.member(3).counters().rebuttals == 0, "it answered")
}

/// R3: at most t rings are off, however many accuse.
fn more_than_t_rings() -> Result<(), String> {
    let mut world = settled(20, 2);
    for _ in 0..10 {
        (0..5).for_each(|ring| world.slander(world.along(ring, 3, -1), 3, ring));
        world.run_for(s(1));
        let enabled = world.own_mask(3).map(|mask| mask.count());
        check(enabled >= Some(4), format!("{enabled:?} rings of 7 are on"))?;
    }
    Ok(())
}

/// R4: a rebuttal that waits for its bucket when the timer runs out is taken first.
fn rebuttal_in_the_queue() -> Result<(), String> {
    let mut told = Told::new(20, 1, &[3]);
    let mut notes: Vec<Note> =
        (0..8).map(|tag| told.world.note(3, 1, |note| note.tags = vec![tag])).collect();
    let rebuttal = told.world.note(3, 2, |_| {});
    notes.sort_by_key(|note| *note.hash());
    told.note(3, &notes[0]);
    told.accused((0, told.before(0, 3, 1), 3));
    let fires = told.explain(3).deadline.ok_or("no timer runs")?;
    told.world.run_for(fires.since(told.world.clocks(Told::OBSERVER).mono) - ms(14));
    // More notes of one epoch than the bucket holds, none of which is kept; then the one that counts.
    let id = told.world.id(3);
    let bundles: Vec<_> =
        notes[1..].iter().chain([&rebuttal]).map(|note| Bundle::of(id).note(note)).collect();
    told.tell(&bundles);
    check(told.sees(3).state == State::Accused, "the bucket is not empty, or the timer was early")?;
    told.world.run_for(s(1));
    check(!told.put_down(), "it went down, and its answer was in the house")
}

/// R4: the first event of one that slept is late; its timers wait for what has arrived meanwhile.
fn asleep() -> Result<(), String> {
    let mut told = Told::new(20, 1, &[3]);
    told.accused((0, told.before(0, 3, 1), 3));
    let span = told.world.params().delta * 3;
    let rebuttal = told.world.note(3, 1, |_| {});
    told.world.pause(Told::OBSERVER, span);
    told.note(3, &rebuttal);
    told.world.run_for(span + ms(100));
    check(!told.put_down(), "it fired before it looked")
}

/// Shows a newcomer a victim with an accusation of it, and of all others now and then one record, so that it is not given up.
#[derive(Debug)]
struct Drips {
    newcomer: MemberId,
    victim: MemberId,
    /// Whom it shows, one at a time.
    others: Vec<MemberId>,
    begun: bool,
}

impl Tamper for Drips {
    fn sends(&mut self, _: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        let is_hello = |frame: &[u8]| {
            frame.first() == Some(&FRAME_HELLO)
                || read_records(frame).is_some_and(|bundles| bundles.len() == 1)
        };
        to != self.newcomer || !matches!(wire, Wire::Frame(_, frame) if !is_hello(frame))
    }

    /// Its member hears nothing of the newcomer, and so tells nobody.
    fn hears(&mut self, _: &mut Hand<'_>, from: MemberId, wire: Wire<'_>) -> bool {
        from != self.newcomer || matches!(wire, Wire::Datagram(_))
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + ms(500));
        if !hand.linked.contains(&self.newcomer) {
            return;
        }
        let shown =
            if std::mem::replace(&mut self.begun, true) { self.others.pop() } else { Some(self.victim) };
        let Some(mut bundle) = shown.and_then(|id| hand.records_of(&id)) else { return };
        if bundle.id == self.victim {
            bundle.accusations.extend(hand.accuse(self.victim, 0).map(|word| word.signed().bytes().to_vec()));
        }
        hand.show(self.newcomer, &[bundle]);
    }
}

/// R4: in a newcomer's half of a view nobody stands between a liar and its victim; no age runs there.
fn a_contact_that_drips() -> Result<(), String> {
    let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(20, 1).rings(7) });
    let (newcomer, victim, contact) = (20, 1, world.along(0, 1, -2));
    let between = world.along(0, victim, -1);
    let others = (2..20).filter(|node| ![between, contact].contains(node));
    let others = others.map(|node| world.id(node)).collect();
    let (newcomer_id, victim_id) = (world.id(newcomer), world.id(victim));
    let drips = Drips { newcomer: newcomer_id, victim: victim_id, others, begun: false };
    world.corrupt(contact, Box::new(drips));
    world.set_seeds(newcomer, vec![contact]);
    world.start(newcomer);
    world.run_for(world.params().delta * 5);
    check(!world.member(newcomer).view().joined(), "it has joined with what a liar showed")?;
    let seen = world.sees(newcomer, victim).ok_or("it knows nothing of the victim")?;
    check(seen.state == State::Accused, format!("the victim is {:?} in its view", seen.state))
}

/// R5: who lost many packets before it crashed is missed as soon as anybody.
fn trained_patience() -> Result<(), String> {
    let mut world = settled(30, 2);
    world.net.member_loss_ppm[3] = 250_000;
    world.run_for(s(60));
    let params = world.params();
    check((0..30).all(|node| world.sees_live(node, 3)), "it is out already")?;
    let crashed = world.now();
    world.crash(3);
    let bound = params.ping_period + params.ping_timeout * (params.misses(params.loss_ppm) + 1);
    world.run_for(bound);
    let id = world.id(3);
    let accused = |seen: &ifrit_sim::world::Observed| matches!(&seen.notice, Notice::Accused { accusation } if accusation.accused == id);
    check(world.since(crashed).iter().any(accused), format!("nobody accuses it after {bound:?}"))
}

/// Ends its links, then itself.
#[derive(Debug)]
struct Vanishes;

impl Tamper for Vanishes {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.linked.iter().for_each(|peer| hand.hang_up(*peer));
        hand.crash();
    }
}

/// R5: where there is no link, a dial that does not complete is the miss.
fn gone_without_links() -> Result<(), String> {
    let mut world = settled(20, 1);
    world.corrupt(3, Box::new(Vanishes));
    let bound = world.params().detection * 3;
    let noticed = world.run_until_condition(bound, |world| world.all_see(3, State::Down));
    check(noticed.is_some(), format!("it is not down after {bound:?}"))
}

/// Notes of each pushed frame with accusations how many bundles it has, and whether an accusation is the last.
#[derive(Debug, Default)]
struct Listens(std::rc::Rc<std::cell::RefCell<Vec<(usize, bool)>>>);

impl Tamper for Listens {
    fn hears(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        if let Wire::Frame(ifrit_core::event::Lane::Urgent, frame) = wire
            && let Some(bundles) = read_records(frame)
            && bundles.iter().any(|bundle| !bundle.accusations.is_empty())
        {
            let last = bundles.last().is_some_and(|bundle| !bundle.accusations.is_empty());
            self.0.borrow_mut().push((bundles.len(), last));
        }
        true
    }
}

/// R7: what an accusation rests on travels ahead of it.
fn order_of_pushes() -> Result<(), String> {
    let mut world = settled(20, 1);
    let heard = Listens::default();
    let frames = std::rc::Rc::clone(&heard.0);
    world.corrupt(3, Box::new(heard));
    let gone = [world.along(0, 3, 5), world.along(0, 3, 6)];
    gone.iter().for_each(|node| world.crash(*node));
    world.run_for(world.params().detection + world.params().delta * 4);
    let pushed: Vec<_> = frames.borrow().iter().copied().filter(|(bundles, _)| *bundles > 1).collect();
    check(!pushed.is_empty(), "nothing was pushed")?;
    let wrong = pushed.iter().filter(|(_, last)| !last).count();
    check(wrong == 0, format!("in {wrong} of {} pushes the accusation is not the last", pushed.len()))
}

/// Keeps its own later notes to itself.
#[derive(Debug)]
struct Unanswering;

impl Tamper for Unanswering {
    fn sends(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        let own = |bundle: &Bundle| bundle.id == hand.me && bundle.note.is_some();
        !read_records(frame).is_some_and(|bundles| bundles.iter().any(own))
    }
}

/// R7: the accused hears of a parked accusation at once.
fn parked() -> Result<(), String> {
    let mut world = settled(20, 1);
    let (near, far) = (world.along(2, 3, -1), world.along(2, 3, -2));
    let accuser = world.along(0, near, -1);
    world.corrupt(near, Box::new(Unanswering));
    let aside = [3, near, far, accuser];
    let observer = (0..20).find(|node| !aside.contains(node)).ok_or("nobody")?;
    let teller = world.linked(observer).into_iter().find(|node| !aside.contains(node)).ok_or("no link")?;
    let words = [(near, world.accuse(accuser, near, 0)), (3, world.accuse(far, 3, 2))];
    for (of, word) in &words {
        world.show(teller, observer, &[Bundle::of(world.id(*of)).accusation(word)]);
    }
    world.run_for(world.params().delta / 2);
    let id = world.id(far);
    let told = |seen: &ifrit_sim::world::Observed| {
        seen.observer == 3
            && matches!(&seen.notice, Notice::AccusedMyself { accusation } if accusation.accuser == id)
    };
    check(world.observed().iter().any(told), "the accused does not know of it")
}

/// R9: a note past its lease is not taken.
fn past_lease() -> Result<(), String> {
    let mut told = Told::new(20, 1, &[3]);
    let ago = u64::try_from(told.world.params().lease.as_millis() * 2).map_err(|_| "a long lease")?;
    let old = told.world.note(3, 1, |note| note.issued = Wall(note.issued.0 - ago));
    told.note(3, &old);
    check(told.sees(3).epoch < old.epoch(), "it was taken")
}

/// R10, R12: garbage under a body says nothing of the right signature, and takes no place in its owner's bucket. Several liars show
/// one member garbled copies of another's next note; then it comes itself.
fn garbage() -> Result<(), String> {
    let mut world = settled(20, 1);
    let (owner, observer) = (3, world.along(0, 3, 1));
    let note = world.note(owner, 1, |note| note.tags = b"genuine".to_vec());
    let bundle = Bundle::of(world.id(owner)).note(&note);
    let liars: Vec<_> = world.linked(observer).into_iter().filter(|peer| *peer != owner).take(6).collect();
    for liar in liars {
        world.show(liar, observer, &[garbled(&bundle)]);
    }
    world.run_for(ms(10));
    world.show(owner, observer, &[bundle]);
    world.run_for(ms(10));
    let id = world.id(owner);
    let blamed = |seen: &ifrit_sim::world::Observed| matches!(seen.notice, Notice::Misbehaviour { peer, .. } if peer == id);
    check(!world.observed().iter().any(blamed), "the owner is blamed")?;
    check(
        world.sees(observer, owner).map(|view| view.epoch) == Some(note.epoch()),
        "the genuine note is not held",
    )
}

/// Ends each of its links, ten times a second.
#[derive(Debug)]
struct EndsLinks;

impl Tamper for EndsLinks {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.linked.iter().for_each(|peer| hand.hang_up(*peer));
        hand.wake(hand.now.mono + ms(100));
    }
}

/// R12: nobody is dialled more often than every 5 s.
fn ends_its_links() -> Result<(), String> {
    const SECONDS: u64 = 30;
    let mut world = settled(20, 1);
    world.corrupt(3, Box::new(EndsLinks));
    world.run_for(s(SECONDS));
    let most = (0..20).filter(|node| *node != 3).map(|node| world.dials(node, 3)).max().unwrap_or(0);
    check(most <= SECONDS / 5 + 1, format!("one dialled it {most} times in {SECONDS} s"))
}

/// R12: of two notes of one epoch the lower hash is kept, also if it came last.
fn two_notes() -> Result<(), String> {
    let mut told = Told::new(20, 1, &[3]);
    let mut notes = [b"a", b"b"].map(|tags| told.world.note(3, 1, |note| note.tags = tags.to_vec()));
    notes.sort_by_key(|note| *note.hash());
    told.note(3, &notes[1]);
    told.note(3, &notes[0]);
    check(told.sees(3).tags == notes[0].tags(), "it keeps the first")
}

/// Tells of nothing by itself: whoever wants to know must walk.
#[derive(Debug)]
struct Untold;

impl Tamper for Untold {
    fn sends(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let tells = [FRAME_ANNOUNCE, FRAME_REDIRECT, FRAME_WALK_ASK];
        !matches!(wire, Wire::Frame(_, frame) if frame.first().is_some_and(|tag| tells.contains(tag)))
    }
}

/// R13: walks that bring news cost nothing, however many there are.
fn announces_nothing() -> Result<(), String> {
    let mut world = settled(2, 1);
    world.corrupt(1, Box::new(Untold));
    let wait = world.params().ping_period * 6;
    for round in 0..10 {
        let tags = vec![round];
        world.command(1, Command::SetTags(tags.clone())).map_err(|refused| refused.to_string())?;
        let told =
            world.run_until_condition(wait, |world| world.sees(0, 1).is_some_and(|view| view.tags == tags));
        check(told.is_some(), format!("what is new in round {round} is not known after {wait:?}"))?;
    }
    Ok(())
}

/// R14: a certificate with another key is another member's.
fn another_key() -> Result<(), String> {
    let mut told = Told::new(20, 1, &[3]);
    let (wall, id) = (told.world.wall(), told.world.id(3));
    let other = told.world.network().renew(&told.world.scalar(5), id, wall, wall + s(3600 * 24 * 400));
    told.tell(&[Bundle::of(id).certificate(&other)]);
    let held = told.world.member(Told::OBSERVER).view().certificate(&id).map(<[u8]>::to_vec);
    check(held.as_deref() == Some(told.world.certificate(3)), "it was taken")
}

/// R15: a note of one's own name and key that is ahead is jumped above.
fn foreign_note() -> Result<(), String> {
    let mut world = settled(12, 1);
    let (foreign, teller) = (world.note(3, 1, |note| note.tags = b"clone".to_vec()), world.along(0, 3, 1));
    world.show(teller, 3, &[Bundle::of(world.id(3)).note(&foreign)]);
    let above = |world: &World| world.sees(3, 3).is_some_and(|view| view.epoch > foreign.epoch());
    check(world.run_until_condition(s(10), above).is_some(), "it is not jumped above")?;
    check(world.removals(Mono(0)).is_empty(), "somebody was removed")
}
