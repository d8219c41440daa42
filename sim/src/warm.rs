//! A world that begins as one that has run for long.
//!
//! All members would hold the same records, so one view is built of the first note of each, and all start from it at the same
//! moment, each with copies of only what it changes. They join through contacts of that view, as after a restart, and link to
//! their ring neighbours. That takes less than a virtual second; [`World::now`] tells when it is done.
//!
//! What differs from a bootstrapped world: all monotonic clocks show the same, for the view's times are on one clock; seed 0
//! of a member is some other one, not the first; and no application was told of the others that they are up (see
//! [`Views::full`](crate::views::Views::full)).

use crate::{
    brain,
    full::Stack,
    node::{Clock, Records},
    rng::{Class, below},
    world::{Setup, World},
};
use core::time::Duration;
use ifrit_core::{config::Stored, shared::Shared, time::Mono};

/// How long members have known each other when a world begins.
const KNOWN: Duration = Duration::from_secs(3600);
/// Linking that takes longer is a bug.
const LINKING: Duration = Duration::from_secs(60);

impl World {
    /// Everybody but newcomers runs, all views are equal and complete, and ring neighbours are linked.
    ///
    /// Nobody has joined one by one: see [`World::bootstrapped`] for that, which whole members do here too. World time is not 0.
    ///
    /// # Panics
    /// If linking takes more than a virtual minute.
    pub fn converged(setup: Setup) -> Self {
        if setup.stack == Stack::Node {
            return Self::bootstrapped(setup);
        }
        let mut world = Self::new(setup);
        let bits = world.faults.bits(Class::Clock, 0, 0, 1);
        let origin = KNOWN + Duration::from_nanos(bits >> 20);
        for node in 0..world.setup.members {
            world.nodes[node].clock = Clock { origin, ahead_ms: 0 };
            world.nodes[node].seeds = world.some_other(node).into_iter().collect();
        }
        let view = world.first_view();
        for node in 0..world.setup.members {
            world.nodes[node].disk.records = Records::Saved(view.saved());
            let birth = world.birth(node, Stored::default(), view.clone());
            world.begin(node, birth);
        }
        let linked = world.run_until_condition(LINKING, |world| world.settled() && world.all_linked());
        assert!(linked.is_some(), "not linked after {LINKING:?}:\n{}", world.explain());
        world
    }

    /// Everybody but newcomers has started and joined, and all views are equal and complete.
    ///
    /// # Panics
    /// If that takes more than two virtual minutes.
    pub fn bootstrapped(setup: Setup) -> Self {
        let mut world = Self::bootstrap(setup);
        world.run_for(crate::world::START_SPREAD);
        world.settles_within(Duration::from_secs(120));
        world
    }

    fn some_other(&self, node: usize) -> Option<usize> {
        let others = self.setup.members - 1;
        let at = below(self.faults.bits(Class::Choice, node, 0, 0), others as u64) as usize;
        (others > 0).then(|| at + usize::from(at >= node))
    }

    /// A view of the notes that everybody issues when it starts now: signatures and epochs are a function of key and clock.
    fn first_view(&self) -> Shared {
        let records: Vec<(&[u8], Vec<u8>)> = (0..self.setup.members)
            .filter_map(|node| {
                let brain = (self.setup.bear)(self.birth(node, Stored::default(), self.nobody.clone()))?;
                let note = brain::member_of(&*brain)?.view().note(&self.id(node))?.to_vec();
                Some((self.certificate(node), note))
            })
            .collect();
        let now = self.clocks(0);
        let records = records.iter().map(|(der, note)| (*der, &note[..]));
        let since = Mono(now.mono.0 - KNOWN.as_nanos() as u64);
        self.nobody.with(self.network.root(), &*self.network.verifier(), records, now, since)
    }

    /// Whether all running members have links to all of their ring neighbours.
    pub fn all_linked(&self) -> bool {
        self.correct().into_iter().all(|node| {
            let view = self.member(node).view();
            let links: Vec<_> = view.links().collect();
            view.neighbours().all(|id| links.binary_search(&id).is_ok())
        })
    }
}
