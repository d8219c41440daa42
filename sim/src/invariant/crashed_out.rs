//! A member that crashed, left or was revoked is out of all correct views within the bound, for good (DESIGN section 7; R5, R6, R14).
//! Of a revocation nobody can know before the CA's list is on its side of a partition.

use super::{Found, Invariant, overdue::Overdue};
use crate::run::{Fact, Scene};

#[derive(Debug, Default)]
pub(super) struct CrashedOut {
    overdue: Overdue,
}

impl Invariant for CrashedOut {
    fn name(&self) -> &'static str {
        "crashed-out"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        let mut gone = vec![0u64; scene.world.len().div_ceil(64)];
        for (subject, _) in scene.truth.facts.iter().enumerate().filter(|(_, fact)| is_gone(fact)) {
            gone[subject / 64] |= 1 << (subject % 64);
        }
        if gone.iter().all(|word| *word == 0) {
            // Whoever was gone is back: when it goes again its time begins anew.
            self.overdue = Overdue::default();
            return;
        }
        let present = |_, word: usize, row: u64| gone[word] & row;
        let hears = |observer, subject| scene.truth.hears_of(observer, subject);
        for (observer, subject) in self.overdue.look(scene, scene.bound(), present, hears) {
            let detail =
                format!("{observer} holds {subject} live, which is gone for more than {:?}", scene.bound());
            found.violation(Some(subject), detail);
        }
    }
}

fn is_gone(fact: &Fact) -> bool {
    fact.started.is_some() && (fact.crashed.is_some() || fact.left.is_some())
}
