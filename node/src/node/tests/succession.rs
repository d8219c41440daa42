//! R14: another root follows while nodes run, with TLS in it.

use super::*;
use crate::identity::generate_key;
use ifrit_core::{
    certificate::Certificate,
    crypto::Signer,
    id::NetworkId,
    revocation::{Entry, Fields, Revocations},
    time::Wall,
};

const HOUR: Duration = Duration::from_secs(3600);

fn next(world: &World) -> Authority {
    let (from, to) = (START, START + HOUR * 24 * 365);
    world.authority.succeed(generate_key(), from, to, START + HOUR).expect("its dates are in order")
}

/// The CA's word of it.
fn word(next: &Authority) -> Revocations {
    let fields = Fields { sequence: 1, entries: Vec::new(), succession: next.root().bundle() };
    fields.sign(&next.root().params, &mut next.key().clone()).expect("a list that can be")
}

fn tell(world: &mut World, n: u8, next: &Authority) {
    let list = word(next).signed().bytes().to_vec();
    world.handle(n, Input::Command(Command::SetRevocations(list)));
}

fn renew(world: &mut World, n: u8, next: &Authority) {
    let key = identity(&world.authority, n).certificate.key();
    let now = world.at().wall;
    let der = next.issue(&key, id(n), now, now + HOUR * 9, 100 + u64::from(n));
    world.handle(n, Input::Command(Command::SetCertificate(der)));
}

fn believes(world: &World, n: u8, next: &Authority) -> bool {
    world.nodes[&n].view().root() == next.root()
}

/// Whether it shows a certificate of the new root.
fn has_renewed(world: &World, n: u8, next: &Authority) -> bool {
    let view = world.nodes[&n].view();
    let shown = view.certificate(&id(n)).expect("its own");
    Certificate::parse(shown, next.root()).is_ok_and(|certificate| !certificate.is_of_former())
}

#[test]
fn r14_all_hear_of_the_next_root_renew_and_link_anew() {
    let mut world = World::joined(3);
    let next = next(&world);
    tell(&mut world, 1, &next);
    world.until(|world| (1..=3).all(|n| believes(world, n, &next)));
    assert!((1..=3).all(|n| world.roots[&n] == next.root().bundle()), "it is to be on disk");
    (1..=3).for_each(|n| renew(&mut world, n, &next));
    assert!((1..=3).all(|n| has_renewed(&world, n, &next)));
    // Every link is made anew, by certificates of the new root.
    for n in 1..=3u8 {
        world.crash(n);
        world.start_as(identity(&next, n), n, &[n % 3 + 1]);
        world.until(|world| world.all_live(3));
    }
    let down = |event: &NodeEvent| matches!(event, NodeEvent::Member(Notice::Down { .. }));
    assert!(!world.told.values().flatten().any(down));
    assert!(world.nodes.values().all(|node| node.counters().malformed == 0));
}

#[test]
fn r14_whoever_knows_only_the_former_root_learns_the_next_from_its_peers() {
    let mut world = World::joined(3);
    let next = next(&world);
    world.crash(3);
    tell(&mut world, 1, &next);
    world.until(|world| believes(world, 2, &next));
    renew(&mut world, 1, &next);
    renew(&mut world, 2, &next);
    world.until(|world| world.live(1) == 2 && world.live(2) == 2);
    // It was away, and there is no CA to ask.
    world.start(3, &[1]);
    world.until(|world| world.all_live(3) && believes(world, 3, &next));
    assert_eq!(world.roots[&3], next.root().bundle());
    let told = |event: &NodeEvent| matches!(event, NodeEvent::Member(Notice::Succeeded { .. }));
    assert_eq!(world.told[&3].iter().filter(|event| told(event)).count(), 1, "it is told once");
    renew(&mut world, 3, &next);
    assert!(has_renewed(&world, 3, &next));
}

