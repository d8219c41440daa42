//! A bounded stream of what the member sees, which says so when it lost something.

use futures_util::stream::Stream;
use ifrit_core::action::Notice;
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

/// Events kept for one subscriber that does not read. The oldest are dropped beyond it: 10³ members may go up at once.
pub const EVENTS_MAX: usize = 4_096;

/// One thing that [`Events`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The view changed, or a peer did wrong.
    Notice(Notice),
    /// The reader was too slow: so many events before the next one were dropped. Ask
    /// [`Client::members`](super::Client::members) for what stands now.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// A subscription to a member's events, from the moment of [`Client::events`](super::Client::events) on.
///
/// Holds at most [`EVENTS_MAX`] events. A subscription does not keep the member running. Also a
/// [`Stream`](futures_util::stream::Stream).
#[derive(Debug)]
pub struct Events {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Notice>,
    missed: u64,
    ended: bool,
    reader: Option<Waker>,
}

impl Events {
    /// The next event; `None` once the member has stopped and all was read. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// An event that already waits, if there is one.
    pub fn try_next(&mut self) -> Option<Event> {
        lock(&self.queue).pop()
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut queue = lock(&self.queue);
        if let Some(event) = queue.pop() {
            return Poll::Ready(Some(event));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        queue.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

impl Queue {
    fn pop(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.missed) {
            0 => self.events.pop_front().map(Event::Notice),
            missed => Some(Event::Lagged { missed }),
        }
    }

    fn push(&mut self, notice: Notice) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.missed += 1;
        }
        self.events.push_back(notice);
    }
}

/// Everybody who listens. The loop publishes; clients subscribe.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    readers: Arc<Mutex<Readers>>,
}

#[derive(Debug, Default)]
struct Readers {
    queues: Vec<Weak<Mutex<Queue>>>,
    ended: bool,
}

impl Registry {
    pub(super) fn subscribe(&self) -> Events {
        let mut readers = lock(&self.readers);
        let queue = Arc::new(Mutex::new(Queue { ended: readers.ended, ..Queue::default() }));
        readers.queues.retain(|reader| reader.strong_count() > 0);
        readers.queues.push(Arc::downgrade(&queue));
        Events { queue }
    }

    pub(super) fn publish(&self, notice: &Notice) {
        self.each(|queue| queue.push(notice.clone()));
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        lock(&self.readers).ended = true;
        self.each(|queue| queue.ended = true);
    }

    fn each(&self, mut change: impl FnMut(&mut Queue)) {
        lock(&self.readers).queues.retain(|reader| {
            let Some(queue) = reader.upgrade() else { return false };
            let waker = {
                let mut queue = lock(&queue);
                change(&mut queue);
                queue.reader.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
            true
        });
    }
}

/// Nothing here panics with a lock held and leaves half a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_slow_reader_is_told_how_much_it_missed_and_nothing_grows() {
        let registry = Registry::default();
        let mut events = registry.subscribe();
        for _ in 0..EVENTS_MAX + 3 {
            registry.publish(&Notice::SeedsUnreachable);
        }
        assert_eq!(lock(&events.queue).events.len(), EVENTS_MAX);
        assert_eq!(events.try_next(), Some(Event::Lagged { missed: 3 }));
        for _ in 0..EVENTS_MAX {
            assert_eq!(events.try_next(), Some(Event::Notice(Notice::SeedsUnreachable)));
        }
        assert_eq!(events.try_next(), None);
    }

    #[test]
    fn the_end_comes_after_what_waits_and_also_for_late_subscribers() {
        let registry = Registry::default();
        let mut events = registry.subscribe();
        assert_eq!(events.next().now_or_never(), None);
        registry.publish(&Notice::SeedsUnreachable);
        registry.end();
        assert_eq!(events.next().now_or_never(), Some(Some(Event::Notice(Notice::SeedsUnreachable))));
        assert_eq!(events.next().now_or_never(), Some(None));
        assert_eq!(registry.subscribe().next().now_or_never(), Some(None));
    }

    #[test]
    fn a_dropped_subscription_costs_nothing_more() {
        let registry = Registry::default();
        drop(registry.subscribe());
        registry.publish(&Notice::SeedsUnreachable);
        assert!(lock(&registry.readers).queues.is_empty());
    }
}
