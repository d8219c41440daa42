//! Each record once, however many members hold it.

use ifrit_core::{accusation::Accusation, certificate::Certificate, crypto::Hash, note::Note, shared::Store};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, Weak},
};

/// Records by hash. Looked up, never walked: their order cannot reach a run.
#[derive(Default)]
pub(crate) struct Interned {
    certificates: Table<Certificate>,
    notes: Table<Note>,
    accusations: Table<Accusation>,
}

struct Table<T>(Mutex<HashMap<Hash, Weak<T>>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: PartialEq> Table<T> {
    /// Of two records with one hash, signatures may differ: then both are kept.
    fn keep(&self, hash: Hash, new: T) -> Arc<T> {
        let mut table = self.0.lock().expect("no comparison panics");
        if table.len() == table.capacity() {
            table.retain(|_, record| record.strong_count() > 0);
        }
        if let Some(held) = table.get(&hash).and_then(Weak::upgrade) {
            return if *held == new { held } else { Arc::new(new) };
        }
        let new = Arc::new(new);
        table.insert(hash, Arc::downgrade(&new));
        new
    }
}

impl Store for Interned {
    fn certificate(&self, new: Certificate) -> Arc<Certificate> {
        self.certificates.keep(new.hash, new)
    }

    fn note(&self, new: Note) -> Arc<Note> {
        self.notes.keep(*new.hash(), new)
    }

    fn accusation(&self, new: Accusation) -> Arc<Accusation> {
        self.accusations.keep(*new.hash(), new)
    }
}

impl fmt::Debug for Interned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interned(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_records_are_kept_once_and_forgotten_with_their_last_holder() {
        let table = Table::default();
        let (one, two) = (table.keep([1; 32], "a"), table.keep([1; 32], "a"));
        assert!(Arc::ptr_eq(&one, &two));
        assert!(!Arc::ptr_eq(&one, &table.keep([1; 32], "b")), "another signature");
        drop((one, two));
        (2..100).for_each(|hash| drop(table.keep([hash; 32], "c")));
        assert!(table.0.lock().expect("unused").len() < 50);
    }
}
