//! Curves over time: how large the views were and how wrong, and what was sent.

use super::{
    number,
    scale::{Scale, nice},
    time::{self, Lanes, WIDTH},
};
use crate::chronicle::{Chronicle, Sample};
use maud::{Markup, html};
use std::fmt::Write as _;

const PLOT: f64 = 190.0;
const SMALL: f64 = 120.0;
/// Between what is above a plot and the plot: its name stands there.
const NAME: f64 = 30.0;

/// The live views and how many pairs are wrong.
pub(super) fn convergence(chronicle: &Chronicle) -> Markup {
    let lanes = Lanes::new(chronicle);
    let time = time::scale(chronicle);
    let top = 24.0 + lanes.height() + NAME;
    let (middle, below) = (top + PLOT, top + PLOT + 50.0 + NAME);
    let bottom = below + SMALL;
    let views = view_scale(&chronicle.samples, middle, top);
    let most = chronicle.samples.iter().map(|sample| sample.wrong).max().unwrap_or(0);
    let wrong = Scale { from: 0.0, to: nice(most.max(1) as f64), start: bottom, end: below };
    let samples = &chronicle.samples;
    let end = samples.last().map_or(0.0, |sample| sample.at_s);
    let lies = chronicle.bands.iter().any(|band| band.kind == "lie");
    let faults = || chronicle.bands.iter().filter(|band| band.kind != "lie");
    let lasts = faults().any(|band| band.until_s != Some(band.from_s));
    let moments = faults().any(|band| band.until_s == Some(band.from_s));
    let low = seen(samples, |sample| sample.view.min.into());
    let high = seen(samples, |sample| sample.view.max.into());
    let from =
        if views.from > 0.0 { format!(" (the axis begins at {:.0})", views.from) } else { String::new() };
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (bottom + 42.0) } role="img" aria-label=(told(chronicle, most)) {
            (lanes.draw(20.0, &[(top, middle), (below, bottom)]))
            (time::axis(time, top, middle))
            (time::values(views, time, &format!("live members in a correct view{from}"), time::label))
            path.spread d=(area(&low, &high, end, time, views)) {}
            path.mean d=(steps(&seen(samples, |sample| sample.view.mean), end, time, views)) {}
            path.expected d=(steps(&seen(samples, |sample| sample.expected.max.into()), end, time, views)) {}
            @if samples.iter().any(|sample| sample.expected.min != sample.expected.max) {
                path.expected d=(steps(&seen(samples, |sample| sample.expected.min.into()), end, time, views)) {}
            }
            (time::axis(time, below, bottom))
            (time::name(time, bottom, "virtual time, seconds"))
            (time::values(wrong, time, "wrong pairs: who is seen live and is not, or the reverse", time::label))
            @if most == 0 {
                text.nothing x=(WIDTH / 2.0) y=((below + bottom) / 2.0 + 5.0) text-anchor="middle" {
                    "no correct view was wrong in any second"
                }
            } @else {
                path.wrong d=(area(&seen(samples, |_| 0.0), &seen(samples, |sample| sample.wrong as f64), end, time, wrong)) {}
            }
        }
        p.legend {
            (key("mean", "mean view")) (key("spread", "smallest to largest view")) (key("expected", "as it should be"))
            @if lies { (key("lie band", "somebody lies")) }
            @if lasts { (key("fault band", "a fault lasts")) }
            @if moments { (key("mark", "a fault at one moment")) }
        }
        @if lanes.hidden > 0 {
            p.soft { (number::plural(lanes.hidden, "further event")) " had no room above the curves." }
        }
    }
}

fn told(chronicle: &Chronicle, most: u64) -> String {
    let view = chronicle.outcome.view;
    format!(
        "Live views over time. In the end {} to {}, expected {}. At worst {} wrong pairs.",
        view.min,
        view.max,
        view.expected,
        number::count(most)
    )
}

/// The whole from 0 if the views vary much; else the part where they do.
fn view_scale(samples: &[Sample], bottom: f64, top: f64) -> Scale {
    let low = samples.iter().map(|sample| sample.view.min.min(sample.expected.min)).min().unwrap_or(0);
    let high = samples.iter().map(|sample| sample.view.max.max(sample.expected.max)).max().unwrap_or(1);
    let (low, high) = (f64::from(low), f64::from(high.max(1)));
    let margin = nice((high * 0.03).max(1.0));
    let from = if low < high * 0.6 { 0.0 } else { ((low - margin) / margin).floor() * margin };
    Scale { from: from.max(0.0), to: high + margin, start: bottom, end: top }
}

