//! Chooses who may accuse it: disables rings whose monitors are no friends, ever others, and illegal ones too;
//! then one crashes, and its friends say nothing.
//!
//! *Gain*: with all correct monitors on disabled rings nobody may accuse it, and it stays in every view after it crashed.
//! *Stopped by*: at most t of k rings may be disabled, more is misbehaviour; of the t+1 others one has a correct monitor while at
//! most t of its predecessors are liars. With t+1 of them the promise ends (R17).

use super::{Knob, Plan, Strategy, dice::Dice, mute_monitor::mute};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::Bundle,
};
use core::time::Duration;
use ifrit_core::{id::MemberId, mask::Mask, time::Mono};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "mask-abuser",
    about: "disables the rings of its correct monitors, then crashes; stopped by the limit of t rings",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("every", "\"1s\"", "between two notes"),
    ("illegal", "0.0", "share of notes with more than t rings disabled"),
    ("crash", "\"30s\"", "when the first of the liars crashes, or the one that they are around"),
    ("around", "", "number of the one that crashes: the others are directly before it"),
    ("inside", "true", "whether that one is a liar itself"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let first = plan.colluders.first().map(|number| plan.ids[*number]);
    let crashing = plan.member(KNOBS, "around")?.or(first);
    Ok(Box::new(MaskAbuser {
        every: plan.span(KNOBS, "every")?,
        illegal: plan.rate(KNOBS, "illegal")?,
        crash: plan.span(KNOBS, "crash")?,
        crashes: plan.flag(KNOBS, "inside")? && crashing == Some(plan.ids[plan.me]),
        end: None,
        gang: plan.gang(),
        dice: Dice(plan.chance),
    }))
}

#[derive(Debug)]
struct MaskAbuser {
    every: Duration,
    illegal: u32,
    crash: Duration,
    crashes: bool,
    end: Option<Mono>,
    gang: Vec<MemberId>,
    dice: Dice,
}

impl MaskAbuser {
    /// Rings of correct monitors off, up to `most`, by chance among them.
    fn mask(&mut self, hand: &Hand<'_>, most: usize) -> Mask {
        let mut mask = Mask::all(hand.params.rings);
        let explained = hand.member.and_then(|member| member.view().explain(&hand.me));
        let watchers = explained.map(|explained| explained.watchers).unwrap_or_default();
        let mut hostile: Vec<u8> =
            watchers.into_iter().filter(|(_, who)| !self.gang.contains(who)).map(|(ring, _)| ring).collect();
        for _ in 0..most.min(hostile.len()) {
            mask.disable(hostile.swap_remove(self.dice.below(hostile.len())));
        }
        mask
    }
}

impl Tamper for MaskAbuser {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        mute(hand, to, wire)
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        let end = *self.end.get_or_insert(hand.now.mono + self.crash);
        if self.crashes && hand.now.mono >= end {
            return hand.crash();
        }
        let t = usize::from(hand.params.tolerance());
        let most = if self.dice.hits(self.illegal) { t + 1 } else { t };
        let mask = self.mask(hand, most);
        let note = hand.note(|note| (note.epoch, note.mask) = (note.epoch + 1, mask));
        if let Some(note) = note {
            hand.spread(&[Bundle::of(hand.me).note(&note)], &[]);
        }
        hand.redial();
    }
}
