//! Shows old notes of everybody, before all of those that are accused.
//!
//! *Gain*: if an old note could replace a newer one, accusations would come back to life and addresses and masks with them.
//! *Stopped by*: epochs never go back (R1, R15); an older note costs no signature check and is charged to the link (R10, R11).

use super::{Knob, Plan, Strategy, dice::Dice, hoard::Hoard};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};
use core::time::Duration;
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "stale-note-replayer",
    about: "accuses, and shows old notes of everybody; stopped by epochs that never go back (R15), charges (R11)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"200ms\"", "between two rounds")];

/// Shown to each peer per round.
const SHOWN: usize = 20;

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (every, gang) = (plan.span(KNOBS, "every")?, plan.gang());
    Ok(Box::new(Replayer { every, gang, heard: Hoard::default(), dice: Dice(plan.chance) }))
}

#[derive(Debug)]
struct Replayer {
    every: Duration,
    gang: Vec<MemberId>,
    heard: Hoard,
    dice: Dice,
}

impl Tamper for Replayer {
    fn hears(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        for bundle in read_records(frame).unwrap_or_default() {
            if bundle.note.is_some() && bundle.id != hand.me {
                self.heard.keep(Bundle { accusations: Vec::new(), ..bundle });
            }
        }
        true
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        // The notes of now are old ones as soon as their owners have answered.
        for id in hand.neighbours() {
            hand.records_of(&id).into_iter().for_each(|old| self.heard.keep(old));
        }
        let accused = hand.slander(&self.gang);
        for to in hand.linked {
            let mut some = self.heard.some(SHOWN, &mut self.dice, |_| true);
            some.extend(self.heard.some(SHOWN, &mut self.dice, |old| accused.contains(&old.id)));
            hand.show(*to, &some);
        }
    }
}
