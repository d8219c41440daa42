//! What has been delivered here: how far of each run, and the bodies that are kept for others.

use super::{Judge, bucket::Bucket, frame::Tip};
use crate::limits::*;
use ifrit_core::{
    broadcast::{Message, RunId},
    id::MemberId,
    time::Mono,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    time::Duration,
};

/// One run as far as it was delivered.
#[derive(Debug, Default)]
struct Run {
    /// All below this were delivered, or told as missed.
    next: u64,
    /// The last of these, without a gap, and since when they are here.
    kept: VecDeque<(Mono, Message)>,
    /// Whether two bodies for one number were told.
    equivocated: bool,
}

impl Run {
    fn first(&self) -> u64 {
        self.next - self.kept.len() as u64
    }
}

#[derive(Debug)]
struct Author {
    /// Runs below this are over.
    floor: u64,
    runs: BTreeMap<u64, Run>,
    /// Bytes kept of it, overhead included.
    bytes: usize,
    quota: Bucket,
    /// When something of it was last taken, or asked for.
    heard: Mono,
}

/// All runs.
#[derive(Debug)]
pub(super) struct Held {
    most: usize,
    authors: BTreeMap<MemberId, Author>,
    /// Of those of whom something is kept: how much.
    sizes: BTreeSet<(usize, MemberId)>,
    bytes: usize,
}

/// What keeping a message costs.
fn size(message: &Message) -> usize {
    message.signed().bytes().len() + BROADCAST_OVERHEAD
}

