//! Who stands where on the rings of a world, all members counted, running or not.

use crate::world::World;
use ifrit_core::ring::Rings;

impl World {
    /// The members in the order of `ring`.
    pub fn ring(&self, ring: u8) -> Vec<usize> {
        let params = self.network().params();
        let rings = Rings::new(params.id, params.rings);
        let mut order: Vec<_> = (0..self.len()).collect();
        order.sort_by_cached_key(|node| (rings.position(ring, &self.id(*node)), self.id(*node)));
        order
    }

    /// The member `steps` after `of` on `ring`; before it if negative.
    ///
    /// # Panics
    /// If there is no such member.
    pub fn along(&self, ring: u8, of: usize, steps: isize) -> usize {
        let order = self.ring(ring);
        let place = order.iter().position(|node| *node == of).expect("everybody is on every ring");
        order[(place as isize + steps).rem_euclid(order.len() as isize) as usize]
    }
}
