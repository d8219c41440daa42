//! All that can wait in the queue.

use crate::node::Records;
use crate::{
    net::{ACK_ONLY, CLOSE, DATAGRAM_OVERHEAD, FRAME_OVERHEAD, PACKET_OVERHEAD, PACKET_ROOM},
    tamper::Deed,
};
use core::net::SocketAddr;
use ifrit_core::{action::Persist, event::Lane, id::MemberId, shared::Saved, time::Mono};
use std::rc::Rc;

/// Something that happens in one process.
#[derive(Debug)]
pub(crate) struct Happening {
    /// In which.
    pub(crate) node: usize,
    /// In which life of it; `None` if any running one will do.
    pub(crate) life: Option<u32>,
    pub(crate) what: What,
}

/// What happens.
#[derive(Debug)]
pub(crate) enum What {
    /// The process starts.
    Begin,
    /// The brain's time has come.
    Wake,
    /// The tamper's time has come.
    Scheme,
    /// The process ends.
    End,
    /// The tamper does something to its own process.
    Deed(Deed),
    /// The machine goes on after a pause.
    Resume,
    /// A packet of a link arrives.
    Packet { link: Link, packet: Packet },
    /// A UDP packet of a whole member arrives.
    Udp { from: SocketAddr, ecn: Option<u8>, bytes: Rc<[u8]> },
    /// A frame is put on the wire, again if need be.
    Try { link: Link, lane: Lane, sequence: u32, bytes: Rc<[u8]>, packets: u32, attempt: u32 },
    /// A refused frame is offered again.
    Offer { link: Link, lane: Lane },
    /// QUIC probes because a ping is not acknowledged.
    Probe { link: Link, ping: Mono, attempt: u32 },
    /// Bytes of a lane have left.
    Written { link: Link, lane: Lane },
    /// Looks whether a link has been silent for too long.
    Idle { link: Link },
    /// A handshake's next flight goes out.
    Dial(Dial),
    /// The last flight reaches the acceptor.
    Accept { from: usize, dial: Dial },
    /// The acceptor's word reaches the dialer: the link is up.
    Connected { peer: usize, generation: u32, dial: Dial },
    /// A dial has failed.
    Failed(Dial),
    /// A datagram found no link.
    Unsent { token: u64 },
    /// The disk is done.
    Persisted { seq: u64, what: Option<Save> },
}

/// A link as one end names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The process at the other end.
    pub(crate) peer: usize,
    pub(crate) generation: u32,
}

/// What is in a packet. `sent` and `acks` are world times.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) sent: Mono,
    pub(crate) acks: Mono,
    pub(crate) load: Load,
}

impl Packet {
    /// About its bytes on the wire; of a frame of many packets, the last.
    pub(crate) fn size(&self) -> u64 {
        match &self.load {
            Load::Datagram(bytes) => bytes.len() as u64 + DATAGRAM_OVERHEAD,
            Load::Frame { bytes, .. } => bytes.len() as u64 % PACKET_ROOM + FRAME_OVERHEAD + PACKET_OVERHEAD,
            Load::Ack => ACK_ONLY,
            Load::Close => CLOSE,
        }
    }
}

/// A packet's load.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    Datagram(Rc<[u8]>),
    Frame {
        lane: Lane,
        sequence: u32,
        bytes: Rc<[u8]>,
    },
    /// Only acknowledges.
    Ack,
    /// Closes the link, or says that nobody knows it (a stateless reset).
    Close,
}

/// A handshake under way, at the dialer.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) addr: SocketAddr,
    /// Who must answer; `None` for a seed.
    pub(crate) expect: Option<MemberId>,
    pub(crate) seed: Option<u16>,
    pub(crate) started: Mono,
    /// Flights that have arrived, of three.
    pub(crate) flights: u8,
    pub(crate) attempt: u32,
    /// The counter of its fault decisions.
    pub(crate) count: u64,
}

/// What goes to disk.
#[derive(Clone, Debug)]
pub(crate) enum Save {
    EpochCeiling(u64),
    Records(Records),
}

impl Save {
    /// Resolves what the core asked for; `snapshot` gives the view, if a real member runs.
    pub(crate) fn new(what: Persist, snapshot: impl FnOnce() -> Option<Saved>) -> Option<Self> {
        match what {
            Persist::EpochCeiling(ceiling) => Some(Self::EpochCeiling(ceiling)),
            Persist::Records => snapshot().map(|saved| Self::Records(Records::Saved(saved))),
        }
    }
}
