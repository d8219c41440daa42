//! What a member holds for its peers stays within its bounds, whoever floods it (DESIGN section 3: every queue has one; R11).
//!
//! 64 members per second, in turn.

use super::{Found, Invariant};
use crate::run::Scene;

/// Members per second.
const PER_LOOK: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Bounds;

impl Invariant for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        for member in scene.turn(PER_LOOK) {
            let Some(view) = scene.correct_view(member) else { continue };
            for (what, held, max) in view.load().each() {
                if held > max {
                    found.violation(Some(member), format!("{member} holds {held} {what}, more than {max}"));
                }
            }
        }
    }
}
