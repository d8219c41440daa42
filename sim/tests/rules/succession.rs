//! R14: another root follows the network's while members run.

use crate::{s, settled};
use ifrit_core::{
    action::{Misbehaviour, Notice},
    crypto::{P256Signer, Signer},
    event::{Command, Lane, Refused},
    params::Wish,
    revocation::{Fields, Revocations},
    time::{Mono, Wall},
};
use ifrit_node::ca::Authority;
use ifrit_sim::{Setup, World, network::Crypto, wire::revocations};
use std::time::Duration;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A moment of the world's wall clock.
fn after(world: &World, span: Duration) -> Wall {
    world.clocks(0).wall + span
}

/// X.509 knows whole seconds.
fn whole(at: Wall) -> Wall {
    Wall(at.0 / 1000 * 1000)
}

/// The word of a CA that its root follows another: the list that it signs.
fn word(authority: &Authority, sequence: u64) -> Revocations {
    let root = authority.root();
    let fields = Fields { sequence, entries: Vec::new(), succession: root.bundle() };
    fields.sign(&root.params, &mut authority.key().clone()).unwrap()
}

fn give(world: &mut World, to: usize, list: &Revocations) -> Result<(), Refused> {
    world.command(to, Command::SetRevocations(list.signed().bytes().to_vec()))
}

fn believes(world: &World, node: usize, authority: &Authority) -> bool {
    world.member(node).view().root() == authority.root()
}

/// The CA gives a member a certificate of its new root.
fn renew(world: &mut World, node: usize, authority: &Authority) -> Result<(), Refused> {
    let key = P256Signer::from_scalar(&world.scalar(node)).unwrap().public_key();
    let now = world.clocks(node).wall;
    let der = authority.issue(&key, world.id(node), now, now + YEAR * 2, 1000 + node as u64);
    world.command(node, Command::SetCertificate(der))
}

/// Whether a member is known to another by a certificate of that root.
fn is_renewed(world: &World, observer: usize, node: usize) -> bool {
    let view = world.member(observer).view();
    let end = view.certificate_end(&world.id(node));
    end.is_some_and(|end| end > world.network().root().not_after)
}

#[test]
fn r14_another_root_is_believed_everywhere_at_once_and_nobody_is_interrupted() {
    let mut world = settled(40, 7, 1);
    let since = world.now();
    let until = whole(after(&world, s(600)));
    let next = world.network().succeed(until);
    give(&mut world, 0, &word(&next, 5)).unwrap();
    let all = |world: &World| (0..40).all(|node| believes(world, node, &next));
    let took = world.run_until_condition(s(5), all).unwrap();
    assert!(took <= world.params().delta, "{took:?}");
    for node in 0..40 {
        assert_eq!(world.member(node).view().certificate_end(&world.id(node)), Some(until), "{node}");
        renew(&mut world, node, &next).unwrap();
        world.run_for(s(1));
    }
    let spread = |world: &World| (0..40).all(|one| (0..40).all(|other| is_renewed(world, one, other)));
    assert!(world.run_until_condition(s(60), spread).is_some(), "{}", world.explain());
    // Until nothing of the old root holds any more, by anybody's clock.
    let rest = world.params().allowance * 2 + s(600);
    world.run_for(rest);
    assert!((0..40).all(|node| world.live_view(node).len() == 40), "{}", world.explain());
    assert_eq!(world.removals(since), []);
    let told = |seen: &&ifrit_sim::world::Observed| seen.notice == Notice::Succeeded { until };
    assert_eq!(world.since(since).iter().filter(told).count(), 40, "each is told once");
}

