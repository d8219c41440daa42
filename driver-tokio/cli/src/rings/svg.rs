//! Rings as SVG: one picture per ring, in a grid. Colours are the style sheet's, light and dark.

use super::{RingRow, SpotRow};
use crate::render::short;
use maud::{Markup, PreEscaped, html};
use std::f64::consts::TAU;

/// Side of one ring's picture, and the radius of its circle.
const SIZE: f64 = 344.0;
const RADIUS: f64 = 92.0;
/// With more members than this a ring has no room for names: they are told when the pointer rests on one.
const NAMED_MAX: usize = 24;
/// Rings beside each other in a file.
const COLUMNS: usize = 4;

/// Colours of the pictures; the page of the agent has the same names for its own.
pub(crate) const STYLE: &str = include_str!("svg.css");

/// A file of its own with all these rings.
pub(crate) fn file(rings: &[RingRow]) -> String {
    let columns = rings.len().clamp(1, COLUMNS);
    let (width, height) = (SIZE * columns as f64, SIZE * rings.len().div_ceil(columns) as f64);
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role="img" {
            style { (PreEscaped(STYLE)) }
            rect.paper width="100%" height="100%" {}
            @for (place, ring) in rings.iter().enumerate() {
                g transform={ "translate(" (SIZE * (place % columns) as f64) " " (SIZE * (place / columns) as f64) ")" } { (inside(ring, None)) }
            }
        }
    };
    markup.into_string() + "\n"
}

/// One ring for a page; `me` is the agent that tells it.
pub(crate) fn picture(ring: &RingRow, me: Option<&str>) -> Markup {
    let live = ring.spots.iter().filter(|spot| !spot.is_out()).count();
    let told = format!("Ring {}: {} members, {live} of them live", ring.ring, ring.spots.len());
    html! {
        svg.ring viewBox={ "0 0 " (SIZE) " " (SIZE) } role="img" aria-label=(told) { (inside(ring, me)) }
    }
}

fn inside(ring: &RingRow, me: Option<&str>) -> Markup {
    let count = ring.spots.len();
    let angle = |place: usize| TAU * place as f64 / count.max(1) as f64 - TAU / 4.0;
    let size = (RADIUS * TAU / count.max(1) as f64 / 3.0).clamp(1.0, 6.0);
    html! {
        defs {
            marker id={ "tip" (ring.ring) } viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto" {
                path.tip d="M0 0L8 4L0 8z" {}
            }
        }
        circle.orbit cx=(SIZE / 2.0) cy=(SIZE / 2.0) r=(RADIUS) {}
        text.title x=(SIZE / 2.0) y=(SIZE / 2.0) text-anchor="middle" dominant-baseline="central" { "ring " (ring.ring) }
        @for (from, to) in ring.watches() { (arrow(ring, angle(from), angle(to), size, count)) }
        @for (place, spot) in ring.spots.iter().enumerate() {
            g {
                title { (spot.id) ", " (spot.state) @if !spot.enabled { ", accusable by nobody on this ring" } }
                (dot(spot, at(angle(place), RADIUS), size))
                @if count <= NAMED_MAX { (label(spot, angle(place), me == Some(spot.id.as_str()))) }
            }
        }
    }
}

fn at(angle: f64, radius: f64) -> (f64, f64) {
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    (tenth(SIZE / 2.0 + radius * angle.cos()), tenth(SIZE / 2.0 + radius * angle.sin()))
}

/// A member's mark: told apart by its shape, then by its colour.
fn dot(spot: &SpotRow, (x, y): (f64, f64), r: f64) -> Markup {
    html! {
        @match spot.state.as_str() {
            "live" => circle.dot.live cx=(x) cy=(y) r=(r) {},
            "accused" => circle.dot.accused cx=(x) cy=(y) r=(r) {},
            "gray" => path.dot.gray d=(format!("M{x} {:.1}l{r:.1} {r:.1}l-{r:.1} {r:.1}l-{r:.1} -{r:.1}z", y - r)) {},
            "left" => circle.dot.left cx=(x) cy=(y) r=(r) {},
            _ => path.dot.down d=(format!("M{:.1} {:.1}l{d:.1} {d:.1}m0 -{d:.1}l-{d:.1} {d:.1}", x - r, y - r, d = 2.0 * r)) {},
        }
    }
}

fn label(spot: &SpotRow, angle: f64, me: bool) -> Markup {
    let (x, y) = at(angle, RADIUS + 12.0);
    let degrees = (angle.to_degrees() * 10.0).round() / 10.0;
    let left = angle.cos() < -1e-9;
    let (turned, anchor) = if left { (degrees + 180.0, "end") } else { (degrees, "start") };
    html! {
        text.name.me[me] x=(x) y=(y) text-anchor=(anchor) dominant-baseline="central" transform={ "rotate(" (turned) " " (x) " " (y) ")" } {
            (short(&spot.id))
        }
    }
}

/// From who watches to who is watched, inside of the circle; with many members along it.
fn arrow(ring: &RingRow, from: f64, to: f64, size: f64, count: usize) -> Markup {
    let pad = (size + 2.0) / RADIUS;
    let radius = if count > NAMED_MAX { RADIUS } else { RADIUS - 4.0 };
    let span = (to - from).rem_euclid(TAU);
    let ((x1, y1), (x2, y2)) =
        (at(from + pad.min(span / 3.0), radius), at(from + span - pad.min(span / 3.0), radius));
    // The longer the way, the deeper inside it passes.
    let middle = from + span / 2.0;
    let (cx, cy) =
        at(middle, radius * (span / 2.0).cos().max(-0.2) * if count > NAMED_MAX { 1.0 } else { 0.92 });
    html! {
        path.watches d=(format!("M{x1} {y1}Q{cx} {cy} {x2} {y2}")) marker-end={ "url(#tip" (ring.ring) ")" } {}
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::ring, *};

    #[test]
    fn a_file_has_every_member_and_every_arrow_and_nothing_from_elsewhere() {
        let ring = ring(&["live", "down", "accused", "live", "gray"]);
        let text = file(&[ring.clone(), RingRow { ring: 4, ..ring.clone() }]);
        assert_eq!(text.matches("class=\"watches\"").count(), 2 * ring.watches().len());
        for spot in &ring.spots {
            assert_eq!(text.matches(&format!("<title>{}", spot.id)).count(), 2);
        }
        assert!(!text.contains("NaN") && !text.contains("<script") && !text.contains("url(h"), "{text}");
        assert_eq!(text.matches("http").count(), 1, "the name space alone");
        file(&[RingRow::default()]);
    }
}
