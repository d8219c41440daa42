//! What one link has brought and what waits for the verification budget (R11).

use crate::{
    id::MemberId,
    limits::{INBOX_BYTES_MAX, QUEUE_PER_LINK},
    links::Queued,
    time::Mono,
};
use alloc::{collections::BTreeMap, vec::Vec};

/// A link that owes for useless input has this share of both bounds.
const SHARE_OF_WHO_OWES: usize = 16;

/// Records by class (R11), then by arrival.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    records: BTreeMap<(u8, u64), Queued>,
    /// Counts what was put here.
    arrivals: u64,
    bytes: usize,
}

impl Inbox {
    /// Bounded by the frame, and by those who ask [`Inbox::is_full`] before they take one.
    pub(crate) fn put(&mut self, class: u8, queued: Queued) {
        self.arrivals += 1;
        self.bytes += queued.bytes();
        self.records.insert((class, self.arrivals), queued);
    }

    /// The most important.
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let (_, queued) = self.records.pop_first()?;
        self.bytes -= queued.bytes();
        Some(queued)
    }

    /// Class of the most important, and since when it waits.
    pub(crate) fn first(&self) -> Option<(u8, Mono)> {
        self.records.first_key_value().map(|((class, _), queued)| (*class, queued.at))
    }

    /// All that waits about one member, in order.
    pub(crate) fn take_about(&mut self, subject: &MemberId) -> Vec<Queued> {
        let about = |(key, queued): (&(u8, u64), &Queued)| (queued.id == *subject).then_some(*key);
        let keys: Vec<(u8, u64)> = self.records.iter().filter_map(about).collect();
        let taken: Vec<Queued> = keys.iter().filter_map(|key| self.records.remove(key)).collect();
        self.bytes -= taken.iter().map(Queued::bytes).sum::<usize>();
        taken
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether no further frame is taken.
    pub(crate) fn is_full(&self, owes: bool) -> bool {
        let share = if owes { SHARE_OF_WHO_OWES } else { 1 };
        self.len() >= QUEUE_PER_LINK / share || self.bytes >= INBOX_BYTES_MAX / share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{FRAME_MAX, RECORD_MAX};

    fn queued(id: u8, bytes: usize) -> Queued {
        let accusations = alloc::vec![alloc::vec![0; bytes]];
        Queued { id: MemberId([id; 32]), certificate: None, note: None, accusations, at: Mono(0) }
    }

    #[test]
    fn r11_an_inbox_is_bounded_in_records_and_in_bytes() {
        let mut small = Inbox::default();
        (0..QUEUE_PER_LINK).for_each(|_| small.put(2, queued(1, 1)));
        assert!(small.is_full(false) && small.bytes() < INBOX_BYTES_MAX);
        let mut large = Inbox::default();
        while !large.is_full(false) {
            large.put(2, queued(1, RECORD_MAX));
        }
        assert!(large.len() < QUEUE_PER_LINK && large.bytes() < INBOX_BYTES_MAX + FRAME_MAX);
    }

    #[test]
    fn r11_who_owes_has_less_room() {
        let mut inbox = Inbox::default();
        inbox.put(2, queued(1, INBOX_BYTES_MAX / 2));
        assert!(inbox.is_full(true) && !inbox.is_full(false));
    }

    #[test]
    fn what_is_taken_is_counted_no_more() {
        let mut inbox = Inbox::default();
        for (class, id) in [(2, 1), (0, 2), (2, 3), (1, 1)] {
            inbox.put(class, queued(id, 100));
        }
        assert_eq!(inbox.first(), Some((0, Mono(0))));
        assert_eq!(inbox.take_about(&MemberId([1; 32])).len(), 2);
        assert_eq!(inbox.bytes(), 200);
        assert_eq!(inbox.pop().map(|queued| queued.id), Some(MemberId([2; 32])), "the most important first");
        assert!(inbox.pop().is_some() && inbox.is_empty() && inbox.bytes() == 0);
    }
}
