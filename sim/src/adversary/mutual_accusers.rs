//! Accuse each other, answer nothing for a while, and tell every second peer in the opposite order.
//!
//! *Gain*: if the state of an accuser mattered, or accusations could hold each other up, the order of arrival would split the
//! views for ever, and a member that follows the pair would be out in one half (review, findings 2 and 3). *Stopped by*: R2, the
//! accuser's own state never matters and the valid accusations are the least fixpoint; R3, the accused answers the wide reading.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::read_records,
};
use core::time::Duration;
use ifrit_core::{id::MemberId, time::Mono};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "mutual-accusers",
    about: "accuse each other and their successors, in two orders, and answer nothing; stopped by the least fixpoint (R2)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"500ms\"", "between two rounds of accusations"),
    ("silent", "\"10s\"", "how long they answer nothing; then they answer for as long"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(MutualAccuser {
        every: plan.span(KNOBS, "every")?,
        silent: plan.span(KNOBS, "silent")?,
        gang: plan.gang(),
        turn: Mono(0),
        answers: true,
    }))
}

#[derive(Debug)]
struct MutualAccuser {
    every: Duration,
    silent: Duration,
    gang: Vec<MemberId>,
    /// When it begins or ends to be silent.
    turn: Mono,
    answers: bool,
}

impl Tamper for MutualAccuser {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        if hand.now.mono >= self.turn {
            (self.answers, self.turn) = (!self.answers, hand.now.mono + self.silent);
        }
        let others = hand.neighbours().into_iter().filter(|id| !self.gang.contains(id));
        let accused: Vec<_> = self.gang.iter().copied().chain(others).collect();
        let mut bundles: Vec<_> = accused.into_iter().filter_map(|accused| hand.charge(accused)).collect();
        for to in hand.linked {
            for bundle in &bundles {
                hand.show(*to, core::slice::from_ref(bundle));
            }
            bundles.reverse();
        }
    }

    fn sends(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        let own = || {
            read_records(frame)
                .is_some_and(|all| all.iter().any(|one| one.id == hand.me && one.note.is_some()))
        };
        self.answers || !own()
    }
}
