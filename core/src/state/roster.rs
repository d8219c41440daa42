//! Members with a valid certificate and a note in lease, by index.

use super::Sorted;
use crate::{
    accusation::Accusation, certificate::Certificate, id::MemberId, note::Note, ring::Ids, time::Mono,
    wire::Brief,
};
use alloc::{sync::Arc, vec::Vec};

/// A member's place in the roster. Used again after the member is gone.
pub(crate) type Ix = u32;

/// How a member stands by itself and by its timer; *accused* is no standing of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Live,
    Down,
    Gray,
    Left,
}

impl Standing {
    /// *Out* in the sense of DESIGN section 4. Expired members are in no roster.
    pub(crate) fn is_out(self) -> bool {
        self != Self::Live
    }

    /// What the owner itself says by its note.
    pub(crate) fn said_by(note: &Note) -> Self {
        match (note.leaving(), note.gray()) {
            (true, _) => Self::Left,
            (false, true) => Self::Gray,
            (false, false) => Self::Live,
        }
    }
}

/// One member.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) certificate: Arc<Certificate>,
    pub(crate) note: Arc<Note>,
    pub(crate) standing: Standing,
    /// Since when it stands so.
    pub(crate) since: Mono,
    /// When lease or certificate end (R9).
    pub(crate) until: Mono,
    /// The last moment at which it was accused, out or unknown here (R3).
    pub(crate) troubled: Mono,
    /// When its certificate came.
    pub(crate) known: Mono,
    /// Whether that is not the first one (R14): peers that have all else may lack it.
    pub(crate) renewed: bool,
}

/// Places that are copied together when one of them is changed in a roster that shares them.
const CHUNK: usize = 16;

type Chunk = [Option<Peer>; CHUNK];

/// All of them, with indices that ring tables use. A clone shares everything and copies, on a change, one chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    chunks: Arc<Vec<Arc<Chunk>>>,
    /// Places that were never used begin here.
    fresh: Ix,
    free: Vec<Ix>,
    /// The first bytes of each id, and its place.
    by_id: Sorted<(u64, Ix)>,
}

/// The part of an id by which places are found.
fn lead(id: &MemberId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = id.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl Roster {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn insert(&mut self, peer: Peer) -> Ix {
        let id = peer.certificate.id;
        debug_assert!(self.ix(&id).is_none(), "{id:?} was in the roster");
        let ix = self.free.pop().unwrap_or_else(|| self.grow());
        *self.place(ix) = Some(peer);
        self.by_id.insert((lead(&id), ix));
        ix
    }

    /// One more place. The list of chunks grows by an eighth, not to twice its size: it is held for long.
    fn grow(&mut self) -> Ix {
        let ix = self.fresh;
        self.fresh += 1;
        if ix as usize == self.chunks.len() * CHUNK {
            let chunks = Arc::make_mut(&mut self.chunks);
            if chunks.len() == chunks.capacity() {
                chunks.reserve_exact(chunks.len() / 8 + 1);
            }
            chunks.push(Arc::default());
        }
        ix
    }

    fn place(&mut self, ix: Ix) -> &mut Option<Peer> {
        let chunk = &mut Arc::make_mut(&mut self.chunks)[ix as usize / CHUNK];
        &mut Arc::make_mut(chunk)[ix as usize % CHUNK]
    }

    pub(crate) fn remove(&mut self, ix: Ix) -> Peer {
        let peer = self.place(ix).take().expect("only indices of members are kept");
        self.by_id.remove(&(lead(&peer.certificate.id), ix));
        self.free.push(ix);
        peer
    }

    pub(crate) fn ix(&self, id: &MemberId) -> Option<Ix> {
        let lead = lead(id);
        let alike = self.by_id.from((lead, 0)).take_while(|(other, _)| *other == lead);
        alike.map(|(_, ix)| ix).find(|ix| self.id(*ix) == id)
    }

    pub(crate) fn by_id(&self, id: &MemberId) -> Option<&Peer> {
        self.ix(id).map(|ix| &self[ix])
    }

    /// The member whose id begins so.
    pub(crate) fn by_brief(&self, brief: &Brief) -> Option<Ix> {
        let brief = u64::from_be_bytes(*brief);
        let (lead, ix) = self.by_id.from((brief, 0)).next()?;
        (lead == brief).then_some(ix)
    }

    /// Ids and indices, by id (of those that begin with the same eight bytes, by place).
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&MemberId, Ix)> {
        self.by_id.iter().map(|(_, ix)| (self.id(ix), ix))
    }
}

impl core::ops::Index<Ix> for Roster {
    type Output = Peer;

    fn index(&self, ix: Ix) -> &Peer {
        let chunk = &self.chunks[ix as usize / CHUNK];
        chunk[ix as usize % CHUNK].as_ref().expect("only indices of members are kept")
    }
}

impl core::ops::IndexMut<Ix> for Roster {
    fn index_mut(&mut self, ix: Ix) -> &mut Peer {
        self.place(ix).as_mut().expect("only indices of members are kept")
    }
}

impl Ids for Roster {
    fn id(&self, index: u32) -> &MemberId {
        &self[index].certificate.id
    }
}

/// What is held against one member at its current epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    /// At most one per ring, by ring.
    pub(crate) slots: Vec<Slot>,
    /// Down since this derivation (R2); later ones rest on earlier ones only.
    pub(crate) rank: Option<u64>,
    /// What put it down.
    pub(crate) cause: Option<Arc<Accusation>>,
    /// Down without a supporting accusation, until this moment (R6).
    pub(crate) hold: Option<Mono>,
    /// The key of this case in the timer index.
    pub(crate) timer: Option<Mono>,
    /// The first valid one was pushed (R7).
    pub(crate) pushed_valid: bool,
    /// The first parked one was pushed (R7).
    pub(crate) pushed_parked: bool,
}

/// The closest accusation of one member on one ring.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The accusation's, at hand: all slots are looked through for one ring's.
    pub(crate) ring: u8,
    pub(crate) accuser: Ix,
    pub(crate) accusation: Arc<Accusation>,
    /// Valid by R1; else parked.
    pub(crate) valid: bool,
    /// Whether it is valid is to be judged again.
    pub(crate) open: bool,
    /// Its age counts from here (R4); `None` while it is not valid, or only over members that are held (R6).
    pub(crate) since: Option<Mono>,
    /// By how much its age was set back for waiting input.
    pub(crate) waited: core::time::Duration,
}

impl Case {
    pub(crate) fn slot(&self, ring: u8) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.ring == ring)
    }

    pub(crate) fn slot_mut(&mut self, ring: u8) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.ring == ring)
    }

    /// The age of the oldest valid accusation counts from here (R4).
    pub(crate) fn oldest(&self) -> Option<&Slot> {
        self.slots.iter().filter(|slot| slot.since.is_some()).min_by_key(|slot| slot.since)
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.slots.iter().any(|slot| slot.valid)
    }
}