impl Held {
    /// One that keeps so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { most, authors: BTreeMap::new(), sizes: BTreeSet::new(), bytes: 0 }
    }

    /// Bytes kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn run(&self, of: RunId) -> Option<&Run> {
        self.authors.get(&of.author)?.runs.get(&of.run)
    }

    fn author(&mut self, now: Mono, id: MemberId) -> &mut Author {
        self.authors.entry(id).or_insert_with(|| Author {
            floor: 0,
            runs: BTreeMap::new(),
            bytes: 0,
            quota: Bucket::new(now, BROADCAST_RATE, BROADCAST_BURST),
            heard: now,
        })
    }

    /// The number that comes next; `None` if the run is over.
    pub(super) fn next(&self, of: RunId) -> Option<u64> {
        let Some(author) = self.authors.get(&of.author) else { return Some(0) };
        match author.runs.get(&of.run) {
            Some(run) => Some(run.next),
            None if of.run < author.floor => None,
            None => Some(0),
        }
    }

    /// What is kept of a run, and the tip of it.
    pub(super) fn range(&self, of: RunId) -> (Range<u64>, Tip) {
        let Some(run) = self.run(of) else { return (0..0, Tip::default()) };
        let tip = run.kept.back().map(|(_, message)| tip(message)).unwrap_or_default();
        (run.first()..run.next, tip)
    }

    /// One that is kept.
    pub(super) fn get(&self, of: RunId, sequence: u64) -> Option<&Message> {
        let run = self.run(of)?;
        let at = usize::try_from(sequence.checked_sub(run.first())?).ok()?;
        run.kept.get(at).map(|(_, message)| message)
    }

    /// All runs of which something is kept.
    pub(super) fn runs(&self) -> impl Iterator<Item = RunId> + '_ {
        self.sizes.iter().flat_map(|(_, author)| {
            let runs = self.authors[author].runs.iter().filter(|(_, run)| !run.kept.is_empty());
            runs.map(|(run, _)| RunId { author: *author, run: *run })
        })
    }

    /// What the author may still have taken from it now.
    pub(super) fn quota(&mut self, now: Mono, author: MemberId) -> &mut Bucket {
        &mut self.author(now, author).quota
    }

    /// Makes place for a run, whose first message is here and verified. Of an author with too many, the oldest run ends
    /// and is given back with the number that it had come to.
    pub(super) fn open(&mut self, now: Mono, of: RunId) -> Option<(RunId, u64)> {
        let author = self.author(now, of.author);
        author.runs.entry(of.run).or_default();
        if author.runs.len() <= BROADCAST_RUNS_MAX {
            return None;
        }
        let (&oldest, run) = author.runs.first_key_value()?;
        let next = run.next;
        let ended = RunId { author: of.author, run: oldest };
        author.floor = oldest + 1;
        while self.drop_first(ended) {}
        self.authors.get_mut(&of.author)?.runs.remove(&oldest);
        Some((ended, next))
    }

    /// Takes the next message of a run.
    pub(super) fn append(&mut self, now: Mono, message: Message) {
        let of = message.of();
        let size = size(&message);
        let author = self.author(now, of.author);
        author.heard = now;
        let run = author.runs.entry(of.run).or_default();
        debug_assert_eq!(run.next, message.sequence(), "in order");
        run.next += 1;
        run.kept.push_back((now, message));
        self.resize(of.author, size as isize);
        self.evict(of);
    }

    /// What comes before `next` will not come any more. What is kept has no gap, so what is older goes.
    pub(super) fn skip(&mut self, now: Mono, of: RunId, next: u64) {
        while self.drop_first(of) {}
        self.author(now, of.author).runs.entry(of.run).or_default().next = next;
    }

    /// Whether the run is marked.
    pub(super) fn is_equivocated(&self, of: RunId) -> bool {
        self.run(of).is_some_and(|run| run.equivocated)
    }

    /// Marks the run; whether it was not marked before.
    pub(super) fn equivocated(&mut self, of: RunId) -> bool {
        let run = self.authors.get_mut(&of.author).and_then(|author| author.runs.get_mut(&of.run));
        run.is_some_and(|run| !std::mem::replace(&mut run.equivocated, true))
    }

    /// Drops what was kept for long enough, and authors whom nobody knows and of whom nothing was heard for `memory`: all
    /// that they said before is untimely, so nothing can be delivered twice when they come back.
    pub(super) fn tidy(&mut self, now: Mono, memory: Duration, judge: &impl Judge) {
        let is_old = |since: Mono, message: &Message| {
            now.since(since) >= BROADCAST_KEPT_TIME || judge.is_untimely(message)
        };
        let old = |run: &Run| run.kept.iter().take_while(|(since, message)| is_old(*since, message)).count();
        let runs: Vec<_> = self.runs().collect();
        for of in runs {
            let count = self.run(of).map_or(0, old);
            for _ in 0..count {
                self.drop_first(of);
            }
        }
        let is_recent = |author: &Author| now.since(author.heard) < memory;
        self.authors.retain(|id, author| author.bytes > 0 || is_recent(author) || judge.knows(id));
    }

    /// Of this author, then of whoever has most.
    fn evict(&mut self, newest: RunId) {
        while self.authors[&newest.author].bytes > BROADCAST_KEPT_PER_AUTHOR {
            self.drop_oldest_of(newest.author);
        }
        while self.bytes > self.most {
            let Some((_, most)) = self.sizes.last() else { return };
            self.drop_oldest_of(*most);
        }
    }

    fn drop_oldest_of(&mut self, author: MemberId) {
        let kept = |run: &Run| run.kept.front().map(|(since, _)| *since);
        let runs = self.authors[&author].runs.iter();
        let oldest = runs.filter_map(|(run, held)| Some((kept(held)?, *run))).min();
        if let Some((_, run)) = oldest {
            self.drop_first(RunId { author, run });
        }
    }

    fn drop_first(&mut self, of: RunId) -> bool {
        let run = self.authors.get_mut(&of.author).and_then(|author| author.runs.get_mut(&of.run));
        let Some((_, message)) = run.and_then(|run| run.kept.pop_front()) else { return false };
        self.resize(of.author, -(size(&message) as isize));
        true
    }

    fn resize(&mut self, id: MemberId, by: isize) {
        let Some(author) = self.authors.get_mut(&id) else { return };
        self.sizes.remove(&(author.bytes, id));
        author.bytes = author.bytes.saturating_add_signed(by);
        self.bytes = self.bytes.saturating_add_signed(by);
        if author.bytes > 0 {
            self.sizes.insert((author.bytes, id));
        }
    }
}

/// The first bytes of its hash.
pub(super) fn tip(message: &Message) -> Tip {
    let hash = message.signed().hash();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    [a, b, c, d, e, f, g, h]
}
