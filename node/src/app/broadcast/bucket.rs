//! A token bucket.

use ifrit_core::time::Mono;
use std::time::Duration;

/// Fills with `rate` per second up to `burst`; may be overdrawn once, by what was not known before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: u64,
    burst: u64,
    /// What is in it at `at`; below zero after an overdraft.
    level: i64,
    at: Mono,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(now: Mono, rate: u64, burst: u64) -> Self {
        Self { rate, burst, level: burst as i64, at: now }
    }

    /// Takes `cost`, whether it is there or not.
    pub(super) fn take(&mut self, now: Mono, cost: usize) {
        self.fill(now);
        self.level -= cost as i64;
    }

    /// Whether anything is in it.
    pub(super) fn has_some(&mut self, now: Mono) -> bool {
        self.fill(now);
        self.level > 0
    }

    /// Whether all is in it that can be.
    pub(super) fn is_full(&mut self, now: Mono) -> bool {
        self.fill(now);
        self.level == self.burst as i64
    }

    /// From when on something is in it.
    pub(super) fn ready_at(&self) -> Mono {
        let short = u64::try_from(1 - self.level).unwrap_or(0);
        self.at + Duration::from_micros(short.saturating_mul(1_000_000).div_ceil(self.rate))
    }

    /// Whole tokens only, so that no time is lost however often it is asked.
    fn fill(&mut self, now: Mono) {
        let since = now.since(self.at).as_micros() as u64;
        let fresh = since.saturating_mul(self.rate) / 1_000_000;
        if fresh == 0 {
            return;
        }
        self.level = self.level.saturating_add(fresh.min(i64::MAX as u64) as i64).min(self.burst as i64);
        self.at = if self.level == self.burst as i64 {
            now
        } else {
            self.at + Duration::from_micros(fresh * 1_000_000 / self.rate)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fills_with_its_rate_and_no_further() {
        let at = |ms: u64| Mono(ms * 1_000_000);
        let mut bucket = Bucket::new(at(0), 1000, 50);
        assert!(bucket.has_some(at(0)));
        bucket.take(at(0), 80);
        assert!(!bucket.has_some(at(0)));
        assert_eq!(bucket.ready_at(), at(31));
        for ms in 0..31 {
            assert!(!bucket.has_some(at(ms)), "asking often neither helps nor harms: {ms}");
        }
        assert!(bucket.has_some(at(31)));
        bucket.has_some(at(10_000));
        bucket.take(at(10_000), 50);
        assert!(!bucket.has_some(at(10_000)), "never more than the burst");
    }
}
