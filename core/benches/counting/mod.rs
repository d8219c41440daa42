//! Counts what is allocated.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the clock is the benchmark's, not the core's"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

struct Counting;
static LIVE: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);

/// What glibc's allocator really takes for a request: a word for the size, rounded up to 16.
fn taken(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: passes every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(taken(layout), Relaxed);
        TOTAL.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.fetch_sub(taken(layout), Relaxed);
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes held now, the allocator's own included.
pub(crate) fn live() -> usize {
    LIVE.load(Relaxed)
}

/// Time and bytes asked for by `work`.
#[allow(dead_code, reason = "not every benchmark asks")]
pub(crate) fn cost<T>(work: impl FnOnce() -> T) -> (T, Duration, usize) {
    let (bytes, start) = (TOTAL.load(Relaxed), Instant::now());
    let out = work();
    (out, start.elapsed(), TOTAL.load(Relaxed) - bytes)
}
