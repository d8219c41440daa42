//! Tells everybody that it holds them out.
//!
//! *Gain*: each renews its note because of it; at a real heal no renewal would be left, and the heal would take minutes (second
//! review, item 11). *Stopped by*: R3, renewals are counted per peer, two at once and then one per 10 min.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper},
    wire::hello,
};
use core::time::Duration;
use ifrit_core::event::Lane;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "heal-drainer",
    about: "tells everybody that it holds them out; stopped by counting renewals per peer (R3)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"200ms\"", "between two rounds")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(HealDrainer { every: plan.span(KNOBS, "every")? }))
}

#[derive(Debug)]
struct HealDrainer {
    every: Duration,
}

impl Tamper for HealDrainer {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        for to in hand.linked {
            if let Some(seen) = hand.sees(to) {
                hand.frame(*to, Lane::Urgent, hello(seen.epoch));
            }
        }
    }
}
