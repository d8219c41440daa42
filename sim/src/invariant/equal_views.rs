//! After faults freeze, all correct views become equal (DESIGN section 7; R2, R13): at some moment within the bound before the
//! end all correct members that run have one digest.
//!
//! Not judged while liars are among the members that run: they may speak until the end. Nor are the views of those that are not joined since
//! nobody whom they knew answers: two of them that never met share no contact and no address.

use super::{Found, Invariant, lost::is_lost};
use crate::run::Scene;
use ifrit_core::time::Mono;
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct EqualViews {
    /// The last moment at which all were equal.
    last: Option<Mono>,
}

impl Invariant for EqualViews {
    fn name(&self) -> &'static str {
        "equal-views"
    }

    fn look(&mut self, scene: &Scene<'_>, _: &mut Found) {
        if digests(scene).len() <= 1 {
            self.last = Some(scene.now());
        }
    }

    fn end(&mut self, scene: &Scene<'_>, found: &mut Found) {
        let frozen = scene.truth.last_disturbance + scene.bound() * 2;
        let liars = scene.truth.facts.iter().any(|fact| !fact.correct && fact.runs() && fact.left.is_none());
        let calm = (0..scene.world.len()).all(|member| !scene.truth.is_disturbed(member, scene.now()));
        let lately = self.last.is_some_and(|last| last + scene.bound() >= scene.now());
        if scene.now() > frozen && calm && !liars && !lately {
            let digests = digests(scene).len();
            found.violation(None, format!("the correct members have {digests} different views"));
        }
    }
}

fn digests(scene: &Scene<'_>) -> BTreeSet<[u8; 32]> {
    let counts = |member: &usize| scene.truth.facts[*member].left.is_none() && !is_lost(scene, *member);
    let views = (0..scene.world.len()).filter(counts).filter_map(|member| scene.correct_view(member));
    views.map(|view| view.digest()).collect()
}
