//! What is going to happen, in order of (time, sequence).

use ifrit_core::time::Mono;
use std::{cmp::Reverse, collections::BinaryHeap};

/// A queue of things to happen. Two at one moment happen in the order in which they were put in.
#[derive(Debug)]
pub struct Queue<T> {
    order: BinaryHeap<Reverse<(Mono, u64, u32)>>,
    /// The heap moves only keys; these stay where they are.
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { order: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}

impl<T> Queue<T> {
    /// Lets `what` happen at `at`.
    pub fn push(&mut self, at: Mono, what: T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2³² events wait")
        });
        self.slots[slot as usize] = Some(what);
        self.order.push(Reverse((at, self.sequence, slot)));
        self.sequence += 1;
    }

    /// Takes the next thing that happens at `limit` or before.
    pub fn pop(&mut self, limit: Mono) -> Option<(Mono, T)> {
        let Reverse((at, ..)) = self.order.peek()?;
        if *at > limit {
            return None;
        }
        let Reverse((at, _, slot)) = self.order.pop()?;
        self.free.push(slot);
        Some((at, self.slots[slot as usize].take().expect("a slot in the heap is full")))
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Mono> {
        self.order.peek().map(|Reverse((at, ..))| *at)
    }

    /// How many things wait.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_time_then_sequence() {
        let mut queue = Queue::default();
        for (at, name) in [(5, "c"), (1, "a"), (5, "d"), (1, "b"), (9, "e")] {
            queue.push(Mono(at), name);
        }
        let until_five: Vec<_> = std::iter::from_fn(|| queue.pop(Mono(5))).map(|(_, name)| name).collect();
        assert_eq!(until_five, ["a", "b", "c", "d"]);
        queue.push(Mono(9), "f");
        assert_eq!(queue.pop(Mono::NEVER), Some((Mono(9), "e")));
        assert_eq!(queue.pop(Mono::NEVER), Some((Mono(9), "f")));
        assert!(queue.is_empty());
    }
}
