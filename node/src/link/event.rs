//! What links say, and how they end.

use super::StreamKey;
use ifrit_core::{action::HangUp, event::Lane, id::MemberId};
use quinn_proto::VarInt;
use std::net::SocketAddr;

/// What links have to say, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// The link to a member is up.
    Up { member: MemberId, certificate: Vec<u8> },
    /// The link is gone, or a dial came to nothing.
    Down { member: MemberId },
    /// The seed is this member, and the link to it is up.
    SeedUp { seed: u32, member: MemberId },
    /// The address of the seed came to nothing.
    SeedDown { seed: u32 },
    /// A ping or pong.
    Datagram { from: MemberId, bytes: Vec<u8> },
    /// The peer acknowledged something since the last ping.
    Acked { member: MemberId },
    /// Bytes of frames left the queue.
    Written { member: MemberId, lane: Lane, bytes: u32 },
    /// A peer opened a stream.
    Opened { stream: StreamKey, from: MemberId },
    /// A stream has bytes or an end to read.
    Readable { stream: StreamKey },
    /// A stream that was blocked takes bytes, or its other end wants no more.
    Writable { stream: StreamKey },
    /// All that was written to a stream, and its end, has reached the peer.
    Finished { stream: StreamKey },
    /// More streams can be opened to a member.
    Available { member: MemberId },
    /// The link of these streams is gone.
    Gone { link: LinkKey },
}

/// One link, never another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkKey {
    pub(super) slot: usize,
    pub(super) generation: u32,
}

/// A UDP datagram to send, or several of `segment` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) to: SocketAddr,
    pub(crate) ecn: Option<u8>,
    pub(crate) segment: Option<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// A frame that arrived, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) from: MemberId,
    pub(crate) lane: Lane,
    pub(crate) bytes: Vec<u8>,
    pub(super) link: LinkKey,
}

/// Why a link is closed, as the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Close {
    Idle = 0,
    Misbehaviour = 1,
    Expired = 2,
    Crowded = 3,
    Leaving = 4,
    Duplicate = 5,
    Malformed = 6,
    Timeout = 7,
    Unknown = 8,
    Refused = 9,
}

impl Close {
    pub(super) fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }
}

impl From<HangUp> for Close {
    fn from(why: HangUp) -> Self {
        match why {
            HangUp::Misbehaviour => Self::Misbehaviour,
            HangUp::Expired => Self::Expired,
            HangUp::Crowded => Self::Crowded,
            HangUp::Leaving => Self::Leaving,
            _ => Self::Idle,
        }
    }
}
