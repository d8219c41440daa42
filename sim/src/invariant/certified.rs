//! No uncertified id is in a view: whoever comes up has a certificate of this network for the key that the CA gave its id
//! (DESIGN section 4, "Identity"; R14).

use super::{Found, Invariant};
use crate::{run::Scene, world::Observed};
use ifrit_core::{action::Notice, certificate::Certificate};

#[derive(Debug, Default)]
pub(super) struct Certified;

impl Invariant for Certified {
    fn name(&self) -> &'static str {
        "certified"
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed, found: &mut Found) {
        let (Notice::Up { member, .. } | Notice::Rebutted { member, .. } | Notice::Updated { member, .. }) =
            &what.notice
        else {
            return;
        };
        let Some(view) = scene.correct_view(what.observer) else { return };
        let Some(der) = view.certificate(member) else { return };
        let Some(subject) = scene.world.find(member) else {
            return found.violation(
                Some(what.observer),
                format!("{} holds {member}, whom nobody enrolled", what.observer),
            );
        };
        if der == scene.world.certificate(subject) {
            return;
        }
        let (network, issued) = (scene.world.network(), scene.world.certificate(subject));
        let parse = |der| Certificate::parse(der, network.root()).ok();
        let genuine = parse(der).filter(|held| held.verify(network.root(), &*network.verifier()));
        let same = genuine.zip(parse(issued)).is_some_and(|(held, issued)| held.key() == issued.key());
        if !same {
            let detail = format!("{} holds a certificate of {subject} that is not its", what.observer);
            found.violation(Some(subject), detail);
        }
    }
}
