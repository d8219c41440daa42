//! R14: whom the CA has revoked is out everywhere at once, and stays out.

use crate::{s, settled};
use ifrit_core::{
    action::Notice,
    config::ConfigError,
    event::{Command, Lane, Refused},
    id::MemberId,
    member::Member,
    revocation::Revocations,
    seed::Seed,
    tags::{FRAME_HOLDS, FRAME_REVOCATIONS, FRAME_WALK_ASK},
    time::Mono,
    view::State,
};
use ifrit_sim::{
    Setup, World,
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, holds, revocations},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A list of the CA's that names these members.
fn list(world: &World, sequence: u64, who: &[usize]) -> Revocations {
    let who: Vec<MemberId> = who.iter().map(|node| world.id(*node)).collect();
    world.network().revoke(sequence, &who)
}

/// An operator gives a member the list.
fn give(world: &mut World, to: usize, list: &Revocations) {
    world.command(to, Command::SetRevocations(list.signed().bytes().to_vec())).unwrap();
}

fn held(world: &World, node: usize) -> u64 {
    world.member(node).view().revocations().map_or(0, Revocations::sequence)
}

/// Whether all correct members but `who` have it out, and no link to it.
fn is_out(world: &World, who: usize) -> bool {
    let mut others = world.correct().into_iter().filter(|node| *node != who);
    others.all(|node| {
        world.sees(node, who).is_some_and(|view| view.state == State::Revoked)
            && !world.member(node).view().links().any(|peer| *peer == world.id(who))
    })
}

#[test]
fn r14_revoked_is_out_everywhere_at_once_and_nobody_else_is() {
    for members in [3, 40] {
        let mut world = settled(members, 7, 1);
        world.mark_liar(2);
        let since = world.now();
        let list = list(&world, 5, &[2]);
        give(&mut world, 0, &list);
        let took = world.run_until_condition(s(5), |world| is_out(world, 2)).unwrap();
        assert!(took <= world.params().delta, "{took:?} for {members}");
        assert_eq!(world.sees(2, 2).unwrap().state, State::Revoked, "it is told before it is cut off");
        world.run_for(s(30));
        assert!(is_out(&world, 2));
        let told =
            |seen: &&ifrit_sim::world::Observed| seen.notice == Notice::Revoked { member: world.id(2) };
        assert_eq!(world.since(since).iter().filter(told).count(), members, "each is told once");
        assert_eq!(world.removals(since), []);
        let views: Vec<_> =
            world.correct().into_iter().map(|node| world.member(node).view().digest()).collect();
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "equal lists, equal digests");
        assert!(world.correct().iter().all(|node| world.live_view(*node).len() == members - 1));
    }
}

#[test]
fn r14_revoked_stays_out_over_restarts_of_all() {
    let mut world = settled(12, 7, 2);
    world.mark_liar(5);
    let list = list(&world, 5, &[5]);
    give(&mut world, 0, &list);
    world.run_for(s(2));
    for node in (0..12).filter(|node| *node != 5) {
        world.crash(node);
    }
    world.run_for(s(1));
    for node in (0..12).filter(|node| *node != 5) {
        world.start(node);
        assert_eq!(held(&world, node), 5, "{node} has it from its disk");
    }
    world.run_for(s(20));
    assert!(is_out(&world, 5));
    assert!(world.correct().iter().all(|node| world.live_view(*node).len() == 11), "{}", world.explain());
}

#[test]
fn r14_revoked_itself_cannot_start_again() {
    let mut world = settled(6, 7, 3);
    world.mark_liar(2);
    let list = list(&world, 5, &[2]);
    give(&mut world, 0, &list);
    world.run_for(s(2));
    let id = world.id(2);
    let made = {
        let stored = world.disk(2);
        let network = world.network();
        let config = ifrit_core::config::Config {
            root: network.root().clone(),
            addrs: Vec::new(),
            tags: Vec::new(),
            seeds: 0,
            probation: Default::default(),
            verifier: network.verifier(),
        };
        let identity = ifrit_core::config::LocalIdentity {
            certificate: world.certificate(2).to_vec(),
            signer: network.signer(&world.scalar(2)),
        };
        Member::new(config, identity, stored, Seed([1; 32]), world.clocks(2))
    };
    assert_eq!(made.err(), Some(ConfigError::Revoked(id)));
    assert!(world.command(2, Command::SetTags(vec![1])) == Err(Refused::Left), "and is silent");
}

