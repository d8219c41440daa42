//! Members with a valid certificate and a note in lease, by index.

use crate::{
    accusation::Accusation, certificate::Certificate, id::MemberId, note::Note, ring::Ids, time::Mono,
    wire::Brief,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

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
    /// When it came into the roster.
    pub(crate) known: Mono,
}

/// All of them, with indices that ring tables use.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    slab: Vec<Option<Peer>>,
    free: Vec<Ix>,
    by_id: BTreeMap<MemberId, Ix>,
}

impl Roster {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn insert(&mut self, peer: Peer) -> Ix {
        let id = peer.certificate.id;
        let ix = self.free.pop().unwrap_or_else(|| self.grow());
        self.slab[ix as usize] = Some(peer);
        let old = self.by_id.insert(id, ix);
        debug_assert!(old.is_none(), "{id:?} was in the roster");
        ix
    }

    /// One more place. The slab grows by an eighth, not to twice its size: it is held for long.
    fn grow(&mut self) -> Ix {
        if self.slab.len() == self.slab.capacity() {
            self.slab.reserve_exact(self.slab.len() / 8 + 16);
        }
        self.slab.push(None);
        (self.slab.len() - 1) as Ix
    }

    pub(crate) fn remove(&mut self, ix: Ix) -> Peer {
        let peer = self.slab[ix as usize].take().expect("only indices of members are kept");
        self.by_id.remove(&peer.certificate.id);
        self.free.push(ix);
        peer
    }

    pub(crate) fn ix(&self, id: &MemberId) -> Option<Ix> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn by_id(&self, id: &MemberId) -> Option<&Peer> {
        self.ix(id).map(|ix| &self[ix])
    }

    /// The member whose id begins so.
    pub(crate) fn by_brief(&self, brief: &Brief) -> Option<Ix> {
        let mut from = [0; 32];
        from[..8].copy_from_slice(brief);
        let (id, ix) = self.by_id.range(MemberId(from)..).next()?;
        id.0.starts_with(brief).then_some(*ix)
    }

    /// Ids and indices, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&MemberId, Ix)> {
        self.by_id.iter().map(|(id, ix)| (id, *ix))
    }
}

impl core::ops::Index<Ix> for Roster {
    type Output = Peer;

    fn index(&self, ix: Ix) -> &Peer {
        self.slab[ix as usize].as_ref().expect("only indices of members are kept")
    }
}

impl core::ops::IndexMut<Ix> for Roster {
    fn index_mut(&mut self, ix: Ix) -> &mut Peer {
        self.slab[ix as usize].as_mut().expect("only indices of members are kept")
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
    pub(crate) accuser: Ix,
    pub(crate) accusation: Arc<Accusation>,
    /// Valid by R1; else parked.
    pub(crate) valid: bool,
    /// Its age counts from here (R4); `None` while it is not valid, or only over members that are held (R6).
    pub(crate) since: Option<Mono>,
    /// By how much its age was set back for waiting input.
    pub(crate) waited: core::time::Duration,
}

impl Case {
    pub(crate) fn slot(&self, ring: u8) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.accusation.ring == ring)
    }

    /// The age of the oldest valid accusation counts from here (R4).
    pub(crate) fn oldest(&self) -> Option<&Slot> {
        self.slots.iter().filter(|slot| slot.since.is_some()).min_by_key(|slot| slot.since)
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.slots.iter().any(|slot| slot.valid)
    }
}
