//! Takes a link to everybody, keeps each alive, and ends and takes them again by turns.
//!
//! *Gain*: no room for the links of newcomers and monitors, who then accuse (review, finding 14). *Stopped by*: R5, ring neighbours
//! have room reserved; a stranger's link that nobody needs gives way to a new one; each identity has one link.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::tamper::{Hand, Tamper};
use core::time::Duration;
use ifrit_core::{id::MemberId, tags::DATAGRAM_PING};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "link-hog",
    about: "takes links to everybody and keeps them; stopped by room reserved for ring neighbours (R5)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"500ms\"", "between two rounds"),
    ("dials", "50", "members dialled per round"),
    ("churn", "0.05", "share of its links that it ends per round"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(LinkHog {
        every: plan.span(KNOBS, "every")?,
        dials: plan.number(KNOBS, "dials")? as usize,
        churn: plan.rate(KNOBS, "churn")?,
        others: plan.ids.iter().enumerate().filter(|(n, _)| *n != plan.me).map(|(_, id)| *id).collect(),
        dice: Dice(plan.chance),
    }))
}

#[derive(Debug)]
struct LinkHog {
    every: Duration,
    dials: usize,
    churn: u32,
    others: Vec<MemberId>,
    dice: Dice,
}

impl Tamper for LinkHog {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        for to in hand.linked {
            if self.dice.hits(self.churn) {
                hand.hang_up(*to);
                continue;
            }
            // Token, digest and strain as they come.
            let mut ping = self.dice.bytes(26);
            ping[0] = DATAGRAM_PING;
            hand.datagram(*to, ping);
        }
        let lacking: Vec<_> = self.others.iter().filter(|id| !hand.linked.contains(id)).collect();
        for id in lacking.into_iter().take(self.dials) {
            hand.dial(*id);
        }
    }
}
