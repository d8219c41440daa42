//! Accuses everybody on every ring, beginning with its successor, each over all those accused before.
//!
//! *Gain*: if whoever is merely accused were skipped, one liar would be the closest predecessor of all (review, findings 1 and
//! 2). *Stopped by*: R1, only those that are out are skipped; what is not valid is parked or refused and costs no signature.

use super::{Knob, Plan, Strategy, map::Map};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::time::Duration;
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "chain-accuser",
    about: "accuses its way round every ring, each over all accused before; stopped by R1: only who is out is skipped",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"1s\"", "between two rounds of accusations"),
    ("reach", "100", "how many members after itself it accuses on each ring"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(ChainAccuser {
        every: plan.span(KNOBS, "every")?,
        reach: plan.number(KNOBS, "reach")? as usize,
        ids: plan.ids.to_vec(),
        map: None,
    }))
}

#[derive(Debug)]
struct ChainAccuser {
    every: Duration,
    reach: usize,
    ids: Vec<MemberId>,
    map: Option<Map>,
}

impl Tamper for ChainAccuser {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let map = self.map.get_or_insert_with(|| Map::new(core::mem::take(&mut self.ids), hand.params));
        for ring in 0..map.k() {
            let mut bundles = Vec::new();
            for accused in map.after(ring, &hand.me).take(self.reach) {
                let accusation = hand.accuse(accused, ring);
                bundles.extend(accusation.map(|accusation| Bundle::of(accused).accusation(&accusation)));
            }
            hand.spread(&bundles, &[]);
        }
    }
}
