//! The amplification that liars can cause (R3, R12): a correct member issues at most one note per Δ/2, with four at once; and in
//! a run without faults, liars get at most 2·k·N answers in ten minutes, the bound that `own` in the core states: two on each
//! ring of each correct member, of which the second disables it. Not judged where a correct member has more than t liars
//! directly before it: it pays with rebuttals without end (R17), and few members may have one liar before them on many rings.

use super::{Found, Invariant, circles::Circles};
use crate::run::Scene;
use ifrit_core::{
    limits::{NOTE_BUCKET, RING_BACK_MIN},
    time::Mono,
};

#[derive(Debug, Default)]
pub(super) struct NoteRate {
    /// By member: its life, and rebuttals counted in it.
    lives: Vec<(Option<Mono>, u64)>,
    /// Answers of earlier lives.
    past: u64,
}

impl Invariant for NoteRate {
    fn name(&self) -> &'static str {
        "note-rate"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        self.lives.resize(scene.world.len(), (None, 0));
        for member in 0..scene.world.len() {
            if scene.correct_view(member).is_none() {
                continue;
            }
            let (counters, started) =
                (scene.world.member(member).counters(), scene.truth.facts[member].started);
            let (life, answers) = &mut self.lives[member];
            if *life != started {
                self.past += *answers;
            }
            (*life, *answers) = (started, counters.rebuttals);
            let lived = scene.now().since(started.unwrap_or(Mono(0)));
            let allowed =
                lived.as_nanos() / (scene.params.delta / 2).as_nanos() + u128::from(NOTE_BUCKET) + 1;
            let notes = counters.signed - counters.accusations;
            if u128::from(notes) > allowed {
                let detail = format!("{member} issued {notes} notes in {lived:?}, {allowed} are allowed");
                found.violation(Some(member), detail);
            }
        }
    }

    fn end(&mut self, scene: &Scene<'_>, found: &mut Found) {
        let liars = scene.truth.facts.iter().filter(|fact| !fact.correct).count();
        let calm = scene.truth.last_disturbance == Mono(0) && scene.world.net.loss_ppm == 0;
        if !calm || !are_rings_kept(scene) {
            return;
        }
        let periods = scene.now().0 / RING_BACK_MIN.as_nanos() as u64 + 1;
        let correct = scene.truth.facts.len() - liars;
        let allowed = 2 * correct as u64 * u64::from(scene.params.rings) * periods;
        let answers = self.past + self.lives.iter().map(|(_, answers)| answers).sum::<u64>();
        if answers > allowed {
            let detail = format!("{liars} liars got {answers} answers, {allowed} are the bound");
            found.violation(None, detail);
        }
    }
}

/// Whether no correct member has more than t liars directly before it.
fn are_rings_kept(scene: &Scene<'_>) -> bool {
    let mut circles = Circles::default();
    circles.fill(scene);
    let lies = |member: usize| !scene.truth.facts[member].correct;
    let before = |ring, member| circles.before(ring, member).next();
    let against =
        |member| (0..scene.params.rings).filter(|ring| before(*ring, member).is_some_and(lies)).count();
    let mut correct = (0..scene.world.len()).filter(|member| !lies(*member));
    correct.all(|member| against(member) <= usize::from(scene.params.tolerance))
}
