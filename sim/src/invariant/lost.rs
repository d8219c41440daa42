//! Who is promised nothing: whoever knew nobody that answers.

use crate::run::Scene;

/// Whether it is not joined and knew no correct member that runs where packets reach it when it started: it is not joined, by R16,
/// nobody need know of it soon, and it need not know what others do. The only seed of a boot may lie, or crash before everybody
/// has spoken to it; all on a disk may have crashed, and then others try it now and then (heal).
pub(super) fn is_lost(scene: &Scene<'_>, member: usize) -> bool {
    let answers = |contact: usize| {
        let fact = &scene.truth.facts[contact];
        fact.correct && fact.runs() && fact.left.is_none() && scene.truth.connected(member, contact)
    };
    scene.view(member).is_some_and(|view| !view.joined()) && !scene.world.contacts(member).any(answers)
}
