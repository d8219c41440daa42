//! A correct member disables a ring only for an accusation that it must answer (R3): one of its epoch, on that ring, over members
//! that were accused, out or unknown to it within the last 4Δ, or whose certificate or lease is about to end.
//!
//! Judged when the accusation comes, and again each second while it may be held.

use super::{
    Found, Invariant,
    circles::{Circles, state},
};
use crate::{run::Scene, world::Observed};
use ifrit_core::{accusation::Accusation, action::Notice, mask::Mask, time::Mono, view::State};
use std::{collections::BTreeMap, sync::Arc};

/// An accusation, when it was last seen answerable, and the accused's epoch when it came: only the next note disables its ring.
type Charge = (Arc<Accusation>, Option<Mono>, u64);

#[derive(Debug, Default)]
pub(super) struct RingsOff {
    circles: Circles,
    /// By accused: accusations that were told.
    charges: BTreeMap<usize, Vec<Charge>>,
    /// By member: its mask when it was last looked at.
    masks: BTreeMap<usize, Mask>,
    /// By member: when it was last seen to be anything but live, in whosever view.
    troubled: BTreeMap<usize, Mono>,
}

impl Invariant for RingsOff {
    fn name(&self) -> &'static str {
        "rings-off"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, _: &mut Found) {
        match &what.notice {
            Notice::AccusedMyself { accusation } if scene.truth.facts[what.observer].correct => {
                self.circles.fill(scene);
                self.troubled.insert(what.observer, what.at);
                let seen = self.is_answerable(scene, what.observer, accusation).then_some(what.at);
                let epoch = scene.view(what.observer).map_or(0, |view| view.epoch());
                let charge = (Arc::clone(accusation), seen, epoch);
                self.charges.entry(what.observer).or_default().push(charge);
            }
            notice => {
                // Whoever is spoken of at all has changed lately: the rule allows for 4Δ.
                if let Some(subject) = notice.subject().and_then(|id| scene.world.find(&id)) {
                    self.troubled.insert(subject, what.at);
                }
            }
        }
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        for (member, charges) in &self.charges {
            let epoch = scene.view(*member).map_or(0, |view| view.epoch());
            if charges.iter().any(|(_, _, before)| *before < epoch) {
                // A new note ends accusations of it that are parked with others too. They may have been valid elsewhere, so
                // whoever held one takes it for troubled, though no application was told.
                self.troubled.insert(*member, scene.now());
            }
        }
        for member in 0..scene.world.len() {
            let Some(mask) = scene.world.own_mask(member) else { continue };
            let before = self.masks.insert(member, mask).unwrap_or(mask);
            if !self.charges.contains_key(&member) && mask == before || !scene.truth.facts[member].correct {
                continue;
            }
            let mut charges = self.charges.remove(&member).unwrap_or_default();
            for (accusation, seen, _) in &mut charges {
                if seen.is_none() && self.is_answerable(scene, member, accusation) {
                    *seen = Some(scene.now());
                }
            }
            for ring in before.rings().filter(|ring| !mask.enabled(*ring)) {
                let excused = charges.iter().any(|(charge, seen, _)| charge.ring == ring && seen.is_some());
                if !excused {
                    let detail = format!(
                        "{member} disabled ring {ring}, on which nobody accused it so that it had to answer"
                    );
                    found.violation(Some(member), detail);
                }
            }
            let current = scene.view(member).map_or(0, |view| view.epoch());
            charges.retain(|(_, _, epoch)| *epoch >= current);
            self.charges.insert(member, charges);
        }
    }
}

impl RingsOff {
    fn is_answerable(&self, scene: &Scene<'_>, accused: usize, accusation: &Accusation) -> bool {
        let Some(view) = scene.view(accused) else { return true };
        let lately = |member: usize| {
            let troubled = self.troubled.get(&member).copied().unwrap_or(Mono(0));
            let fact = &scene.truth.facts[member];
            let known = fact.started.is_some_and(|started| scene.now().since(started) < scene.bound());
            known || troubled != Mono(0) && scene.now().since(troubled) <= scene.params.delta * 6
        };
        let accuser = scene.world.index(&accusation.accuser);
        let mut between = self.circles.between(accusation.ring, accuser, accused);
        between.all(|member| state(scene.world, &view, member) != Some(State::Live) || lately(member))
    }
}
