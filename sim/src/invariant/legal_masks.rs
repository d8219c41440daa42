//! At least k−t rings are enabled in every note held, and no bit at or above k is set (DESIGN section 4, "Note").
//!
//! Looked at when an application is told of a note, and 100 notes of one observer per second, in turn.

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::{id::MemberId, view::View};

#[derive(Debug, Default)]
pub(super) struct LegalMasks;

impl Invariant for LegalMasks {
    fn name(&self) -> &'static str {
        "legal-masks"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        if let Some((view, member)) = scene.taken(what) {
            look_at(scene, what.observer, &view, &member, found);
        }
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        scene.held().for_each(|(observer, view, member)| look_at(scene, observer, &view, &member, found));
    }
}

fn look_at(scene: &Scene<'_>, observer: usize, view: &View<'_>, member: &MemberId, found: &mut Found) {
    let Some(held) = view.member(member) else { return };
    let (k, t) = (scene.params.rings, scene.params.tolerance);
    let (enabled, beyond): (Vec<u8>, Vec<u8>) = held.mask.rings().partition(|ring| *ring < k);
    if enabled.len() < usize::from(k - t) || !beyond.is_empty() {
        let detail =
            format!("{observer} holds a note of {member} with rings {enabled:?} and beyond k {beyond:?}");
        found.violation(scene.world.find(member), detail);
    }
}
