//! Says one thing to every second peer and another to the rest, in one epoch.
//!
//! *Gain*: views that differ for ever: whether it is there, where it is, on which rings it may be accused. *Stopped by*: R12, of
//! two notes with one epoch the one with the lower hash wins everywhere, all accusations are judged again, and its bucket bounds
//! how often.

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::time::Duration;
use ifrit_core::note::Fields;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "equivocator",
    about: "two notes of one epoch to two halves; stopped by R12: the lower hash wins everywhere",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[("every", "\"500ms\"", "between two pairs of notes")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(Equivocator { every: plan.span(KNOBS, "every")?, round: 0 }))
}

#[derive(Debug)]
struct Equivocator {
    every: Duration,
    round: u64,
}

/// What the two notes differ in, in turns.
fn twist(note: &mut Fields, round: u64, half: bool) {
    note.tags = vec![u8::from(half)];
    match round % 4 {
        1 => note.leaving = half,
        2 => note.gray = half,
        3 if note.mask.count() > 1 => {
            let ring = note.mask.rings().nth(usize::from(half));
            ring.into_iter().for_each(|ring| note.mask.disable(ring));
        }
        _ => {}
    }
}

impl Tamper for Equivocator {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        self.round += 1;
        let t = u32::from(hand.params.tolerance());
        let notes = [false, true].map(|half| {
            hand.note(|note| {
                note.epoch += 1;
                // More than t rings off would be misbehaviour, which is another strategy.
                let full = note.mask.count() > t + 1;
                twist(note, if full { self.round } else { 0 }, half);
            })
        });
        let me = hand.me;
        for (n, to) in hand.linked.iter().enumerate() {
            if let Some(note) = &notes[n % 2] {
                hand.show(*to, &[Bundle::of(me).note(note)]);
            }
        }
    }
}
