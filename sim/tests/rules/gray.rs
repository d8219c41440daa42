//! R8: a member whose own links are bad says so itself; nobody else can make one say so.

use crate::{s, settled};
use ifrit_core::{action::Notice, time::Mono, view::State};
use ifrit_sim::World;

/// How often an observer saw a member go out or come back, at most over all observers.
fn changes(world: &World, subject: usize, since: Mono) -> usize {
    let id = world.id(subject);
    let mut most = 0;
    for observer in world.correct().into_iter().filter(|node| *node != subject) {
        let (mut live, mut count) = (true, 0);
        for seen in world.since(since).iter().filter(|seen| seen.observer == observer) {
            let is = match &seen.notice {
                Notice::Up { member, .. } if *member == id => true,
                Notice::Gray { member } if *member == id => false,
                Notice::Down { accusation } if accusation.accused == id => false,
                _ => continue,
            };
            count += usize::from(is != live);
            live = is;
        }
        most = most.max(count);
    }
    most
}

/// Who said of itself that it is gray.
fn grays(world: &World, since: Mono) -> Vec<usize> {
    let own = |seen: &&ifrit_sim::world::Observed| matches!(seen.notice, Notice::Gray { member } if member == world.id(seen.observer));
    world.since(since).iter().filter(own).map(|seen| seen.observer).collect()
}

/// Removals of healthy members by healthy ones.
fn healthy_removals(world: &World, since: Mono, sick: &[usize]) -> Vec<(Mono, usize, usize)> {
    let healthy = |node: &usize| !sick.contains(node);
    world.removals(since).into_iter().filter(|(_, by, of)| healthy(by) && healthy(of)).collect()
}

#[test]
fn r8_a_member_with_bad_links_goes_out_once_and_comes_back_once() {
    for (members, seed) in [(20, 1), (50, 2), (100, 3)] {
        let mut world = settled(members, 23, seed);
        let start = world.now();
        world.net.member_loss_ppm[7] = 800_000;
        world.run_for(s(300));
        world.net.member_loss_ppm[7] = 0;
        world.run_for(s(60));
        assert_eq!(grays(&world, start), [7], "{members} members");
        assert_eq!(healthy_removals(&world, start, &[7]), [], "{members} members");
        assert!(world.all_see(7, State::Live), "{}", world.explain());
        assert!(changes(&world, 7, start) <= 2, "{}", changes(&world, 7, start));
    }
}
