//! The rings: who comes before and after whom (DESIGN section 4, "Rings").
//!
//! The position of an id on ring r is SHA-256 over a domain tag, the network id, r and the id; ring order is by position,
//! ties by id. [`Rings`] keeps the *known* members of a view in that order on each of k rings: an entry is 4 bytes of the
//! position and a `u32` index into the caller's own table of members, 8 bytes in all. Of 10⁵ members about one pair per ring
//! has the same 4 bytes: then whole positions are compared. Members that are out stay in; whoever looks for the closest live
//! one skips them while it walks.
//!
//! A ring is a list of short sorted runs behind `Arc`, so that adding or dropping one member rewrites one run per ring, and a
//! clone of all k rings, as the simulator's members share them, copies k pointers.

mod table;
#[cfg(test)]
mod tests;

use crate::{
    crypto::{Hash, hash},
    id::{MemberId, NetworkId},
    tags::HASH_RING,
};
use alloc::{boxed::Box, vec::Vec};
use core::{cmp::Ordering, fmt};
use table::{Gap, Table};

/// Where the indices in [`Rings`] lead: the caller's table of members.
///
/// An index must lead to the same id for as long as it stands in such a structure: take it out before its place is reused.
pub trait Ids {
    /// The id of the member at `index`. Asked only for indices that the caller put in.
    fn id(&self, index: u32) -> &MemberId;
}

impl Ids for [MemberId] {
    fn id(&self, index: u32) -> &MemberId {
        &self[index as usize]
    }
}

impl Ids for Vec<MemberId> {
    fn id(&self, index: u32) -> &MemberId {
        &self[index as usize]
    }
}

/// The order of all known members on each of k rings.
///
/// `ids` in every call is the same table of members. Methods that take a `ring` panic if it is not below k: ring numbers of
/// peers are checked against the network's parameters before they come here.
#[derive(Clone)]
pub struct Rings {
    circle: Circle,
    tables: Box<[Table]>,
    len: usize,
}

impl Rings {
    /// `k` empty rings.
    pub fn new(network: NetworkId, k: u8) -> Self {
        let tables = (0..k).map(|_| Table::default()).collect();
        Self { circle: Circle { network, mask: u32::MAX }, tables, len: 0 }
    }

    /// How many members are in.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no member is in.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of rings.
    pub fn k(&self) -> u8 {
        self.tables.len() as u8
    }

    /// Puts the member at `index` on every ring; `false`, and nothing changed, if its id is in. k hashes and k short copies.
    pub fn insert<I: Ids + ?Sized>(&mut self, ids: &I, index: u32) -> bool {
        let mut new = false;
        for (ring, table) in (0..=u8::MAX).zip(&mut self.tables) {
            new = table.insert(&self.circle.order(ring, ids), index);
        }
        self.len += usize::from(new);
        new
    }

    /// Puts the members at `indices` on every ring; those that are in already change nothing. Sorts and merges: each run is
    /// rewritten at most once per ring, however many members come.
    pub fn insert_batch<I: Ids + ?Sized>(&mut self, ids: &I, indices: &[u32]) {
        let mut added = 0;
        for (ring, table) in (0..=u8::MAX).zip(&mut self.tables) {
            added = table.insert_batch(&self.circle.order(ring, ids), indices);
        }
        self.len += added;
    }

    /// Takes the member at `index` off every ring; `false`, and nothing changed, if its id is not in.
    pub fn remove<I: Ids + ?Sized>(&mut self, ids: &I, index: u32) -> bool {
        let mut found = false;
        for (ring, table) in (0..=u8::MAX).zip(&mut self.tables) {
            found = table.remove(&self.circle.order(ring, ids), ids.id(index));
        }
        self.len -= usize::from(found);
        found
    }

    /// The position of `id` on `ring`, whether it is in or not.
    pub fn position(&self, ring: u8, id: &MemberId) -> Hash {
        self.circle.position(ring, id)
    }

