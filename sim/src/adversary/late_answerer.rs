//! Falls silent until it is accused, and answers at the last moment only, behind notes of its own that empty its bucket.
//!
//! *Gain*: it is put out in some views and not in others, again and again, so that they differ in who precedes whom; and whoever
//! lets a timer fire while the answer waits puts out one that has answered in time. *Stopped by*: R4, what is queued about a member
//! is handled before its timer takes effect, out of turn if it waits for the bucket (R12); pushes end the difference.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records},
};
use core::time::Duration;
use ifrit_core::{id::MemberId, params::Params, time::Mono};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "late-answerer",
    about: "answers accusations at the last moment, behind a drained bucket; stopped by R4: what waits is handled first",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("silent", "\"1500ms\"", "how long it loses every packet"),
    ("every", "\"6s\"", "between two silences"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (silent, every) = (plan.span(KNOBS, "silent")?, plan.span(KNOBS, "every")?);
    let dice = Dice(plan.chance);
    Ok(Box::new(LateAnswerer { silent, every, dice, next: plan.from, phase: Phase::Calm, round: 0 }))
}

#[derive(Debug)]
struct LateAnswerer {
    silent: Duration,
    every: Duration,
    dice: Dice,
    /// When it falls silent again.
    next: Mono,
    phase: Phase,
    round: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Calm,
    /// Nobody hears it, until then.
    Silent(Mono),
    /// It is accused at this epoch, and answers then.
    Waits(u64, Mono),
}

impl Tamper for LateAnswerer {
    fn sends(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let own = |bundle: &Bundle| bundle.id == hand.me && bundle.note.is_some();
        let answers = |frame| read_records(frame).is_some_and(|bundles| bundles.iter().any(own));
        !matches!((self.phase, wire), (Phase::Waits(..), Wire::Frame(_, frame)) if answers(frame))
    }

    fn hears(&mut self, hand: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        let accuses = |bundle: &Bundle| bundle.id == hand.me && !bundle.accusations.is_empty();
        if let Wire::Frame(_, frame) = wire
            && !matches!(self.phase, Phase::Waits(..))
            && read_records(frame).is_some_and(|bundles| bundles.iter().any(accuses))
            && let Some(me) = hand.sees(&hand.me)
        {
            // It does not know since when.
            let steps = u32::try_from(self.dice.below(32)).expect("few");
            let wait = Params::derive(hand.params).delta * steps / 16;
            self.phase = Phase::Waits(me.epoch, hand.now.mono + wait);
        }
        true
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        let (now, delta) = (hand.now.mono, Params::derive(hand.params).delta);
        hand.wake(now + delta / 16);
        match self.phase {
            Phase::Calm if now >= self.next => {
                hand.lose(1_000_000);
                (self.phase, self.next) = (Phase::Silent(now + self.silent), now + self.every);
            }
            Phase::Silent(until) if now >= until => {
                hand.lose(0);
                self.phase = Phase::Calm;
            }
            Phase::Waits(_, until) if now >= until => {
                self.phase = Phase::Calm;
                let answer = hand.records_of(&hand.me);
                hand.spread(answer.as_slice(), &[]);
            }
            Phase::Waits(epoch, _) => {
                self.round += 1;
                let tags = self.round.to_be_bytes().to_vec();
                let another = hand.note(|note| (note.epoch, note.tags) = (epoch, tags));
                let another = another.map(|note| Bundle::of(hand.me).note(&note));
                hand.spread(another.as_slice(), &[]);
            }
            _ => {}
        }
    }
}
