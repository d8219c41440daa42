//! A sorted set of small keys that costs its sharers only what they change.

use alloc::{sync::Arc, vec::Vec};

/// Keys of a run before it is cut in two: a change in a shared set copies one run and the list of runs.
const RUN_MAX: usize = if cfg!(test) { 8 } else { 64 };
/// A run shorter than this is joined with the one after it.
const RUN_MIN: usize = RUN_MAX / 4;

/// Keys in order, in runs behind `Arc`: a clone is one pointer.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<T> {
    runs: Arc<Vec<Run<T>>>,
    len: usize,
}

/// Never empty.
#[derive(Clone, Debug)]
struct Run<T> {
    /// The first key again: the search among runs stays within one array.
    first: T,
    keys: Arc<Vec<T>>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { runs: Arc::default(), len: 0 }
    }
}

impl<T: Copy + Ord> Run<T> {
    fn new(keys: Vec<T>) -> Self {
        Self { first: keys[0], keys: Arc::new(keys) }
    }
}

impl<T: Copy + Ord> Sorted<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn first(&self) -> Option<T> {
        self.runs.first().map(|run| run.first)
    }

    /// The run where `key` is or belongs; 0 if there is none yet.
    fn run_of(&self, key: &T) -> usize {
        self.runs.partition_point(|run| run.first <= *key).saturating_sub(1)
    }

    /// Whether it is new.
    pub(crate) fn insert(&mut self, key: T) -> bool {
        let at = self.run_of(&key);
        let Some(run) = self.runs.get(at) else {
            self.runs = Arc::new(alloc::vec![Run::new(alloc::vec![key])]);
            self.len = 1;
            return true;
        };
        let Err(place) = run.keys.binary_search(&key) else { return false };
        self.len += 1;
        let runs = Arc::make_mut(&mut self.runs);
        let run = &mut runs[at];
        let keys = Arc::make_mut(&mut run.keys);
        keys.insert(place, key);
        run.first = keys[0];
        if keys.len() > RUN_MAX {
            let half = keys.split_off(keys.len() / 2);
            keys.shrink_to_fit();
            runs.insert(at + 1, Run::new(half));
        }
        true
    }

    /// Whether it was in.
    pub(crate) fn remove(&mut self, key: &T) -> bool {
        let at = self.run_of(key);
        let Some(Ok(place)) = self.runs.get(at).map(|run| run.keys.binary_search(key)) else { return false };
        self.len -= 1;
        let runs = Arc::make_mut(&mut self.runs);
        let keys = Arc::make_mut(&mut runs[at].keys);
        keys.remove(place);
        match keys.first() {
            Some(first) => runs[at].first = *first,
            None => drop(runs.remove(at)),
        }
        if runs.get(at).is_some_and(|run| run.keys.len() < RUN_MIN)
            && runs.get(at + 1).is_some_and(|next| next.keys.len() <= RUN_MAX / 2)
        {
            let next = runs.remove(at + 1);
            Arc::make_mut(&mut runs[at].keys).extend_from_slice(&next.keys);
        }
        true
    }

    /// All keys, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.runs.iter().flat_map(|run| run.keys.iter().copied())
    }

    /// The keys from `from` on, in order.
    pub(crate) fn from(&self, from: T) -> impl Iterator<Item = T> + '_ {
        let at = self.run_of(&from);
        let place = self.runs.get(at).map_or(0, |run| run.keys.partition_point(|key| *key < from));
        let rest = self.runs.get(at..).unwrap_or_default().iter().flat_map(|run| run.keys.iter().copied());
        rest.skip(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_set_and_clones_keep_theirs(
            ops in prop::collection::vec((any::<bool>(), 0..200u32), 1..400),
            cloned_at in 0..400usize,
        ) {
            let (mut set, mut plain) = (Sorted::default(), BTreeSet::new());
            let mut kept = None;
            for (at, (insert, key)) in ops.into_iter().enumerate() {
                if at == cloned_at {
                    kept = Some((set.clone(), plain.clone()));
                }
                match insert {
                    true => prop_assert_eq!(set.insert(key), plain.insert(key)),
                    false => prop_assert_eq!(set.remove(&key), plain.remove(&key)),
                }
                prop_assert_eq!(set.first(), plain.first().copied());
                prop_assert_eq!(set.len(), plain.len());
                prop_assert!(set.from(key).eq(plain.range(key..).copied()));
            }
            prop_assert!(set.iter().eq(plain.iter().copied()));
            prop_assert!(set.runs.iter().all(|run| run.first == run.keys[0] && run.keys.len() <= RUN_MAX));
            if let Some((set, plain)) = kept {
                prop_assert!(set.iter().eq(plain));
            }
        }
    }
}
