//! One run of a scenario: the world, the truth about it, what watches it.

mod truth;

pub use truth::{Fact, Truth};

use crate::{views::Views, world::World};
use ifrit_core::{params::Params, time::Mono};

/// What a check or a figure may look at.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The world, now.
    pub world: &'a World,
    /// What is so.
    pub truth: &'a Truth,
    /// Who holds whom live, kept from the notices.
    pub views: &'a Views,
    /// Periods and bounds of the network.
    pub params: &'a Params,
}

impl Scene<'_> {
    /// World time.
    pub fn now(&self) -> Mono {
        self.world.now()
    }
}
