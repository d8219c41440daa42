//! Who is chosen.

use crate::{
    rng::{Class, Faults},
    scenario::Selector,
};

/// Chooses for all selectors of one run; nobody is drawn twice.
#[derive(Debug)]
pub(super) struct Chooser {
    faults: Faults,
    taken: Vec<bool>,
}

impl Chooser {
    pub(super) fn new(faults: Faults, members: usize) -> Self {
        Self { faults, taken: vec![false; members] }
    }

    /// Whether `member` was chosen already.
    pub(super) fn is_taken(&self, member: usize) -> bool {
        self.taken[member]
    }

    /// `member` may be drawn again.
    pub(super) fn release(&mut self, member: usize) {
        self.taken[member] = false;
    }

    /// The members that `selector` means, in order. Draws from `pool` by a hash of the seed and `place`: the table, and the
    /// how-manieth time. A fraction is of `all`.
    ///
    /// # Errors
    /// A sentence, if there are too few.
    pub(super) fn choose(
        &mut self,
        selector: &Selector,
        place: (usize, u64),
        pool: &[usize],
        all: usize,
    ) -> Result<Vec<usize>, String> {
        let mut chosen = match selector {
            Selector::Ids(ids) => ids.clone(),
            Selector::Count(count) if *count > pool.len() => {
                let left = pool.len();
                return Err(format!("asks for {count} members; {left} are left that no other selector took"));
            }
            Selector::Count(count) => self.draw(place, pool, *count),
            Selector::Fraction(share) => {
                let count = ((all as f64 * share).round() as usize).max(1);
                self.draw(place, pool, count)
            }
        };
        chosen.sort_unstable();
        chosen.iter().for_each(|member| self.taken[*member] = true);
        Ok(chosen)
    }

    /// The `count` of `pool` with the lowest hashes, or all.
    pub(super) fn draw(&self, (table, turn): (usize, u64), pool: &[usize], count: usize) -> Vec<usize> {
        let mut lots: Vec<_> = pool
            .iter()
            .map(|member| (self.faults.bits(Class::Choice, table, *member, turn), *member))
            .collect();
        lots.sort_unstable();
        lots.into_iter().take(count).map(|(_, member)| member).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooser(seed: u64) -> Chooser {
        Chooser::new(Faults::new(seed), 100)
    }

    #[test]
    fn the_same_seed_and_table_draw_the_same_and_others_draw_others() {
        let pool: Vec<_> = (0..100).collect();
        let drawn = |seed, place| {
            chooser(seed).choose(&Selector::Count(5), place, &pool, 100).expect("there are enough")
        };
        assert_eq!(drawn(1, (0, 0)), drawn(1, (0, 0)));
        assert_ne!(drawn(1, (0, 0)), drawn(2, (0, 0)));
        assert_ne!(drawn(1, (0, 0)), drawn(1, (1, 0)));
        assert_ne!(drawn(1, (0, 0)), drawn(1, (0, 1)));
    }

    #[test]
    fn one_more_in_the_pool_moves_no_other() {
        let few: Vec<_> = (0..50).collect();
        let many: Vec<_> = (0..100).collect();
        let drawn = |pool: &[usize]| chooser(1).draw((0, 0), pool, 30);
        let kept = drawn(&many).into_iter().filter(|member| *member < 50).count();
        let first: Vec<_> = drawn(&many).into_iter().filter(|member| *member < 50).collect();
        assert_eq!(first, drawn(&few)[..kept]);
    }

    #[test]
    fn a_fraction_rounds_to_the_nearest_and_is_at_least_one() {
        let pool: Vec<_> = (0..100).collect();
        for (share, all, count) in
            [(0.25, 10, 3), (0.24, 10, 2), (0.01, 10, 1), (0.0, 10, 1), (1.0, 100, 100)]
        {
            let chosen = chooser(1).choose(&Selector::Fraction(share), (0, 0), &pool, all);
            assert_eq!(chosen.map(|chosen| chosen.len()), Ok(count), "{share} of {all}");
        }
    }

    #[test]
    fn too_few_are_an_error_with_both_numbers_and_ids_are_taken_as_they_are() {
        let mut chooser = chooser(1);
        let error = chooser.choose(&Selector::Count(3), (0, 0), &[4, 5], 100);
        let text = "asks for 3 members; 2 are left that no other selector took";
        assert_eq!(error, Err(text.to_owned()));
        assert_eq!(chooser.choose(&Selector::Ids(vec![7, 3]), (0, 0), &[], 100), Ok(vec![3, 7]));
        assert!(chooser.is_taken(7) && !chooser.is_taken(4));
        chooser.release(7);
        assert!(!chooser.is_taken(7));
    }
}
