//! Colluders that precede one victim on many rings accuse it, hide it from others, and hide others from it.
//!
//! *Gain*: a chosen member out of every view, or alone in a world of liars. *Stopped by*: with at most t of them, R3: the victim
//! disables their rings and answers; its other neighbours carry its notes (R7, R13). With t+1 identities around one victim the
//! promise ends (R17): it pays with endless rebuttals.

use super::{Knob, Plan, Strategy, map::Map};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::hello,
};
use core::time::Duration;
use ifrit_core::{event::Lane, id::MemberId, tags::FRAME_RECORDS};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "eclipse",
    about: "colluders around one victim accuse it, hide it and hide others from it; stopped by t+1 other rings (R3, R7)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    (
        "around",
        "",
        "number of the victim: the liars are those directly before it; else the member that most of them precede",
    ),
    ("every", "\"200ms\"", "between two rounds of accusations"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(Eclipse {
        victim: plan.member(KNOBS, "around")?,
        every: plan.span(KNOBS, "every")?,
        gang: plan.gang(),
        ids: plan.ids.to_vec(),
    }))
}

#[derive(Debug)]
struct Eclipse {
    victim: Option<MemberId>,
    every: Duration,
    gang: Vec<MemberId>,
    ids: Vec<MemberId>,
}

impl Eclipse {
    /// The member that has most colluders directly before it; the lowest id of several.
    fn likeliest(&self, hand: &Hand<'_>) -> Option<MemberId> {
        let map = Map::new(self.ids.clone(), hand.params);
        let follows = |(gangster, ring): (&MemberId, u8)| map.after(ring, gangster).next();
        let all = self.gang.iter().flat_map(|gangster| (0..map.k()).map(move |ring| (gangster, ring)));
        let followers: Vec<_> = all.filter_map(follows).filter(|id| !self.gang.contains(id)).collect();
        let count = |id: &MemberId| followers.iter().filter(|other| *other == id).count();
        followers.iter().max_by_key(|id| (count(id), core::cmp::Reverse(**id))).copied()
    }
}

impl Tamper for Eclipse {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        self.victim = self.victim.or_else(|| self.likeliest(hand));
        let Some(victim) = self.victim else { return };
        if let Some(charge) = hand.charge(victim) {
            hand.tell_others(&[charge]);
        }
        let epoch = hand.sees(&victim).map_or(0, |seen| seen.epoch);
        hand.frame(victim, Lane::Urgent, hello(epoch));
    }

    /// Nothing about the victim goes out, nor anything about others to it.
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        let Some(victim) = self.victim else { return true };
        match wire {
            Wire::Frame(_, frame) if to == victim => frame.first() != Some(&FRAME_RECORDS),
            _ => hand.censor(to, wire, |bundle| bundle.id == victim),
        }
    }
}
