//! A view that grows in bulk is half known: its ring neighbours are not yet those to come (R16).

use crate::time::Mono;
use core::time::Duration;

/// A stretch of growth lasts while no pause is as long as Δ/8.
const PAUSE: u32 = 8;
/// It is waited for so many Δ at most: who makes a view grow must not keep it from joining, nor from having links.
const DELTAS_MAX: u32 = 4;

/// The last stretch in which members came that were unknown before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    first: Mono,
    last: Mono,
    count: usize,
}

impl Growth {
    /// One more came.
    pub(crate) fn came(&mut self, now: Mono, delta: Duration) {
        if self.count == 0 || now.since(self.last) >= delta / PAUSE {
            (self.first, self.count) = (now, 0);
        }
        self.last = now;
        self.count = self.count.saturating_add(1);
    }

    /// When the stretch is over, if no more come; that is past if there is none.
    pub(crate) fn ends(&self, delta: Duration) -> Mono {
        match self.count {
            0 => Mono(0),
            _ => (self.last + delta / PAUSE).min(self.first + delta * DELTAS_MAX),
        }
    }

    /// Whether so many came in it.
    pub(crate) fn is_bulk(&self, many: usize) -> bool {
        self.count >= many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELTA: Duration = Duration::from_millis(800);

    fn at(ms: u64) -> Mono {
        Mono(ms * 1_000_000)
    }

    #[test]
    fn r16_growth_ends_after_a_pause_and_at_four_delta_at_the_latest() {
        let mut growth = Growth::default();
        assert_eq!(growth.ends(DELTA), Mono(0), "nothing is waited for");
        growth.came(at(1_000), DELTA);
        growth.came(at(1_050), DELTA);
        assert_eq!(growth.ends(DELTA), at(1_150));
        assert!(growth.is_bulk(2) && !growth.is_bulk(3));
        growth.came(at(1_150), DELTA);
        assert!(!growth.is_bulk(2), "after a pause another stretch begins");
        (1_150..9_000).step_by(50).for_each(|ms| growth.came(at(ms), DELTA));
        assert_eq!(growth.ends(DELTA), at(1_150 + 3_200), "whoever drips keeps nobody waiting for longer");
    }
}
