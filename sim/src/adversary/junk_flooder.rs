//! Sends random bytes, and dials again whoever ends the link.
//!
//! *Gain*: a crash, or work without end. *Stopped by*: frames are decoded strictly and bounded before anything is allocated; the
//! first that does not parse ends the link (R10). What a handshake costs bounds the rest (DESIGN section 5).

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::tamper::{Hand, Tamper};
use core::time::Duration;
use ifrit_core::event::Lane;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "junk-flooder",
    about: "random bytes as frames and datagrams, and new links; stopped by strict decoding and hanging up (R10)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] =
    &[("every", "\"100ms\"", "between two rounds"), ("size", "1000", "bytes of a frame at most")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (every, size) = (plan.span(KNOBS, "every")?, plan.number(KNOBS, "size")?.clamp(1, 100_000) as usize);
    Ok(Box::new(JunkFlooder { every, size, dice: Dice(plan.chance) }))
}

#[derive(Debug)]
struct JunkFlooder {
    every: Duration,
    size: usize,
    dice: Dice,
}

impl Tamper for JunkFlooder {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        for to in hand.linked {
            let lane = Lane::ALL[self.dice.below(Lane::ALL.len())];
            let len = self.dice.below(self.size) + 1;
            let mut junk = self.dice.bytes(len);
            // Half of it with a tag that exists.
            if self.dice.hits(500_000) {
                junk[0] %= 10;
            }
            match self.dice.below(4) {
                0 => hand.datagram(*to, junk.into_iter().take(200).collect()),
                _ => hand.frame(*to, lane, junk),
            }
        }
        hand.redial();
    }
}
