//! Gives another member's address for its own, note after note.
//!
//! *Gain*: all its ring neighbours, and whoever tries to heal, would dial the third party without end (review, finding 20).
//! *Stopped by*: R12, a member is dialled at most once per 5 s, doubling to 60 s, whatever its note says, and at most 4 addresses
//! stand in a note.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::{net::SocketAddr, time::Duration};
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "reflector",
    about: "gives another member's address for its own; stopped by the pace of dials (R12)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("victim", "0", "number of the member whose address it gives"),
    ("every", "\"1s\"", "between two notes"),
    ("churn", "0.2", "share of its links that it ends per note, so that it must be dialled"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(Reflector {
        victim: plan.member(KNOBS, "victim")?,
        every: plan.span(KNOBS, "every")?,
        churn: plan.rate(KNOBS, "churn")?,
        dice: Dice(plan.chance),
    }))
}

#[derive(Debug)]
struct Reflector {
    victim: Option<MemberId>,
    every: Duration,
    churn: u32,
    dice: Dice,
}

impl Tamper for Reflector {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let seen = self.victim.and_then(|victim| hand.sees(&victim));
        let Some(first) = seen.and_then(|seen| seen.addrs.first().copied()) else { return };
        // The same host at four ports looks like four addresses.
        let addrs: Vec<_> = (0..4).map(|n| SocketAddr::new(first.ip(), first.port() + n)).collect();
        if let Some(note) = hand.note(|note| (note.epoch, note.addrs) = (note.epoch + 1, addrs)) {
            hand.spread(&[Bundle::of(hand.me).note(&note)], &[]);
        }
        for to in hand.linked {
            if self.dice.hits(self.churn) {
                hand.hang_up(*to);
            }
        }
    }
}
