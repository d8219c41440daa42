//! Whose standing changed: whom to watch follows from few members, so most changes need no new look along the rings.

use super::Ix;
use alloc::vec::Vec;

/// More are all: a bound on memory, and by then somebody near is among them.
const SOME_MAX: usize = 256;

/// The members whose note, standing or accusations changed since the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    all: bool,
    some: Vec<Ix>,
}

impl Touched {
    /// Anybody may have changed.
    pub(crate) fn all() -> Self {
        Self { all: true, some: Vec::new() }
    }

    pub(super) fn add(&mut self, ix: Ix) {
        if self.all || self.some.last() == Some(&ix) {
            return;
        }
        self.some.push(ix);
        if self.some.len() > SOME_MAX {
            *self = Self::all();
        }
    }

    /// Whether one of `members`, which are sorted, may have changed.
    pub(crate) fn any_of(&self, members: &[Ix]) -> bool {
        self.all || self.some.iter().any(|ix| members.binary_search(ix).is_ok())
    }
}
