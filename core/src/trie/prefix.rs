//! Names of trie nodes.

use crate::id::MemberId;
use core::{cmp::Ordering, fmt};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
    ser::SerializeTuple,
};

/// The first nibbles of member ids, 0 to 64 of them: the name of a trie node, whether the node is there or not.
///
/// On the wire: the number of nibbles, then ⌈number / 2⌉ bytes, high nibble first, an unused last nibble 0. Anything else does
/// not decode, so that one node has one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// Packed; 0 from `len` on.
    nibbles: [u8; 32],
    len: u8,
}

impl Prefix {
    /// The root: every id begins with it.
    pub const ROOT: Self = Self { nibbles: [0; 32], len: 0 };
    /// Nibbles of a whole id.
    pub const MAX: u8 = 64;

    /// The first `len` nibbles of `id`; the whole id if it has no more.
    pub fn of(id: &MemberId, len: u8) -> Self {
        let len = len.min(Self::MAX);
        let mut nibbles = id.0;
        nibbles[usize::from(len.div_ceil(2))..].fill(0);
        if len & 1 == 1 {
            nibbles[usize::from(len / 2)] &= 0xf0;
        }
        Self { nibbles, len }
    }

    /// The child where the next nibble is the low half of `nibble`; `None` below a whole id.
    pub fn child(&self, nibble: u8) -> Option<Self> {
        let mut child = *self;
        let byte = child.nibbles.get_mut(usize::from(self.len / 2))?;
        *byte |= if self.len & 1 == 0 { nibble << 4 } else { nibble & 15 };
        child.len += 1;
        Some(child)
    }

    /// How many nibbles it has.
    pub fn depth(&self) -> u8 {
        self.len
    }

    /// Whether `id` begins with it.
    pub fn holds(&self, id: &MemberId) -> bool {
        self.side(id).is_eq()
    }

    /// Its nibbles from the root on.
    pub(super) fn path(&self) -> impl Iterator<Item = u8> {
        (0..self.len).map(|depth| nibble(&self.nibbles, depth))
    }

    /// Whether `id` stands before, under or after it.
    pub(super) fn side(&self, id: &MemberId) -> Ordering {
        Self::of(id, self.len).nibbles.cmp(&self.nibbles)
    }

    fn bytes(&self) -> &[u8] {
        &self.nibbles[..usize::from(self.len.div_ceil(2))]
    }
}

/// Nibble `depth`, below 64, of an id.
pub(super) fn nibble(bytes: &[u8; 32], depth: u8) -> u8 {
    let byte = bytes[usize::from(depth / 2)];
    if depth & 1 == 0 { byte >> 4 } else { byte & 15 }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        self.path().try_for_each(|nibble| write!(f, "{nibble:x}"))
    }
}

impl Serialize for Prefix {
    /// A tuple as long as its bytes: the count of nibbles says how long that is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(1 + self.bytes().len())?;
        tuple.serialize_element(&self.len)?;
        self.bytes().iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(33, Strict)
    }
}

struct Strict;

impl<'de> Visitor<'de> for Strict {
    type Value = Prefix;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("at most 64 nibbles")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Prefix, A::Error> {
        let mut next = || seq.next_element::<u8>()?.ok_or_else(|| A::Error::custom("too short"));
        let len = next()?;
        if len > Prefix::MAX {
            return Err(A::Error::custom("more than 64 nibbles"));
        }
        let mut nibbles = [0; 32];
        for byte in &mut nibbles[..usize::from(len.div_ceil(2))] {
            *byte = next()?;
        }
        let prefix = Prefix::of(&MemberId(nibbles), len);
        if prefix.nibbles != nibbles {
            return Err(A::Error::custom("unused nibble set"));
        }
        Ok(prefix)
    }
}
