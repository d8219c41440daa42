//! Announces news of everybody, and never serves it.
//!
//! *Gain*: what it announced first would be asked of it only, and a newer note of an accused member would come too late (second
//! review, item 10). *Stopped by*: R7, answers are pushed whole, and a pull is asked of another announcer after Δ/8.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::announce,
};
use core::time::Duration;
use ifrit_core::{
    event::Lane,
    id::MemberId,
    tags::{FRAME_RECORDS, FRAME_WANT},
};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "stalling-announcer",
    about: "announces news of everybody and never serves it; stopped by asking another after Δ/8 (R7)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] =
    &[("every", "\"200ms\"", "between two announcements"), ("accuse", "true", "whether it accuses too")];

/// What fits one announcement.
const ANNOUNCED: usize = 200;

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(StallingAnnouncer {
        every: plan.span(KNOBS, "every")?,
        accuse: plan.flag(KNOBS, "accuse")?,
        ids: plan.ids.to_vec(),
        gang: plan.gang(),
        dice: Dice(plan.chance),
    }))
}

#[derive(Debug)]
struct StallingAnnouncer {
    every: Duration,
    accuse: bool,
    ids: Vec<MemberId>,
    gang: Vec<MemberId>,
    dice: Dice,
}

impl Tamper for StallingAnnouncer {
    fn sends(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        !matches!(wire, Wire::Frame(Lane::Records, [FRAME_RECORDS, ..]))
    }

    fn hears(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        !matches!(wire, Wire::Frame(_, [FRAME_WANT, ..]))
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let from = self.dice.below(self.ids.len());
        let some: Vec<_> =
            self.ids.iter().cycle().skip(from).take(ANNOUNCED.min(self.ids.len())).copied().collect();
        let news = announce(&some, self.dice.bits() as u8);
        hand.linked.iter().for_each(|to| hand.frame(*to, Lane::Records, news.clone()));
        if self.accuse {
            hand.slander(&self.gang);
        }
    }
}
