//! Who stands where on the rings: everybody can compute it from the ids.

use ifrit_core::{id::MemberId, params::NetworkParams, ring::Rings};

/// The rings of all members, running or not.
#[derive(Debug)]
pub(super) struct Map {
    ids: Vec<MemberId>,
    rings: Rings,
}

impl Map {
    pub(super) fn new(ids: Vec<MemberId>, network: &NetworkParams) -> Self {
        let mut rings = Rings::new(network.id, network.rings);
        let all: Vec<u32> = (0..ids.len() as u32).collect();
        rings.insert_batch(&ids, &all);
        Self { ids, rings }
    }

    pub(super) fn k(&self) -> u8 {
        self.rings.k()
    }

    /// The members after `of` on `ring`, closest first.
    pub(super) fn after<'a>(&'a self, ring: u8, of: &MemberId) -> impl Iterator<Item = MemberId> + use<'a> {
        self.rings.successors(&self.ids, ring, of).map(|at| self.ids[at as usize])
    }

    /// The member directly before `of` on `ring`.
    pub(super) fn before(&self, ring: u8, of: &MemberId) -> Option<MemberId> {
        self.rings.predecessors(&self.ids, ring, of).next().map(|at| self.ids[at as usize])
    }
}
