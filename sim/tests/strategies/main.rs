//! Every strategy does its deed, and none breaks the promise. A strategy that does nothing would pass all scenarios.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod accusers;
mod floods;
mod others;
mod own_words;
mod silent;

use ifrit_core::{action::Notice, counters::Counters, time::Mono};
use ifrit_sim::{Setup, World, adversary, tamper::Deeds};
use std::time::Duration;

/// Seconds.
fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// 16 members on 7 rings that agree, and two of them liars of this strategy from now on.
const MEMBERS: usize = 16;
const LIARS: [usize; 2] = [4, 11];

fn settled() -> World {
    World::converged(Setup::new(MEMBERS, 1).rings(7))
}

fn conspire(world: &mut World, name: &str, liars: &[usize], params: &str) {
    let params = toml::from_str(params).unwrap();
    world.conspire(adversary::strategy(name).unwrap(), liars, &params).unwrap();
}

/// The network after it has borne two such liars for `span`; nobody correct was put out or is missing anywhere.
fn bears(name: &str, params: &str, span: Duration) -> World {
    let mut world = settled();
    conspire(&mut world, name, &LIARS, params);
    world.run_for(span);
    unharmed(&world);
    world
}

fn unharmed(world: &World) {
    assert_eq!(world.removals(Mono(0)), []);
    let correct = world.correct();
    for node in &correct {
        let live = world.live_view(*node);
        assert!(correct.iter().all(|other| live.contains(other)), "{}", world.explain());
    }
}

/// Somebody crashes, and all correct members know it within the bound.
fn notices_a_crash(world: &mut World, crashed: usize) {
    world.crash(crashed);
    let bound = world.params().detection;
    let down = |world: &World| world.all_see(crashed, ifrit_core::view::State::Down);
    assert!(world.run_until_condition(bound, down).is_some(), "{}", world.explain());
}

fn deeds(world: &World) -> Deeds {
    LIARS.iter().map(|liar| world.deeds(*liar)).fold(Deeds::default(), |all, one| Deeds {
        said: all.said + one.said,
        withheld: all.withheld + one.withheld,
        unheard: all.unheard + one.unheard,
        done: all.done + one.done,
    })
}

/// A sum over the correct members.
fn sum(world: &World, count: fn(&Counters) -> u64) -> u64 {
    world.correct().into_iter().map(|node| count(&world.member(node).counters())).sum()
}

/// How often correct members were told such a thing.
fn told(world: &World, what: fn(&Notice) -> bool) -> usize {
    let correct = world.correct();
    world.observed().iter().filter(|seen| correct.contains(&seen.observer) && what(&seen.notice)).count()
}
