//! No note in a correct view is dated ahead of the clock by more than the allowance, or is past its lease (R9): judged by the
//! world's clock, give or take what the observer's own is wrong, when the note comes.

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::{action::Notice, note::Note};

#[derive(Debug, Default)]
pub(super) struct InLease;

impl Invariant for InLease {
    fn name(&self) -> &'static str {
        "in-lease"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        let (Notice::Up { member, .. } | Notice::Rebutted { member, .. } | Notice::Updated { member, .. }) =
            &what.notice
        else {
            return;
        };
        let Some(view) = scene.correct_view(what.observer) else { return };
        let Some(Ok(note)) = view.note(member).map(|note| Note::parse(note, scene.world.network().params()))
        else {
            return;
        };
        let (early, late) = {
            let (own, world) = (scene.world.clocks(what.observer).wall, scene.world.wall());
            (own.min(world), own.max(world))
        };
        let since_told = scene.now().since(what.at);
        let ahead = note.issued() > late + scene.params.allowance;
        let over = note.issued() + scene.params.lease + scene.params.allowance + since_told < early;
        if ahead || over {
            let issued = note.issued().0 as i64 - scene.world.wall().0 as i64;
            let detail = format!("{} took a note of {member} dated {issued} ms from now", what.observer);
            found.violation(scene.world.find(member), detail);
        }
    }
}
