//! Dates its own notes ahead, and tells others that their clocks are wrong.
//!
//! *Gain*: a note from the future would outlive its lease, a ghost by its owner's own hand; a member that trusts its neighbours'
//! clocks would stop renewing its note (second review, item 8). *Stopped by*: R9, what is dated beyond the allowance is refused,
//! and a lease is counted down on the own monotonic clock; no clock is ever set by what a peer says.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper},
    wire::{Bundle, clock},
};
use core::time::Duration;
use ifrit_core::event::Lane;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "clock-liar",
    about: "dates its notes ahead and calls others' clocks wrong; stopped by the allowance and own clocks (R9)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"500ms\"", "between two rounds"), ("ahead", "\"60m\"", "how far ahead")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(ClockLiar { every: plan.span(KNOBS, "every")?, ahead: plan.span(KNOBS, "ahead")? }))
}

#[derive(Debug)]
struct ClockLiar {
    every: Duration,
    ahead: Duration,
}

impl Tamper for ClockLiar {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let then = hand.now.wall + self.ahead;
        hand.linked.iter().for_each(|to| hand.frame(*to, Lane::Urgent, clock(then.0)));
        if let Some(note) = hand.note(|note| (note.epoch, note.issued) = (note.epoch + 1, then)) {
            hand.spread(&[Bundle::of(hand.me).note(&note)], &[]);
        }
    }
}
