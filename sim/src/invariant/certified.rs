//! No uncertified id is in a view: whoever is in one has a certificate of this network for the key that the CA gave its id
//! (DESIGN section 4, "Identity"; R14).
//!
//! Looked at when an application is told of a note, and 100 notes of one observer per second, in turn.

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::{certificate::Certificate, id::MemberId, view::View};

#[derive(Debug, Default)]
pub(super) struct Certified;

impl Invariant for Certified {
    fn name(&self) -> &'static str {
        "certified"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        if let Some((view, member)) = scene.taken(what) {
            look_at(scene, what.observer, &view, &member, found);
        }
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        scene.held().for_each(|(observer, view, member)| look_at(scene, observer, &view, &member, found));
    }
}

fn look_at(scene: &Scene<'_>, observer: usize, view: &View<'_>, member: &MemberId, found: &mut Found) {
    let Some(der) = view.certificate(member) else { return };
    let Some(subject) = scene.world.find(member) else {
        return found.violation(Some(observer), format!("{observer} holds {member}, whom nobody enrolled"));
    };
    if der == scene.world.certificate(subject) {
        return;
    }
    let (network, issued) = (scene.world.network(), scene.world.certificate(subject));
    let parse = |der| Certificate::parse(der, network.root()).ok();
    let genuine = parse(der).filter(|held| held.verify(network.root(), &*network.verifier()));
    let same = genuine.zip(parse(issued)).is_some_and(|(held, issued)| held.key() == issued.key());
    if !same {
        found
            .violation(Some(subject), format!("{observer} holds a certificate of {subject} that is not its"));
    }
}
