//! Turns a bit of what its member sends.
//!
//! *Gain*: a broken machine rather than an attacker; what it spoils must not be blamed on others, nor spoil their views.
//! *Stopped by*: signatures, strict decoding, and hanging up on whoever brought it (R10).

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::tamper::{Hand, Tamper, Wire};
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "bit-flipper",
    about: "turns bits of all that it sends; stopped by signatures and strict decoding (R10)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("rate", "1.0", "share of its packets in which it turns a bit")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(BitFlipper { rate: plan.rate(KNOBS, "rate")?, dice: Dice(plan.chance) }))
}

#[derive(Debug)]
struct BitFlipper {
    rate: u32,
    dice: Dice,
}

impl BitFlipper {
    fn flipped(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let place = self.dice.below(bytes.len().max(1));
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1 << self.dice.below(8);
        }
        bytes
    }
}

impl Tamper for BitFlipper {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        if !self.dice.hits(self.rate) {
            return true;
        }
        match wire {
            Wire::Datagram(bytes) => hand.datagram(to, self.flipped(bytes)),
            Wire::Frame(lane, bytes) => hand.frame(to, lane, self.flipped(bytes)),
        }
        false
    }
}
