//! At least k−t rings are enabled in every note held, and no bit at or above k is set (DESIGN section 4, "Note").

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::action::Notice;

#[derive(Debug, Default)]
pub(super) struct LegalMasks;

impl Invariant for LegalMasks {
    fn name(&self) -> &'static str {
        "legal-masks"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        let (Notice::Up { member, .. } | Notice::Rebutted { member, .. } | Notice::Updated { member, .. }) =
            &what.notice
        else {
            return;
        };
        let Some(view) = scene.correct_view(what.observer).and_then(|view| view.member(member)) else {
            return;
        };
        let enabled = (0..scene.params.rings).filter(|ring| view.mask.enabled(*ring)).count();
        if enabled < usize::from(scene.params.rings - scene.params.tolerance) {
            let detail = format!("{} holds a note of {member} with {enabled} rings", what.observer);
            found.violation(scene.world.find(member), detail);
        }
    }
}