#[test]
fn r14_revoked_is_learnt_by_whoever_was_away_or_cut_off() {
    let mut world = settled(12, 7, 4);
    world.mark_liar(2);
    world.crash(7);
    world.partition(&[vec![9, 2]], false);
    no_link_is_left(&mut world, 7, &[]);
    no_link_is_left(&mut world, 9, &[2]);
    let list = list(&world, 5, &[2]);
    give(&mut world, 0, &list);
    world.run_for(s(10));
    assert!(!is_out(&world, 2), "one of them is cut off with it");
    // One after the other: nobody hears of it from one that has just learnt it itself.
    world.start(7);
    assert!(world.run_until_condition(s(20), |world| held(world, 7) == 5).is_some(), "{}", world.explain());
    let since = world.now();
    world.listen();
    world.heal();
    assert!(world.run_until_condition(s(60), |world| held(world, 9) == 5).is_some(), "{}", world.explain());
    let with_it = world.said(since).iter().filter(|said| said.frame && (said.from == 9 || said.to == 9));
    let first = with_it.map(|said| said.bytes[0]).find(|tag| [FRAME_HOLDS, FRAME_WALK_ASK].contains(tag));
    assert_eq!(first, Some(FRAME_HOLDS), "a greeting says it, before any walk");
    assert!(world.run_until_condition(s(60), |world| is_out(world, 2)).is_some(), "{}", world.explain());
}

/// Runs until nobody but those has a link to it, so that nothing that is said later comes over an old one.
fn no_link_is_left(world: &mut World, to: usize, but: &[usize]) {
    let id = world.id(to);
    let others: Vec<usize> = (0..world.len()).filter(|node| *node != to && !but.contains(node)).collect();
    let linked = |world: &World, node: usize| {
        world.running_member(node).is_some_and(|member| member.view().links().any(|peer| *peer == id))
    };
    let gone = world.run_until_condition(s(60), |world| !others.iter().any(|node| linked(world, *node)));
    assert!(gone.is_some(), "{}", world.explain());
}

/// Says nothing of lists while that is so.
#[derive(Debug)]
struct Hush(Arc<AtomicBool>);

impl Tamper for Hush {
    fn sends(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let of_lists = |bytes: &[u8]| [FRAME_HOLDS, FRAME_REVOCATIONS].contains(&bytes[0]);
        !(self.0.load(Ordering::Relaxed) && matches!(wire, Wire::Frame(_, bytes) if of_lists(bytes)))
    }
}

#[test]
fn r14_revoked_is_learnt_with_a_walk_where_no_greeting_told_of_it() {
    let mut world = settled(12, 7, 10);
    world.mark_liar(2);
    world.partition(&[vec![9]], false);
    no_link_is_left(&mut world, 9, &[]);
    let list = list(&world, 5, &[2]);
    give(&mut world, 0, &list);
    world.run_for(s(10));
    let hushed = Arc::new(AtomicBool::new(true));
    (0..12).filter(|node| ![2, 9].contains(node)).for_each(|node| {
        world.corrupt(node, Box::new(Hush(Arc::clone(&hushed))));
    });
    world.heal();
    world.run_for(s(20));
    assert!(world.linked(9).len() > 4 && held(&world, 9) == 0, "{}", world.explain());
    hushed.store(false, Ordering::Relaxed);
    let dials = |world: &World| (0..12).map(|node| world.dials(node, 9) + world.dials(9, node)).sum::<u64>();
    let before = dials(&world);
    assert!(world.run_until_condition(s(120), |world| held(world, 9) == 5).is_some(), "{}", world.explain());
    assert_eq!(dials(&world), before, "over the links that there were");
}

#[test]
fn r14_revoked_is_learnt_by_a_newcomer() {
    let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(8, 5).rings(7) });
    world.mark_liar(2);
    let list = list(&world, 5, &[2]);
    give(&mut world, 0, &list);
    world.run_for(s(2));
    world.start(8);
    let joined = world.run_until_condition(s(20), |world| world.member(8).view().joined());
    assert!(joined.is_some() && held(&world, 8) == 5 && is_out(&world, 2));
}

#[test]
fn r14_revoked_signs_nothing_that_counts_any_more() {
    let mut world = settled(20, 7, 6);
    world.mark_liar(2);
    let victim = world.ring(0)[(world.ring(0).iter().position(|node| *node == 2).unwrap() + 1) % 20];
    let teller = world.linked(9).into_iter().find(|peer| ![2, victim].contains(peer)).unwrap();
    let (note, word) = (world.note(2, 1, |_| {}), world.accuse(2, victim, 0));
    let list = list(&world, 5, &[2]);
    give(&mut world, 0, &list);
    world.run_for(s(2));
    let before = world.member(9).counters();
    let bundles = [
        Bundle::of(world.id(2)).certificate(world.certificate(2)).note(&note),
        Bundle::of(world.id(victim)).accusation(&word),
    ];
    world.show(teller, 9, &bundles);
    world.run_for(s(1));
    let after = world.member(9).counters();
    assert_eq!(world.sees(9, 2).unwrap().state, State::Revoked);
    assert!(world.member(9).view().explain(&world.id(victim)).unwrap().accusations.is_empty());
    assert_eq!(after.failed, before.failed);
    assert!(after.refusals >= before.refusals + 2, "refused without a look at its signatures");
}

