//! Saves what the node wants on disk: one at a time, and of each kind only the newest.

use super::{
    Runtime,
    work::{Done, Work},
};
use crate::{
    node::Save,
    store::{Store, StoreError},
};
use ifrit_core::time::Mono;
use std::{mem, time::Duration};

/// Wait after a failed save (disk full, say): epochs are reserved minutes ahead, so this loses nothing.
const RETRY: Duration = Duration::from_secs(5);
/// Of saves that fail one after the other, every so many is logged: one a minute.
const TOLD_EVERY: u64 = 12;

/// Something to save. It stands for the older ones of its kind that it replaced.
pub(super) struct Order {
    /// The node's numbers, to be told back. Records keep only their newest; of ceilings there is one per block of
    /// epochs, so that a disk that fails for a day costs some kB.
    seqs: Vec<u64>,
    what: Save,
}

/// A save that has ended.
pub(super) struct Saved {
    store: Box<Store>,
    order: Order,
    result: Result<(), StoreError>,
}

/// Without a store everything counts as saved at once.
pub(super) struct Saver {
    store: Slot,
    ceiling: Option<Order>,
    records: Option<Order>,
    root: Option<Order>,
    certificate: Option<Order>,
    retry_at: Option<Mono>,
    /// Saves that failed since the last good one.
    failed: u64,
}

enum Slot {
    /// Nothing is kept over a restart.
    None,
    Idle(Box<Store>),
    Saving,
    /// A save panicked and took it along.
    Lost,
}

impl Saver {
    pub(super) fn new(store: Option<Store>) -> Self {
        let store = store.map_or(Slot::None, |store| Slot::Idle(Box::new(store)));
        let (ceiling, records, root, certificate) = (None, None, None, None);
        Self { store, ceiling, records, root, certificate, retry_at: None, failed: 0 }
    }

    /// Takes an order; the number of one that is done already.
    pub(super) fn order<R: Runtime>(&mut self, work: &Work<R>, seq: u64, what: Save) -> Option<u64> {
        match self.store {
            Slot::None => return Some(seq),
            Slot::Lost => return None,
            Slot::Idle(_) | Slot::Saving => self.line(Order { seqs: vec![seq], what }),
        }
        if self.retry_at.is_none() {
            self.start(work);
        }
        None
    }

    /// A save has ended: the numbers to tell the node if it is on disk.
    pub(super) fn ended<R: Runtime>(&mut self, work: &Work<R>, now: Mono, saved: Option<Saved>) -> Vec<u64> {
        let Some(Saved { store, order, result }) = saved else {
            tracing::error!("a save panicked: nothing is saved any more");
            self.store = Slot::Lost;
            return Vec::new();
        };
        self.store = Slot::Idle(store);
        if let Err(error) = result {
            if self.failed.is_multiple_of(TOLD_EVERY) {
                let tries = self.failed + 1;
                tracing::error!(%error, tries, "not saved, trying again every {RETRY:?}: the member goes on without");
            }
            self.failed += 1;
            self.line_up_again(order);
            self.retry_at = Some(now + RETRY);
            return Vec::new();
        }
        if mem::take(&mut self.failed) > 0 {
            tracing::warn!("saved again");
        }
        self.start(work);
        order.seqs
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

    /// Whether a save is under way; what waits follows at once.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.store, Slot::Saving)
    }

    /// `newer` takes the place of what waits.
    fn line(&mut self, mut newer: Order) {
        let place = self.place(&newer.what);
        if let Some(older) = place.take() {
            newer.stand_for(older);
        }
        *place = Some(newer);
    }

    /// What waits by now takes the place of `failed`.
    fn line_up_again(&mut self, failed: Order) {
        match self.place(&failed.what) {
            Some(newer) => newer.stand_for(failed),
            empty => *empty = Some(failed),
        }
    }

    fn place(&mut self, what: &Save) -> &mut Option<Order> {
        match what {
            Save::EpochCeiling(_) => &mut self.ceiling,
            Save::Records(_) => &mut self.records,
            Save::Certificate(_) => &mut self.certificate,
            Save::Root(_) => &mut self.root,
        }
    }

