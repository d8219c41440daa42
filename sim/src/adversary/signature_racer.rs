//! Sends the body of each answer that it hears with a garbage signature, ahead of the genuine one.
//!
//! *Gain*: if a failed signature marked the body, the genuine rebuttal would be a duplicate or known as bad, and the accused
//! would go Down (review, finding 7). *Stopped by*: R10, a failure is remembered for (body, signature) only; whoever brings it
//! is hung up on.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};
use core::time::Duration;
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "signature-racer",
    about: "sends each note it hears with a garbage signature ahead of the genuine one; stopped by R10",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"500ms\"", "between two rounds of accusations, and of dials")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(SignatureRacer { every: plan.span(KNOBS, "every")?, gang: plan.gang() }))
}

#[derive(Debug)]
struct SignatureRacer {
    every: Duration,
    gang: Vec<MemberId>,
}

impl Tamper for SignatureRacer {
    fn hears(&mut self, hand: &mut Hand<'_>, from: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        let heard = read_records(frame).unwrap_or_default();
        let garbage: Vec<_> =
            heard.into_iter().filter(|bundle| !self.gang.contains(&bundle.id)).filter_map(garble).collect();
        if !garbage.is_empty() {
            hand.spread(&garbage, &[from]);
        }
        true
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        hand.slander(&self.gang);
        hand.redial();
    }
}

/// The same note with another signature: the last 64 bytes.
fn garble(bundle: Bundle) -> Option<Bundle> {
    let mut note = bundle.note?;
    let middle = note.len() - 40;
    note[middle] ^= 0x55;
    Some(Bundle { note: Some(note), accusations: Vec::new(), ..bundle })
}
