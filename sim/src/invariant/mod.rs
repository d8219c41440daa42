//! What must hold of every run, whatever its scenario: one file each, with its source. Always on.
//!
//! To add one: a file beside this one with a type that implements [`Invariant`], and its line in [`all`].
//!
//! Checks judge by computations of their own, not by the core's: `circles` has the rings, `overdue` the age of what is
//! wrong. What costs more than a change is worth is looked at for a few members per virtual second, in turn; the file says so.

mod blame;
mod bounds;
mod certified;
mod circles;
mod confirmed;
mod crashed_out;
mod dials;
mod duty;
mod epochs;
mod equal_roots;
mod equal_views;
mod in_lease;
mod least_fixpoint;
mod legal_masks;
mod lost;
mod never_out;
mod note_rate;
mod notes;
mod overdue;
mod rings_off;
mod tells_all;
mod valid_accusations;

use crate::{run::Scene, world::Observed};
use core::time::Duration;
use ifrit_core::view::View;

/// Something that must hold.
pub trait Invariant: std::fmt::Debug {
    /// Its name in `violations` of the JSON line: lower case, words joined by hyphens.
    fn name(&self) -> &'static str;

    /// An application was told something. Called in order, with the world as it is right after that, or a little later.
    fn told(&mut self, _scene: &Scene<'_>, _what: &Observed, _found: &mut Found) {}

    /// Once per virtual second, and once more at the end. Look at what has changed, not at everything, where that is possible:
    /// runs have up to 10⁴ members.
    fn look(&mut self, _scene: &Scene<'_>, _found: &mut Found) {}

    /// The run is over.
    fn end(&mut self, _scene: &Scene<'_>, _found: &mut Found) {}
}

/// Every invariant, fresh.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<never_out::NeverOut>::default(),
        Box::<crashed_out::CrashedOut>::default(),
        Box::<valid_accusations::ValidAccusations>::default(),
        Box::<epochs::Epochs>::default(),
        Box::new(certified::CERTIFIED),
        Box::new(legal_masks::LEGAL_MASKS),
        Box::<least_fixpoint::LeastFixpoint>::default(),
        Box::<equal_roots::EqualRoots>::default(),
        Box::<bounds::Bounds>::default(),
        Box::<note_rate::NoteRate>::default(),
        Box::<equal_views::EqualViews>::default(),
        Box::new(in_lease::IN_LEASE),
        Box::<blame::Blame>::default(),
        Box::<rings_off::RingsOff>::default(),
        Box::<duty::Duty>::default(),
        Box::<dials::Dials>::default(),
        Box::<confirmed::Confirmed>::default(),
        Box::<tells_all::TellsAll>::default(),
    ]
}

/// What one invariant has found; the runner keeps the first 20 of each.
#[derive(Debug, Default)]
pub struct Found(Vec<Violation>);

impl Found {
    /// Something does not hold: whose fault or view it is, and what was seen, in a sentence.
    pub fn violation(&mut self, member: Option<usize>, detail: impl Into<String>) {
        self.0.push(Violation { member, detail: detail.into() });
    }

    /// Takes what was found since the last call.
    pub fn take(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.0)
    }
}

/// One thing that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The member that it is about, if it is about one.
    pub member: Option<usize>,
    /// What was seen.
    pub detail: String,
}

impl Scene<'_> {
    /// The view of a running member, alone or inside a whole one.
    fn view(&self, member: usize) -> Option<View<'_>> {
        self.world.running_member(member).map(|member| member.view())
    }

    /// The view of a member that keeps to the protocol.
    fn correct_view(&self, member: usize) -> Option<View<'_>> {
        self.view(member).filter(|_| self.truth.facts[member].correct)
    }

    /// What a change may take until it is seen everywhere: the network's detection bound, twice that if more than 5 % of
    /// all packets are lost, and the last pushes.
    fn bound(&self) -> Duration {
        let lossy = u32::from(self.world.net.loss_ppm > 50_000);
        self.params.detection * (1 + lossy) + self.params.delta * 4
    }

    /// A few of the members, others each second: sampled checks take these.
    fn turn(&self, many: usize) -> impl Iterator<Item = usize> + use<> {
        let (len, second) = (self.world.len(), self.now().0 / 1_000_000_000);
        let first = usize::try_from(second).expect("64 bits") * many;
        (0..many.min(len)).map(move |n| (first + n) % len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        run::{Fact, Truth},
        views::Views,
        world::{Setup, World},
    };
    use ifrit_core::time::Mono;

    #[test]
    fn invariants_look_into_cores_and_into_whole_members() {
        for setup in [Setup::new(3, 1).rings(3), Setup::new(3, 1).rings(3).whole()] {
            let world = World::bootstrapped(setup);
            let fact = Fact {
                correct: true,
                started: Some(Mono(0)),
                crashed: None,
                left: None,
                trouble: Mono(0),
                group: 0,
                revoked: None,
                list: 0,
            };
            let truth = Truth {
                facts: vec![fact; 3],
                grace: Duration::ZERO,
                last_disturbance: Mono(0),
                oneway: false,
            };
            let (views, params) = (Views::full(3, world.now()), world.params());
            let scene = Scene { world: &world, truth: &truth, views: &views, params: &params };
            assert!((0..3).all(|member| scene.correct_view(member).is_some()));
            assert!((0..3).all(|member| world.own_mask(member).is_some()));
            let certificates: usize = (0..3).map(|member| world.certificate(member).len()).sum();
            assert!(world.records_bytes() as usize > certificates, "notes count too");
        }
    }
}