#[test]
fn r14_a_former_root_is_believed_until_its_end_and_no_longer() {
    let mut world = settled(12, 7, 2);
    let until = whole(after(&world, s(120)));
    let next = world.network().succeed(until);
    give(&mut world, 0, &word(&next, 5)).unwrap();
    world.run_for(s(2));
    for node in 0..12 {
        if node != 3 {
            renew(&mut world, node, &next).unwrap();
        }
    }
    world.mark_liar(3);
    let rest = world.params().allowance;
    world.run_for(s(100));
    assert!(world.correct().iter().all(|node| world.sees_live(*node, 3)), "the overlap is not over");
    world.run_for(rest + s(60));
    for node in world.correct() {
        assert_eq!(world.sees(node, 3).map(|view| view.state), None, "{node}: {}", world.explain());
        assert_eq!(world.live_view(node).len(), 11, "{node}");
        assert!(!world.member(node).view().links().any(|peer| *peer == world.id(3)), "{node} cuts its link");
    }
}

#[test]
fn r14_another_root_is_believed_over_a_restart_whatever_the_configuration_says() {
    let mut world = settled(12, 7, 3);
    let next = world.network().succeed(after(&world, s(6000)));
    world.crash(7);
    give(&mut world, 0, &word(&next, 5)).unwrap();
    world.run_for(s(2));
    for node in [1, 2] {
        renew(&mut world, node, &next).unwrap();
    }
    world.run_for(s(20));
    world.crash(1);
    world.run_for(s(1));
    world.start(1);
    assert!(believes(&world, 1, &next), "from its disk");
    let told = Notice::Succeeded { until: next.root().former().unwrap().until };
    assert!(world.observed().iter().any(|seen| seen.observer == 1 && seen.notice == told));
    // One that was away when it was told.
    world.start(7);
    world.run_for(s(30));
    assert!(believes(&world, 7, &next), "{}", world.explain());
    assert!((0..12).all(|node| world.live_view(node).len() == 12), "{}", world.explain());
}

/// A CA of the same name and network for which the network's root did not sign, as far as anybody can make one: with a former
/// root of its own, or with the genuine one and a cross certificate that is not its.
fn usurper(world: &World) -> Authority {
    let thief = P256Signer::from_scalar(&[9; 32]).unwrap();
    let params = world.network().params();
    let wish = Wish { rings: Some(params.rings), members: params.members, ..Wish::default() };
    let (from, to) = (world.network().root().not_before, after(world, YEAR));
    let own = Authority::create(thief, params.id, &wish, from, to).unwrap();
    assert_eq!(own.root().params, *params);
    own.succeed(P256Signer::from_scalar(&[8; 32]).unwrap(), from, to, after(world, s(6000))).unwrap()
}

#[test]
fn r14_no_root_follows_for_which_the_old_one_did_not_sign() {
    // A stranger's key signs nothing in the ideal scheme.
    let mut world = World::converged(Setup { crypto: Crypto::Real, ..Setup::new(12, 4).rings(7) });
    let (next, thief) = (world.network().succeed(after(&world, s(6000))), usurper(&world));
    // Its own word; the genuine succession, signed by the thief; and one that mixes the two.
    let genuine = next.root().former().unwrap();
    let own = thief.root().former().unwrap();
    let mixed = [thief.root().der(), genuine.root.der(), own.cross()].concat();
    let crossed = [thief.root().der(), genuine.root.der(), genuine.cross()].concat();
    let by_thief = |succession: Vec<u8>| {
        let fields = Fields { sequence: 9, entries: Vec::new(), succession };
        fields.sign(&next.root().params, &mut thief.key().clone()).unwrap()
    };
    let lists = [
        word(&thief, 9),
        by_thief(next.root().bundle()),
        by_thief(mixed),
        by_thief(crossed),
        by_thief(b"no certificates".to_vec()),
    ];
    for (n, list) in lists.iter().enumerate() {
        assert_eq!(give(&mut world, 0, list), Err(Refused::WrongRevocations), "{n}");
        let peer = world.linked(4)[0];
        world.mark_liar(peer);
        let since = world.now();
        world.inject_frame(peer, 4, Lane::Urgent, &revocations(list));
        world.run_for(s(1));
        assert_eq!(world.member(4).view().root(), world.network().root(), "{n}");
        let id = world.id(peer);
        let blamed = Notice::Misbehaviour { peer: id, kind: Misbehaviour::BadSignature };
        assert!(world.since(since).iter().any(|seen| seen.observer == 4 && seen.notice == blamed), "{n}");
    }
}

