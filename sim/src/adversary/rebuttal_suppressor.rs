//! Accuses, hands on no answer, and keeps answers from its own member, which then honestly holds the accused out.
//!
//! *Gain*: where it is the only way of an answer, the accused goes Down. *Stopped by*: R7, answers are pushed whole to several
//! neighbours; R13, each ring neighbour is asked once per Δ/2 for newer notes of whoever is accused; k rings give 2k neighbours.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};
use core::time::Duration;
use ifrit_core::{id::MemberId, note::Note, params::NetworkParams};

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
    fn is_answer(&self, params: &NetworkParams, bundle: &Bundle) -> bool {
        let note = bundle.note.as_ref().and_then(|note| Note::parse(note, params).ok());
        !self.gang.contains(&bundle.id) && note.is_some_and(|note| note.answers())
    }
}

impl Tamper for Suppressor {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        let params = hand.params;
        hand.censor(to, wire, |bundle| self.is_answer(params, bundle))
    }

    fn hears(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        !read_records(frame).is_some_and(|all| all.iter().any(|one| self.is_answer(hand.params, one)))
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        hand.slander(&self.gang);
    }
}