#[test]
fn r14_revoked_by_nobody_but_the_ca_and_never_by_an_older_list() {
    let mut world = settled(12, 7, 7);
    let peer = world.linked(4)[0];
    let newer = list(&world, 5, &[2]);
    // Another network's CA of the same name, and a list that was changed on its way.
    let stranger = World::new(Setup::new(3, 99)).network().revoke(9, &[world.id(3)]);
    let mut changed = list(&world, 9, &[3]).signed().bytes().to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    for bytes in [stranger.signed().bytes(), &changed[..]] {
        let refused = world.command(0, Command::SetRevocations(bytes.to_vec()));
        assert_eq!(refused, Err(Refused::WrongRevocations));
    }
    let changed = Revocations::parse(&changed, world.network().params()).unwrap();
    world.mark_liar(peer);
    world.inject_frame(peer, 4, Lane::Urgent, &revocations(&changed));
    world.run_for(s(1));
    assert_eq!(held(&world, 4), 0);
    let blamed =
        |notice: &Notice| matches!(notice, Notice::Misbehaviour { peer: bad, .. } if *bad == world.id(peer));
    assert!(world.since(Mono(0)).iter().any(|seen| seen.observer == 4 && blamed(&seen.notice)));

    world.mark_liar(2);
    give(&mut world, 0, &newer);
    world.run_for(s(2));
    let older = list(&world, 4, &[3]);
    give(&mut world, 0, &older);
    let peer = world.linked(4)[0];
    world.inject_frame(peer, 4, Lane::Urgent, &revocations(&older));
    world.run_for(s(2));
    assert!(held(&world, 0) == 5 && held(&world, 4) == 5 && is_out(&world, 2));
    assert!(world.sees_live(4, 3));
    let newest = list(&world, 6, &[2, 3]);
    give(&mut world, 0, &newest);
    world.mark_liar(3);
    world.run_for(s(2));
    assert!(is_out(&world, 2) && is_out(&world, 3), "a newer one counts");
}

#[test]
fn r14_revoked_by_two_lists_of_one_sequence_the_lower_hash_counts_everywhere() {
    let mut world = settled(12, 7, 8);
    let lists = [list(&world, 5, &[2]), list(&world, 5, &[3])];
    [2, 3].iter().for_each(|node| world.mark_liar(*node));
    give(&mut world, 0, &lists[0]);
    give(&mut world, 6, &lists[1]);
    world.run_for(s(20));
    let counts = lists.iter().min_by_key(|list| *list.hash()).unwrap();
    for node in world.correct() {
        assert_eq!(world.member(node).view().revocations(), Some(counts), "{node}");
    }
}

/// Claims to hold lists that nobody has, and none.
#[derive(Debug)]
struct Claims(MemberId);

impl Tamper for Claims {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + s(1) / 50);
        if hand.linked.contains(&self.0) {
            hand.frame(self.0, Lane::Urgent, holds(0, [0; 8]));
            hand.frame(self.0, Lane::Urgent, holds(u64::MAX, [1; 8]));
        }
    }

    fn sends(&mut self, _: &mut Hand<'_>, _: MemberId, _: Wire<'_>) -> bool {
        true
    }
}

#[test]
fn r14_revoked_lists_are_served_within_bounds() {
    let mut world = settled(12, 7, 9);
    let all: Vec<MemberId> =
        (0..1000u32).map(|n| MemberId(core::array::from_fn(|at| (n >> (at % 4 * 8)) as u8 ^ 0x5a))).collect();
    let list = world.network().revoke(5, &all);
    give(&mut world, 4, &list);
    world.run_for(s(2));
    let liar = world.linked(4)[0];
    let id = world.id(4);
    world.corrupt(liar, Box::new(Claims(id)));
    let before = world.sent(4);
    world.run_for(s(60));
    let bytes = world.sent(4) - before;
    let whole = list.signed().bytes().len() as u64;
    let deltas = 60_000 / world.params().delta.as_millis() as u64 + 1;
    assert!(bytes < whole * deltas + 60 * 4_000, "{bytes} B in a minute, for lists of {whole} B");
    assert_eq!(world.removals(Mono(0)), []);
}
