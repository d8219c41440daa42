//! Shows newcomers a world of liars only, and drips a record now and then so that it is not given up.
//!
//! *Gain*: a newcomer that believes one contact is hidden from all correct members, or never joins (review, finding 22; second
//! review, item 12). *Stopped by*: R16, c contacts that did not introduce one another, and one that brings nothing new is dropped.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{read_records, records},
};
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
        let Wire::Frame(lane, frame) = wire else { return true };
        if frame.first() == Some(&FRAME_WALK_TELL) {
            return self.dice.hits(self.drip);
        }
        let Some(mut bundles) = read_records(frame) else { return true };
        let before = bundles.len();
        bundles
            .retain(|bundle| self.gang.contains(&bundle.id) || bundle.id == to || self.dice.hits(self.drip));
        if bundles.len() == before {
            return true;
        }
        hand.frame(to, lane, records(&bundles));
        false
    }
}
