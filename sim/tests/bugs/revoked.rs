//! Scripts about the CA's revocation list. Forged ones are caught by a scenario; an older one holds for milliseconds only.

use crate::{
    scripts::{Script, check},
    told::{s, settled},
};
use ifrit_core::{
    action::Notice,
    crypto::P256Signer,
    event::{Command, Lane},
    params::Wish,
    planted::Bug,
    revocation::{Fields, Revocations},
    view::State,
};
use ifrit_node::ca::Authority;
use ifrit_sim::{
    Setup, World,
    network::Crypto,
    wire::{Bundle, revocations},
};

/// By the bugs that each catches.
pub(crate) const SCRIPTS: &[(Bug, &str, Script)] = &[
    (Bug::OlderList, "older_list", older_list),
    (Bug::AnySuccessor, "usurped", usurped),
    (Bug::RevokedHeard, "heard_no_more", heard_no_more),
];

fn list(world: &World, sequence: u64, who: usize) -> Revocations {
    world.network().revoke(sequence, &[world.id(who)])
}

fn give(world: &mut World, list: &Revocations) -> Result<(), String> {
    let command = Command::SetRevocations(list.signed().bytes().to_vec());
    world.command(0, command).map_err(|refused| refused.to_string())
}

/// R14: a list counts if no later one is held.
fn older_list() -> Result<(), String> {
    let mut world = settled(12, 1);
    let newer = list(&world, 9, 2);
    give(&mut world, &newer)?;
    world.run_for(s(2));
    let older = list(&world, 8, 5);
    let peer = world.linked(4)[0];
    world.inject_frame(peer, 4, Lane::Urgent, &revocations(&older));
    world.run_for(s(2));
    // Its peers soon tell it of the newer one again.
    let revoked = Notice::Revoked { member: world.id(5) };
    check(!world.observed().iter().any(|seen| seen.notice == revoked), "an older list counts")
}

/// R14: a root follows if the one believed signed for it, not if any other of the same name did.
fn usurped() -> Result<(), String> {
    // A stranger's key signs nothing in the ideal scheme.
    let mut world = World::converged(Setup { crypto: Crypto::Real, ..Setup::new(12, 1).rings(7) });
    let thief = usurper(&world);
    let fields = Fields { sequence: 9, entries: Vec::new(), succession: thief.root().bundle() };
    let list = fields.sign(world.network().params(), &mut thief.key().clone()).ok_or("a list")?;
    let peer = world.linked(4)[0];
    world.inject_frame(peer, 4, Lane::Urgent, &revocations(&list));
    world.run_for(s(2));
    check(world.member(4).view().root() == world.network().root(), "a stranger's root is believed")
}

/// A CA of the same network and names, for whose root the network's did not sign.
fn usurper(world: &World) -> Authority {
    let root = world.network().root();
    let key = |n| P256Signer::from_scalar(&[n; 32]).expect("in range");
    let wish = Wish { rings: Some(root.params.rings), members: root.params.members, ..Wish::default() };
    let own = Authority::create(key(9), root.params.id, &wish, root.not_before, root.not_after);
    let own = own.expect("the network's own wish");
    assert_eq!(own.root().params, root.params);
    own.succeed(key(8), root.not_before, root.not_after, root.not_after).expect("its dates are in order")
}

/// R14: what a revoked member says is not looked at, whoever shows it.
fn heard_no_more() -> Result<(), String> {
    let mut world = settled(12, 1);
    let note = world.note(2, 1, |_| {});
    let newer = list(&world, 9, 2);
    give(&mut world, &newer)?;
    world.run_for(s(2));
    let peer = world.linked(4)[0];
    let bundle = Bundle::of(world.id(2)).certificate(world.certificate(2)).note(&note);
    world.show(peer, 4, &[bundle]);
    world.run_for(s(1));
    check(world.sees(4, 2).is_some_and(|view| view.state == State::Revoked), "it is back in a view")
}
