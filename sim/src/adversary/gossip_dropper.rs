//! Answers pings and hands on nothing.
//!
//! *Gain*: news would stop at it, and whoever has only such neighbours would live in the past. *Stopped by*: R7, pushes go to
//! several neighbours by chance; R13, every ping compares views with somebody, and 2k ring neighbours are not all liars.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::tamper::{Hand, Tamper, Wire};
use ifrit_core::{id::MemberId, tags::FRAME_HELLO};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "gossip-dropper",
    about: "answers pings and hands on nothing; stopped by fan-out (R7) and anti-entropy with all neighbours (R13)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("drop", "1.0", "share of its frames that it drops")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(GossipDropper { drop: plan.rate(KNOBS, "drop")?, dice: Dice(plan.chance) }))
}

#[derive(Debug)]
struct GossipDropper {
    drop: u32,
    dice: Dice,
}

impl Tamper for GossipDropper {
    fn sends(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        match wire {
            Wire::Datagram(_) | Wire::Frame(_, [FRAME_HELLO, ..]) => true,
            Wire::Frame(..) => !self.dice.hits(self.drop),
        }
    }
}
