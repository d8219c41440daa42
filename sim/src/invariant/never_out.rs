//! A correct, connected member is never out of a correct view longer than the bound (DESIGN section 7; the promise, R17).

use super::{
    Found, Invariant,
    lost::{Circles, is_lost},
    overdue::Overdue,
};
use crate::run::Scene;
use ifrit_core::{certificate::Certificate, time::Mono, view::State};

#[derive(Debug, Default)]
pub(super) struct NeverOut {
    overdue: Overdue,
}

impl Invariant for NeverOut {
    fn name(&self) -> &'static str {
        "never-out"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        let now = scene.now();
        let mut expected = vec![0u64; scene.world.len().div_ceil(64)];
        // Whoever is gray begins anew when it is not any more.
        let counts = |subject: &usize| scene.truth.is_healthy(*subject, now) && !is_gray(scene, *subject);
        for subject in (0..scene.world.len()).filter(counts) {
            expected[subject / 64] |= 1 << (subject % 64);
        }
        let missing = |_, word: usize, row: u64| expected[word] & !row;
        let connected =
            |observer, subject| scene.truth.connected(observer, subject) && !is_lost(scene, subject);
        let over = self.overdue.look(scene, scene.bound(), missing, connected);
        let circles = (!over.is_empty()).then(|| Circles::of(scene));
        for (observer, subject) in over {
            if circles.as_ref().is_some_and(|circles| circles.are_apart(observer, subject)) {
                self.overdue.forget(observer, subject);
            } else if !is_expiring(scene, subject) {
                let state = scene.world.sees(observer, subject).map(|view| view.state);
                let detail =
                    format!("{observer} holds {subject} out for more than {:?}: {state:?}", scene.bound());
                found.violation(Some(subject), detail);
            }
        }
    }
}

/// Whether it says of itself that it is gray after a trouble of its own: it serves a probation (R8).
fn is_gray(scene: &Scene<'_>, member: usize) -> bool {
    let own = || scene.world.sees(member, member).map(|view| view.state);
    scene.truth.facts[member].trouble != Mono(0) && own() == Some(State::Gray)
}

/// Whether its certificate has ended, or may have by some clock.
fn is_expiring(scene: &Scene<'_>, member: usize) -> bool {
    let certificate = Certificate::parse(scene.world.certificate(member), scene.world.network().root());
    let wall = scene.world.wall() + scene.params.allowance;
    certificate.is_ok_and(|certificate| certificate.not_after <= wall)
}
