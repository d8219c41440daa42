//! Scripts about who hears what from whom: pushes, pulls, links, contacts, clocks.

use crate::{
    scripts::{Script, check},
    told::{ms, s, settled},
};
use ifrit_core::{
    action::Notice,
    event::{Command, Lane},
    id::MemberId,
    planted::Bug,
    tags::{FRAME_HELLO, FRAME_RECORDS},
    time::Mono,
};
use ifrit_sim::{
    Setup, World,
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, hello, read_records},
};
use std::{cell::Cell, rc::Rc, time::Duration};

/// By the bugs that each catches.
pub(crate) const SCRIPTS: &[(Bug, &str, Script)] = &[
    (Bug::RenewalsShared, "told_that_it_is_out", told_that_it_is_out),
    (Bug::PushAll, "further_rings", further_rings),
    (Bug::StallHides, "announces_and_stalls", announces_and_stalls),
    (Bug::ClockExpires, "a_year_ahead", a_year_ahead),
    (Bug::WaitsStay, "links_that_flap", links_that_flap),
    (Bug::StallerKept, "a_contact_that_stalls", a_contact_that_stalls),
    (Bug::StrangersRefused, "a_stranger_accuses", a_stranger_accuses),
];

/// R3: one that says all day that it holds a member out leaves renewals for those that do.
fn told_that_it_is_out() -> Result<(), String> {
    let mut world = settled(20, 1);
    let peers = world.linked(3);
    let tell = |world: &mut World, peer: usize| {
        let epoch = world.sees(3, 3).map_or(0, |view| view.epoch);
        world.inject_frame(peer, 3, Lane::Urgent, &hello(epoch));
        world.run_for(s(2));
        world.sees(3, 3).is_some_and(|view| view.epoch > epoch)
    };
    let heard = (0..5).filter(|_| tell(&mut world, peers[0])).count();
    check(heard == 2, format!("one liar had {heard} renewals"))?;
    check(tell(&mut world, peers[1]), "another says so, and it does not renew its note")
}

/// Counts the pushed frames with accusations of one member.
#[derive(Debug)]
struct Counts(MemberId, Rc<Cell<usize>>);

impl Tamper for Counts {
    fn hears(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let accuses = |bundle: &Bundle| bundle.id == self.0 && !bundle.accusations.is_empty();
        if let Wire::Frame(Lane::Urgent, frame) = wire
            && read_records(frame).is_some_and(|bundles| bundles.iter().any(accuses))
        {
            self.1.set(self.1.get() + 1);
        }
        true
    }
}

/// R7: of a crashed member's accusations only the first is pushed; those by duty come with the digests.
fn further_rings() -> Result<(), String> {
    let mut world = World::converged(Setup::new(30, 1).rings(23));
    let heard = Rc::new(Cell::new(0));
    let counts = Counts(world.id(3), Rc::clone(&heard));
    world.corrupt(8, Box::new(counts));
    world.crash(3);
    world.run_for(world.params().detection);
    check(heard.get() > 0, "nothing was pushed")?;
    check(heard.get() <= 20, format!("one accused was pushed {} times to one member", heard.get()))
}

/// Announces what is new, and gives it to nobody that asks.
#[derive(Debug)]
struct Stalls;

impl Tamper for Stalls {
    fn sends(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        !matches!(wire, Wire::Frame(Lane::Records, frame) if frame.first() == Some(&FRAME_RECORDS))
    }
}

/// R7: what one announcer keeps back another is asked for, long before the digests would tell.
fn announces_and_stalls() -> Result<(), String> {
    let mut world = settled(20, 1);
    (1..20).step_by(5).for_each(|liar| world.corrupt(liar, Box::new(Stalls)));
    for round in 0..5 {
        let tags = vec![round];
        world.command(0, Command::SetTags(tags.clone())).map_err(|refused| refused.to_string())?;
        let limit = world.params().delta * 3 / 2;
        let all = |world: &World| {
            world.correct().iter().all(|node| world.sees(*node, 0).is_some_and(|view| view.tags == tags))
        };
        let told = world.run_until_condition(limit, all);
        check(told.is_some(), format!("in round {round} not all know of it after {limit:?}"))?;
    }
    Ok(())
}

/// R9: a clock that is set a year ahead ends nobody's lease.
fn a_year_ahead() -> Result<(), String> {
    let mut world = settled(12, 1);
    world.skew(3, 365 * 24 * 3_600_000);
    world.run_for(s(2));
    let live = world.live_view(3).len();
    check(live == 12, format!("it holds {live} of 12 live"))
}

/// Ends all its links now and then.
#[derive(Debug)]
struct Flaps(Duration);

impl Tamper for Flaps {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.linked.iter().for_each(|peer| hand.hang_up(*peer));
        hand.wake(hand.now.mono + self.0);
    }
}

/// R12: whoever is reached each time is dialled again after 5 s, however often its links end.
fn links_that_flap() -> Result<(), String> {
    let (mut world, every) = (settled(20, 1), s(20));
    world.corrupt(3, Box::new(Flaps(every)));
    world.run_for(every * 6 + s(8));
    check(world.all_linked(), "not all have their links back 8 s after they ended")
}

/// Greets a newcomer, and says no more to it.
#[derive(Debug)]
struct Greets(MemberId);

impl Tamper for Greets {
    fn sends(&mut self, _: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        to != self.0 || !matches!(wire, Wire::Frame(_, frame) if frame.first() != Some(&FRAME_HELLO))
    }
}

/// R16: a contact that brings nothing is not waited for.
fn a_contact_that_stalls() -> Result<(), String> {
    let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(20, 1).rings(7) });
    let newcomer = world.id(20);
    world.corrupt(4, Box::new(Greets(newcomer)));
    world.set_seeds(20, vec![4, 9]);
    world.start(20);
    let limit = world.params().delta * 6;
    let joined = world.run_until_condition(limit, |world| world.member(20).view().joined());
    check(joined.is_some(), format!("it is not joined after {limit:?}"))
}

/// Dials one member, and accuses it to its face.
#[derive(Debug)]
struct Accuses(MemberId);

impl Tamper for Accuses {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + ms(500));
        hand.dial(self.0);
        if let Some(word) = hand.accuse(self.0, 0) {
            hand.show(self.0, &[Bundle::of(self.0).accusation(&word)]);
        }
    }
}

/// The accused must hear of accusations by members that are no neighbours in its view: in others' views they may be.
fn a_stranger_accuses() -> Result<(), String> {
    let mut world = World::converged(Setup::new(60, 1).rings(3));
    let neighbours: Vec<_> = world.member(3).view().neighbours().copied().collect();
    let stranger = (0..60).find(|node| *node != 3 && !neighbours.contains(&world.id(*node))).ok_or("none")?;
    let victim = world.id(3);
    world.corrupt(stranger, Box::new(Accuses(victim)));
    world.run_for(s(5));
    let heard = |notice: &Notice| matches!(notice, Notice::AccusedMyself { .. });
    let told = world.since(Mono(0)).iter().any(|seen| seen.observer == 3 && heard(&seen.notice));
    check(told, "it does not hear of it")
}
