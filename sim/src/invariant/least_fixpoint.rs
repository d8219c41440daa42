//! The kept state equals the least fixpoint of the records held: validity, who is Down, and timers (R1, R2, R4).
//!
//! Four members per second, in turn, are computed anew from nothing.

use super::{
    Found, Invariant,
    circles::{Circles, is_clear, state},
};
use crate::run::Scene;
use ifrit_core::{
    time::Mono,
    view::{Charge, Charged, State, View},
};
use std::collections::BTreeSet;

/// Members per second.
const PER_LOOK: usize = 4;

#[derive(Debug, Default)]
pub(super) struct LeastFixpoint {
    circles: Circles,
}

impl Invariant for LeastFixpoint {
    fn name(&self) -> &'static str {
        "least-fixpoint"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        self.circles.fill(scene);
        for observer in scene.turn(PER_LOOK) {
            let Some(view) = scene.correct_view(observer) else { continue };
            let cases: Vec<_> = view.charged().collect();
            for case in &cases {
                if let Some(what) = self.wrong(scene, &view, case) {
                    let subject = scene.world.index(&case.member.id);
                    found.violation(Some(subject), format!("{observer} on {subject}: {what}"));
                }
            }
            let down = down(scene, &view);
            let least = self.least(scene, &view, &cases);
            if down != least {
                let detail = format!("{observer} holds {down:?} down; its records support {least:?}");
                found.violation(Some(observer), detail);
            }
        }
    }
}

fn down(scene: &Scene<'_>, view: &View<'_>) -> BTreeSet<usize> {
    let down = view.members().filter(|member| member.state == State::Down);
    down.map(|member| scene.world.index(&member.id)).collect()
}

impl LeastFixpoint {
    fn between(&self, scene: &Scene<'_>, charge: &Charge) -> impl Iterator<Item = usize> {
        let (accuser, accused) = (&charge.accusation.accuser, &charge.accusation.accused);
        self.circles.between(charge.accusation.ring, scene.world.index(accuser), scene.world.index(accused))
    }

    /// What of one case does not follow from its records.
    fn wrong(&self, scene: &Scene<'_>, view: &View<'_>, case: &Charged) -> Option<String> {
        for charge in &case.accusations {
            let accusation = &charge.accusation;
            if accusation.epoch != case.member.epoch {
                return Some(format!("an accusation of epoch {} at {}", accusation.epoch, case.member.epoch));
            }
            let clear = is_clear(scene.world, view, self.between(scene, charge));
            let valid = case.member.mask.enabled(accusation.ring) && clear;
            if valid != charge.valid {
                let accuser = scene.world.index(&accusation.accuser);
                let ring = accusation.ring;
                return Some(format!(
                    "{accuser}'s accusation on ring {ring} is held valid: {}, is: {valid}",
                    charge.valid
                ));
            }
        }
        let oldest = case.accusations.iter().filter_map(|charge| charge.since).min();
        let timer = oldest.map(|since| since + scene.params.answer_time());
        let runs = case.member.state.is_live();
        (runs && timer != case.deadline)
            .then(|| format!("its timer ends at {:?}, not at {timer:?}", case.deadline))
    }

    /// R2, word by word: the least S such that whoever is Down and held, or accused validly over S and those that are out for
    /// other reasons, is in S.
    fn least(&self, scene: &Scene<'_>, view: &View<'_>, cases: &[Charged]) -> BTreeSet<usize> {
        let mut least = BTreeSet::new();
        loop {
            let supports = |member: usize| match state(scene.world, view, member) {
                Some(State::Down) => least.contains(&member),
                Some(state) => !state.is_live(),
                None => true,
            };
            let joins = |case: &&Charged| {
                let mut valid = case.accusations.iter().filter(|charge| charge.valid);
                let held = case.held_until.is_some_and(|until| until != Mono(0));
                held || valid.any(|charge| self.between(scene, charge).all(supports))
            };
            let down = cases.iter().filter(|case| case.member.state == State::Down);
            let more: BTreeSet<_> =
                down.filter(joins).map(|case| scene.world.index(&case.member.id)).collect();
            if more == least {
                return least;
            }
            least = more;
        }
    }
}
