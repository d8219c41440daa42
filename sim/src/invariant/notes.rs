//! What must hold of every certificate and note in a correct view.
//!
//! Looked at when an application is told of a note, and 100 notes of one observer per second, in turn: of one that changes
//! nothing for the application nobody is told.

use super::{Found, Invariant, Violation};
use crate::{run::Scene, world::Observed};
use core::time::Duration;
use ifrit_core::{action::Notice, id::MemberId, view::View};

/// Notes of a view that are looked at in one second.
const PER_LOOK: usize = 100;

/// A member's records in the view of a correct one.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) observer: usize,
    pub(super) view: View<'a>,
    pub(super) member: MemberId,
    /// How long ago the application was told of them; `None` if it was not, and they are there.
    pub(super) told: Option<Duration>,
}

/// One thing that must hold of them.
#[derive(Debug)]
pub(super) struct EachNote {
    pub(super) name: &'static str,
    /// What is wrong, if something is.
    pub(super) wrong: fn(&Scene<'_>, &Held<'_>) -> Option<Violation>,
}

impl EachNote {
    fn look_at(&self, scene: &Scene<'_>, held: &Held<'_>, found: &mut Found) {
        found.0.extend((self.wrong)(scene, held));
    }
}

impl Invariant for EachNote {
    fn name(&self) -> &'static str {
        self.name
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        let (Notice::Up { member, .. }
        | Notice::Rebutted { member, .. }
        | Notice::Updated { member, .. }
        | Notice::Gray { member }
        | Notice::Left { member }) = &what.notice
        else {
            return;
        };
        let Some(view) = scene.correct_view(what.observer) else { return };
        let told = Some(scene.now().since(what.at));
        self.look_at(scene, &Held { observer: what.observer, view, member: *member, told }, found);
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        for observer in scene.turn(1) {
            let Some(view) = scene.correct_view(observer) else { continue };
            for subject in scene.turn(PER_LOOK) {
                let member = scene.world.id(subject);
                self.look_at(scene, &Held { observer, view, member, told: None }, found);
            }
        }
    }
}