#[test]
fn r14_a_newcomer_of_the_next_root_joins_through_members_that_have_not_heard() {
    let mut world = World::joined(2);
    let next = next(&world);
    world.start_as(identity(&next, 3), 3, &[1]);
    world.until(|world| world.all_live(3) && (1..=2).all(|n| believes(world, n, &next)));
}

#[test]
fn r14_nobody_comes_in_by_a_root_for_which_the_old_one_did_not_sign() {
    let mut world = World::joined(2);
    // Of the same name: all that is missing is the key.
    let thief = Authority::create(
        generate_key(),
        NetworkId(world.authority.root().params.id.0),
        &ifrit_core::params::Wish::default(),
        START,
        START + HOUR * 24 * 365,
    );
    let thief = thief.expect("a network");
    let next = thief.succeed(generate_key(), START, START + HOUR, START + HOUR).expect("dates");
    world.start_as(identity(&next, 3), 3, &[1]);
    world.start_as(identity(&thief, 4), 4, &[1]);
    world.run(Duration::from_secs(60));
    for n in 1..=2 {
        assert_eq!(world.live(n), 2);
        assert_eq!(world.nodes[&n].view().root(), world.authority.root());
    }
    assert_eq!((world.live(3), world.live(4)), (1, 1));
}

#[test]
fn r14_whoever_is_revoked_stays_out_when_a_peer_showed_the_next_root_before_the_next_list() {
    let mut world = World::joined(2);
    let root = world.authority.root();
    let entry = Entry { id: id(9), until: START + HOUR * 9 };
    let fields = Fields { sequence: 1, entries: vec![entry], succession: Vec::new() };
    let list = fields.sign(&root.params, &mut world.authority.key().clone()).expect("a list that can be");
    world.handle(1, Input::Command(Command::SetRevocations(list.signed().bytes().to_vec())));
    let next = next(&world);
    world.handle(1, Input::Command(Command::SetRoot(next.root().bundle())));
    assert!(believes(&world, 1, &next));
    world.crash(1);
    let old = identity(&world.authority, 1);
    let saved = Identity::new(&world.roots[&1], old.certificate.der(), old.signer).expect("they fit");
    world.start_as(saved, 1, &[]);
    assert_eq!(world.nodes[&1].view().revocations(), Some(&list));
    assert!(believes(&world, 1, &next));
}

#[test]
fn r14_a_certificate_that_begins_when_its_root_ends_lets_nobody_in() {
    let mut world = World::joined(1);
    // Shortly before the former root's end, by whoever has its key.
    let (key, end) = (generate_key(), Wall(world.at().wall.0 / 1000 * 1000) + Duration::from_secs(30));
    let next = world.authority.succeed(generate_key(), START, START + HOUR, end).expect("dates");
    tell(&mut world, 1, &next);
    let der = world.authority.issue(&key.public_key(), id(2), end + Duration::from_secs(1), end + HOUR, 77);
    world.start_as(Identity::new(world.authority.root().der(), &der, key).expect("its own"), 2, &[1]);
    world.until(|world| world.nodes[&2].counters().dials_failed > 0);
    assert_eq!((world.live(1), world.nodes[&1].counters().panics), (1, 0));
}

#[test]
fn r14_the_next_root_is_saved_before_a_certificate_of_it() {
    let mut world = World::joined(1);
    let (next, now) = (next(&world), world.at());
    let key = identity(&world.authority, 1).certificate.key();
    let der = next.issue(&key, id(1), now.wall, now.wall + HOUR * 9, 100);
    let node = world.nodes.get_mut(&1).expect("runs");
    for command in [Command::SetRoot(next.root().bundle()), Command::SetCertificate(der)] {
        node.handle(now, Input::Command(command)).expect("they are good");
    }
    let mut saved = Vec::new();
    loop {
        match node.poll(now) {
            Output::Persist { what: Save::Root(_), .. } => saved.push("root"),
            Output::Persist { what: Save::Certificate(_), .. } => saved.push("certificate"),
            Output::Wait { .. } => break,
            _ => {}
        }
    }
    assert_eq!(saved, ["root", "certificate"], "alone that would fit nothing");
}
