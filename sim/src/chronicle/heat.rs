//! A heat map in the making: rows of members, columns of time, both binned to what an eye can tell apart.

use super::Heat;

/// Rows kept: a row of the picture is then at least four pixels high.
const ROWS: usize = 100;
/// Columns kept; beyond it, each becomes twice as long.
const COLUMNS: usize = 240;

#[derive(Debug)]
pub(super) struct HeatMap {
    members: usize,
    members_per_row: usize,
    /// By column, by row: per mille.
    columns: Vec<Vec<u16>>,
    /// Seconds that a column stands for.
    every: u64,
    /// Seconds that the last one stands for so far.
    filled: u64,
}

impl HeatMap {
    pub(super) fn new(members: usize) -> Self {
        let members_per_row = members.div_ceil(ROWS).max(1);
        Self { members, members_per_row, columns: Vec::new(), every: 1, filled: 0 }
    }

    /// Takes one second: the wrong pairs of each member.
    pub(super) fn push(&mut self, wrong: &[u32]) {
        let cells: Vec<_> = wrong.chunks(self.members_per_row).map(|row| self.cell(row)).collect();
        match self.columns.last_mut() {
            Some(last) if self.filled < self.every => {
                absorb(last, &cells);
                self.filled += 1;
            }
            _ => {
                self.columns.push(cells);
                self.filled = 1;
            }
        }
        if self.columns.len() > COLUMNS {
            self.halve();
        }
    }

    /// How many of a row's pairs are wrong, per mille, rounded up: one wrong pair shows.
    fn cell(&self, row: &[u32]) -> u16 {
        let wrong: u64 = row.iter().map(|wrong| u64::from(*wrong)).sum();
        let pairs = (row.len() * self.members.saturating_sub(1)).max(1) as u64;
        u16::try_from((wrong * 1000).div_ceil(pairs).min(1000)).expect("at most 1000")
    }

    fn halve(&mut self) {
        let odd = self.columns.len() % 2 == 1;
        for at in 0..self.columns.len() / 2 {
            let second = std::mem::take(&mut self.columns[2 * at + 1]);
            absorb(&mut self.columns[2 * at], &second);
            self.columns.swap(at, 2 * at);
        }
        if odd {
            let last = self.columns.len() - 1;
            self.columns.swap(last / 2, last);
        }
        self.columns.truncate(self.columns.len().div_ceil(2));
        self.filled += if odd { 0 } else { self.every };
        self.every *= 2;
    }

    pub(super) fn end(self) -> Heat {
        let rows = self.members.div_ceil(self.members_per_row);
        let row = |row: usize| self.columns.iter().map(|column| column[row]).collect();
        Heat {
            members_per_row: self.members_per_row,
            column_s: self.every as f64,
            cells: (0..rows).map(row).collect(),
        }
    }
}

fn absorb(own: &mut [u16], later: &[u16]) {
    own.iter_mut().zip(later).for_each(|(own, later)| *own = (*own).max(*later));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_pair_shows_in_the_largest_run() {
        for (members, seconds) in [(1, 1), (7, 240), (100, 241), (101, 482), (1000, 3600), (10_000, 961)] {
            let mut map = HeatMap::new(members);
            let strange = seconds / 3;
            for second in 0..seconds {
                let mut wrong = vec![0; members];
                wrong[members / 2] = u32::from(second == strange && members > 1);
                map.push(&wrong);
            }
            let heat = map.end();
            assert!(heat.cells.len() <= ROWS && heat.cells[0].len() <= COLUMNS, "{members} {seconds}");
            let columns = (seconds as f64 / heat.column_s).ceil();
            assert_eq!(heat.cells[0].len() as f64, columns, "{members} {seconds}: no stretch is missing");
            let lit: Vec<_> = (0..heat.cells.len())
                .flat_map(|row| (0..heat.cells[row].len()).map(move |column| (row, column)))
                .filter(|(row, column)| heat.cells[*row][*column] > 0)
                .collect();
            let column = (strange as f64 / heat.column_s) as usize;
            let expected = (members > 1).then_some((members / 2 / heat.members_per_row, column));
            assert_eq!(lit, Vec::from_iter(expected), "{members} {seconds}");
        }
    }

    #[test]
    fn a_view_that_is_all_wrong_is_full() {
        let mut map = HeatMap::new(5);
        map.push(&[4, 2, 0, 0, 0]);
        assert_eq!(map.end().cells, [[1000], [500], [0], [0], [0]]);
    }
}
