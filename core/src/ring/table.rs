//! One ring: a sorted list cut into runs behind `Arc`.

use super::{Entry, Ids, Order, Place};
use crate::id::MemberId;
use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

/// Entries of a run before it is cut: a change copies at most 2 kB, and the runs' own cost stays below 3 % of the entries'.
/// Tests cut early, so that small rings have many runs.
pub(super) const RUN_MAX: usize = if cfg!(test) { 8 } else { 256 };
/// Entries that a run gets when a longer one is cut: room for growth without a cut.
const RUN_CUT: usize = RUN_MAX / 4 * 3;
/// A run shorter than this is joined with its neighbour, so that shrinking leaves no crumbs.
pub(super) const RUN_MIN: usize = RUN_MAX / 4;

/// A run of entries in ring order; never empty. It is replaced, never edited: no slack, and sharers keep theirs.
#[derive(Clone)]
pub(super) struct Run {
    /// The prefix of the first entry: the search among runs stays within one array.
    first: u32,
    pub(super) entries: Arc<[Entry]>,
}

impl Run {
    fn new(entries: &[Entry]) -> Self {
        Self { first: entries[0].prefix, entries: entries.into() }
    }
}

/// A gap between entries: before entry `at` of run `run`. The end is the start of the run that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    run: usize,
    at: usize,
}

impl Gap {
    pub(super) const START: Self = Self { run: 0, at: 0 };
}

/// One ring.
#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) runs: Arc<Vec<Run>>,
}

impl Table {
    pub(super) fn insert<I: Ids + ?Sized>(&mut self, order: &Order<'_, I>, index: u32) -> bool {
        let place = order.place(order.ids.id(index));
        let entry = order.entry(index, &place.position);
        let Some((run, found)) = self.find(order, &place) else {
            self.replace(0..0, &[entry]);
            return true;
        };
        let Err(at) = found else { return false };
        let entries = &self.runs[run].entries;
        let mut grown = Vec::with_capacity(entries.len() + 1);
        grown.extend_from_slice(&entries[..at]);
        grown.push(entry);
        grown.extend_from_slice(&entries[at..]);
        self.replace(run..run + 1, &grown);
        true
    }

    /// How many of `indices` are new.
    pub(super) fn insert_batch<I: Ids + ?Sized>(&mut self, order: &Order<'_, I>, indices: &[u32]) -> usize {
        let entry = |index: &u32| order.entry(*index, &order.place(order.ids.id(*index)).position);
        let mut batch: Vec<Entry> = indices.iter().map(entry).collect();
        batch.sort_unstable_by(|a, b| order.cmp(a, b));
        batch.dedup_by(|a, b| order.cmp(a, b).is_eq());
        let mut rest = batch.as_slice();
        let mut old = core::mem::take(Arc::make_mut(&mut self.runs)).into_iter();
        let (mut runs, mut added) = (Vec::with_capacity(old.len()), 0);
        let mut merged = Vec::new();
        while let Some(first) = rest.first() {
            // An entry before all others belongs to the first run.
            let begun = old.as_slice().partition_point(|run| {
                run.first < first.prefix
                    || run.first == first.prefix && order.cmp(&run.entries[0], first).is_le()
            });
            runs.extend(old.by_ref().take(begun.saturating_sub(1)));
            let Some(run) = old.next() else { break };
            let here = match old.as_slice().first() {
                Some(next) => rest.partition_point(|entry| order.cmp(entry, &next.entries[0]).is_lt()),
                None => rest.len(),
            };
            let (batch, later) = rest.split_at(here);
            rest = later;
            merged.clear();
            merge(order, &run.entries, batch, &mut merged);
            added += merged.len() - run.entries.len();
            runs.extend(cut(&merged));
        }
        runs.extend(old);
        // Only an empty ring leaves a rest.
        added += rest.len();
        runs.extend(cut(rest));
        self.runs = Arc::new(runs);
        added
    }

    pub(super) fn remove<I: Ids + ?Sized>(&mut self, order: &Order<'_, I>, id: &MemberId) -> bool {
        let Some((run, Ok(at))) = self.find(order, &order.place(id)) else { return false };
        let entries = &self.runs[run].entries;
        let mut left = [&entries[..at], &entries[at + 1..]].concat();
        let mut range = run..run + 1;
        if left.len() < RUN_MIN && self.runs.len() > 1 {
            match self.runs.get(run + 1) {
                Some(next) => {
                    left.extend_from_slice(&next.entries);
                    range.end += 1;
                }
                None => {
                    range.start -= 1;
                    left.splice(0..0, self.runs[range.start].entries.iter().copied());
                }
            }
        }
        self.replace(range, &left);
        true
    }