    /// The members before `of` on `ring`, closest first, once round; never `of` itself, which need not be in.
    ///
    /// One hash and a search in O(log N), then O(1) per member.
    pub fn predecessors<I: Ids + ?Sized>(
        &self,
        ids: &I,
        ring: u8,
        of: &MemberId,
    ) -> impl Iterator<Item = u32> + use<'_, I> {
        let (table, order) = (&self.tables[usize::from(ring)], self.circle.order(ring, ids));
        let (before, after) = table.around(&order, &order.place(of));
        table.span(Gap::START, before).rev().chain(table.span(after, table.end()).rev())
    }

    /// The members after `of` on `ring`, closest first, once round; never `of` itself, which need not be in.
    ///
    /// One hash and a search in O(log N), then O(1) per member.
    pub fn successors<I: Ids + ?Sized>(
        &self,
        ids: &I,
        ring: u8,
        of: &MemberId,
    ) -> impl Iterator<Item = u32> + use<'_, I> {
        let (table, order) = (&self.tables[usize::from(ring)], self.circle.order(ring, ids));
        let (before, after) = table.around(&order, &order.place(of));
        table.span(after, table.end()).chain(table.span(Gap::START, before))
    }

    /// The members strictly between `accuser` and `accused` on `ring`, beginning beside the accused (R1). Neither need be in.
    /// Between a member and itself is everybody else.
    pub fn between<I: Ids + ?Sized>(
        &self,
        ids: &I,
        ring: u8,
        accuser: &MemberId,
        accused: &MemberId,
    ) -> impl Iterator<Item = u32> + use<'_, I> {
        let table = &self.tables[usize::from(ring)];
        let order = self.circle.order(ring, ids);
        let (first, last) = (order.place(accuser), order.place(accused));
        let (to, _) = table.around(&order, &last);
        let (_, from) = table.around(&order, &first);
        let wraps = first >= last;
        let (near, far) = match wraps {
            true => (table.span(Gap::START, to), table.span(from, table.end())),
            false => (table.span(from, to), table.span(Gap::START, Gap::START)),
        };
        near.rev().chain(far.rev())
    }

    /// Whether accuser `a` is closer to `accused` on `ring` than `b` is: later on the way round to it (R2). A total order
    /// in which the accused itself is the farthest; `false` if `a` is `b`.
    pub fn is_closer(&self, ring: u8, accused: &MemberId, a: &MemberId, b: &MemberId) -> bool {
        let accused = self.circle.place(ring, accused);
        let way = |id| {
            let place = self.circle.place(ring, id);
            (place < accused, place)
        };
        way(a) > way(b)
    }
}

impl fmt::Debug for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rings {{ k: {}, len: {} }}", self.k(), self.len)
    }
}

/// What fixes positions in one network.
#[derive(Clone, Copy)]
struct Circle {
    network: NetworkId,
    /// The bits of a position that entries keep: all 32, but for tests, which force ties.
    mask: u32,
}

impl Circle {
    fn position(&self, ring: u8, id: &MemberId) -> Hash {
        hash(HASH_RING, &[&self.network.0, &[ring], &id.0])
    }

    fn place<'a>(&self, ring: u8, id: &'a MemberId) -> Place<'a> {
        Place { position: self.position(ring, id), id }
    }

    fn order<'a, I: ?Sized>(&self, ring: u8, ids: &'a I) -> Order<'a, I> {
        Order { circle: *self, ring, ids }
    }
}

/// Where an id stands on one ring: fields in the order of comparison.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    position: Hash,
    id: &'a MemberId,
}

/// One member on one ring.
#[derive(Clone, Copy)]
struct Entry {
    prefix: u32,
    index: u32,
}

/// The full order of entries on one ring: by prefix, and only on equal prefixes by positions computed anew.
struct Order<'a, I: ?Sized> {
    circle: Circle,
    ring: u8,
    ids: &'a I,
}

impl<I: Ids + ?Sized> Order<'_, I> {
    fn place<'b>(&self, id: &'b MemberId) -> Place<'b> {
        self.circle.place(self.ring, id)
    }

    fn prefix(&self, position: &Hash) -> u32 {
        let [a, b, c, d, ..] = *position;
        u32::from_be_bytes([a, b, c, d]) & self.circle.mask
    }

    fn entry(&self, index: u32, position: &Hash) -> Entry {
        Entry { prefix: self.prefix(position), index }
    }

    #[inline]
    fn cmp(&self, a: &Entry, b: &Entry) -> Ordering {
        match a.prefix.cmp(&b.prefix) {
            Ordering::Equal => self.cmp_full(a.index, &self.place(self.ids.id(b.index))),
            cmp @ (Ordering::Less | Ordering::Greater) => cmp,
        }
    }

    #[inline]
    fn cmp_place(&self, entry: &Entry, place: &Place<'_>) -> Ordering {
        match entry.prefix.cmp(&self.prefix(&place.position)) {
            Ordering::Equal => self.cmp_full(entry.index, place),
            cmp @ (Ordering::Less | Ordering::Greater) => cmp,
        }
    }

    /// Kept out of the searches' loops: prefixes seldom tie.
    #[cold]
    #[inline(never)]
    fn cmp_full(&self, index: u32, place: &Place<'_>) -> Ordering {
        match self.ids.id(index) {
            id if id == place.id => Ordering::Equal,
            id => self.place(id).cmp(place),
        }
    }
}
