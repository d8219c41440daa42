//! Sends what is valid and useless: records that everybody has, and requests for everything.
//!
//! *Gain*: input that must be looked at, and answers that must be sent, would leave no room for what matters: a rebuttal waits
//! until the timer runs out (review, finding 8). *Stopped by*: R10, what is held costs no signature; R11, useless input is charged
//! to its link, which is served last and refused early; R13, each identity is served so many bytes; R4, ages are set back.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper},
    wire::{Bundle, want},
};
use core::time::Duration;
use ifrit_core::{event::Lane, id::MemberId};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "flooder",
    about: "valid but useless records and requests without end; stopped by charges per link (R11) and quotas (R13)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"20ms\"", "between two frames to each peer"),
    ("records", "20", "known records per frame"),
    ("wants", "50", "members asked for per frame"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(Flooder {
        every: plan.span(KNOBS, "every")?,
        records: plan.number(KNOBS, "records")?.min(100) as usize,
        wants: plan.number(KNOBS, "wants")?.min(250) as usize,
        ids: plan.ids.to_vec(),
        dice: Dice(plan.chance),
    }))
}

#[derive(Debug)]
struct Flooder {
    every: Duration,
    records: usize,
    wants: usize,
    ids: Vec<MemberId>,
    dice: Dice,
}

impl Tamper for Flooder {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let picked = |dice: &mut Dice, count| -> Vec<MemberId> {
            (0..count).filter_map(|_| dice.pick(&self.ids).copied()).collect()
        };
        let known = picked(&mut self.dice, self.records);
        let known: Vec<Bundle> = known.iter().filter_map(|id| hand.records_of(id)).collect();
        let wanted = want(&picked(&mut self.dice, self.wants));
        for to in hand.linked {
            hand.show(*to, &known);
            hand.frame(*to, Lane::Records, wanted.clone());
        }
    }
}