    /// The gaps before and after `place`: the same one if nobody is there.
    pub(super) fn around<I: Ids + ?Sized>(&self, order: &Order<'_, I>, place: &Place<'_>) -> (Gap, Gap) {
        match self.find(order, place) {
            None => (Gap::START, Gap::START),
            Some((run, Ok(at))) => (self.gap(run, at), self.gap(run, at + 1)),
            Some((run, Err(at))) => (self.gap(run, at), self.gap(run, at)),
        }
    }

    /// The gap after the last entry.
    pub(super) fn end(&self) -> Gap {
        Gap { run: self.runs.len(), at: 0 }
    }

    /// The members between two gaps, `from` not after `to`.
    pub(super) fn span(&self, from: Gap, to: Gap) -> Span<'_> {
        Span { runs: &self.runs, from, to }
    }

    /// The run where `place` belongs and its place there, taken or free; `None` in an empty ring.
    fn find<I: Ids + ?Sized>(
        &self,
        order: &Order<'_, I>,
        place: &Place<'_>,
    ) -> Option<(usize, Result<usize, usize>)> {
        let prefix = order.prefix(&place.position);
        let begins_after = self.runs.partition_point(|run| {
            let cmp = run.first.cmp(&prefix);
            cmp.then_with(|| order.cmp_full(run.entries[0].index, place)).is_le()
        });
        let run = begins_after.saturating_sub(1);
        let entries = &self.runs.get(run)?.entries;
        Some((run, entries.binary_search_by(|entry| order.cmp_place(entry, place))))
    }

    fn gap(&self, run: usize, at: usize) -> Gap {
        match at < self.runs[run].entries.len() {
            true => Gap { run, at },
            false => Gap { run: run + 1, at: 0 },
        }
    }

    fn replace(&mut self, range: Range<usize>, entries: &[Entry]) {
        let runs = Arc::make_mut(&mut self.runs);
        match range.len() == 1 && (1..=RUN_MAX).contains(&entries.len()) {
            true => runs[range.start] = Run::new(entries),
            false => drop(runs.splice(range, cut(entries))),
        }
    }
}

/// Even runs of at most [`RUN_MAX`] entries.
fn cut(entries: &[Entry]) -> impl Iterator<Item = Run> {
    let pieces = match entries.len() {
        ..=RUN_MAX => 1,
        len => len.div_ceil(RUN_CUT),
    };
    entries.chunks(entries.len().div_ceil(pieces).max(1)).map(Run::new)
}

/// Appends both sorted lists as one; of equal entries `old`'s. Few come to many: what lies between them is copied in one
/// piece.
fn merge<I: Ids + ?Sized>(order: &Order<'_, I>, mut old: &[Entry], new: &[Entry], out: &mut Vec<Entry>) {
    for entry in new {
        let (before, after) = old.split_at(old.partition_point(|held| order.cmp(held, entry).is_lt()));
        out.extend_from_slice(before);
        if after.first().is_none_or(|held| order.cmp(held, entry).is_ne()) {
            out.push(*entry);
        }
        old = after;
    }
    out.extend_from_slice(old);
}

/// The members between two gaps, from both ends.
#[derive(Clone)]
pub(super) struct Span<'a> {
    runs: &'a [Run],
    from: Gap,
    to: Gap,
}

impl Iterator for Span<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.from == self.to {
            return None;
        }
        let Gap { run, at } = self.from;
        let entries = &self.runs[run].entries;
        self.from =
            if at + 1 < entries.len() { Gap { run, at: at + 1 } } else { Gap { run: run + 1, at: 0 } };
        Some(entries[at].index)
    }
}

impl DoubleEndedIterator for Span<'_> {
    fn next_back(&mut self) -> Option<u32> {
        if self.from == self.to {
            return None;
        }
        if self.to.at == 0 {
            self.to.run -= 1;
            self.to.at = self.runs[self.to.run].entries.len();
        }
        self.to.at -= 1;
        Some(self.runs[self.to.run].entries[self.to.at].index)
    }
}
