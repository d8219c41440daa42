//! The Merkle trie over member ids: two views with the same records agree by one digest, others find where they differ (R13).
//!
//! A node is named by a [`Prefix`] of ids. Up to 16 members under it are a bucket: its digest is over their ids and leaf hashes,
//! by id. More are an inner node: its digest is over those of its 16 children. No members: 32 zero bytes. So a digest is a
//! function of the set of (id, leaf hash) under the prefix, whatever the order of changes, and is defined for every prefix,
//! even inside what is a bucket here: two sides can always compare the same node.
//!
//! [`walk`] finds the differences of two tries.

mod node;
mod prefix;
#[cfg(test)]
mod tests;
pub mod walk;

pub use prefix::Prefix;

use crate::{crypto::Hash, id::MemberId, ring::Ids};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use node::{BUCKET, EMPTY, Entry, Node};

/// A leaf hash per member, and digests over all of them.
///
/// `ids` in every call is the same table of members, as for [`Rings`](crate::ring::Rings). A member costs 36 bytes and its
/// share of the nodes: 38 to 48 in all from 1,000 to 10⁵ members (`cargo bench --bench trie`). A clone shares everything and
/// copies, on a change, the path to it.
#[derive(Clone, Default)]
pub struct Trie {
    root: Node,
}

/// What is at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeView {
    /// No members.
    Empty,
    /// At most 16 members and their leaf hashes, by id.
    Bucket(Vec<(MemberId, Hash)>),
    /// The digests of its 16 children.
    Inner(Box<[Hash; 16]>),
}

impl Trie {
    /// A trie without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many members have a leaf.
    pub fn len(&self) -> usize {
        self.root.count()
    }

    /// Whether no member has a leaf.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the member at `index` a leaf hash, or takes it out; whether that changed something. O(log N) and no hashing:
    /// digests follow with [`Trie::settle`], each node once for however many changes.
    pub fn set<I: Ids + ?Sized>(&mut self, ids: &I, index: u32, leaf: Option<Hash>) -> bool {
        let id = ids.id(index);
        let new = leaf.map(|leaf| Entry { index, leaf });
        if self.entry(ids, id) == new.as_ref() {
            return false;
        }
        self.root.put(ids, 0, id, new);
        true
    }

    /// The leaf hash of a member.
    pub fn leaf<I: Ids + ?Sized>(&self, ids: &I, id: &MemberId) -> Option<&Hash> {
        self.entry(ids, id).map(|entry| &entry.leaf)
    }

    fn entry<I: Ids + ?Sized>(&self, ids: &I, id: &MemberId) -> Option<&Entry> {
        self.root.get(ids, id)
    }

    /// Hashes what changed since the last time and gives the root's digest. A clone taken before shares the work only if
    /// this was called first.
    pub fn settle<I: Ids + ?Sized>(&mut self, ids: &I) -> Hash {
        self.root.settle(ids, 0)
    }

    /// Whether nothing has changed since [`Trie::settle`].
    pub fn is_settled(&self) -> bool {
        self.root.digest().is_some()
    }

    /// The digest of the whole set, as of the last [`Trie::settle`], which must have followed the last change.
    pub fn root(&self) -> Hash {
        debug_assert!(self.is_settled(), "settle first");
        self.root.digest().unwrap_or(EMPTY)
    }

    /// The digest at any prefix of a settled trie, in O(log N) and the hashing of at most 128 members.
    pub fn digest<I: Ids + ?Sized>(&self, ids: &I, prefix: &Prefix) -> Hash {
        debug_assert!(self.is_settled(), "settle first");
        self.root.under(ids, prefix).digest(ids, prefix.depth()).unwrap_or(EMPTY)
    }

    /// What is at any prefix of a settled trie, in O(log N) and the hashing of at most 128 members.
    pub fn node<I: Ids + ?Sized>(&self, ids: &I, prefix: &Prefix) -> NodeView {
        debug_assert!(self.is_settled(), "settle first");
        match self.bucket(ids, prefix) {
            Some(list) if list.is_empty() => NodeView::Empty,
            Some(list) => NodeView::Bucket(list),
            // More than a bucket share the prefix: it is shorter than an id.
            None => NodeView::Inner(Box::new(self.root.under(ids, prefix).children(ids, prefix.depth()))),
        }
    }

    /// The members under `prefix`; `None` if they are more than a bucket.
    fn bucket<I: Ids + ?Sized>(&self, ids: &I, prefix: &Prefix) -> Option<Vec<(MemberId, Hash)>> {
        let entries = self.root.under(ids, prefix).entries().filter(|entries| entries.len() <= BUCKET)?;
        Some(entries.iter().map(|entry| (*ids.id(entry.index), entry.leaf)).collect())
    }
}

impl fmt::Debug for Trie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trie {{ len: {}, settled: {} }}", self.len(), self.is_settled())
    }
}
