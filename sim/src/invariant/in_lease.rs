//! No note in a correct view is dated ahead of the clock by more than the allowance, or is past its lease (R9): judged by the
//! world's clock, give or take what the observer's own is wrong.
//!
//! Looked at when an application is told of a note, and 100 notes of one healthy observer per second, in turn.

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use core::time::Duration;
use ifrit_core::{id::MemberId, note::Note, view::View};

#[derive(Debug, Default)]
pub(super) struct InLease;

impl Invariant for InLease {
    fn name(&self) -> &'static str {
        "in-lease"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        if let Some((view, member)) = scene.taken(what) {
            look_at(scene, what.observer, &view, &member, scene.now().since(what.at), found);
        }
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        // A lease that was judged by a clock that was wrong then is counted down as it was judged.
        let slack = scene.params.allowance;
        let calm = |(observer, ..): &(usize, _, _)| scene.truth.is_healthy(*observer, scene.now());
        scene
            .held()
            .filter(calm)
            .for_each(|(observer, view, member)| look_at(scene, observer, &view, &member, slack, found));
    }
}

fn look_at(
    scene: &Scene<'_>,
    observer: usize,
    view: &View<'_>,
    member: &MemberId,
    slack: Duration,
    found: &mut Found,
) {
    let Some(Ok(note)) = view.note(member).map(|note| Note::parse(note, scene.world.network().params()))
    else {
        return;
    };
    let (own, world) = (scene.world.clocks(observer).wall, scene.world.wall());
    let (early, late) = (own.min(world), own.max(world));
    let ahead = note.issued() > late + scene.params.allowance;
    let over = note.issued() + scene.params.lease + scene.params.allowance + slack < early;
    if ahead || over {
        let issued = note.issued().0 as i64 - world.0 as i64;
        found.violation(
            scene.world.find(member),
            format!("{observer} holds a note of {member} dated {issued} ms from now"),
        );
    }
}
