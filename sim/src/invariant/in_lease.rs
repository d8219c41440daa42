//! No note in a correct view is dated ahead of the clock by more than the allowance, or is past its lease (R9): judged by the
//! world's clock, give or take what the observer's own is wrong.

use super::{
    Violation,
    notes::{EachNote, Held},
};
use crate::run::Scene;
use ifrit_core::note::Note;

pub(super) const IN_LEASE: EachNote = EachNote { name: "in-lease", wrong };

fn wrong(scene: &Scene<'_>, held: &Held<'_>) -> Option<Violation> {
    let (observer, allowance) = (held.observer, scene.params.allowance);
    // A lease that was judged by a clock that was wrong then is counted down as it was judged.
    if held.told.is_none() && !scene.truth.is_healthy(observer, scene.now()) {
        return None;
    }
    let slack = held.told.unwrap_or(allowance);
    let note = Note::parse(held.view.note(&held.member)?, scene.world.network().params()).ok()?;
    let (own, world) = (scene.world.clocks(observer).wall, scene.world.wall());
    let (early, late) = (own.min(world), own.max(world));
    let ahead = note.issued() > late + allowance;
    let over = note.issued() + scene.params.lease + allowance + slack < early;
    let detail = || {
        let (whose, issued) = (held.member, note.issued().0 as i64 - world.0 as i64);
        format!("{observer} holds a note of {whose} dated {issued} ms from now")
    };
    (ahead || over).then(|| Violation { member: scene.world.find(&held.member), detail: detail() })
}
