//! What must hold of every run, whatever its scenario: one file each, with its source. Always on.
//!
//! To add one: a file beside this one with a type that implements [`Invariant`], and its line in [`all`].

mod legal_masks;

use crate::{run::Scene, world::Observed};

/// Something that must hold.
pub trait Invariant: std::fmt::Debug {
    /// Its name in `violations` of the JSON line: lower case, words joined by hyphens.
    fn name(&self) -> &'static str;

    /// An application was told something. Called in order, with the world as it is right after that.
    fn told(&mut self, _scene: &Scene<'_>, _what: &Observed, _found: &mut Found) {}

    /// Once per virtual second, and once more at the end. Look at what has changed, not at everything, where that is possible:
    /// runs have up to 10⁴ members.
    fn look(&mut self, _scene: &Scene<'_>, _found: &mut Found) {}

    /// The run is over.
    fn end(&mut self, _scene: &Scene<'_>, _found: &mut Found) {}
}

/// Every invariant, fresh.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![Box::<legal_masks::LegalMasks>::default()]
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
