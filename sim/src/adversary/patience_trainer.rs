//! Loses most of its packets on purpose, so that its monitors grow patient, and then crashes.
//!
//! *Gain*: if the number of misses needed followed from the loss of the link to the accused, the crashed one would stay in every
//! view for minutes, or for good (review, finding 13). *Stopped by*: R5, the median loss over all *other* members counts, and
//! never more than 16 misses are needed.

use super::{Knob, Plan, Strategy};
use crate::tamper::{Hand, Tamper};
use core::time::Duration;
use ifrit_core::time::Mono;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "patience-trainer",
    about: "drops packets to raise its miss limit, then crashes; stopped by the median loss of others (R5)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("drop", "0.5", "share of its packets, in and out, that it drops"),
    ("train", "\"30s\"", "how long, before it crashes"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (drop, train) = (plan.rate(KNOBS, "drop")?, plan.span(KNOBS, "train")?);
    Ok(Box::new(PatienceTrainer { drop, train, end: None }))
}

#[derive(Debug)]
struct PatienceTrainer {
    drop: u32,
    train: Duration,
    end: Option<Mono>,
}

impl Tamper for PatienceTrainer {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        let end = *self.end.get_or_insert(hand.now.mono + self.train);
        if hand.now.mono < end {
            hand.lose(self.drop);
            hand.wake(end);
        } else {
            hand.crash();
        }
    }
}
