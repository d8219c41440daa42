//! One simulated process and its ends of links.

use crate::{brain::Brain, full::Whole, happen::Happening, tamper::Liar};
use core::{net::SocketAddr, time::Duration};
use ifrit_core::{
    config::Stored,
    event::Lane,
    id::MemberId,
    shared::Saved,
    time::{Mono, Now, Wall},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

/// One member of the world, running or not.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: MemberId,
    /// DER.
    pub(crate) certificate: Vec<u8>,
    pub(crate) scalar: [u8; 32],
    pub(crate) addr: SocketAddr,
    pub(crate) brain: Option<Box<dyn Brain>>,
    /// In its place, where whole members run.
    pub(crate) whole: Option<Box<Whole>>,
    pub(crate) liar: Option<Liar>,
    /// Counts starts; what was meant for an earlier life is dropped.
    pub(crate) life: u32,
    pub(crate) fate: Fate,
    /// Whether it keeps to the protocol.
    pub(crate) correct: bool,
    pub(crate) disk: Disk,
    /// It began this life with a view of an earlier one.
    pub(crate) had_records: bool,
    /// Whom its disk knew then.
    pub(crate) kept: Vec<usize>,
    /// Seed number to member.
    pub(crate) seeds: Vec<usize>,
    pub(crate) ends: BTreeMap<usize, End>,
    /// Links that the other end has accepted and that this end will see up at that moment.
    pub(crate) connecting: BTreeMap<usize, (u32, Mono)>,
    /// Dials that the brain waits for.
    pub(crate) dialing: BTreeSet<MemberId>,
    pub(crate) clock: Clock,
    /// When the brain wants to be woken, in world time.
    pub(crate) wake_at: Option<Mono>,
    /// The earliest wake in the queue.
    pub(crate) wake_queued: Option<Mono>,
    /// Bytes sent, headers included.
    pub(crate) sent: u64,
}

/// What a process has saved.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) epoch_ceiling: u64,
    pub(crate) records: Records,
}

/// A view on disk.
#[derive(Clone, Debug)]
pub(crate) enum Records {
    Bytes(Vec<u8>),
    /// Written out when it is read: so 10⁴ disks hold each record once.
    Saved(Saved),
}

impl Default for Records {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Disk {
    pub(crate) fn new(stored: Stored) -> Self {
        Self { epoch_ceiling: stored.epoch_ceiling, records: Records::Bytes(stored.records) }
    }

    /// As its owner reads it.
    pub(crate) fn read(&self, me: &MemberId) -> Stored {
        let records = match &self.records {
            Records::Bytes(bytes) => bytes.clone(),
            Records::Saved(saved) => {
                let mut bytes = Vec::new();
                saved.snapshot(me, &mut bytes);
                bytes
            }
        };
        Stored { epoch_ceiling: self.epoch_ceiling, records }
    }
}

/// How a process stands.
#[derive(Debug)]
pub(crate) enum Fate {
    /// Not started yet, crashed, or stopped.
    Dead,
    Running,
    /// Stopped by its machine; what arrives waits.
    Paused(VecDeque<Happening>),
}

/// A process's clocks relative to the world's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// Where its monotonic clock stood when the world began.
    pub(crate) origin: Duration,
    /// How far its wall clock is ahead, in ms.
    pub(crate) ahead_ms: i64,
}

/// The wall clock when a world begins: 2026-01-01.
pub(crate) const WALL_START: Wall = Wall(1_767_225_600_000);

impl Clock {
    /// Both of its clocks at `world` time.
    pub(crate) fn at(&self, world: Mono) -> Now {
        let wall = WALL_START.0 + world.0 / 1_000_000;
        Now { mono: world + self.origin, wall: Wall(wall.saturating_add_signed(self.ahead_ms)) }
    }

    /// World time of a moment on its monotonic clock.
    pub(crate) fn world(&self, mono: Mono) -> Mono {
        if mono == Mono::NEVER { mono } else { mono - self.origin }
    }
}

impl Node {
    pub(crate) fn runs(&self) -> bool {
        matches!(self.fate, Fate::Running)
    }

    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.fate, Fate::Dead)
    }

    /// The generation of the link to `peer` as this end sees it, or is about to.
    pub(crate) fn generation(&self, peer: usize) -> Option<u32> {
        let up = self.ends.get(&peer).map(|end| end.generation);
        up.or_else(|| self.connecting.get(&peer).map(|(generation, _)| *generation))
    }
}

/// One end of a link.
#[derive(Debug)]
pub(crate) struct End {
    /// Counts the links of this pair.
    pub(crate) generation: u32,
    /// Packets sent: the counter of fault decisions.
    pub(crate) packets: u32,
    /// When anything arrived.
    pub(crate) heard: Mono,
    /// When the latest packet that arrived was sent: what the own packets acknowledge.
    pub(crate) acks: Mono,
    /// When the last ping was sent, until something sent since is acknowledged.
    pub(crate) pinged: Option<Mono>,
    /// The ping for which probes are under way.
    pub(crate) probing: Option<Mono>,
    /// The moment of the last frames, and the room left in their last packet: frames of one moment share packets.
    pub(crate) burst: (Mono, u64),
    pub(crate) lanes: [LaneEnd; 3],
}

/// One end of a lane: the frames out and in.
#[derive(Debug, Default)]
pub(crate) struct LaneEnd {
    /// Sequence of the next frame out.
    pub(crate) next_out: u32,
    /// Bytes that left the queue and were not told yet.
    pub(crate) written: u32,
    /// Sequence of the next frame in.
    pub(crate) next_in: u32,
    /// Frames that came before their turn, or were refused.
    pub(crate) early: BTreeMap<u32, Rc<[u8]>>,
    /// The brain refused the next frame; it is offered again.
    pub(crate) blocked: bool,
}

impl End {
    pub(crate) fn new(generation: u32, now: Mono) -> Self {
        Self {
            generation,
            packets: 0,
            heard: now,
            acks: Mono(0),
            pinged: None,
            probing: None,
            burst: (Mono::NEVER, 0),
            lanes: Default::default(),
        }
    }

    /// The counter of the next fault decision on this link.
    pub(crate) fn count(&mut self) -> u64 {
        self.packets += 1;
        u64::from(self.generation) << 32 | u64::from(self.packets)
    }

    pub(crate) fn lane(&mut self, lane: Lane) -> &mut LaneEnd {
        &mut self.lanes[lane as usize]
    }
}
