//! One neighbour: what it is to be told and given, and what was asked of it.

use super::bucket::Bucket;
use crate::limits::*;
use ifrit_core::{broadcast::RunId, time::Mono};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

/// What a neighbour has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Give {
    Body(RunId, u64),
    /// What it asked for is not here: what is, instead.
    Range(RunId),
}

#[derive(Debug)]
pub(super) struct Peer {
    /// Runs whose range it is to be told, each once.
    untold: VecDeque<RunId>,
    is_untold: BTreeSet<RunId>,
    /// What it is given, in the order that it asked.
    pub(super) gives: VecDeque<Give>,
    pub(super) given: Bucket,
    /// What it is to be asked.
    pub(super) pulls: VecDeque<(RunId, u64)>,
    /// Whether it is to be asked for all its ranges.
    pub(super) again: bool,
    /// Ranges of it that had no room.
    pub(super) overflowed: bool,
    /// Runs of which it has more than is here.
    pub(super) offers: usize,
    /// Bodies asked of it that have not come.
    pub(super) asked: usize,
    /// Bodies that it was asked for and did not give in time, since it gave one.
    pub(super) faults: u32,
    /// When it last gave one.
    pub(super) gave: Mono,
    /// Bodies asked of it only to see whether an author has made two.
    pub(super) doubts: u32,
    /// Until when it is not listened to, and for how long the next time.
    pub(super) deaf_until: Option<Mono>,
    deaf_next: Duration,
    /// Before this it is not told everything once more.
    pub(super) retell_at: Mono,
    pub(super) retell: bool,
}

impl Peer {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            untold: VecDeque::new(),
            is_untold: BTreeSet::new(),
            gives: VecDeque::new(),
            given: Bucket::new(now, BROADCAST_GIVEN_RATE, BROADCAST_GIVEN_BURST),
            pulls: VecDeque::new(),
            again: false,
            overflowed: false,
            offers: 0,
            asked: 0,
            faults: 0,
            gave: Mono::default(),
            doubts: 0,
            deaf_until: None,
            deaf_next: BROADCAST_DEAF,
            retell_at: Mono::default(),
            retell: false,
        }
    }

    /// It is to be told this run's range.
    pub(super) fn tell(&mut self, of: RunId) {
        if self.is_untold.insert(of) {
            self.untold.push_back(of);
        }
    }

    /// It has all of this run that is here.
    pub(super) fn untell(&mut self, of: RunId) {
        if self.is_untold.remove(&of) {
            self.untold.retain(|untold| *untold != of);
        }
    }

    /// The next run whose range it is to be told.
    pub(super) fn next_untold(&mut self) -> Option<RunId> {
        let of = self.untold.pop_front()?;
        self.is_untold.remove(&of);
        Some(of)
    }

    /// Whether there is something to tell it, or to give.
    pub(super) fn wants_content(&self) -> bool {
        !self.untold.is_empty() || !self.gives.is_empty()
    }

    /// Whether it may be asked for one more body, of `limit` at most. One that takes nothing of what it is asked is not asked
    /// on.
    pub(super) fn is_free(&self, limit: usize) -> bool {
        self.deaf_until.is_none() && self.asked.max(self.pulls.len()) < limit
    }

    /// Whether it may be counted on.
    pub(super) fn is_trusted(&self) -> bool {
        self.deaf_until.is_none() && self.faults == 0
    }

    /// It gave a good body.
    pub(super) fn gave(&mut self, now: Mono) {
        (self.gave, self.faults, self.deaf_next) = (now, 0, BROADCAST_DEAF);
    }

    /// It gave garbage; until when it is not listened to.
    pub(super) fn deafen(&mut self, now: Mono) -> Mono {
        let until = now + self.deaf_next;
        self.deaf_until = Some(until);
        self.deaf_next = (self.deaf_next * 2).min(BROADCAST_DEAF_MAX);
        self.pulls.clear();
        until
    }

    /// Entries of all lists.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.untold.len() + self.gives.len() + self.pulls.len() + self.offers + self.asked
    }
}
