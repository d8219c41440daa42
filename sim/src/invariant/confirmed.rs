//! A newcomer that knows fewer contacts than the promise asks for never takes itself for confirmed (R16): one liar may have shown
//! it a world of liars.

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::action::Notice;

#[derive(Debug, Default)]
pub(super) struct Confirmed;

impl Invariant for Confirmed {
    fn name(&self) -> &'static str {
        "confirmed"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        let Notice::Joined { unconfirmed: false } = what.notice else { return };
        let contacts = scene.world.seeds(what.observer).len();
        let too_few = (1..scene.params.contacts).contains(&contacts);
        if too_few && !scene.world.had_records(what.observer) && scene.truth.facts[what.observer].correct {
            let detail = format!(
                "{} is joined through {contacts} of {} contacts",
                what.observer, scene.params.contacts
            );
            found.violation(Some(what.observer), detail);
        }
    }
}
