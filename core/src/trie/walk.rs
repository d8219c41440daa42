//! Finding the differences of two views (R13): one side says what its digests are ([`Ask`]), the other shows the nodes where
//! its own differ ([`Tell`]), and [`compare`] gives the members that differ and the nodes to ask for next.
//!
//! Digests travel in their short form. Whatever a peer says, the work per message is bounded by [`WALK_MAX`] nodes; that a walk with
//! a liar leads nowhere is for the caller to notice and charge. [`Differences::deeper`] is best asked last first, [`WALK_MAX`] at a
//! time: depth first, what waits stays small.

use super::{NodeView, Prefix, Trie, node::BUCKET};
use crate::{
    crypto::{Hash, ShortHash},
    id::MemberId,
    limits::{FRAME_MAX, WALK_MAX},
    ring::Ids,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{fmt, marker::PhantomData};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};

/// Bytes of one node in a [`Tell`] at most: name, kind, count and a full bucket.
const SHOWN_MAX: usize = 33 + 1 + 1 + BUCKET * (32 + 16);
const _: () = assert!(1 + WALK_MAX * SHOWN_MAX < FRAME_MAX, "a full answer fits a frame");

/// "These are my digests there; show me the nodes where yours differ." At most [`WALK_MAX`] nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Nodes and the asker's digests.
    #[serde(deserialize_with = "bounded::<WALK_MAX, _, _>")]
    pub nodes: Vec<(Prefix, ShortHash)>,
}

/// The answer to an [`Ask`], node by node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tell {
    /// Nodes as they are at the teller.
    #[serde(deserialize_with = "bounded::<WALK_MAX, _, _>")]
    pub nodes: Vec<(Prefix, Shown)>,
}

/// A node at the teller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// Its digest is the asker's.
    Same,
    /// All members under it with their leaf hashes, by id; none: the node is empty.
    Bucket(#[serde(deserialize_with = "bounded::<BUCKET, _, _>")] Vec<(MemberId, ShortHash)>),
    /// More than 16 members: the digests of its children.
    Inner(Box<[ShortHash; 16]>),
}

/// What [`compare`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Nodes that differ, with the own digests: what to ask for next.
    pub deeper: Vec<(Prefix, ShortHash)>,
    /// Members whose leaf differs or that one side lacks, each once, by id.
    pub members: Vec<MemberId>,
    /// Of these, those that the peer lacks: there is nothing to ask it for.
    pub lacked: Vec<MemberId>,
}

impl Ask {
    /// The first question of a walk: the whole trie.
    pub fn root(trie: &Trie) -> Self {
        Self { nodes: [(Prefix::ROOT, trie.root().into())].into() }
    }

    /// The bytes that [`Ask::decode`] takes.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Strict: exactly the bytes that [`Ask::encode`] gives.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }
}

impl Tell {
    /// The bytes that [`Tell::decode`] takes.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Strict: exactly the bytes that [`Tell::encode`] gives, buckets in order and of members under their node.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes).filter(Self::is_well_formed)
    }

    /// Whether an honest peer could have said it.
    pub fn is_well_formed(&self) -> bool {
        self.nodes.iter().all(|(prefix, shown)| match shown {
            Shown::Same => true,
            Shown::Inner(_) => prefix.depth() < Prefix::MAX,
            Shown::Bucket(list) => {
                list.is_sorted_by(|a, b| a.0 < b.0) && list.iter().all(|(id, _)| prefix.holds(id))
            }
        })
    }
}

/// What this settled trie has at the nodes asked for; those beyond [`WALK_MAX`] are not answered.
pub fn answer<I: Ids + ?Sized>(trie: &Trie, ids: &I, ask: &Ask) -> Tell {
    let show = |(prefix, theirs): &(Prefix, ShortHash)| (*prefix, show(trie, ids, prefix, theirs));
    Tell { nodes: ask.nodes.iter().take(WALK_MAX).map(show).collect() }
}

