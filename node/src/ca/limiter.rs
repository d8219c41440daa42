//! How much one source address may cost the CA.

use crate::host::host_of;
use ifrit_core::time::Mono;
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Useless requests of one source in a burst: a person who tries wrong invites stays below it.
pub const BURST: u32 = 20;
/// One more is granted in this time.
pub const REFILL: Duration = Duration::from_secs(1);
/// Sources remembered. Beyond it all unknown ones share one bucket: no flood of addresses costs memory.
pub const SOURCES_MAX: usize = 4096;

/// A bucket of useless requests per source, which is one host however many addresses it has. Those that enrol a new member are free: each takes a use of an invite.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    sources: BTreeMap<IpAddr, Bucket>,
    others: Bucket,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    used: u32,
    since: Mono,
}

impl Bucket {
    fn refill(&mut self, now: Mono) {
        let grants = now.since(self.since).as_nanos() / REFILL.as_nanos();
        let grants = u32::try_from(grants).unwrap_or(u32::MAX);
        self.used = self.used.saturating_sub(grants);
        self.since = if self.used == 0 { now } else { self.since + REFILL * grants };
    }
}

impl Limiter {
    /// Whether `source` may ask now.
    pub(super) fn admits(&mut self, source: IpAddr, now: Mono) -> bool {
        let source = host_of(source);
        let has_room = self.sources.len() < SOURCES_MAX;
        let bucket = match self.sources.get_mut(&source) {
            Some(bucket) => bucket,
            None if has_room => return true,
            None => &mut self.others,
        };
        bucket.refill(now);
        bucket.used < BURST
    }

    /// `source` asked for nothing.
    pub(super) fn charge(&mut self, source: IpAddr, now: Mono) {
        let source = host_of(source);
        if !self.sources.contains_key(&source) && self.sources.len() >= SOURCES_MAX {
            self.sources.retain(|_, bucket| {
                bucket.refill(now);
                bucket.used > 0
            });
        }
        let room = self.sources.len() < SOURCES_MAX || self.sources.contains_key(&source);
        let bucket = if room { self.sources.entry(source).or_default() } else { &mut self.others };
        bucket.refill(now);
        bucket.used = bucket.used.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn useless_requests_run_out_and_come_back() {
        let mut limiter = Limiter::default();
        let start = Mono(5_000_000_000);
        for _ in 0..BURST {
            assert!(limiter.admits(source(1), start));
            limiter.charge(source(1), start);
        }
        assert!(!limiter.admits(source(1), start));
        assert!(limiter.admits(source(2), start), "others are not concerned");
        assert!(!limiter.admits(source(1), start + REFILL / 2));
        assert!(limiter.admits(source(1), start + REFILL));
        limiter.charge(source(1), start + REFILL);
        assert!(!limiter.admits(source(1), start + REFILL));
        assert!(limiter.admits(source(1), start + REFILL * 1000));
    }

    #[test]
    fn one_host_is_one_source_however_many_addresses_it_has() {
        let mut limiter = Limiter::default();
        let of_one_host = |n| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
        for n in 0..BURST as u16 {
            assert!(limiter.admits(of_one_host(n), Mono(0)));
            limiter.charge(of_one_host(n), Mono(0));
        }
        assert!(!limiter.admits(of_one_host(u16::MAX), Mono(0)));
    }

    #[test]
    fn memory_is_bounded_whatever_the_number_of_sources() {
        let mut limiter = Limiter::default();
        for n in 0..2 * SOURCES_MAX as u32 {
            limiter.charge(source(n), Mono(0));
        }
        assert_eq!(limiter.sources.len(), SOURCES_MAX);
        assert!(!limiter.admits(source(u32::MAX), Mono(0)), "unknown ones share a bucket");
        limiter.charge(source(u32::MAX), Mono(0) + REFILL * 2);
        assert_eq!(limiter.sources.len(), 1, "those that wait for nothing are forgotten");
    }
}
