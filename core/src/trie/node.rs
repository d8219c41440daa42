//! How the trie lies in memory: 16-way nodes down to runs of at most [`RUN_MAX`] entries, all behind `Arc`.
//!
//! The runs are longer than buckets, so that few nodes are kept, and the hashes inside a run are computed when they are asked
//! for. Where runs begin is nobody's business but this file's: every digest is a function of the entries alone.

use super::{Prefix, prefix::nibble};
use crate::{
    crypto::{Hash, hash},
    id::MemberId,
    ring::Ids,
    tags::{HASH_BUCKET, HASH_NODE},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};

/// Entries of a node that shows them, not its children. Part of the format: digests depend on it.
pub(super) const BUCKET: usize = 16;
/// Entries of a run before it is divided: rehashing one costs less than 10 µs, and the smallest runs that a division leaves
/// hold 8 on average, so that their own cost stays small beside the entries'. Tests divide early.
pub(super) const RUN_MAX: usize = if cfg!(test) { 34 } else { 128 };
/// Entries left under a node when it becomes a run again: well below [`RUN_MAX`], so that a member that comes and goes does
/// not divide and join each time.
const RUN_JOIN: usize = RUN_MAX / 2;
const _: () = assert!(RUN_JOIN >= BUCKET, "a node with children in memory has children in the format");

/// What the digest of nothing is.
pub(super) const EMPTY: Hash = [0; 32];

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) index: u32,
    pub(super) leaf: Hash,
}

#[derive(Clone, Default)]
pub(super) enum Node {
    #[default]
    Empty,
    Run(Arc<Run>),
    Inner(Arc<Inner>),
}

/// Entries by id, at least one.
#[derive(Clone)]
pub(super) struct Run {
    /// `None` since the last change.
    digest: Option<Hash>,
    pub(super) entries: Box<[Entry]>,
}

/// At least [`RUN_JOIN`] entries, by their next nibble.
#[derive(Clone)]
pub(super) struct Inner {
    /// `None` since the last change.
    digest: Option<Hash>,
    count: usize,
    pub(super) children: [Node; 16],
}

impl Node {
    fn new<I: Ids + ?Sized>(ids: &I, entries: &[Entry], depth: u8) -> Self {
        match entries.len() {
            0 => Self::Empty,
            1..=RUN_MAX => Self::Run(Arc::new(Run { digest: None, entries: entries.into() })),
            count => {
                let children = split(ids, entries, depth).map(|part| Self::new(ids, part, depth + 1));
                Self::Inner(Arc::new(Inner { digest: None, count, children }))
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Run(run) => run.entries.len(),
            Self::Inner(inner) => inner.count,
        }
    }

    /// `None` since the last change.
    pub(super) fn digest(&self) -> Option<Hash> {
        match self {
            Self::Empty => Some(EMPTY),
            Self::Run(run) => run.digest,
            Self::Inner(inner) => inner.digest,
        }
    }

    /// Hashes what changed since the last time.
    pub(super) fn settle<I: Ids + ?Sized>(&mut self, ids: &I, depth: u8) -> Hash {
        if let Some(digest) = self.digest() {
            return digest;
        }
        match self {
            Self::Empty => EMPTY,
            Self::Run(run) => {
                let run = Arc::make_mut(run);
                *run.digest.insert(digest(ids, &run.entries, depth))
            }
            Self::Inner(inner) => {
                let inner = Arc::make_mut(inner);
                let children = inner.children.each_mut().map(|child| child.settle(ids, depth + 1));
                *inner.digest.insert(hash_children(&children))
            }
        }
    }

    /// Puts `new` in the place of `id`, or takes `id` out. The caller has seen that this changes something.
    pub(super) fn put<I: Ids + ?Sized>(&mut self, ids: &I, depth: u8, id: &MemberId, new: Option<Entry>) {
        match self {
            Self::Empty => *self = Self::new(ids, new.as_slice(), depth),
            Self::Run(run) => match (find(ids, &run.entries, id), new) {
                (Ok(at), Some(new)) => {
                    let run = Arc::make_mut(run);
                    run.entries[at] = new;
                    run.digest = None;
                }
                (Ok(at) | Err(at), new) => {
                    let after = at + usize::from(new.is_none());
                    let entries = [&run.entries[..at], new.as_slice(), &run.entries[after..]].concat();
                    *self = Self::new(ids, &entries, depth);
                }
            },
            Self::Inner(inner) => {
                let inner = Arc::make_mut(inner);
                let child = &mut inner.children[usize::from(nibble(&id.0, depth))];
                let before = child.count();
                child.put(ids, depth + 1, id, new);
                inner.count = inner.count - before + child.count();
                inner.digest = None;
                if inner.count <= RUN_JOIN {
                    let mut entries = Vec::with_capacity(inner.count);
                    self.collect(&mut entries);
                    *self = Self::new(ids, &entries, depth);
                }
            }
        }
    }

    fn collect(&self, out: &mut Vec<Entry>) {
        match self {
            Self::Empty => {}
            Self::Run(run) => out.extend_from_slice(&run.entries),
            Self::Inner(inner) => inner.children.iter().for_each(|child| child.collect(out)),
        }
    }

    /// The entry of `id`.
    pub(super) fn get<I: Ids + ?Sized>(&self, ids: &I, id: &MemberId) -> Option<&Entry> {
        let (mut node, mut depth) = (self, 0);
        while let Self::Inner(inner) = node {
            node = &inner.children[usize::from(nibble(&id.0, depth))];
            depth += 1;
        }
        match node {
            Self::Run(run) => find(ids, &run.entries, id).ok().map(|at| &run.entries[at]),
            Self::Empty | Self::Inner(_) => None,
        }
    }

    /// What is under `prefix`.
    pub(super) fn under<I: Ids + ?Sized>(&self, ids: &I, prefix: &Prefix) -> Under<'_> {
        let (mut node, mut path) = (self, prefix.path());
        while let Self::Inner(inner) = node
            && let Some(nibble) = path.next()
        {
            node = &inner.children[usize::from(nibble)];
        }
        match node {
            Self::Empty => Under::Entries(&[]),
            Self::Inner(inner) => Under::Inner(inner),
            Self::Run(run) if path.next().is_none() => Under::Run(run),
            Self::Run(run) => {
                let side = |entry: &Entry| prefix.side(ids.id(entry.index));
                let from = run.entries.partition_point(|entry| side(entry).is_lt());
                let to = run.entries.partition_point(|entry| side(entry).is_le());
                Under::Entries(&run.entries[from..to])
            }
        }
    }
}

