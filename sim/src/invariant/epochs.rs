//! Epochs never go back: those that an observer holds of a subject (DESIGN section 7), and a member's own over its restarts
//! (R15).
//!
//! Held epochs are looked at for 64 observers at most, each in its turn; own epochs for all members.

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::{action::Notice, time::Mono};
use std::collections::BTreeMap;

/// Observers whose views are remembered.
const OBSERVERS: usize = 64;
/// Observers looked at per second.
const PER_LOOK: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Epochs {
    /// By observer: the life in which it was seen, and epochs by subject.
    held: BTreeMap<usize, (Option<Mono>, BTreeMap<usize, u64>)>,
    /// By member: its life, and its own epoch.
    own: Vec<(Option<Mono>, u64)>,
}

impl Invariant for Epochs {
    fn name(&self) -> &'static str {
        "epochs"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, _: &mut Found) {
        if let Notice::Expired { member } | Notice::Revoked { member } = &what.notice
            && let Some((_, held)) = self.held.get_mut(&what.observer)
        {
            held.remove(&scene.world.index(member));
        }
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        self.look_at_own(scene, found);
        let stride = scene.world.len().div_ceil(OBSERVERS);
        for turn in scene.turn(PER_LOOK) {
            self.look_at_held(scene, turn * stride % scene.world.len(), found);
        }
    }
}

impl Epochs {
    fn look_at_own(&mut self, scene: &Scene<'_>, found: &mut Found) {
        self.own.resize(scene.world.len(), (None, 0));
        for (member, (life, last)) in self.own.iter_mut().enumerate() {
            let Some(view) = scene.correct_view(member) else { continue };
            let (started, epoch) = (scene.truth.facts[member].started, view.epoch());
            let repeats = *life != started && epoch == *last;
            if epoch < *last || repeats {
                found.violation(Some(member), format!("{member}'s own epoch went from {last} to {epoch}"));
            }
            (*life, *last) = (started, epoch);
        }
    }

    fn look_at_held(&mut self, scene: &Scene<'_>, observer: usize, found: &mut Found) {
        let Some(view) = scene.correct_view(observer) else { return };
        let started = scene.truth.facts[observer].started;
        let (life, held) = self.held.entry(observer).or_default();
        if *life != started {
            (*life, *held) = (started, BTreeMap::new());
        }
        for member in view.members() {
            let subject = scene.world.index(&member.id);
            let before = held.insert(subject, member.epoch).unwrap_or(0);
            if member.epoch < before {
                let detail =
                    format!("{observer} held epoch {before} of {subject} and holds {}", member.epoch);
                found.violation(Some(subject), detail);
            }
        }
    }
}
