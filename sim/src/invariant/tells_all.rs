//! Whoever listens to what it is told knows the live view: figures and reports are made from that (DESIGN section 4,
//! "Application").
//!
//! One observer per second, in turn.

use super::{Found, Invariant};
use crate::run::Scene;
use ifrit_core::view::State;

#[derive(Debug, Default)]
pub(super) struct TellsAll;

impl Invariant for TellsAll {
    fn name(&self) -> &'static str {
        "tells-all"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        for observer in scene.turn(1) {
            let Some(view) = scene.correct_view(observer) else { continue };
            // What it says of itself it need not be told.
            for subject in (0..scene.world.len()).filter(|subject| *subject != observer) {
                let held = view.state_of(&scene.world.id(subject));
                let told = scene.views.live(observer, subject);
                if held.is_some_and(State::is_live) != told {
                    let word = if told { "live" } else { "out" };
                    let detail =
                        format!("{observer} was told that {subject} is {word} and holds it {held:?}");
                    found.violation(Some(subject), detail);
                }
            }
        }
    }
}
