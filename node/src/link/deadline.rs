//! The deadlines of all links: one each, in order.

use std::{collections::BTreeSet, time::Instant};

#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, usize)>);

impl Deadlines {
    /// Moves the deadline of `slot` from `old` to `new`.
    pub(super) fn set(&mut self, slot: usize, old: Option<Instant>, new: Option<Instant>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.0.remove(&(old, slot));
        }
        if let Some(new) = new {
            self.0.insert((new, slot));
        }
    }

    pub(super) fn first(&self) -> Option<Instant> {
        Some(self.0.first()?.0)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<usize> {
        let (at, slot) = *self.0.first()?;
        (at <= now).then(|| {
            self.0.pop_first();
            slot
        })
    }
}
