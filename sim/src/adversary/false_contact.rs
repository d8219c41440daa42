//! Shows newcomers a world of liars only, and drips a record now and then so that it is not given up.
//!
//! *Gain*: a newcomer that believes one contact is hidden from all correct members, or never joins (review, finding 22; second
//! review, item 12). *Stopped by*: R16, c contacts that did not introduce one another, and one that brings nothing new is dropped.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::tamper::{Hand, Tamper, Wire};
use ifrit_core::{id::MemberId, tags::FRAME_WALK_TELL};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "false-contact",
    about: "shows newcomers liars only, and drips; stopped by several contacts, dropped when useless (R16)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] =
    &[("drip", "0.02", "share of records about correct members that it shows all the same")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let drip = plan.rate(KNOBS, "drip")?;
    Ok(Box::new(FalseContact { drip, gang: plan.gang(), dice: Dice(plan.chance) }))
}

#[derive(Debug)]
struct FalseContact {
    drip: u32,
    gang: Vec<MemberId>,
    dice: Dice,
}

impl Tamper for FalseContact {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        if let Wire::Frame(_, [FRAME_WALK_TELL, ..]) = wire {
            return self.dice.hits(self.drip);
        }
        let (gang, dice, drip) = (&self.gang, &mut self.dice, self.drip);
        hand.censor(to, wire, |bundle| !gang.contains(&bundle.id) && bundle.id != to && !dice.hits(drip))
    }
}
