//! Does not hear that the CA has revoked it: it goes on, accuses, dials whoever hung up, and hands out revocation lists that it
//! signed itself and, of the CA's, all but the latest.
//!
//! *Gain*: it would stay a member, let in again who was revoked, and put out whom it likes with a list that it made. *Stopped by*:
//! R14, a list counts with the root's signature and if it is newer than the one held; what a revoked member says is not looked at.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{read_revocations, revocations},
};
use core::time::Duration;
use ifrit_core::{
    event::Lane,
    id::MemberId,
    revocation::{Entry, Fields, Revocations},
};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "outcast",
    about: "revoked, it goes on; hands out forged and earlier revocation lists; stopped by the root's signature, sequences (R14)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"500ms\"", "between two rounds")];

/// How long its lists would hold.
const HOLDS: Duration = Duration::from_secs(24 * 3600);

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (every, gang) = (plan.span(KNOBS, "every")?, plan.gang());
    Ok(Box::new(Outcast {
        every,
        gang,
        ids: plan.ids.to_vec(),
        dice: Dice(plan.chance),
        lists: Vec::new(),
        is_out: false,
    }))
}

#[derive(Debug)]
struct Outcast {
    every: Duration,
    gang: Vec<MemberId>,
    ids: Vec<MemberId>,
    dice: Dice,
    /// The CA's, as they came.
    lists: Vec<Revocations>,
    /// One of them names it.
    is_out: bool,
}

impl Outcast {
    /// A list that is newer than all others and names a correct member.
    fn forge(&mut self, hand: &mut Hand<'_>) -> Option<Revocations> {
        let victim = *self.dice.pick(&self.ids).filter(|id| !self.gang.contains(id))?;
        let entries = vec![Entry { id: victim, until: hand.now.wall + HOLDS }];
        Fields { sequence: hand.now.wall.0, entries, succession: Vec::new() }.sign(hand.params, hand.signer)
    }
}

impl Tamper for Outcast {
    fn hears(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Frame(_, frame) = wire else { return true };
        let Some(list) = read_revocations(frame, hand.params) else { return true };
        let names_me = list.contains(&hand.me);
        self.is_out |= names_me;
        if !self.lists.contains(&list) {
            self.lists.push(list);
        }
        !names_me
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let forged = self.forge(hand);
        let latest = self.lists.iter().map(Revocations::sequence).max();
        let earlier = self.lists.iter().filter(|list| Some(list.sequence()) < latest);
        let lists: Vec<_> = earlier.chain(&forged).map(revocations).collect();
        // One peer a round: whoever gets a forged list hangs up.
        if let Some(to) = self.dice.pick(hand.linked) {
            lists.into_iter().for_each(|list| hand.frame(*to, Lane::Urgent, list));
        }
        if self.is_out {
            hand.slander(&self.gang);
        }
        hand.redial();
    }
}