/// What members sent.
pub(super) fn traffic(chronicle: &Chronicle) -> Markup {
    let lanes = Lanes::new(chronicle);
    let time = time::scale(chronicle);
    let top = 24.0 + lanes.height() + NAME;
    let bottom = top + PLOT;
    let samples = &chronicle.samples;
    let end = samples.last().map_or(0.0, |sample| sample.at_s);
    let rates_of = |of: fn(&Sample) -> f64| samples.iter().map(of).filter(|rate| *rate > 0.0);
    let most = rates_of(|sample| sample.bytes.max).fold(10.0, f64::max);
    let scale = powers(rates_of(|sample| sample.bytes.mean).fold(most, f64::min), most, bottom, top);
    let at = |bytes: f64| bytes.max(1.0).log10();
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (bottom + 42.0) } role="img" aria-label="Bytes that one correct member sends per second, over time" {
            (lanes.draw(20.0, &[(top, bottom)]))
            (time::axis(time, top, bottom))
            (time::name(time, bottom, "virtual time, seconds"))
            (time::values(scale, time, "sent by one correct member per second, with all headers (logarithmic)", |power| number::bytes(10_f64.powf(power))))
            path.most d=(steps(&rates(samples, |sample| at(sample.bytes.max)), end, time, scale)) {}
            path.p99 d=(steps(&rates(samples, |sample| at(sample.bytes.p99)), end, time, scale)) {}
            path.mean d=(steps(&rates(samples, |sample| at(sample.bytes.mean)), end, time, scale)) {}
        }
        p.legend { (key("mean", "mean")) (key("p99", "99 % send at most this")) (key("most", "the most by any")) }
    }
}

/// Powers of ten: what a fault costs is a thousand times what rest costs, and both are asked for.
pub(super) fn powers(least: f64, most: f64, bottom: f64, top: f64) -> Scale {
    let (from, to) = (least.max(1.0).log10().floor(), most.max(10.0).log10().ceil());
    Scale { from, to: to.max(from + 1.0), start: bottom, end: top }
}

/// A little of what a class looks like, and its meaning.
pub(super) fn key(class: &str, meaning: &str) -> Markup {
    let is_area = class == "spread" || class.ends_with("band");
    html! {
        span.key {
            svg.swatch viewBox="0 0 26 14" aria-hidden="true" {
                @if is_area {
                    rect class=(class) x="1" y="1" width="24" height="12" rx="2" {}
                } @else if class == "mark" {
                    path.fault.mark d="M8 1h10l-5 12z" {}
                } @else {
                    path class=(class) d="M1 7H25" {}
                }
            }
            (meaning)
        }
    }
}

/// A value and since when it holds, in order.
pub(super) type Points = Vec<(f64, f64)>;

/// What was seen at a moment, and holds until the next one.
fn seen(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> Points {
    let mut points: Points = samples.iter().map(|sample| (sample.at_s, value(sample))).collect();
    if let Some((at, _)) = points.first_mut() {
        *at = 0.0;
    }
    points
}

/// What happened in the time before each moment.
fn rates(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> Points {
    let begins = [0.0].into_iter().chain(samples.iter().map(|sample| sample.at_s));
    begins.zip(samples).map(|(begin, sample)| (begin, value(sample))).collect()
}

/// A line with steps, until `end`.
pub(super) fn steps(points: &[(f64, f64)], end: f64, time: Scale, scale: Scale) -> String {
    let Some((at, value)) = points.first() else { return String::new() };
    let mut path = format!("M{} {}", time.at(*at), scale.at(*value));
    let mut drawn = scale.at(*value);
    for (at, value) in &points[1..] {
        let y = scale.at(*value);
        if y != drawn {
            write!(path, "H{}V{y}", time.at(*at)).expect("a string takes everything");
            drawn = y;
        }
    }
    path + &format!("H{}", time.at(end))
}

/// What is between two lines with steps.
pub(super) fn area(low: &[(f64, f64)], high: &[(f64, f64)], end: f64, time: Scale, scale: Scale) -> String {
    let mut path = steps(high, end, time, scale);
    for (at, value) in low.iter().rev() {
        write!(path, "V{}H{}", scale.at(*value), time.at(*at)).expect("a string takes everything");
    }
    if !path.is_empty() {
        path.push('Z');
    }
    path
}
