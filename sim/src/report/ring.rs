//! The members on a ring, and who accused whom on it.

use super::number;
use crate::chronicle::{Chronicle, Edge, Fate, Ring, Tale};
use maud::{Markup, html};
use std::{collections::BTreeMap, f64::consts::TAU};

const SIZE: f64 = 500.0;
const RADIUS: f64 = 208.0;
/// Chords drawn; of more, those that put somebody out and then the most frequent.
const CHORDS: usize = 400;
/// With at most so many members everybody has a number.
const SMALL: usize = 40;
/// Numbers of members that are not just ordinary, beyond which they would stand over each other.
const NUMBERS: usize = 60;
/// Room that a number takes along the ring.
const NUMBER: f64 = 13.0;

/// What is drawn for a member, the first that fits.
fn class(tale: &Tale) -> &'static str {
    match tale {
        Tale { lies: Some(_), .. } => "liar",
        Tale { fate: Fate::Crashed, .. } => "crashed",
        Tale { fate: Fate::Left, .. } => "left",
        Tale { fate: Fate::Absent, .. } => "absent",
        Tale { gray: true, .. } => "gray",
        Tale { disturbed: true, .. } => "disturbed",
        _ => "correct",
    }
}

/// The classes with what they mean.
const CLASSES: [(&str, &str); 7] = [
    ("correct", "correct"),
    ("liar", "liar"),
    ("crashed", "crashed"),
    ("left", "left"),
    ("absent", "never started"),
    ("gray", "gray"),
    ("disturbed", "disturbed for a while"),
];

/// All rings, and what the marks mean.
pub(super) fn pictures(chronicle: &Chronicle) -> Markup {
    let tales: BTreeMap<_, _> = chronicle.members.iter().map(|tale| (tale.member, tale)).collect();
    let used = |class: &str| tales.values().any(|tale| self::class(tale) == class);
    html! {
        div.pair { @for ring in &chronicle.rings { (picture(chronicle, ring, &tales)) } }
        p.legend {
            @for (class, meaning) in CLASSES {
                @if used(class) {
                    span.key {
                        svg.swatch viewBox="-13 -7 26 14" aria-hidden="true" { (mark(class, 0.0, 0.0, 4.5)) }
                        (meaning)
                    }
                }
            }
            span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { path.chord.answered d="M1 7H25" {} } "accused, and nobody was put out for it" }
            span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { path.chord.fatal d="M1 7H25" {} } "accused and put out" }
        }
    }
}

fn picture(chronicle: &Chronicle, ring: &Ring, tales: &BTreeMap<usize, &Tale>) -> Markup {
    let places: BTreeMap<_, _> =
        ring.order.iter().enumerate().map(|(place, member)| (*member, place)).collect();
    let count = ring.order.len().max(1) as f64;
    let angle = |member: usize| TAU * places[&member] as f64 / count - TAU / 4.0;
    let on_ring = |edge: &&Edge| {
        edge.rings.contains(&ring.ring)
            && places.contains_key(&edge.accuser)
            && places.contains_key(&edge.accused)
    };
    let chords: Vec<_> = chronicle.edges.iter().filter(on_ring).collect();
    // The fatal ones are drawn last, over the others.
    let drawn: Vec<_> = chords.iter().take(CHORDS).rev().collect();
    let size = mark_size(ring.order.len());
    let specials = tales.values().filter(|tale| is_special(tale)).count();
    let wants_number = |member: &usize| {
        ring.order.len() <= SMALL
            || specials <= NUMBERS && tales.get(member).is_some_and(|tale| is_special(tale))
    };
    // Of two that would stand over each other, the first has its number; the other's is in the mark's title.
    let apart = (NUMBER * count / (TAU * RADIUS)).ceil() as usize;
    let mut numbered: Vec<usize> = Vec::new();
    for place in (0..ring.order.len()).filter(|place| wants_number(&ring.order[*place])) {
        if numbered.last().is_none_or(|last| place - last >= apart) {
            numbered.push(place);
        }
    }
    let has_number = |member: usize| numbered.binary_search(&places[&member]).is_ok();
    html! {
        figure {
            svg viewBox={ "0 0 " (SIZE) " " (SIZE) } role="img" aria-label=(told(ring, chords.len())) {
                defs {
                    marker.tip id={ "tip" (ring.ring) } viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8" orient="auto" {
                        path d="M0 0L8 4L0 8z" {}
                    }
                }
                circle.orbit cx=(SIZE / 2.0) cy=(SIZE / 2.0) r=(RADIUS) {}
                @for edge in &drawn { (chord(edge, ring.ring, angle(edge.accuser), angle(edge.accused))) }
                @for member in &ring.order {
                    @if let Some(tale) = tales.get(member) {
                        @let (x, y) = place(angle(*member), RADIUS);
                        g { title { (about(tale)) } (mark(class(tale), x, y, if class(tale) == "correct" { size } else { size.max(4.5) })) }
                        @if has_number(*member) { (numeral(*member, angle(*member), ring.order.len() <= SMALL, is_special(tale))) }
                    }
                }
            }
            figcaption {
                "Ring " (ring.ring) ": " (number::members(ring.order.len())) " in its order, clockwise; "
                @if chords.is_empty() { "nobody accused anybody on it" } @else { (number::plural(chords.len(), "pair")) " of accuser and accused" }
                @if chords.len() > CHORDS { ", of which " (CHORDS) " are drawn" }
            }
        }
    }
}

