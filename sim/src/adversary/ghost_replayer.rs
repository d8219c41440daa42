//! Shows members that have departed as they were when they lived, to whoever was not there.
//!
//! *Gain*: newcomers would hold crashed and departed members live, for ever if nobody else remembers them; enough ghosts would
//! hide the living (review, finding 5). *Stopped by*: R9, a note holds for a lease, and until then everybody keeps the last
//! word and the accusations; whoever has them shows them. R16: a newcomer asks several contacts.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::time::Duration;
use ifrit_core::id::MemberId;
use std::collections::BTreeMap;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "ghost-replayer",
    about: "shows departed members as they were to newcomers; stopped by leases (R9) and several contacts (R16)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"200ms\"", "between two rounds")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(GhostReplayer {
        every: plan.span(KNOBS, "every")?,
        gang: plan.gang(),
        alive: BTreeMap::new(),
    }))
}

#[derive(Debug)]
struct GhostReplayer {
    every: Duration,
    gang: Vec<MemberId>,
    /// Everybody as it was when it lived.
    alive: BTreeMap<MemberId, Bundle>,
}

impl Tamper for GhostReplayer {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let Some(member) = hand.member else { return };
        let (mut living, mut ghosts) = (Vec::new(), Vec::new());
        for seen in member.view().members().filter(|seen| !self.gang.contains(&seen.id)) {
            match seen.state.is_live() {
                true if !self.alive.contains_key(&seen.id) => living.extend(hand.records_of(&seen.id)),
                true => {}
                false => ghosts.extend(self.alive.get(&seen.id).cloned()),
            }
        }
        let forgotten = self.alive.values().filter(|old| member.view().state_of(&old.id).is_none());
        ghosts.extend(forgotten.cloned());
        self.alive.extend(living.into_iter().map(|bundle| (bundle.id, bundle)));
        if !ghosts.is_empty() {
            hand.spread(&ghosts, &[]);
        }
    }
}
