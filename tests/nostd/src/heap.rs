//! A bump allocator over a fixed array: what a board without an OS would have.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in all; nothing is given back. A member of a network of one needs far less.
const SIZE: usize = 4 << 20;

struct Bump {
    bytes: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: `used` hands out every byte at most once.
unsafe impl Sync for Bump {}

// SAFETY: regions are disjoint, lie within `bytes` and are aligned as asked for; null says that it is full.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.bytes.get() as usize;
        let mut start = 0;
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            start = (base + used).next_multiple_of(layout.align()) - base;
            start.checked_add(layout.size()).filter(|end| *end <= SIZE)
        });
        if taken.is_err() {
            return core::ptr::null_mut();
        }
        (base + start) as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Bump = Bump { bytes: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };
