//! Shows every accusation that it ever heard, again and again.
//!
//! *Gain*: a member that answered long ago, or came back, would be accused by the word of a correct one. *Stopped by*: R1, an
//! accusation speaks about one epoch and the answer has a higher one; R11, what is useless is charged to the link.

use super::{Knob, Plan, Strategy, dice::Dice, hoard::Hoard};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};
use core::time::Duration;
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "accusation-replayer",
    about: "shows old accusations again and again; stopped by epochs (R1) and charges (R11)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"200ms\"", "between two rounds")];

/// Shown to each peer per round.
const SHOWN: usize = 20;

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let every = plan.span(KNOBS, "every")?;
    Ok(Box::new(Replayer { every, heard: Hoard::default(), dice: Dice(plan.chance) }))
}

#[derive(Debug)]
struct Replayer {
    every: Duration,
    heard: Hoard,
    dice: Dice,
}

impl Tamper for Replayer {
    fn hears(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        for bundle in read_records(frame).unwrap_or_default() {
            self.heard.keep(Bundle { certificate: None, note: None, ..bundle });
        }
        true
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        for to in hand.linked {
            hand.show(*to, &self.heard.some(SHOWN, &mut self.dice, |_| true));
        }
    }
}
