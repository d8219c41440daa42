//! Pairs (observer, subject) that are wrong, and since when.

use crate::run::Scene;
use core::time::Duration;
use ifrit_core::time::Mono;
use std::collections::BTreeMap;

/// So many wrong pairs are kept at a time; the others wait their turn.
const PAIRS: usize = 100_000;

/// Who is wrong about whom, since it was first seen so.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    since: BTreeMap<(usize, usize), Mono>,
}

impl Overdue {
    /// Looks at each settled observer's row: `wrong` gives the subjects about whom it is wrong, a bit each. Pairs of which
    /// one is disturbed, or between whom packets do not pass, begin anew. Gives those that are wrong for longer than
    /// `bound`, once each time.
    pub(super) fn look(
        &mut self,
        scene: &Scene<'_>,
        bound: Duration,
        wrong: impl Fn(usize, usize, u64) -> u64,
        counts: impl Fn(usize, usize) -> bool,
    ) -> Vec<(usize, usize)> {
        let now = scene.now();
        let mut since = BTreeMap::new();
        let mut over = Vec::new();
        for observer in (0..scene.world.len()).filter(|observer| is_settled(scene, *observer)) {
            for (word, bits) in scene.views.row(observer).iter().enumerate() {
                let mut left = wrong(observer, word, *bits);
                while left != 0 && since.len() < PAIRS {
                    let subject = word * 64 + left.trailing_zeros() as usize;
                    left &= left - 1;
                    if subject == observer || !counts(observer, subject) {
                        continue;
                    }
                    let first = self.since.get(&(observer, subject)).copied().unwrap_or(now);
                    if first != Mono::NEVER && now.since(first) > bound {
                        over.push((observer, subject));
                        since.insert((observer, subject), Mono::NEVER);
                    } else {
                        since.insert((observer, subject), first);
                    }
                }
            }
        }
        self.since = since;
        over
    }

    /// A pair that was given for nothing begins anew.
    pub(super) fn forget(&mut self, observer: usize, subject: usize) {
        self.since.remove(&(observer, subject));
    }
}

/// A healthy member that is joined.
fn is_settled(scene: &Scene<'_>, member: usize) -> bool {
    scene.truth.is_healthy(member, scene.now()) && scene.view(member).is_some_and(|view| view.joined())
}
