//! Actions that wait to be drained.

use crate::{
    action::{Action, HangUp, Notice, Persist, Why},
    counters::{HungUp, Told, Traffic},
    event::Lane,
    id::MemberId,
    time::Mono,
};
use alloc::{collections::VecDeque, vec::Vec};
use core::net::SocketAddr;

/// An action that owns its bytes.
#[derive(Debug)]
pub(crate) enum Out {
    Datagram { to: MemberId, token: u64, bytes: Vec<u8> },
    Frame { to: MemberId, lane: Lane, bytes: Vec<u8> },
    Dial { member: MemberId, addr: SocketAddr },
    DialSeed { seed: u16 },
    HangUp { member: MemberId, why: HangUp },
    Persist { seq: u64, what: Persist },
    Notify(Notice),
}

/// Places kept in an empty queue: what most events fill. A restart with a full view on disk fills one per member.
const KEPT: usize = 64;

/// A FIFO of actions. What one event adds is bounded, and events are refused above
/// [`OUTBOX_HIGH_WATER`](crate::limits::OUTBOX_HIGH_WATER), so the whole is bounded.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Out>,
    /// The last one lent out.
    lent: Option<Out>,
    bytes: usize,
    tally: Tally,
}

/// What has passed, for [`Counters`](crate::counters::Counters).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: Traffic,
    pub(crate) told: Told,
    pub(crate) hung_up: HungUp,
}

impl Tally {
    fn count(&mut self, out: &Out) {
        match out {
            Out::Datagram { bytes, .. } => self.sent.pings += bytes.len() as u64,
            Out::Frame { bytes, .. } => self.sent.frame(bytes),
            Out::HangUp { why, .. } => self.hung_up.count(*why),
            Out::Notify(notice) => self.told.count(notice),
            Out::Dial { .. } | Out::DialSeed { .. } | Out::Persist { .. } => {}
        }
    }
}

impl Outbox {
    pub(crate) fn push(&mut self, out: Out) {
        self.bytes += cost(&out);
        self.tally.count(&out);
        self.queue.push_back(out);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// The next action, lent until the next call; `Wait` when there is none.
    pub(crate) fn poll(&mut self, until: Option<Mono>, why: Why) -> Action<'_> {
        self.lent = self.queue.pop_front();
        let Some(out) = &self.lent else {
            self.queue.shrink_to(KEPT);
            return Action::Wait { until, why };
        };
        self.bytes -= cost(out);
        match out {
            Out::Datagram { to, token, bytes } => Action::Datagram { to: *to, token: *token, bytes },
            Out::Frame { to, lane, bytes } => Action::Frame { to: *to, lane: *lane, bytes },
            Out::Dial { member, addr } => Action::Dial { member: *member, addr: *addr },
            Out::DialSeed { seed } => Action::DialSeed { seed: *seed },
            Out::HangUp { member, why } => Action::HangUp { member: *member, why: *why },
            Out::Persist { seq, what } => Action::Persist { seq: *seq, what: *what },
            Out::Notify(notice) => Action::Notify(notice.clone()),
        }
    }
}

/// Bytes that an action holds, with a flat price for its place in the queue.
fn cost(out: &Out) -> usize {
    const PLACE: usize = 64;
    PLACE
        + match out {
            Out::Datagram { bytes, .. } | Out::Frame { bytes, .. } => bytes.len(),
            Out::Dial { .. }
            | Out::DialSeed { .. }
            | Out::HangUp { .. }
            | Out::Persist { .. }
            | Out::Notify(_) => 0,
        }
}
