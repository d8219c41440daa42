//! Notes that wait until their owners may be heard again (R12).

use crate::{
    id::MemberId,
    limits::{NOTE_BUCKET, WAITING_NOTES_MAX},
    links::Queued,
    time::Mono,
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{ops::Bound, time::Duration};

/// Why a note does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// One with a higher epoch does, for the same link.
    Lower,
    /// Too many wait.
    Full,
}

/// R12: each member's bucket of notes, and notes that wait for it: the highest epoch per link.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Tokens left and since when they count; full buckets are not kept.
    buckets: BTreeMap<MemberId, (u8, Mono)>,
    notes: BTreeMap<(MemberId, MemberId), (u64, Queued)>,
    refill: Duration,
    /// When full buckets were last dropped.
    swept: Mono,
}

impl Waiting {
    /// How many notes wait.
    pub(crate) fn len(&self) -> usize {
        self.notes.len()
    }

    pub(crate) fn has_token(&mut self, owner: &MemberId, now: Mono, refill: Duration) -> bool {
        self.refill = refill;
        let Some((tokens, since)) = self.buckets.get_mut(owner) else { return true };
        while *tokens < NOTE_BUCKET && now.since(*since) >= refill {
            (*tokens, *since) = (*tokens + 1, *since + refill);
        }
        if *tokens == NOTE_BUCKET {
            self.buckets.remove(owner);
            return true;
        }
        *tokens > 0
    }

    /// Tokens are taken only by notes that verify.
    pub(crate) fn spend(&mut self, owner: MemberId, now: Mono) {
        let (tokens, _) = self.buckets.entry(owner).or_insert((NOTE_BUCKET, now));
        *tokens = tokens.saturating_sub(1);
        // Once per refill: in between, a joiner takes thousands of notes that drop nothing.
        if self.buckets.len() > WAITING_NOTES_MAX && now.since(self.swept) >= self.refill {
            self.sweep(now);
        }
    }

    /// Drops full buckets: what is kept are those of notes that came within the last Δ.
    pub(crate) fn sweep(&mut self, now: Mono) {
        let refill = self.refill;
        self.buckets.retain(|_, (_, since)| now.since(*since) < refill * u32::from(NOTE_BUCKET));
        self.swept = now;
    }

    /// Keeps it until then, if it is the highest of its owner on this link; else says why not.
    pub(crate) fn wait(&mut self, from: MemberId, queued: Queued, epoch: u64) -> Result<(), NoPlace> {
        let key = (queued.id, if planted!(GarbageSpends) { queued.id } else { from });
        if self.notes.get(&key).is_some_and(|(held, _)| *held >= epoch) {
            return Err(NoPlace::Lower);
        }
        if self.notes.len() >= WAITING_NOTES_MAX && !self.notes.contains_key(&key) {
            return Err(NoPlace::Full);
        }
        self.notes.insert(key, (epoch, queued));
        Ok(())
    }

    /// A note whose owner's bucket has a token again: of the owner's, the highest epoch first.
    pub(crate) fn pop_due(&mut self, now: Mono, refill: Duration) -> Option<(MemberId, Queued)> {
        let owners: Vec<MemberId> = self.owners().collect();
        let owner = owners.into_iter().find(|owner| self.has_token(owner, now, refill))?;
        let range = (owner, MemberId([0; 32]))..=(owner, MemberId([255; 32]));
        let key = self.notes.range(range).max_by_key(|(_, (epoch, _))| *epoch).map(|(key, _)| *key)?;
        self.notes.remove(&key).map(|(_, queued)| (key.1, queued))
    }

    /// Whose notes wait, each once: asked for at every turn, and one owner's may wait for every link.
    fn owners(&self) -> impl Iterator<Item = MemberId> {
        let first = self.notes.first_key_value().map(|((owner, _), _)| *owner);
        core::iter::successors(first, |owner| {
            let last = (*owner, MemberId([255; 32]));
            let next = self.notes.range((Bound::Excluded(last), Bound::Unbounded)).next();
            next.map(|((owner, _), _)| *owner)
        })
    }

    pub(crate) fn take_about(&mut self, owner: &MemberId) -> Vec<(MemberId, Queued)> {
        let range = (*owner, MemberId([0; 32]))..=(*owner, MemberId([255; 32]));
        let keys: Vec<_> = self.notes.range(range).map(|(key, _)| *key).collect();
        keys.into_iter()
            .filter_map(|key| self.notes.remove(&key).map(|(_, queued)| (key.1, queued)))
            .collect()
    }

    /// When the first of those that wait may be taken.
    pub(crate) fn next(&self) -> Option<Mono> {
        // A bucket that is not kept is full.
        let due =
            |owner: &MemberId| self.buckets.get(owner).map_or(Mono(0), |(_, since)| *since + self.refill);
        self.owners().map(|owner| due(&owner)).min()
    }

    pub(crate) fn link_down(&mut self, from: &MemberId) {
        self.notes.retain(|(_, link), _| link != from);
    }
}
