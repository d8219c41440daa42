//! Keeps others from filling the log.

use crate::limits::LOG_EVERY;
use std::time::Instant;

/// Lets one line through per [`LOG_EVERY`], and counts the others.
#[derive(Debug, Default)]
pub(super) struct Gate {
    next: Option<Instant>,
    untold: u64,
}

impl Gate {
    /// Whether a line may be written now: if so, how many were not since the last one.
    pub(super) fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.untold += 1;
            return None;
        }
        self.next = Some(now + LOG_EVERY);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant to count from")]
    fn one_line_passes_and_says_how_many_did_not() {
        let (mut gate, start) = (Gate::default(), Instant::now());
        assert_eq!(gate.pass(start), Some(0));
        assert_eq!((gate.pass(start), gate.pass(start + LOG_EVERY / 2)), (None, None));
        assert_eq!(gate.pass(start + LOG_EVERY), Some(2));
        assert_eq!(gate.pass(start + 2 * LOG_EVERY), Some(0));
    }
}
