//! The time axis that all curves share, with what was done to the members above it.

use super::{number, scale::Scale};
use crate::chronicle::{Band, Chronicle};
use maud::{Markup, html};

/// Width of every picture with a time axis.
pub(super) const WIDTH: f64 = 1120.0;
/// Left of the axis: room for figures.
pub(super) const LEFT: f64 = 72.0;
const RIGHT: f64 = 18.0;
/// Height of a lane of bands.
const LANE: f64 = 22.0;
/// Lanes drawn; what does not fit is told in the words.
const LANES: usize = 8;
/// About how wide a character of a label is.
const CHARACTER: f64 = 6.7;
/// How wide the mark of a moment is.
const MARK: f64 = 10.0;

/// The time axis of a run.
pub(super) fn scale(chronicle: &Chronicle) -> Scale {
    let last = chronicle.samples.last().map_or(0.0, |sample| sample.at_s);
    Scale { from: 0.0, to: chronicle.header.until_s.max(last), start: LEFT, end: WIDTH - RIGHT }
}

/// The axis itself, along the bottom of a plot from `top` to `bottom`, with lines up through it.
pub(super) fn axis(time: Scale, top: f64, bottom: f64) -> Markup {
    html! {
        @for tick in time.ticks(12) {
            @let x = time.at(tick);
            line.grid x1=(x) x2=(x) y1=(top) y2=(bottom) {}
            text.tick x=(x) y=(bottom + 18.0) text-anchor="middle" { (label(tick)) }
        }
        line.axis x1=(time.start) x2=(time.end) y1=(bottom) y2=(bottom) {}
    }
}

/// What the axis counts, below the last plot.
pub(super) fn name(time: Scale, bottom: f64, name: &str) -> Markup {
    html! { text.axis-name x=(time.end) y=(bottom + 36.0) text-anchor="end" { (name) } }
}

/// The axis of values, along the left, with lines across.
pub(super) fn values(scale: Scale, time: Scale, name: &str, label: impl Fn(f64) -> String) -> Markup {
    html! {
        @for tick in scale.ticks(4) {
            @let y = scale.at(tick);
            line.grid x1=(time.start) x2=(time.end) y1=(y) y2=(y) {}
            text.tick x=(time.start - 8.0) y=(y + 4.0) text-anchor="end" { (label(tick)) }
        }
        text.axis-name x="4" y=(scale.end - 10.0) { (name) }
    }
}

/// A tick's figure.
pub(super) fn label(value: f64) -> String {
    if value == value.round() { number::count(value as u64) } else { format!("{value:.1}") }
}

/// Bands in lanes, so that no two stand over each other, labels included.
pub(super) struct Lanes<'a> {
    time: Scale,
    placed: Vec<(usize, Placed<'a>)>,
    lanes: usize,
    /// Bands for which there was no lane.
    pub(super) hidden: usize,
}

struct Placed<'a> {
    band: &'a Band,
    from: f64,
    to: f64,
    label: String,
    label_at: f64,
    anchor: &'static str,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(chronicle: &'a Chronicle) -> Self {
        let time = scale(chronicle);
        let mut ends: Vec<f64> = Vec::new();
        let mut lanes = Self { time, placed: Vec::new(), lanes: 0, hidden: 0 };
        for band in &chronicle.bands {
            let placed = Placed::new(band, time);
            let (left, right) = placed.extent();
            match ends.iter().position(|end| *end + 6.0 <= left) {
                Some(lane) => {
                    ends[lane] = right;
                    lanes.placed.push((lane, placed));
                }
                None if ends.len() < LANES => {
                    ends.push(right);
                    lanes.placed.push((ends.len() - 1, placed));
                }
                None => lanes.hidden += 1,
            }
        }
        lanes.lanes = ends.len();
        lanes
    }

    /// How high all lanes are.
    pub(super) fn height(&self) -> f64 {
        self.lanes as f64 * LANE
    }

    /// The lanes, from `top` on, and what they cast over the plots below, each from its top to its bottom.
    pub(super) fn draw(&self, top: f64, plots: &[(f64, f64)]) -> Markup {
        html! {
            @for (lane, placed) in &self.placed {
                @let y = top + *lane as f64 * LANE;
                @let class = if placed.band.kind == "lie" { "lie" } else { "fault" };
                @if placed.to - placed.from > MARK {
                    @for (top, bottom) in plots {
                        rect.(class).shade x=(placed.from) y=(top) width=(width(placed)) height=(bottom - top) {}
                    }
                    rect.(class).band x=(placed.from) y=(y) width=(width(placed)) height=(LANE - 5.0) rx="3" {
                        title { (placed.label) }
                    }
                    (edges(class, placed.to, y + LANE - 5.0, plots))
                } @else {
                    @let x = placed.from;
                    path.(class).mark d={ "M" (x - 5.0) " " (y + 2.0) "h10l-5 12z" } { title { (placed.label) } }
                }
                (edges(class, placed.from, y + LANE - 5.0, plots))
                text.band-label.outside[!placed.is_inside()] x=(placed.label_at) y=(y + 13.0) text-anchor=(placed.anchor) { (placed.label) }
            }
            @if self.placed.is_empty() {
                text.soft x=(self.time.start) y=(top - 8.0) { "nothing was done to anybody" }
            }
        }
    }
}

/// Where a band begins or ends: from its lane into the first plot, and in all others.
fn edges(class: &str, x: f64, from: f64, plots: &[(f64, f64)]) -> Markup {
    html! {
        @for (at, (top, bottom)) in plots.iter().enumerate() {
            line.(class).edge x1=(x) x2=(x) y1=(if at == 0 { from } else { *top }) y2=(bottom) {}
        }
    }
}

fn width(placed: &Placed<'_>) -> f64 {
    ((placed.to - placed.from) * 10.0).round() / 10.0
}

impl<'a> Placed<'a> {
    fn new(band: &'a Band, time: Scale) -> Self {
        let until = band.until_s.unwrap_or(time.to);
        let (from, to) = (time.at(band.from_s), time.at(until));
        let label = format!("{}, {}", band.label, number::stretch(band.from_s, until));
        let long = label.chars().count() as f64 * CHARACTER;
        let is_mark = to - from <= MARK;
        let (label_at, anchor) = if !is_mark && to - from >= long + 12.0 {
            (from + 6.0, "start")
        } else if to + 8.0 + long <= time.end {
            (to + 8.0, "start")
        } else {
            (from - 8.0, "end")
        };
        Self { band, from, to, label, label_at, anchor }
    }

    /// Whether its words stand in its bar.
    fn is_inside(&self) -> bool {
        (self.from..self.to).contains(&self.label_at)
    }

    fn extent(&self) -> (f64, f64) {
        let long = self.label.chars().count() as f64 * CHARACTER;
        let (left, right) = if self.anchor == "end" {
            (self.label_at - long, self.label_at)
        } else {
            (self.label_at, self.label_at + long)
        };
        (left.min(self.from - MARK / 2.0), right.max(self.to + MARK / 2.0))
    }
}
