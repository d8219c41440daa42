//! What liars and bad luck must not do to a correct member, rule by rule.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use ifrit_core::{
    action::Action,
    event::{Command, Event, Refused},
    member::Member,
    time::{Mono, Now},
};
use ifrit_sim::{
    Setup, World,
    brain::{Birth, Brain},
};
use std::{any::Any, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
/// More turns than one event's leavings ever need at 64 signature checks each: a link holds 1,024 records at most.
const TURNS_MAX: u32 = 40;

/// A member under watch: woken when it asked to be, it must do something or ask for a later moment.
#[derive(Debug)]
struct Vigil {
    member: Member,
    now: Mono,
    until: Option<Mono>,
    woken: bool,
    acted: bool,
    idle: u32,
}

fn vigil(birth: Birth) -> Option<Box<dyn Brain>> {
    let now = birth.now.mono;
    let member = Member::new(birth.config, birth.identity, birth.stored, birth.seed, birth.now).unwrap();
    Some(Box::new(Vigil { member, now, until: None, woken: false, acted: false, idle: 0 }))
}

impl Brain for Vigil {
    fn handle(&mut self, now: Now, event: Event<'_>) -> Result<(), Refused> {
        self.now = now.mono;
        self.woken = event == Event::Wake && self.until.is_some_and(|until| until <= now.mono);
        self.acted = false;
        self.member.handle(now, event)
    }

    fn poll_action(&mut self) -> Action<'_> {
        let action = self.member.poll_action();
        match &action {
            Action::Wait { until, why } => {
                let again = self.woken && !self.acted && until.is_some_and(|until| until <= self.now);
                self.idle = if again { self.idle + 1 } else { 0 };
                assert!(self.idle < TURNS_MAX, "it spins: {why:?}");
                self.until = *until;
            }
            _ => self.acted = true,
        }
        action
    }

    fn any(&self) -> &dyn Any {
        &self.member
    }
}

fn watched(members: usize, seed: u64, rings: u8) -> Setup {
    Setup { bear: vigil, ..Setup::new(members, seed).rings(rings) }
}

#[test]
fn section3_a_wake_at_the_deadline_makes_progress_alone() {
    let mut world = World::converged(watched(1, 1, 3));
    let before = world.handled();
    world.run_for(SECOND * 3600);
    assert!(world.handled() - before < 3600, "alone there is little to do: {}", world.handled() - before);
    world.leave(0);
}

/// R6: a lone survivor owes an accusation on each of 51 rings at once, more than one event may sign.
#[test]
fn r6_what_is_owed_beyond_the_signing_budget_is_signed_without_spinning() {
    let mut world = World::converged(watched(3, 2, 51));
    [1, 2].into_iter().for_each(|node| world.crash(node));
    world.settles_within(SECOND * 60);
    world.run_for(SECOND * 5);
    for node in [1, 2] {
        let held = world.member(0).view().explain(&world.id(node)).unwrap();
        let valid = held.accusations.iter().filter(|charge| charge.valid).count();
        assert_eq!(valid, held.member.mask.count() as usize, "one on every enabled ring");
    }
    [1, 2].into_iter().for_each(|node| world.start(node));
    world.settles_within(SECOND * 120);
}

#[test]
fn section3_a_wake_at_the_deadline_makes_progress_through_crash_leave_and_heal() {
    let mut world = World::converged(watched(12, 3, 5));
    world.crash(3);
    world.settles_within(SECOND * 30);
    world.leave(4);
    world.settles_within(SECOND * 30);
    world.start(3);
    world.settles_within(SECOND * 60);
    world.partition(&[(0..5).collect()], false);
    world.run_for(SECOND * 90);
    world.heal();
    world.settles_within(SECOND * 120);
    world.pause(7, SECOND * 5);
    world.run_for(SECOND * 6);
    world.settles_within(SECOND * 60);
}

/// R16: a contact of an earlier run that gives no address cannot answer, so it is not waited for.
/// R5: no link is a miss, so it goes Down when it crashes.
#[test]
fn r16_a_contact_without_an_address_does_not_block_joining() {
    let mut world = World::converged(watched(4, 5, 3));
    world.command(1, Command::SetAddrs(Vec::new())).unwrap();
    world.run_for(SECOND * 70);
    [1, 2].into_iter().for_each(|node| world.crash(node));
    world.restart(3);
    world.settles_within(SECOND * 60);
}

/// R5: whoever gives no address keeps the links to its monitors itself.
#[test]
fn r5_a_member_without_an_address_stays_in() {
    let mut world = World::converged(watched(9, 6, 5));
    world.command(1, Command::SetAddrs(Vec::new())).unwrap();
    world.settles_within(SECOND * 10);
    let start = world.now();
    world.run_for(SECOND * 30);
    world.crash(2);
    world.settles_within(SECOND * 30);
    world.run_for(SECOND * 30);
    assert_eq!(world.removals(start), []);
}
