//! No accusation from a non-predecessor or on a disabled ring is accepted: each that a correct member tells its application
//! of, and still holds valid, is judged again over that member's own view (R1).
//!
//! In runs of more than 1,000 members, the observers of about 1,000 of them.

use super::{
    Found, Invariant,
    circles::{Circles, is_clear},
};
use crate::{run::Scene, world::Observed};
use ifrit_core::action::Notice;

#[derive(Debug, Default)]
pub(super) struct ValidAccusations {
    circles: Circles,
}

impl Invariant for ValidAccusations {
    fn name(&self) -> &'static str {
        "valid-accusations"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        let (Notice::Accused { accusation } | Notice::Down { accusation }) = &what.notice else { return };
        let world = scene.world;
        if !what.observer.is_multiple_of(world.len().div_ceil(1000)) {
            return;
        }
        let Some(view) = scene.correct_view(what.observer) else { return };
        let Some(held) = view.charges(&accusation.accused) else { return };
        let still = |charge: &&ifrit_core::view::Charge| {
            charge.valid && charge.accusation.hash() == accusation.hash()
        };
        if held.accusations.iter().find(still).is_none() {
            return; // it was dropped since
        }
        let (accuser, accused) = (world.index(&accusation.accuser), world.index(&accusation.accused));
        let (ring, who) = (accusation.ring, what.observer);
        let mut blame = |what: &str| {
            let detail =
                format!("{who} holds {accuser}'s accusation of {accused} on ring {ring} valid: {what}");
            found.violation(Some(accused), detail);
        };
        if !held.member.mask.enabled(ring) {
            blame("the ring is disabled");
        }
        if held.member.epoch != accusation.epoch {
            blame("it is of another epoch");
        }
        if view.state_of(&accusation.accuser).is_none() {
            blame("the accuser is not known there");
        }
        if !is_clear(world, &view, self.circles.fill(scene).between(ring, accuser, accused)) {
            blame("a live member stands between");
        }
    }
}