    /// Ceilings first: notes wait for them. A root before a certificate of it: alone that would fit nothing.
    fn start<R: Runtime>(&mut self, work: &Work<R>) {
        if !matches!(self.store, Slot::Idle(_)) {
            return;
        }
        let lines = [&mut self.ceiling, &mut self.root, &mut self.certificate, &mut self.records];
        let next = lines.into_iter().find_map(Option::take);
        let Some(order) = next else { return };
        let Slot::Idle(mut store) = mem::replace(&mut self.store, Slot::Saving) else { return };
        let save = move || {
            let result = store.save(&order.what);
            Saved { store, order, result }
        };
        work.blocking(save, Done::Saved);
    }
}

impl Order {
    fn stand_for(&mut self, older: Self) {
        if let Save::EpochCeiling(_) = self.what {
            self.seqs.splice(0..0, older.seqs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::testing::AtOnce;

    fn ceiling(dir: &tempfile::TempDir) -> u64 {
        Store::open(dir.path()).expect("free").load().stored.epoch_ceiling
    }

    #[test]
    fn one_save_is_in_flight_and_the_newest_of_its_kind_wins() {
        let dir = tempfile::tempdir().expect("a directory");
        let (work, done) = Work::new(AtOnce);
        let mut saver = Saver::new(Some(Store::open(dir.path()).expect("new")));
        for n in 1..=4 {
            assert_eq!(saver.order(&work, n, Save::EpochCeiling(n * 1_000)), None);
        }
        assert!(saver.order(&work, 5, Save::Records(vec![1])).is_none() && saver.is_busy());
        let mut told = Vec::new();
        while let Ok(ended) = done.try_recv() {
            assert!(done.is_empty(), "one at a time");
            let Done::Saved(saved) = ended else { panic!("nothing else was asked for") };
            told.push(saver.ended(&work, Mono(0), saved));
        }
        assert_eq!(told, [vec![1], vec![2, 3, 4], vec![5]]);
        drop(saver);
        assert_eq!(ceiling(&dir), 4_000);
    }

    #[test]
    fn r14_a_root_is_saved_before_a_certificate_of_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let (work, done) = Work::new(AtOnce);
        let mut saver = Saver::new(Some(Store::open(dir.path()).expect("new")));
        // While one is under way the others wait, in whatever order they came.
        assert_eq!(saver.order(&work, 1, Save::EpochCeiling(1_000)), None);
        assert_eq!(saver.order(&work, 2, Save::Certificate(vec![1])), None);
        assert_eq!(saver.order(&work, 3, Save::Root(vec![2])), None);
        let mut order = Vec::new();
        while let Ok(Done::Saved(Some(saved))) = done.try_recv() {
            order.push(saved.order.seqs[0]);
            // What is in them does not matter.
            saver.ended(&work, Mono(0), Some(Saved { result: Ok(()), ..saved }));
        }
        assert_eq!(order, [1, 3, 2], "a certificate alone would fit nothing");
    }

    #[test]
    fn a_failed_save_is_tried_again_and_told_only_when_it_is_on_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let (work, done) = Work::new(AtOnce);
        let mut saver = Saver::new(Some(Store::open(dir.path()).expect("new")));
        assert_eq!(saver.order(&work, 1, Save::EpochCeiling(1_000)), None);
        let Ok(Done::Saved(Some(saved))) = done.try_recv() else { panic!("it was saved") };
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let failed = Err(StoreError::Io { path: dir.path().into(), source: full });
        assert!(saver.ended(&work, Mono(0), Some(Saved { result: failed, ..saved })).is_empty());
        assert_eq!(saver.order(&work, 2, Save::EpochCeiling(2_000)), None);
        saver.retry(&work, Mono(0));
        assert!(done.is_empty(), "not before its time");
        saver.retry(&work, saver.deadline().expect("a retry"));
        let Ok(Done::Saved(saved)) = done.try_recv() else { panic!("it was tried again") };
        assert_eq!(saver.ended(&work, Mono(0), saved), [1, 2]);
        assert_eq!(saver.deadline(), None);
        drop(saver);
        assert_eq!(ceiling(&dir), 2_000);
    }

    #[test]
    fn without_a_store_everything_counts_as_saved() {
        let (work, done) = Work::new(AtOnce);
        assert_eq!(Saver::new(None).order(&work, 7, Save::EpochCeiling(1)), Some(7));
        assert!(done.is_empty());
    }
}
