//! A Down member is accused on every enabled ring by its closest predecessor that is not out (R6): so that no one change of
//! neighbours voids all the evidence.
//!
//! One observer per second, in turn, once everything has been calm for twice the bound, and the member gone for as long: liars end
//! their own processes when they like. The observer is as healthy as whoever has the duty: one whose clock is wrong
//! refuses the notes of now (R9), and holds others' at epochs of which nobody speaks.

use super::{
    Found, Invariant,
    circles::{Circles, state},
};
use crate::run::Scene;
use ifrit_core::{
    time::Mono,
    view::{Charged, State, View},
};

#[derive(Debug, Default)]
pub(super) struct Duty {
    circles: Circles,
    /// By member: since when it has been healthy and joined without a break.
    ready: Vec<Option<Mono>>,
}

impl Invariant for Duty {
    fn name(&self) -> &'static str {
        "duty"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        self.ready.resize(scene.world.len(), None);
        for (member, since) in self.ready.iter_mut().enumerate() {
            let joined = scene.view(member).is_some_and(|view| view.joined());
            let ready = joined && scene.truth.is_healthy(member, scene.now());
            *since = ready.then(|| since.unwrap_or(scene.now()));
        }
        let calm = scene.truth.last_disturbance + scene.bound() * 2;
        if scene.now() < calm || scene.world.net.loss_ppm > 0 {
            return;
        }
        self.circles.fill(scene);
        for observer in scene.turn(1).filter(|observer| self.is_ready(*observer, scene)) {
            let Some(view) = scene.correct_view(observer) else { continue };
            let down =
                view.charged().filter(|case| case.member.state == State::Down && case.held_until.is_none());
            for case in down {
                self.look_at(scene, observer, &view, &case, found);
            }
        }
    }
}

impl Duty {
    fn is_ready(&self, member: usize, scene: &Scene<'_>) -> bool {
        self.ready[member].is_some_and(|since| since + scene.bound() < scene.now())
    }

    fn look_at(
        &self,
        scene: &Scene<'_>,
        observer: usize,
        view: &View<'_>,
        case: &Charged,
        found: &mut Found,
    ) {
        let subject = scene.world.index(&case.member.id);
        let crashed = scene.truth.facts[subject].crashed;
        if crashed.is_none_or(|at| scene.now() < at + scene.bound() * 2) {
            return;
        }
        for ring in case.member.mask.rings() {
            let live = |member: &usize| state(scene.world, view, *member).is_some_and(State::is_live);
            let Some(closest) = self.circles.before(ring, subject).find(live) else { continue };
            let is_there =
                case.accusations.iter().any(|charge| charge.valid && charge.accusation.ring == ring);
            if self.is_ready(closest, scene) && !is_there {
                let detail = format!(
                    "{observer} holds no accusation of {subject} on ring {ring}, which is the duty of {closest}"
                );
                found.violation(Some(closest), detail);
            }
        }
    }
}
