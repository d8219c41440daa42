//! A bounded stream of what the member sees, which says so when it lost something.

use crate::limits::Limits;
use futures_util::stream::Stream;
use ifrit_core::action::Notice;
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

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
/// Holds at most [`EVENTS_MAX`](crate::limits::EVENTS_MAX) events, or what [`Limits`] say. A subscription does not keep the
/// member running. Also a [`Stream`](futures_util::stream::Stream).
#[derive(Debug)]
pub struct Events {
    queue: Shared<Notice>,
}

impl Events {
    /// The next event; `None` once the member has stopped and all was read. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// An event that already waits, if there is one.
    pub fn try_next(&mut self) -> Option<Event> {
        lock(&self.queue).pop().map(Event::from)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        poll(&self.queue, cx).map(|item| item.map(Event::from))
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

impl From<Item<Notice>> for Event {
    fn from(item: Item<Notice>) -> Self {
        match item {
            Item::Told(notice) => Self::Notice(notice),
            Item::Lagged(missed) => Self::Lagged { missed },
        }
    }
}

/// What a subscriber gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<T> {
    Told(T),
    /// So many were dropped before the next one.
    Lagged(u64),
}

/// What waits for one subscriber.
pub(super) type Shared<T> = Arc<Mutex<Queue<T>>>;

/// Something that subscribers are told.
pub(super) trait Told: Clone {
    /// Bytes of it that count, beside its place.
    fn bytes(&self) -> usize;
}

impl Told for Notice {
    /// Its place is all that counts: what it holds is small, or shared.
    fn bytes(&self) -> usize {
        0
    }
}

#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<T>,
    bytes: usize,
    missed: u64,
    ended: bool,
    reader: Option<Waker>,
    limits: Limits,
}

impl<T: Told> Queue<T> {
    fn new(ended: bool, limits: Limits) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, missed: 0, ended, reader: None, limits }
    }

    pub(super) fn pop(&mut self) -> Option<Item<T>> {
        match std::mem::take(&mut self.missed) {
            0 => self.take().map(Item::Told),
            missed => Some(Item::Lagged(missed)),
        }
    }

    fn take(&mut self) -> Option<T> {
        let first = self.waiting.pop_front()?;
        self.bytes -= first.bytes();
        Some(first)
    }

    fn push(&mut self, told: T) {
        self.bytes += told.bytes();
        self.waiting.push_back(told);
        while self.waiting.len() > self.limits.events.max(1) || self.bytes > self.limits.event_bytes {
            self.take();
            self.missed += 1;
        }
    }
}

/// The next of a subscription; `None` once nothing more will come.
pub(super) fn poll<T: Told>(queue: &Shared<T>, cx: &Context<'_>) -> Poll<Option<Item<T>>> {
    let mut queue = lock(queue);
    if let Some(item) = queue.pop() {
        return Poll::Ready(Some(item));
    }
    if queue.ended {
        return Poll::Ready(None);
    }
    queue.reader = Some(cx.waker().clone());
    Poll::Pending
}

/// Everybody who listens. The loop publishes; clients subscribe.
#[derive(Clone, Debug)]
pub(super) struct Registry<T> {
    readers: Arc<Mutex<Readers<T>>>,
}

#[derive(Debug)]
struct Readers<T> {
    queues: Vec<Weak<Mutex<Queue<T>>>>,
    ended: bool,
    limits: Limits,
}

impl<T> Registry<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { readers: Arc::new(Mutex::new(Readers { queues: Vec::new(), ended: false, limits })) }
    }
}

impl Registry<Notice> {
    pub(super) fn subscribe(&self) -> Events {
        Events { queue: self.queue() }
    }
}

impl<T: Told> Registry<T> {
    pub(super) fn queue(&self) -> Shared<T> {
        let mut readers = lock(&self.readers);
        let queue = Arc::new(Mutex::new(Queue::new(readers.ended, readers.limits)));
        readers.queues.retain(|reader| reader.strong_count() > 0);
        readers.queues.push(Arc::downgrade(&queue));
        queue
    }

    pub(super) fn publish(&self, told: &T) {
        self.each(|queue| queue.push(told.clone()));
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        lock(&self.readers).ended = true;
        self.each(|queue| queue.ended = true);
    }

    fn each(&self, mut change: impl FnMut(&mut Queue<T>)) {
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
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_slow_reader_is_told_how_much_it_missed_and_nothing_grows() {
        for limit in [Limits::default(), Limits { events: 5, ..Limits::default() }] {
            let registry = Registry::new(limit);
            let mut events = registry.subscribe();
            for _ in 0..limit.events + 3 {
                registry.publish(&Notice::SeedsUnreachable);
            }
            assert_eq!(lock(&events.queue).waiting.len(), limit.events);
            assert_eq!(events.try_next(), Some(Event::Lagged { missed: 3 }));
            for _ in 0..limit.events {
                assert_eq!(events.try_next(), Some(Event::Notice(Notice::SeedsUnreachable)));
            }
            assert_eq!(events.try_next(), None);
        }
    }

    #[test]
    fn the_end_comes_after_what_waits_and_also_for_late_subscribers() {
        let registry = Registry::new(Limits::default());
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
        let registry = Registry::new(Limits::default());
        drop(registry.subscribe());
        registry.publish(&Notice::SeedsUnreachable);
        assert!(lock(&registry.readers).queues.is_empty());
    }
}
