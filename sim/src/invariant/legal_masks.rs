//! At least k−t rings are enabled in every note held, and no bit at or above k is set (DESIGN section 4, "Note").

use super::{
    Violation,
    notes::{EachNote, Held},
};
use crate::run::Scene;

pub(super) const LEGAL_MASKS: EachNote = EachNote { name: "legal-masks", wrong };

fn wrong(scene: &Scene<'_>, held: &Held<'_>) -> Option<Violation> {
    let note = held.view.member(&held.member)?;
    let (k, t) = (scene.params.rings, scene.params.tolerance);
    let (enabled, beyond): (Vec<u8>, Vec<u8>) = note.mask.rings().partition(|ring| *ring < k);
    let detail = || {
        let (who, whose) = (held.observer, held.member);
        format!("{who} holds a note of {whose} with rings {enabled:?}, and {beyond:?} of {k}")
    };
    let legal = enabled.len() >= usize::from(k - t) && beyond.is_empty();
    (!legal).then(|| Violation { member: scene.world.find(&held.member), detail: detail() })
}
