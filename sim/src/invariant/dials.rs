//! A member is dialled by each other at most once per 5 s (R12), as a seed it may be besides: no liar's note makes others' packets rain on
//! somebody.
//!
//! Looked at every ten seconds.

use super::{Found, Invariant};
use crate::run::Scene;
use ifrit_core::{limits::DIAL_WAIT_MIN, time::Mono};
use std::collections::BTreeMap;

/// Seconds between two looks.
const EVERY: u64 = 10;

#[derive(Debug, Default)]
pub(super) struct Dials {
    at: Mono,
    before: BTreeMap<(usize, usize), u64>,
}

impl Invariant for Dials {
    fn name(&self) -> &'static str {
        "dials"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        let span = scene.now().since(self.at);
        if span.as_secs() < EVERY {
            return;
        }
        // One that was due at the beginning, and one that a handshake from the other side set free.
        let allowed = span.as_secs().div_ceil(DIAL_WAIT_MIN.as_secs()) + 2;
        for (pair, dials) in scene.world.dialed() {
            let before = self.before.insert(*pair, *dials).unwrap_or(0);
            let (from, to) = *pair;
            let restarted = scene.truth.facts[from].started.is_some_and(|started| started >= self.at);
            if dials - before > allowed && !restarted && scene.truth.facts[from].correct {
                found.violation(
                    Some(from),
                    format!("{from} dialled {to} {} times in {span:?}", dials - before),
                );
            }
        }
        self.at = scene.now();
    }
}
