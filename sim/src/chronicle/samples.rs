//! Samples in time, merged by two when there are too many.

use super::{Sample, Seconds, Spread};
use crate::run::Rates;

/// Samples kept; beyond it, each becomes twice as long.
const SAMPLES: usize = 600;

#[derive(Debug)]
pub(super) struct Samples {
    kept: Vec<Sample>,
    /// Seconds that one stands for.
    every: u64,
    /// Seconds that the last one stands for so far.
    filled: u64,
}

impl Default for Samples {
    fn default() -> Self {
        Self { kept: Vec::new(), every: 1, filled: 0 }
    }
}

impl Samples {
    /// Takes the sample of one second.
    pub(super) fn push(&mut self, sample: Sample) {
        match self.kept.last_mut() {
            Some(last) if self.filled < self.every => {
                let filled = self.filled as f64;
                last.absorb(&sample, filled, 1.0);
                self.filled += 1;
            }
            _ => {
                self.kept.push(sample);
                self.filled = 1;
            }
        }
        if self.kept.len() > SAMPLES {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let every = self.every as f64;
        let odd = self.kept.len() % 2 == 1;
        let mut halved: Vec<Sample> = Vec::with_capacity(SAMPLES);
        for pair in self.kept.chunks(2) {
            let mut sample = pair[0].clone();
            if let Some(second) = pair.get(1) {
                sample.absorb(second, every, every);
            }
            halved.push(sample);
        }
        self.filled += if odd { 0 } else { self.every };
        self.every *= 2;
        self.kept = halved;
    }

    /// The samples, and how many seconds each stands for.
    pub(super) fn end(self) -> (Vec<Sample>, u64) {
        (self.kept, self.every)
    }
}

impl Sample {
    /// Becomes the sample of both stretches, so long as `own` and `of_later`.
    fn absorb(&mut self, later: &Self, own: f64, of_later: f64) {
        let mean = |a: f64, b: f64| (a * own + b * of_later) / (own + of_later);
        let spread = |a: Spread, b: Spread| Spread {
            min: a.min.min(b.min),
            mean: mean(a.mean, b.mean),
            max: a.max.max(b.max),
        };
        self.at_s = later.at_s;
        self.view = spread(self.view, later.view);
        self.expected = spread(self.expected, later.expected);
        self.wrong = self.wrong.max(later.wrong);
        self.bytes = Rates {
            mean: mean(self.bytes.mean, later.bytes.mean),
            p99: self.bytes.p99.max(later.bytes.p99),
            max: self.bytes.max.max(later.bytes.max),
        };
        self.digest.clone_from(&later.digest);
    }
}

/// Least, mean and most of some counts; all 0 if there are none.
pub(super) fn spread(counts: &[u32]) -> Spread {
    let (Some(min), Some(max)) = (counts.iter().min(), counts.iter().max()) else { return Spread::default() };
    let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    Spread { min: *min, mean: short(sum as f64 / counts.len() as f64), max: *max }
}

/// What members sent in some time, per second.
pub(super) fn bytes(mut sent: Vec<u64>, seconds: f64) -> Rates {
    let Some(last) = sent.len().checked_sub(1) else { return Rates::default() };
    let sum: u64 = sent.iter().sum();
    let mean = short(sum as f64 / sent.len() as f64 / seconds);
    let rank = (sent.len() * 99).div_ceil(100) - 1;
    let p99 = *sent.select_nth_unstable(rank).1;
    let max = *sent.select_nth_unstable(last).1;
    Rates { mean, p99: short(p99 as f64 / seconds), max: short(max as f64 / seconds) }
}

/// Three digits after the point: more say nothing and make the file long.
fn short(value: f64) -> f64 {
    Seconds::from(value).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64) -> Sample {
        let value = second as u32;
        Sample {
            at_s: second as f64,
            view: Spread { min: value, mean: f64::from(value), max: value },
            expected: Spread { min: 9, mean: 9.0, max: 9 },
            wrong: second % 7,
            bytes: Rates { mean: second as f64, p99: second as f64, max: second as f64 },
            digest: format!("{second}"),
        }
    }

    #[test]
    fn a_long_run_has_few_samples_that_lose_no_peak() {
        for seconds in [1, 599, 600, 601, 602, 1200, 1201, 5000, 100_000] {
            let mut samples = Samples::default();
            (1..=seconds).for_each(|second| samples.push(sample(second)));
            let (kept, every) = samples.end();
            assert!(kept.len() <= SAMPLES && kept.len() as u64 * every >= seconds, "{seconds}");
            assert_eq!(kept.len() as u64, seconds.div_ceil(every), "{seconds}: no stretch is missing");
            let last = kept.last().unwrap();
            assert_eq!((last.at_s, last.digest.as_str()), (seconds as f64, seconds.to_string().as_str()));
            let mut before = 0;
            for (at, sample) in kept.iter().enumerate() {
                let end = ((at as u64 + 1) * every).min(seconds);
                assert_eq!(sample.at_s, end as f64, "{seconds}: sample {at} of {every} s");
                assert_eq!((sample.view.min, sample.view.max), (before as u32 + 1, end as u32));
                let mean = (before + 1 + end) as f64 / 2.0;
                assert!((sample.view.mean - mean).abs() < 1e-6, "{seconds}: {} {mean}", sample.view.mean);
                before = end;
            }
        }
    }

    #[test]
    fn traffic_is_told_by_mean_p99_and_most() {
        let told = bytes((1..=200).rev().collect(), 1.0);
        assert_eq!((told.mean, told.p99, told.max), (100.5, 198.0, 200.0));
        assert_eq!(bytes(vec![14], 2.0), Rates { mean: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(bytes(Vec::new(), 1.0), Rates::default());
    }
}
