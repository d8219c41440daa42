//! What members say to all, as a subscription.

use super::events::{Item, Shared, Told, lock, poll};
use crate::node::NodeEvent;
use futures_util::stream::Stream;
use ifrit_core::id::MemberId;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// One thing that [`Broadcasts`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broadcast {
    /// The next of what a member has said: of each of its runs in order, each once.
    Message {
        /// Who has said it; its signature holds.
        author: MemberId,
        /// Which of its runs: a later one has a higher number.
        run: u64,
        /// Which of that run, from 0.
        sequence: u64,
        /// What.
        body: Vec<u8>,
    },
    /// What a member has said and nobody has any more. What comes after it follows.
    Missed {
        /// Who has said it.
        author: MemberId,
        /// In which of its runs.
        run: u64,
        /// The first that is missed.
        from: u64,
        /// The first that is not.
        to: u64,
    },
    /// A member has signed two bodies for one number; others may have been told the other one.
    Twice {
        /// Who.
        author: MemberId,
        /// In which of its runs.
        run: u64,
        /// The one that was told here, as it was signed: see [`ifrit_core::broadcast`].
        one: Vec<u8>,
        /// The other one.
        other: Vec<u8>,
    },
    /// The reader was too slow: so many of these before the next one were dropped.
    Lagged {
        /// How many.
        missed: u64,
    },
}

impl Broadcast {
    /// What a node tells, if it is one of these.
    pub(super) fn of(event: NodeEvent) -> Result<Self, NodeEvent> {
        Ok(match event {
            NodeEvent::Broadcast { author, run, sequence, body } => {
                Self::Message { author, run, sequence, body }
            }
            NodeEvent::BroadcastMissed { author, run, from, to } => Self::Missed { author, run, from, to },
            NodeEvent::BroadcastTwice { author, run, one, other } => Self::Twice { author, run, one, other },
            event => return Err(event),
        })
    }
}

impl Told for Broadcast {
    fn bytes(&self) -> usize {
        match self {
            Self::Message { body, .. } => body.len(),
            Self::Twice { one, other, .. } => one.len() + other.len(),
            Self::Missed { .. } | Self::Lagged { .. } => 0,
        }
    }
}

impl From<Item<Self>> for Broadcast {
    fn from(item: Item<Self>) -> Self {
        match item {
            Item::Told(broadcast) => broadcast,
            Item::Lagged(missed) => Self::Lagged { missed },
        }
    }
}

/// A subscription to what members say to all, from the moment of [`Client::broadcasts`](super::Client::broadcasts) on.
///
/// Holds at most [`EVENTS_MAX`](crate::limits::EVENTS_MAX) of them and
/// [`EVENT_BYTES_MAX`](crate::limits::EVENT_BYTES_MAX) bytes, or what [`Limits`](crate::limits::Limits) say. It does
/// not keep the member running. Also a [`Stream`](futures_util::stream::Stream).
#[derive(Debug)]
pub struct Broadcasts {
    queue: Shared<Broadcast>,
}

impl Broadcasts {
    pub(super) fn new(queue: Shared<Broadcast>) -> Self {
        Self { queue }
    }

    /// The next; `None` once the member has stopped and all was read. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Broadcast> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// One that already waits, if there is one.
    pub fn try_next(&mut self) -> Option<Broadcast> {
        lock(&self.queue).pop().map(Broadcast::from)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Broadcast>> {
        poll(&self.queue, cx).map(|item| item.map(Broadcast::from))
    }
}

impl Stream for Broadcasts {
    type Item = Broadcast;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Broadcast>> {
        self.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{drive::events::Registry, limits::Limits};

    #[test]
    fn a_slow_reader_of_broadcasts_is_told_how_many_it_missed_and_their_bytes_are_bounded() {
        let limits = Limits { event_bytes: 2 * 1024 * 1024, ..Limits::default() };
        let registry = Registry::new(limits);
        let mut broadcasts = Broadcasts::new(registry.queue());
        let author = MemberId([1; 32]);
        let body = vec![7; 64 * 1024];
        let fit = (limits.event_bytes / body.len()) as u64;
        for sequence in 0..fit + 3 {
            registry.publish(&Broadcast::Message { author, run: 1, sequence, body: body.clone() });
        }
        assert_eq!(broadcasts.try_next(), Some(Broadcast::Lagged { missed: 3 }));
        for expected in 3..fit + 3 {
            let Some(Broadcast::Message { sequence, .. }) = broadcasts.try_next() else { panic!("it waits") };
            assert_eq!(sequence, expected);
        }
        assert_eq!(broadcasts.try_next(), None);
    }
}
