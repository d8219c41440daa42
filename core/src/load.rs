//! What a member holds for its peers: all that they could make grow, each with its bound in [`limits`](crate::limits).

use crate::{
    limits::{
        FAILED_MEMORY, FRAME_MAX, INBOX_BYTES_MAX, LANE_QUEUE_MAX, OUTBOX_HIGH_WATER, PULLS_MAX,
        QUEUE_PER_LINK, STRANGER_LINKS_MAX, WAITING_NOTES_MAX, WANTS_WAITING,
    },
    member::Member,
};

/// The least bundle of records takes this many bytes in a frame: its id.
const BUNDLE_MIN: usize = 32;

/// How much is held, each where it is highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Links that no ring neighbour has.
    pub strangers: usize,
    /// Records that wait for the verification budget, on the link with the most.
    pub inbox: usize,
    /// Bytes of these, on the link with the most.
    pub inbox_bytes: usize,
    /// Records to be asked for, on the link with the most.
    pub wants: usize,
    /// Bytes on their way out, on the lane with the most.
    pub lane: usize,
    /// Notes that wait for their owners' buckets (R12).
    pub waiting_notes: usize,
    /// Records asked for and not yet here.
    pub pulls: usize,
    /// Failed signatures remembered (R10).
    pub failed: usize,
    /// Bytes of actions not yet drained.
    pub outbox: usize,
}

impl Load {
    /// What each may be at most: the limit, and what one event may add to what was just below it.
    pub const MAX: Self = Self {
        // Neighbours change: links to those of yesterday are kept for a while.
        strangers: 2 * STRANGER_LINKS_MAX,
        inbox: QUEUE_PER_LINK + FRAME_MAX / BUNDLE_MIN,
        inbox_bytes: INBOX_BYTES_MAX + FRAME_MAX,
        wants: WANTS_WAITING,
        lane: LANE_QUEUE_MAX + FRAME_MAX,
        waiting_notes: WAITING_NOTES_MAX,
        pulls: PULLS_MAX,
        failed: FAILED_MEMORY,
        outbox: 2 * OUTBOX_HIGH_WATER,
    };

    /// Each by name, with its bound.
    pub fn each(&self) -> [(&'static str, usize, usize); 9] {
        let max = Self::MAX;
        [
            ("links of strangers", self.strangers, max.strangers),
            ("records in an inbox", self.inbox, max.inbox),
            ("bytes in an inbox", self.inbox_bytes, max.inbox_bytes),
            ("records to ask of one link", self.wants, max.wants),
            ("bytes on a lane", self.lane, max.lane),
            ("notes that wait", self.waiting_notes, max.waiting_notes),
            ("pulls", self.pulls, max.pulls),
            ("failed signatures", self.failed, max.failed),
            ("bytes not drained", self.outbox, max.outbox),
        ]
    }
}

impl Member {
    pub(crate) fn load(&self) -> Load {
        let links = || self.links.values();
        Load {
            strangers: self.links.keys().filter(|id| !self.monitor.neighbours.contains(*id)).count(),
            inbox: links().map(|link| link.inbox.len()).max().unwrap_or(0),
            inbox_bytes: links().map(|link| link.inbox.bytes()).max().unwrap_or(0),
            wants: links().map(|link| link.wants.len()).max().unwrap_or(0),
            lane: links().flat_map(|link| link.queued).max().unwrap_or(0),
            waiting_notes: self.waiting.len(),
            pulls: self.gossip.pulls(),
            failed: self.failed.len(),
            outbox: self.out.bytes(),
        }
    }
}
