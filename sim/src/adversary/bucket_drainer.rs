//! Sends notes of its victims with the highest epochs there are and garbage for a signature.
//!
//! *Gain*: if such notes emptied their owner's bucket, or took the place in which its next note waits, the genuine rebuttal would
//! be too late (second review, item 2). *Stopped by*: R12, only notes that verify take from the bucket, and what waits is kept
//! per link; a failed signature ends the link.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::time::Duration;
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "bucket-drainer",
    about: "sends notes of those it accuses with huge epochs and garbage signatures; stopped by R12's bucket per link",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"200ms\"", "between two rounds"),
    ("copies", "5", "garbage notes per victim, peer and round"),
];

/// Where a note's body holds its epoch: behind version, domain, network and id.
const EPOCH_AT: core::ops::Range<usize> = 42..50;

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (every, copies) = (plan.span(KNOBS, "every")?, plan.number(KNOBS, "copies")?);
    Ok(Box::new(BucketDrainer { every, copies, gang: plan.gang() }))
}

#[derive(Debug)]
struct BucketDrainer {
    every: Duration,
    copies: u64,
    gang: Vec<MemberId>,
}

impl Tamper for BucketDrainer {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let mut garbage = Vec::new();
        for victim in hand.slander(&self.gang) {
            let Some(Bundle { note: Some(note), .. }) = hand.records_of(&victim) else { continue };
            for n in 0..self.copies {
                let mut note = note.clone();
                note[EPOCH_AT].copy_from_slice(&(u64::MAX - n).to_be_bytes());
                garbage.push(Bundle { note: Some(note), ..Bundle::of(victim) });
            }
        }
        hand.tell_others(&garbage);
        hand.redial();
    }
}
