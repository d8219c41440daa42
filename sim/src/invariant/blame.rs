//! A correct member never says of a correct one that it misbehaves (R10): only what cannot be an accident is misbehaviour.

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::action::Notice;

#[derive(Debug, Default)]
pub(super) struct Blame;

impl Invariant for Blame {
    fn name(&self) -> &'static str {
        "blame"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        let Notice::Misbehaviour { peer, kind } = &what.notice else { return };
        let Some(peer) = scene.world.find(peer) else { return };
        if scene.truth.facts[peer].correct && scene.truth.facts[what.observer].correct {
            found.violation(
                Some(peer),
                format!("{} blames {peer}, which is correct: {kind:?}", what.observer),
            );
        }
    }
}
