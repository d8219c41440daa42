//! The order of all members on each ring, computed apart from the core's tables.

use crate::{run::Scene, world::World};
use ifrit_core::view::{State, View};

/// Members by place, and places by member, on each ring.
#[derive(Debug, Default)]
pub(super) struct Circles {
    order: Vec<Vec<usize>>,
    place: Vec<Vec<usize>>,
}

impl Circles {
    /// Computes them if that was not done.
    pub(super) fn fill(&mut self, scene: &Scene<'_>) -> &Self {
        if self.order.is_empty() {
            self.order = (0..scene.params.rings).map(|ring| scene.world.ring(ring)).collect();
            self.place = self.order.iter().map(|order| places(order)).collect();
        }
        self
    }

    /// The members before `of` on `ring`, closest first.
    pub(super) fn before(&self, ring: u8, of: usize) -> impl Iterator<Item = usize> {
        let (order, place) = (&self.order[usize::from(ring)], self.place[usize::from(ring)][of]);
        let len = order.len();
        (1..len).map(move |step| order[(place + len - step) % len])
    }

    /// The members strictly between accuser and accused, from the accused on.
    pub(super) fn between(&self, ring: u8, accuser: usize, accused: usize) -> impl Iterator<Item = usize> {
        self.before(ring, accused).take_while(move |member| *member != accuser)
    }
}

fn places(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, member)| places[*member] = place);
    places
}

/// How a view holds a member, by number.
pub(super) fn state(world: &World, view: &View<'_>, member: usize) -> Option<State> {
    view.state_of(&world.id(member))
}

/// Whether nobody live in this view stands between accuser and accused: R1, for a member that is known and for one that is not.
pub(super) fn is_clear(world: &World, view: &View<'_>, mut between: impl Iterator<Item = usize>) -> bool {
    between.all(|member| state(world, view, member).is_none_or(|state| !state.is_live()))
}
