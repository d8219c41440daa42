//! From values to places in a picture.

/// A linear scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Where `from` is drawn, and where `to`.
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Scale {
    /// The place of a value, rounded to a tenth of a pixel; values beyond the ends are drawn at the ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        ((self.start + share * (self.end - self.start)) * 10.0).round() / 10.0
    }

    /// Round values between the ends, about `wanted` of them.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<f64> {
        let step = nice((self.to - self.from) / wanted as f64);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|n| n as f64 * step).take_while(|value| *value <= self.to + step * 1e-6).collect()
    }
}

/// The next 1, 2 or 5 times a power of ten.
pub(super) fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= value * 0.999);
    times.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let scale = Scale { from: 0.0, to: 120.0, start: 60.0, end: 1060.0 };
        assert_eq!(scale.ticks(6), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0]);
        assert_eq!((scale.at(0.0), scale.at(60.0), scale.at(500.0)), (60.0, 560.0, 1060.0));
        let narrow = Scale { from: 96.0, to: 101.0, start: 200.0, end: 0.0 };
        assert_eq!(narrow.ticks(5), [96.0, 97.0, 98.0, 99.0, 100.0, 101.0]);
        assert_eq!([0.3, 1.0, 3.0, 70.0].map(nice), [0.5, 1.0, 5.0, 100.0]);
    }
}
