//! Signs note after note of its own, each with a higher epoch, and leaves and returns by turns.
//!
//! *Gain*: each is new and valid, so that everybody would verify and forward them all (review, finding 16), and ring neighbours
//! would change with each. *Stopped by*: R12, one note per member and Δ/4 is forwarded, of what waits only the highest epoch.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::time::Duration;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "epoch-pumper",
    about: "signs a thousand notes a second of its own; stopped by one forwarded note per Δ/4 (R12)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"10ms\"", "between two notes"),
    ("leap", "1", "how far the epoch rises with each"),
    ("flap", "false", "every second note says that it leaves"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(EpochPumper {
        every: plan.span(KNOBS, "every")?,
        leap: plan.number(KNOBS, "leap")?,
        flap: plan.flag(KNOBS, "flap")?,
        epoch: 0,
        leaves: false,
    }))
}

#[derive(Debug)]
struct EpochPumper {
    every: Duration,
    leap: u64,
    flap: bool,
    epoch: u64,
    leaves: bool,
}

impl Tamper for EpochPumper {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        self.leaves = self.flap && !self.leaves;
        let note = hand.note(|note| {
            self.epoch = self.epoch.max(note.epoch).saturating_add(self.leap);
            (note.epoch, note.leaving, note.answers) = (self.epoch, self.leaves, true);
        });
        if let Some(note) = note {
            hand.spread(&[Bundle::of(hand.me).note(&note)], &[]);
        }
    }
}
