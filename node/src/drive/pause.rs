//! How the loop waits.

use super::Runtime;
use futures_util::{FutureExt, future::BoxFuture, pin_mut};
use std::{
    future::{Future, pending, poll_fn},
    task::Poll,
    time::Instant,
};

/// The loop's timer. It is set anew only for an earlier moment: deadlines move back with every packet, and a wake that
/// comes too early does nothing.
#[derive(Default)]
pub(super) struct Alarm(Option<(Instant, BoxFuture<'static, ()>)>);

impl Alarm {
    /// Rings at `at`, or before.
    pub(super) fn set<R: Runtime>(&mut self, runtime: &R, at: Instant) {
        if self.0.as_ref().is_none_or(|(set, _)| at < *set) {
            let runtime = runtime.clone();
            self.0 = Some((at, async move { runtime.sleep_until(at).await }.boxed()));
        }
    }

    pub(super) async fn ring(&mut self) {
        match &mut self.0 {
            Some((_, sleep)) => sleep.await,
            None => pending().await,
        }
        self.0 = None;
    }
}

/// Ends with `future`, or never.
pub(super) async fn when<T>(wanted: bool, future: impl Future<Output = T>) -> T {
    if wanted { future.await } else { pending().await }
}

/// Does not end before the runtime's other tasks had their turn: a flood must not keep them waiting, nor the node's next
/// deadline. A wait is such a turn, but whoever ends it goes on first on most runtimes: with `all` those behind it count too.
pub(super) async fn giving_way<T>(future: impl Future<Output = T>, all: bool) -> T {
    pin_mut!(future);
    let mut waited = false;
    let output = poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        waited |= polled.is_pending();
        polled
    });
    let output = output.await;
    if all || !waited {
        yield_now().await;
    }
    output
}

/// Lets the runtime's other tasks run.
pub(super) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