/// What is under a prefix.
pub(super) enum Under<'a> {
    /// A part of a run.
    Entries(&'a [Entry]),
    /// A run.
    Run(&'a Run),
    /// More than fit a run.
    Inner(&'a Inner),
}

impl<'a> Under<'a> {
    /// All entries; `None` if they are more than fit a run.
    pub(super) fn entries(&self) -> Option<&'a [Entry]> {
        match self {
            Self::Entries(entries) => Some(entries),
            Self::Run(run) => Some(&run.entries),
            Self::Inner(_) => None,
        }
    }

    /// The digest; `depth` is the prefix's.
    pub(super) fn digest<I: Ids + ?Sized>(&self, ids: &I, depth: u8) -> Option<Hash> {
        match self {
            Self::Entries(entries) => Some(digest(ids, entries, depth)),
            Self::Run(run) => run.digest,
            Self::Inner(inner) => inner.digest,
        }
    }

    /// The digests of the children of a node at `depth` below 64.
    pub(super) fn children<I: Ids + ?Sized>(&self, ids: &I, depth: u8) -> [Hash; 16] {
        let digests = |entries| split(ids, entries, depth).map(|part| digest(ids, part, depth + 1));
        match self {
            Self::Entries(entries) => digests(entries),
            Self::Run(run) => digests(&run.entries),
            Self::Inner(inner) => inner.children.each_ref().map(|child| child.digest().unwrap_or(EMPTY)),
        }
    }
}

/// Where `id` is among entries, or belongs.
pub(super) fn find<I: Ids + ?Sized>(ids: &I, entries: &[Entry], id: &MemberId) -> Result<usize, usize> {
    entries.binary_search_by(|entry| ids.id(entry.index).cmp(id))
}

/// Entries that share their first `depth` nibbles, by the next one.
fn split<'a, I: Ids + ?Sized>(ids: &I, mut entries: &'a [Entry], depth: u8) -> [&'a [Entry]; 16] {
    core::array::from_fn(|child| {
        let of = |entry: &Entry| usize::from(nibble(&ids.id(entry.index).0, depth));
        // Runs are short: one pass looks at fewer entries than 16 searches.
        let len = entries.iter().take_while(|entry| of(entry) <= child).count();
        let (part, rest) = entries.split_at(len);
        entries = rest;
        part
    })
}

/// The digest of exactly these entries, which share their first `depth` nibbles. More than a bucket differ in a later one.
fn digest<I: Ids + ?Sized>(ids: &I, entries: &[Entry], depth: u8) -> Hash {
    match entries.len() {
        0 => EMPTY,
        1..=BUCKET => hash_bucket(ids, entries),
        _ => hash_children(&split(ids, entries, depth).map(|part| digest(ids, part, depth + 1))),
    }
}

fn hash_bucket<I: Ids + ?Sized>(ids: &I, entries: &[Entry]) -> Hash {
    let mut parts: [&[u8]; 2 * BUCKET] = [&[]; 2 * BUCKET];
    for (pair, entry) in parts.chunks_exact_mut(2).zip(entries) {
        pair.copy_from_slice(&[&ids.id(entry.index).0, &entry.leaf]);
    }
    hash(HASH_BUCKET, &parts)
}

fn hash_children(children: &[Hash; 16]) -> Hash {
    hash(HASH_NODE, &[children.as_flattened()])
}