fn told(ring: &Ring, chords: usize) -> String {
    format!(
        "Ring {} with {}; arrows for {}",
        ring.ring,
        number::members(ring.order.len()),
        number::plural(chords, "accusation")
    )
}

fn is_special(tale: &Tale) -> bool {
    !matches!(class(tale), "correct" | "disturbed")
}

fn mark_size(members: usize) -> f64 {
    (RADIUS * TAU / members.max(1) as f64 / 3.0).clamp(0.9, 5.0)
}

fn about(tale: &Tale) -> String {
    let lies = tale.lies.as_ref().map_or(String::new(), |lies| format!(", {lies}"));
    format!("member {}: {}{lies}", tale.member, class(tale))
}

fn place(angle: f64, radius: f64) -> (f64, f64) {
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    (tenth(SIZE / 2.0 + radius * angle.cos()), tenth(SIZE / 2.0 + radius * angle.sin()))
}

/// A member's mark: told apart by its shape, then by its colour.
fn mark(class: &str, x: f64, y: f64, r: f64) -> Markup {
    html! {
        @match class {
            "liar" => rect.dot.liar x=(x - r) y=(y - r) width=(2.0 * r) height=(2.0 * r) {},
            "crashed" => path.dot.crashed d=(format!("M{} {}l{} {}m0 {}l{} {}", x - r, y - r, 2.0 * r, 2.0 * r, -2.0 * r, -2.0 * r, 2.0 * r)) {},
            "left" => path.dot.left d=(format!("M{} {}h{}", x - r, y, 2.0 * r)) {},
            "gray" => path.dot.gray d=(format!("M{} {}l{} {}h{}z", x, y - r, r, 2.0 * r, -2.0 * r)) {},
            "absent" => circle.dot.absent cx=(x) cy=(y) r=(r) {},
            "disturbed" => circle.dot.disturbed cx=(x) cy=(y) r=(r * 0.8) {},
            _ => circle.dot.correct cx=(x) cy=(y) r=(r) {},
        }
    }
}

/// A member's number: upright where there is room, else along the radius.
fn numeral(member: usize, angle: f64, is_upright: bool, is_special: bool) -> Markup {
    if is_upright {
        let (x, y) = place(angle, RADIUS + 17.0);
        return html! {
            text.numeral.special[is_special] x=(x) y=(y) text-anchor="middle" dominant-baseline="central" { (member) }
        };
    }
    let (x, y) = place(angle, RADIUS + 12.0);
    let degrees = (angle.to_degrees() * 10.0).round() / 10.0;
    let is_left = angle.cos() < -1e-9;
    let (turned, anchor) = if is_left { (degrees + 180.0, "end") } else { (degrees, "start") };
    html! {
        text.numeral.special[is_special] x=(x) y=(y) text-anchor=(anchor) dominant-baseline="central" transform={ "rotate(" (turned) " " (x) " " (y) ")" } {
            (member)
        }
    }
}

fn chord(edge: &Edge, ring: u8, from: f64, to: f64) -> Markup {
    let ((x1, y1), (x2, y2)) = (place(from, RADIUS - 7.0), place(to, RADIUS - 7.0));
    // Neighbours bend less far in than members opposite each other.
    let apart = ((from - to) / 2.0).sin().abs();
    let (mx, my) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
    let bend = 0.05 + 0.55 * apart;
    let (cx, cy) = (mx + (SIZE / 2.0 - mx) * bend, my + (SIZE / 2.0 - my) * bend);
    let class = if edge.downs > 0 { "fatal" } else { "answered" };
    html! {
        path.chord.(class) d=(format!("M{x1} {y1}Q{cx:.1} {cy:.1} {x2} {y2}")) marker-end={ "url(#tip" (ring) ")" } {
            title { "member " (edge.accuser) " accused member " (edge.accused) ", " (number::plural(edge.count as usize, "time")) }
        }
    }
}
