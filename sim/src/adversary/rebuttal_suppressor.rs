//! Accuses, hands on no answer, and keeps answers from its own member, which then honestly holds the accused out.
//!
//! *Gain*: where it is the only way of an answer, the accused goes Down. *Stopped by*: R7, answers are pushed whole to several
//! neighbours; R13, each ring neighbour is asked once per Δ/2 for newer notes of whoever is accused; k rings give 2k neighbours.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records, records},
};
use core::time::Duration;
use ifrit_core::{id::MemberId, note::Note};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "rebuttal-suppressor",
    about: "accuses and hands on no answer; stopped by pushes to several (R7) and by asking all neighbours (R13)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"200ms\"", "between two rounds of accusations")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(Suppressor { every: plan.span(KNOBS, "every")?, gang: plan.gang() }))
}

#[derive(Debug)]
struct Suppressor {
    every: Duration,
    gang: Vec<MemberId>,
}

impl Suppressor {
    /// The frame without answers; `None` if it holds none.
    fn censored(&self, hand: &Hand<'_>, frame: &[u8]) -> Option<Vec<Bundle>> {
        let answers = |bundle: &Bundle| {
            let note = bundle.note.as_ref().and_then(|note| Note::parse(note, hand.params).ok());
            !self.gang.contains(&bundle.id) && note.is_some_and(|note| note.answers())
        };
        let mut bundles = read_records(frame)?;
        let before = bundles.len();
        bundles.retain(|bundle| !answers(bundle));
        (bundles.len() < before).then_some(bundles)
    }
}

impl Tamper for Suppressor {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(lane, frame) = wire else { return true };
        let Some(rest) = self.censored(hand, frame) else { return true };
        hand.frame(to, lane, records(&rest));
        false
    }

    fn hears(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        self.censored(hand, frame).is_none()
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        hand.slander(&self.gang);
    }
}
