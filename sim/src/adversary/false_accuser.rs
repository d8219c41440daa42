//! Accuses members that are alive, as their predecessor on a ring, and some as nobody in particular.
//!
//! *Gain*: if it were believed, the victim would be out of every view while it works. *Stopped by*: R3, the victim rebuts; it
//! disables the liar's ring, of which it may disable t (and has more than t liar predecessors with probability ε only). R1: the
//! word of one that is not the closest predecessor counts nowhere.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::time::Duration;
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "false-accuser",
    about: "accuses its ring successors wherever its word counts, and others; stopped by rebuttals, ring masks (R3), R1",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"100ms\"", "between two rounds of accusations"),
    ("others", "2", "members accused per round on rings where its word does not count"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(FalseAccuser {
        every: plan.span(KNOBS, "every")?,
        others: plan.number(KNOBS, "others")?,
        ids: plan.ids.to_vec(),
        gang: plan.gang(),
        dice: Dice(plan.chance),
    }))
}

#[derive(Debug)]
struct FalseAccuser {
    every: Duration,
    others: u64,
    ids: Vec<MemberId>,
    gang: Vec<MemberId>,
    dice: Dice,
}

impl Tamper for FalseAccuser {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        hand.slander(&self.gang);
        for _ in 0..self.others {
            let ring = self.dice.below(usize::from(hand.params.rings)) as u8;
            let Some(accused) = self.dice.pick(&self.ids).filter(|id| !self.gang.contains(id)) else {
                continue;
            };
            if let Some(accusation) = hand.accuse(*accused, ring) {
                hand.tell_others(&[Bundle::of(*accused).accusation(&accusation)]);
            }
        }
    }
}
