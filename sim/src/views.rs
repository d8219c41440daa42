//! Who holds whom live: one bit per pair, kept up to date from what applications are told.

use ifrit_core::time::Mono;

/// The live views of all members.
#[derive(Clone, Debug)]
pub struct Views {
    members: usize,
    /// A row of bits per observer.
    bits: Vec<u64>,
    /// Live members per observer.
    live: Vec<u32>,
    /// When a row last changed.
    changed: Vec<Mono>,
}

impl Views {
    /// Nobody holds anybody live.
    pub fn new(members: usize) -> Self {
        let words = members * members.div_ceil(64);
        Self { members, bits: vec![0; words], live: vec![0; members], changed: vec![Mono(0); members] }
    }

    /// Everybody holds everybody live, as in a [warm](crate::world::World::converged) world, where nobody is told of it.
    pub fn full(members: usize, now: Mono) -> Self {
        let mut views = Self::new(members);
        for observer in 0..members {
            (0..members).for_each(|subject| {
                views.set(observer, subject, true, now);
            });
        }
        views
    }

    /// Whether `observer` holds `subject` live.
    pub fn live(&self, observer: usize, subject: usize) -> bool {
        self.bits[observer * self.members.div_ceil(64) + subject / 64] >> (subject % 64) & 1 == 1
    }

    /// How many `observer` holds live, itself included.
    pub fn count(&self, observer: usize) -> usize {
        self.live[observer] as usize
    }

    /// All that `observer` holds live: a bit per member, 64 to a word.
    pub fn row(&self, observer: usize) -> &[u64] {
        let words = self.members.div_ceil(64);
        &self.bits[observer * words..][..words]
    }

    /// When the view of `observer` last changed.
    pub fn changed(&self, observer: usize) -> Mono {
        self.changed[observer]
    }

    /// `observer` holds `subject` live from now on, or does not; whether that is a change.
    pub fn set(&mut self, observer: usize, subject: usize, live: bool, now: Mono) -> bool {
        if self.live(observer, subject) == live {
            return false;
        }
        self.bits[observer * self.members.div_ceil(64) + subject / 64] ^= 1 << (subject % 64);
        self.live[observer] = self.live[observer] + u32::from(live) - u32::from(!live);
        self.changed[observer] = now;
        true
    }

    /// Forgets what `observer` held: its process has ended.
    pub fn clear(&mut self, observer: usize, now: Mono) {
        let words = self.members.div_ceil(64);
        self.bits[observer * words..][..words].fill(0);
        self.live[observer] = 0;
        self.changed[observer] = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_views_hold_all() {
        let views = Views::full(65, Mono(3));
        assert!((0..65).all(|observer| views.count(observer) == 65 && views.live(observer, 64)));
    }

    #[test]
    fn a_row_counts_what_it_holds() {
        let mut views = Views::new(70);
        assert!(views.set(1, 65, true, Mono(5)) && !views.set(1, 65, true, Mono(6)));
        assert!(views.set(1, 2, true, Mono(7)) && views.set(1, 65, false, Mono(8)));
        assert!(views.live(1, 2) && !views.live(1, 65) && !views.live(2, 1));
        assert_eq!((views.count(1), views.count(0), views.changed(1)), (1, 0, Mono(8)));
        views.clear(1, Mono(9));
        assert_eq!(views.count(1), 0);
    }
}
