//! The alarm that round trips are longer than the network was made for: once in a while, not per ping.

use crate::output::span;
use ifrit_core::params::Params;
use std::time::{Duration, Instant};

/// Time between two alarms.
const EVERY: Duration = Duration::from_secs(60);

/// Counts slow round trips between alarms.
#[derive(Debug)]
pub(super) struct Slow {
    params: Params,
    told: Option<Instant>,
    count: u64,
    worst: Duration,
}

impl Slow {
    pub(super) fn new(params: Params) -> Self {
        Self { params, told: None, count: 0, worst: Duration::ZERO }
    }

    /// A round trip over Δ/2 was seen: what to log, if it is time to.
    pub(super) fn seen(&mut self, rtt: Duration, now: Instant) -> Option<String> {
        self.count += 1;
        self.worst = self.worst.max(rtt);
        if self.told.is_some_and(|told| now.duration_since(told) < EVERY) {
            return None;
        }
        self.told = Some(now);
        let (count, worst) = (std::mem::take(&mut self.count), std::mem::take(&mut self.worst));
        Some(format!(
            "slow: {count} round trip{} took up to {}, more than half of the network's Delta ({}): correct members may be \
             called down until they answer. Is this machine, or the other, overloaded or paused? If the links are \
             like this, make a new network with `ifrit ca init --preset wan` or a --delta over {}; no member can \
             change it",
            if count == 1 { "" } else { "s" },
            span(worst),
            span(self.params.delta),
            span(worst * 2),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifrit_core::{
        id::NetworkId,
        params::{NetworkParams, Wish},
    };

    #[test]
    fn a_thousand_slow_pings_are_one_alarm_a_minute_with_the_worst_of_them() {
        let network = NetworkParams::new(NetworkId([0; 32]), &Wish::default()).expect("defaults");
        let (mut slow, start) = (Slow::new(Params::derive(&network)), Instant::now());
        let ms = Duration::from_millis;
        let first = slow.seen(ms(600), start).expect("the first is told at once");
        assert!(first.contains("1 round trip took up to 600 ms") && first.contains("over 1.2 s"), "{first}");
        for n in 0..1000 {
            assert_eq!(slow.seen(ms(500 + n % 300), start + ms(n)), None);
        }
        let next = slow.seen(ms(500), start + EVERY).expect("a minute later");
        assert!(next.contains("1001 round trips took up to 799 ms"), "{next}");
        assert_eq!(slow.seen(ms(500), start + EVERY), None);
    }
}
