//! Accusations and rebuttals over time: a row per member, newest trouble first.

use crate::{
    output::span_ms,
    render::short,
    rows::{EventRow, PastRow},
};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Rows at most: a page is read by people.
const ROWS: usize = 12;
/// Marks drawn in all; older ones are left out.
const MARKS: usize = 400;
/// The picture.
const WIDTH: f64 = 1100.0;
const LEFT: f64 = 110.0;
const ROW: f64 = 26.0;
const FOOT: f64 = 30.0;

/// What is drawn of an event, if anything.
fn kind(event: &EventRow) -> Option<&'static str> {
    match event.event.as_str() {
        "accused" | "accused-myself" => Some("accused"),
        "rebutted" | "up" => Some("good"),
        "down" | "revoked" | "expired" => Some("down"),
        "gray" => Some("gray"),
        "left" => Some("left"),
        _ => None,
    }
}

/// The picture of what is remembered. `name` tells what people call a member.
pub(super) fn picture(past: &[PastRow], name: impl Fn(&str) -> String) -> Markup {
    let mut marks: Vec<(&PastRow, &str, &str)> = Vec::new();
    for row in past.iter().rev() {
        if let (Some(kind), Some(member)) = (kind(&row.event), row.event.member.as_deref()) {
            marks.push((row, kind, member));
        }
    }
    // Members that only came up have no trouble to show.
    let mut troubled: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, kind, member) in &marks {
        if *kind != "good" && !troubled.contains_key(member) {
            let place = troubled.len();
            troubled.insert(member, place);
        }
    }
    let rows = troubled.len().min(ROWS);
    marks.retain(|(_, _, member)| troubled.get(member).is_some_and(|place| *place < ROWS));
    marks.truncate(MARKS);
    if marks.is_empty() {
        return html! { p.calm { "Nobody was accused, went down or left since this agent started." } };
    }
    let span = marks.iter().map(|(row, ..)| row.ago_ms).max().unwrap_or(0).max(60_000) as f64 * 1.05;
    let x = |ago_ms: u64| LEFT + (WIDTH - LEFT - 14.0) * (1.0 - ago_ms as f64 / span);
    let y = |member: &str| ROW * (troubled.get(member).copied().unwrap_or(0) as f64 + 0.5);
    let height = ROW * rows as f64 + FOOT;
    let told = format!("{} events of {rows} members in the last {}", marks.len(), span_ms(span as u64));
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(told) {
            @for (member, place) in troubled.iter().filter(|(_, place)| **place < ROWS) {
                line.grid x1=(LEFT) x2=(WIDTH - 14.0) y1=(ROW * (*place as f64 + 0.5)) y2=(ROW * (*place as f64 + 0.5)) {}
                text.row-name x="4" y=(ROW * (*place as f64 + 0.5)) dominant-baseline="central" { (cut(&name(member))) }
            }
            text.tick x=(LEFT) y=(height - 8.0) { (span_ms(span as u64)) " ago" }
            text.tick x=(WIDTH - 14.0) y=(height - 8.0) text-anchor="end" { "now" }
            @for (row, kind, member) in marks.iter().rev() {
                g { title { (what(row, member)) } (mark(kind, x(row.ago_ms), y(member))) }
            }
        }
        p.legend {
            @for (kind, told) in [("accused", "accused"), ("good", "rebutted, or up again"), ("down", "down"), ("gray", "gray"), ("left", "left")] {
                span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { (mark(kind, 13.0, 7.0)) } (told) }
            }
        }
        @if troubled.len() > ROWS { p.soft { "and " (troubled.len() - ROWS) " members more, in trouble longer ago" } }
    }
}

/// As much of a name as has room.
fn cut(name: &str) -> String {
    const ROOM: usize = 14;
    if name.chars().count() <= ROOM {
        name.to_owned()
    } else {
        name.chars().take(ROOM - 1).chain(['…']).collect()
    }
}

/// An event in words.
pub(super) fn what(row: &PastRow, member: &str) -> String {
    let event = &row.event;
    let by = event
        .evidence
        .as_ref()
        .map(|evidence| format!(" by {} on ring {}", short(&evidence.accuser), evidence.ring));
    format!("{} {}{}, {} ago", short(member), event.event, by.unwrap_or_default(), span_ms(row.ago_ms))
}

/// Told apart by shape, then by colour.
fn mark(kind: &str, x: f64, y: f64) -> Markup {
    let (x, y) = ((x * 10.0).round() / 10.0, (y * 10.0).round() / 10.0);
    html! {
        @match kind {
            "accused" => path.mark.accused d=(format!("M{x} {:.1}l5 9h-10z", y - 5.0)) {},
            "good" => circle.mark.good cx=(x) cy=(y) r="4.5" {},
            "gray" => path.mark.gray d=(format!("M{x} {:.1}l5 5l-5 5l-5 -5z", y - 5.0)) {},
            "left" => circle.mark.left cx=(x) cy=(y) r="4" {},
            _ => path.mark.down d=(format!("M{:.1} {:.1}l9 9m0 -9l-9 9", x - 4.5, y - 4.5)) {},
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::web) fn past(ago_ms: u64, event: &str, member: char) -> PastRow {
        let member = Some(format!("m-{}", member.to_string().repeat(52)));
        PastRow { ago_ms, event: EventRow { event: event.into(), member, ..EventRow::default() } }
    }

    #[test]
    fn trouble_has_a_row_and_what_is_quiet_has_none() {
        let events = [
            past(9_000, "up", 'a'),
            past(8_000, "accused", 'b'),
            past(7_000, "rebutted", 'b'),
            past(1, "joined", 'c'),
        ];
        let text = picture(&events, |id| short(id).to_owned()).into_string();
        assert!(text.contains("m-bbbbbbbb accused") && text.contains("m-bbbbbbbb rebutted"), "{text}");
        assert!(!text.contains("m-aaaaaaaa") && !text.contains("m-cccccccc"), "{text}");
        assert!(picture(&events[..1], str::to_owned).into_string().contains("Nobody"));
    }

    #[test]
    fn a_crowd_is_bounded() {
        let all: Vec<_> = (b'a'..=b'z').map(|c| past(u64::from(c) * 100, "down", c.into())).collect();
        let text = picture(&all, str::to_owned).into_string();
        assert!(text.matches("row-name").count() == ROWS && text.contains("and 14 members more"), "{text}");
    }
}
