//! Shows another view digest in every ping and pong, and lets walks lead nowhere.
//!
//! *Gain*: each ping would cost its neighbours a walk of the whole trie (review, finding 17), and walks that never end would keep
//! them from those that matter. *Stopped by*: R13, a walk that brings nothing new is charged, and after three they are spaced 1 s
//! doubling to 60 s; each has a deadline.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::tamper::{Hand, Tamper, Wire};
use ifrit_core::{id::MemberId, tags::FRAME_WALK_TELL};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "digest-liar",
    about: "random view digests in all its pings, walks that lead nowhere; stopped by charged walks (R13)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("stall", "0.5", "share of walk answers that it keeps back")];

/// Where ping and pong hold it: behind tag and token.
const DIGEST_AT: core::ops::Range<usize> = 9..25;

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(DigestLiar { stall: plan.rate(KNOBS, "stall")?, dice: Dice(plan.chance) }))
}

#[derive(Debug)]
struct DigestLiar {
    stall: u32,
    dice: Dice,
}

impl Tamper for DigestLiar {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        match wire {
            Wire::Datagram(bytes) => {
                let mut bytes = bytes.to_vec();
                let Some(digest) = bytes.get_mut(DIGEST_AT) else { return true };
                digest.copy_from_slice(&self.dice.bytes(16));
                hand.datagram(to, bytes);
                false
            }
            Wire::Frame(_, [FRAME_WALK_TELL, ..]) => !self.dice.hits(self.stall),
            Wire::Frame(..) => true,
        }
    }
}
