//! No uncertified id is in a view: whoever is in one has a certificate of this network for the key that the CA gave its id
//! (DESIGN section 4, "Identity"; R14).

use super::{
    Violation,
    notes::{EachNote, Held},
};
use crate::run::Scene;
use ifrit_core::certificate::Certificate;

pub(super) const CERTIFIED: EachNote = EachNote { name: "certified", wrong };

fn wrong(scene: &Scene<'_>, held: &Held<'_>) -> Option<Violation> {
    let Held { observer, view, member, .. } = held;
    let der = view.certificate(member)?;
    let Some(subject) = scene.world.find(member) else {
        let detail = format!("{observer} holds {member}, whom nobody enrolled");
        return Some(Violation { member: Some(*observer), detail });
    };
    let (network, issued) = (scene.world.network(), scene.world.certificate(subject));
    if der == issued {
        return None;
    }
    let parse = |der| Certificate::parse(der, network.root()).ok();
    let genuine = parse(der).filter(|held| held.verify(network.root(), &*network.verifier()));
    let same = genuine.zip(parse(issued)).is_some_and(|(held, issued)| held.key() == issued.key());
    let detail = || format!("{observer} holds a certificate of {subject} that is not its");
    (!same).then(|| Violation { member: Some(subject), detail: detail() })
}