#[test]
fn r14_the_former_root_says_nothing_any_more_and_nobody_is_blamed_for_its_words() {
    let mut world = settled(12, 7, 5);
    let next = world.network().succeed(after(&world, s(6000)));
    give(&mut world, 0, &word(&next, 5)).unwrap();
    world.run_for(s(2));
    let old = world.network().revoke(9, &[world.id(3)]);
    let since = world.now();
    let peer = world.linked(4)[0];
    world.inject_frame(peer, 4, Lane::Urgent, &revocations(&old));
    world.run_for(s(2));
    assert!(world.sees_live(4, 3));
    assert!(!world.since(since).iter().any(|seen| matches!(seen.notice, Notice::Misbehaviour { .. })));
    assert_eq!(world.removals(Mono(0)), []);
    // Nor does it get a second successor.
    let key = P256Signer::from_scalar(&[8; 32]).unwrap();
    let thief = world.network().succeed_by(key, after(&world, s(9000)));
    assert_eq!(give(&mut world, 0, &word(&thief, 11)), Err(Refused::WrongRevocations));
}

#[test]
fn r14_the_next_root_s_certificate_is_taken_though_it_begins_earlier() {
    let mut world = settled(12, 7, 7);
    let next = world.network().succeed(after(&world, s(6000)));
    give(&mut world, 0, &word(&next, 5)).unwrap();
    world.run_for(s(2));
    // The CA's clock went back.
    let key = P256Signer::from_scalar(&world.scalar(2)).unwrap().public_key();
    let from = Wall(world.network().root().not_before.0 - 1000);
    let der = next.issue(&key, world.id(2), from, after(&world, YEAR * 2), 77);
    world.command(2, Command::SetCertificate(der)).unwrap();
    world.run_for(s(30));
    assert!((0..12).all(|node| is_renewed(&world, node, 2)), "{}", world.explain());
}

#[test]
fn r14_what_the_next_root_says_of_the_former_s_end_counts() {
    let mut world = settled(12, 7, 8);
    let until = whole(after(&world, s(600)));
    let (next, misled) = (world.network().succeed(until), world.network().succeed(after(&world, s(9000))));
    assert_eq!(next.root().der(), misled.root().der(), "whoever has the old key can say another end");
    world.command(4, Command::SetRoot(misled.root().bundle())).unwrap();
    renew(&mut world, 4, &next).unwrap();
    give(&mut world, 0, &word(&next, 5)).unwrap();
    world.run_for(s(5));
    assert!(believes(&world, 4, &next));
    let end = |node| world.member(4).view().certificate_end(&world.id(node));
    assert_eq!(end(3), Some(until));
    assert!(end(4) > Some(until), "its own is the next root's");
    assert!(!world.observed().iter().any(|seen| matches!(seen.notice, Notice::Misbehaviour { .. })));
}

#[test]
fn r14_a_certificate_of_a_root_that_is_not_known_yet_blames_nobody() {
    let mut world = settled(12, 7, 6);
    let next = world.network().succeed(after(&world, s(6000)));
    let key = P256Signer::from_scalar(&world.scalar(2)).unwrap().public_key();
    let der = next.issue(&key, world.id(2), after(&world, s(1)), after(&world, YEAR * 2), 77);
    let peer = world.linked(4)[0];
    let since = world.now();
    let bundle = ifrit_sim::wire::Bundle::of(world.id(2)).certificate(&der);
    world.show(peer, 4, &[bundle]);
    world.run_for(s(1));
    assert!(!world.since(since).iter().any(|seen| matches!(seen.notice, Notice::Misbehaviour { .. })));
    assert!(!is_renewed(&world, 4, 2));
}