fn show<I: Ids + ?Sized>(trie: &Trie, ids: &I, prefix: &Prefix, theirs: &ShortHash) -> Shown {
    if ShortHash::from(trie.digest(ids, prefix)) == *theirs {
        return Shown::Same;
    }
    match trie.node(ids, prefix) {
        NodeView::Empty => Shown::Bucket(Vec::new()),
        NodeView::Bucket(list) => Shown::Bucket(short(list).collect()),
        NodeView::Inner(children) => Shown::Inner(Box::new(children.map(ShortHash::from))),
    }
}

fn short(list: Vec<(MemberId, Hash)>) -> impl Iterator<Item = (MemberId, ShortHash)> {
    list.into_iter().map(|(id, leaf)| (id, leaf.into()))
}

/// Where this settled trie differs from what a peer shows of its own. All that differs under the nodes shown is either in `members`
/// or under a node in `deeper`: at most 16 nodes and 272 members for each node shown.
pub fn compare<I: Ids + ?Sized>(trie: &Trie, ids: &I, tell: &Tell) -> Differences {
    let mut found = Differences::default();
    for (prefix, shown) in tell.nodes.iter().take(WALK_MAX) {
        match shown {
            Shown::Same => {}
            Shown::Inner(theirs) => found.children(trie, ids, prefix, theirs),
            Shown::Bucket(theirs) => {
                let theirs = theirs.iter().take(BUCKET).filter(|(id, _)| prefix.holds(id)).copied().collect();
                found.bucket(trie, ids, prefix, theirs);
            }
        }
    }
    for list in [&mut found.members, &mut found.lacked] {
        list.sort_unstable();
        list.dedup();
    }
    found
}

impl Differences {
    /// They show digests of children.
    fn children<I: Ids + ?Sized>(&mut self, trie: &Trie, ids: &I, prefix: &Prefix, theirs: &[ShortHash; 16]) {
        for (child, theirs) in (0..16).filter_map(|nibble| prefix.child(nibble)).zip(theirs) {
            let mine = ShortHash::from(trie.digest(ids, &child));
            if mine == *theirs {
                continue;
            }
            let they_lack = *theirs == ShortHash::default();
            match trie.bucket(ids, &child).filter(|_| they_lack) {
                Some(only_mine) => self.list(only_mine, BTreeMap::new()),
                None => self.deeper.push((child, mine)),
            }
        }
    }

    /// They show all members that they have there. Where this side has more than a bucket, their small part of it is asked
    /// for child by child: a list of all that they lack could be of any length.
    fn bucket<I: Ids + ?Sized>(
        &mut self,
        trie: &Trie,
        ids: &I,
        prefix: &Prefix,
        theirs: BTreeMap<MemberId, ShortHash>,
    ) {
        if let Some(mine) = trie.bucket(ids, prefix) {
            return self.list(mine, theirs);
        }
        for child in (0..16).filter_map(|nibble| prefix.child(nibble)) {
            let theirs = theirs.iter().filter(|(id, _)| child.holds(id));
            match trie.bucket(ids, &child) {
                Some(mine) => self.list(mine, theirs.map(|(id, leaf)| (*id, *leaf)).collect()),
                None => self.deeper.push((child, trie.digest(ids, &child).into())),
            }
        }
    }

    /// Both sides are known in full.
    fn list(&mut self, mine: Vec<(MemberId, Hash)>, mut theirs: BTreeMap<MemberId, ShortHash>) {
        for (id, leaf) in short(mine) {
            let shown = theirs.remove(&id);
            if shown != Some(leaf) {
                self.members.push(id);
            }
            if shown.is_none() {
                self.lacked.push(id);
            }
        }
        self.members.extend(theirs.into_keys());
    }
}

fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_allocvec(message).expect("lengths are known and a Vec takes them all")
}

/// postcard takes over-long varints: only bytes that come out again are the message.
fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let message = postcard::from_bytes(bytes).ok()?;
    (encode(&message) == bytes).then_some(message)
}

/// A list of at most `MAX`; room is made for no more, whatever length it claims.
fn bounded<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(Bounded::<MAX, T>(PhantomData))
}

struct Bounded<const MAX: usize, T>(PhantomData<T>);

impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for Bounded<MAX, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(MAX));
        while let Some(item) = seq.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            list.push(item);
        }
        Ok(list)
    }
}
