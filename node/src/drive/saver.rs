//! Saves what the node wants on disk: one at a time, and of each kind only the newest.

use super::{
    Runtime, Store, StoreError,
    work::{Done, Work},
};
use crate::node::Save;
use ifrit_core::time::Mono;
use std::time::Duration;

/// Wait after a failed save (disk full, say): epochs are reserved minutes ahead, so this loses nothing.
const RETRY: Duration = Duration::from_secs(5);

/// A save with the number that the node gave it.
type Numbered<T> = (u64, T);

/// Without a store everything counts as saved at once.
pub(super) struct Saver {
    store: Slot,
    ceiling: Option<Numbered<u64>>,
    records: Option<Numbered<Vec<u8>>>,
    in_flight: Option<Numbered<Save>>,
    retry_at: Option<Mono>,
}

enum Slot {
    /// Nothing is kept over a restart.
    None,
    Idle(Store),
    /// With a save in flight, or lost with one.
    Away,
}

impl Saver {
    pub(super) fn new(store: Option<Store>) -> Self {
        let store = store.map_or(Slot::None, Slot::Idle);
        Self { store, ceiling: None, records: None, in_flight: None, retry_at: None }
    }

    /// Takes an order; the number of one that is done already.
    pub(super) fn order<R: Runtime>(&mut self, work: &Work<R>, seq: u64, what: Save) -> Option<u64> {
        if matches!(self.store, Slot::None) {
            return Some(seq);
        }
        self.put(seq, what);
        if self.retry_at.is_none() {
            self.start(work);
        }
        None
    }

    /// A save has ended: the number to tell the node if it is on disk.
    pub(super) fn ended<R: Runtime>(
        &mut self,
        work: &Work<R>,
        now: Mono,
        store: Option<Store>,
        result: Result<(), StoreError>,
    ) -> Option<u64> {
        let (seq, what) = self.in_flight.take()?;
        self.store = store.map_or(Slot::Away, Slot::Idle);
        if let Err(error) = result {
            tracing::error!(%error, "not saved; trying again in {RETRY:?}");
            self.put_back(seq, what);
            self.retry_at = Some(now + RETRY);
            return None;
        }
        self.start(work);
        Some(seq)
    }

    /// When to call [`Saver::retry`].
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.retry_at
    }

    /// Tries again what failed, if it is time.
    pub(super) fn retry<R: Runtime>(&mut self, work: &Work<R>, now: Mono) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.start(work);
        }
    }

    /// Whether a save is under way, or one waits that has not failed.
    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.is_some()
    }

    fn put(&mut self, seq: u64, what: Save) {
        match what {
            Save::EpochCeiling(ceiling) => self.ceiling = Some((seq, ceiling)),
            Save::Records(records) => self.records = Some((seq, records)),
        }
    }

    /// Unless a newer one waits already.
    fn put_back(&mut self, seq: u64, what: Save) {
        match what {
            Save::EpochCeiling(ceiling) => drop(self.ceiling.get_or_insert((seq, ceiling))),
            Save::Records(records) => _ = self.records.get_or_insert((seq, records)),
        }
    }

    /// Ceilings first: notes wait for them.
    fn start<R: Runtime>(&mut self, work: &Work<R>) {
        let Slot::Idle(_) = self.store else { return };
        let ceiling = self.ceiling.take().map(|(seq, ceiling)| (seq, Save::EpochCeiling(ceiling)));
        let next =
            ceiling.or_else(|| self.records.take().map(|(seq, records)| (seq, Save::Records(records))));
        let Some((seq, what)) = next else { return };
        let Slot::Idle(mut store) = std::mem::replace(&mut self.store, Slot::Away) else { return };
        self.in_flight = Some((seq, what.clone()));
        work.blocking(
            move || {
                let result = store.save(&what);
                (store, result)
            },
            |saved| match saved {
                Some((store, result)) => Done::Saved { store: Some(store), result },
                None => Done::Saved { store: None, result: Err(StoreError) },
            },
        );
    }
}
