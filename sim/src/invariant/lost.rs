//! Who is promised nothing: whoever knew nobody that answers.

use crate::run::Scene;

/// Whether it is not joined and knew no correct member that runs where packets reach it when it started: it is not joined, by R16,
/// nobody need know of it soon, and it need not know what others do. The only seed of a boot may lie, or crash before everybody
/// has spoken to it; all on a disk may have crashed, and then others try it now and then (heal).
pub(super) fn is_lost(scene: &Scene<'_>, member: usize) -> bool {
    let answers = |contact: usize| is_there(scene, contact) && scene.truth.connected(member, contact);
    scene.view(member).is_some_and(|view| !view.joined()) && !scene.world.contacts(member).any(answers)
}

fn is_there(scene: &Scene<'_>, member: usize) -> bool {
    let fact = &scene.truth.facts[member];
    fact.correct && fact.runs() && fact.left.is_none()
}

/// The circles of correct members that run: who knew the other when it started, or holds it in its view in whatever state, is in one.
/// Between two of them no rule can do anything: a boot's only seed may crash when some have spoken to it, and each of them with
/// others that have not heard of the rest. O(N²): only for those about to be blamed.
pub(super) struct Circles(Vec<usize>);

impl Circles {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let len = scene.world.len();
        let mut circles = Self((0..len).collect());
        for member in (0..len).filter(|member| is_there(scene, *member)) {
            let known = (0..len).filter(|other| scene.world.sees(member, *other).is_some());
            for other in scene.world.contacts(member).chain(known).filter(|other| is_there(scene, *other)) {
                let (one, two) = (circles.root(member), circles.root(other));
                circles.0[one] = two;
            }
        }
        circles
    }

    pub(super) fn are_apart(&self, one: usize, other: usize) -> bool {
        self.root(one) != self.root(other)
    }

    fn root(&self, member: usize) -> usize {
        let mut at = member;
        while self.0[at] != at {
            at = self.0[at];
        }
        at
    }
}
