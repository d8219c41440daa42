//! Pictures made of cells: who accused whom, and whose view was wrong when.

use super::{
    number,
    scale::Scale,
    time::{self, Lanes, WIDTH},
};
use crate::chronicle::{Chronicle, Edge, Heat};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Steps of colour, from hardly anything to all.
const STEPS: usize = 7;
/// A heat map's height, if it has many rows.
const TALL: f64 = 300.0;
/// A row's height, if it has few.
const ROW: f64 = 18.0;
/// Side of the matrix, and cells along it.
const SIDE: f64 = 440.0;
const CELLS: usize = 100;
/// Room for the names of its sides.
const MARGIN: f64 = 56.0;

/// Whose view was wrong, and who was seen wrongly.
pub(super) fn heat(chronicle: &Chronicle) -> Markup {
    let any = |heat: &Heat| heat.cells.iter().flatten().any(|cell| *cell > 0);
    html! {
        @if any(&chronicle.observers) || any(&chronicle.subjects) {
            (map(chronicle, &chronicle.observers, "Whose view was wrong: a row per observer", "of its view is wrong"))
            (map(chronicle, &chronicle.subjects, "Who was seen wrongly: a row per subject", "of the observers are wrong about it"))
            p.legend {
                "share of the row's pairs that are wrong:"
                @for step in 0..STEPS {
                    span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { rect class={ "h" (step) } width="26" height="14" {} } (name(step)) }
                }
            }
        } @else {
            p.calm { "Every correct member saw every member rightly in every second: there is nothing to draw." }
        }
    }
}

/// The step of a share in thousandths; each has double the share of the one before.
fn step(per_mille: u16) -> usize {
    let bounds = [1, 10, 30, 100, 250, 500];
    bounds.iter().position(|bound| per_mille <= *bound).unwrap_or(STEPS - 1)
}

fn name(step: usize) -> &'static str {
    ["≤ 0.1 %", "≤ 1 %", "≤ 3 %", "≤ 10 %", "≤ 25 %", "≤ 50 %", "more"][step]
}

fn map(chronicle: &Chronicle, heat: &Heat, title: &str, of: &str) -> Markup {
    let lanes = Lanes::new(chronicle);
    let time = time::scale(chronicle);
    let rows = heat.cells.len();
    let top = 20.0 + lanes.height() + 30.0;
    let bottom = top + (rows as f64 * ROW).min(TALL);
    let members = Scale { from: 0.0, to: chronicle.header.members as f64, start: top, end: bottom };
    let worst = heat.cells.iter().flatten().max().copied().unwrap_or(0);
    let each = match heat.members_per_row {
        1 => String::new(),
        each => format!("; a row is {each} members"),
    };
    html! {
        figure {
            svg viewBox={ "0 0 " (WIDTH) " " (bottom + 42.0) } role="img" aria-label={ (title) ". At worst " (f64::from(worst) / 10.0) " % " (of) "." } {
                rect.sheet x=(time.start) y=(top) width=(time.end - time.start) height=(bottom - top) {}
                (lanes.draw(20.0, &[(top, bottom)]))
                (time::axis(time, top, bottom))
                (time::name(time, bottom, "virtual time, seconds"))
                @for (step, path) in paths(heat, time, members).iter().enumerate() {
                    @if !path.is_empty() { path class={ "h" (step) } d=(path) {} }
                }
                @for tick in members.ticks(5) {
                    @if tick < members.to {
                        text.tick x=(time.start - 8.0) y=(members.at(tick) + 9.0) text-anchor="end" { (time::label(tick)) }
                    }
                }
                text.axis-name x="4" y=(top - 10.0) { (title) (each) }
            }
        }
    }
}

/// A path per step, of all its cells; neighbours in time are one rectangle.
fn paths(heat: &Heat, time: Scale, members: Scale) -> [String; STEPS] {
    let mut paths: [String; STEPS] = Default::default();
    for (row, cells) in heat.cells.iter().enumerate() {
        let y = members.at((row * heat.members_per_row) as f64);
        let high = members.at(((row + 1) * heat.members_per_row) as f64) - y;
        let mut column = 0;
        while column < cells.len() {
            let step = self::step(cells[column]);
            let is_wrong = cells[column] > 0;
            let alike = |cell: &&u16| (**cell > 0) == is_wrong && self::step(**cell) == step;
            let run = cells[column..].iter().take_while(alike).count();
            if is_wrong {
                // Views are looked at after each second, and what was seen holds for the next one.
                let x = time.at(column as f64 * heat.column_s + 1.0);
                let wide = time.at((column + run) as f64 * heat.column_s + 1.0) - x;
                write!(paths[step], "M{x} {y}h{wide:.1}v{high:.1}h{:.1}z", -wide).expect("a string");
            }
            column += run;
        }
    }
    paths
}

/// Who accused whom, as a matrix with a list of the most.
pub(super) fn accusations(chronicle: &Chronicle) -> Markup {
    if chronicle.edges.is_empty() {
        return html! { p.calm { "Nobody accused anybody." } };
    }
    html! {
        div.pair { figure { (matrix(chronicle)) } (list(&chronicle.edges)) }
    }
}

fn matrix(chronicle: &Chronicle) -> Markup {
    let members = chronicle.header.members.max(1);
    let each = members.div_ceil(CELLS);
    let cells = members.div_ceil(each);
    let long = SIDE / cells as f64;
    let at = |member: usize| ((MARGIN + (member / each) as f64 * long) * 10.0).round() / 10.0;
    let place = Scale { from: 0.0, to: members as f64, start: MARGIN, end: MARGIN + SIDE };
    // Weak ones first: where several members share a cell, what weighs most is seen.
    let mut drawn: Vec<_> = chronicle.edges.iter().collect();
    drawn.sort_by_key(|edge| (edge.downs > 0, edge.count));
    let name = |edge: &Edge| if edge.downs > 0 { "fatal" } else { "answered" };
    let cell = long.max(3.0);
    html! {
        svg viewBox={ "0 0 " (MARGIN + SIDE + 12.0) " " (MARGIN + SIDE + 12.0) } role="img" aria-label={ "Matrix of " (number::plural(chronicle.edges.len(), "pair")) " of accuser and accused" } {
            rect.sheet x=(MARGIN) y=(MARGIN) width=(SIDE) height=(SIDE) {}
            @for tick in place.ticks(5) {
                @if tick < place.to {
                    text.tick x=(place.at(tick)) y=(MARGIN - 8.0) { (time::label(tick)) }
                    text.tick x=(MARGIN - 8.0) y=(place.at(tick) + 9.0) text-anchor="end" { (time::label(tick)) }
                    line.grid x1=(place.at(tick)) x2=(place.at(tick)) y1=(MARGIN) y2=(MARGIN + SIDE) {}
                    line.grid x1=(MARGIN) x2=(MARGIN + SIDE) y1=(place.at(tick)) y2=(place.at(tick)) {}
                }
            }
            text.axis-name x=(MARGIN) y="18" { "accused member →" }
            text.axis-name x="5" y=(MARGIN) transform={ "rotate(90 5 " (MARGIN) ")" } { "accusing member →" }
            @for edge in drawn {
                rect.pair-cell.(name(edge)) x=(at(edge.accused)) y=(at(edge.accuser)) width=(format!("{cell:.1}")) height=(format!("{cell:.1}")) {
                    title { (edge.accuser) " accused " (edge.accused) ": " (edge.count) ", answered " (edge.rebutted) ", put out by " (edge.downs) }
                }
            }
        }
        figcaption {
            "A mark per pair: "
            span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { rect.pair-cell.answered x="7" y="1" width="12" height="12" {} } "nobody was put out for it" }
            span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { rect.pair-cell.fatal x="7" y="1" width="12" height="12" {} } "put out for it" }
            @if each > 1 { " A cell is " (each) " × " (each) " members." }
        }
    }
}

fn list(edges: &[Edge]) -> Markup {
    const SHOWN: usize = 14;
    html! {
        div.scroll {
            table {
                caption {
                    @if edges.len() > SHOWN { "The " (SHOWN) " weightiest of " (number::plural(edges.len(), "pair")) }
                    @else { "All pairs" }
                }
                thead { tr { th.n scope="col" { "accuser" } th.n scope="col" { "accused" } th.n scope="col" { "times" } th.n scope="col" { "answered" } th.n scope="col" { "put out by" } th.n scope="col" { "first – last" } } }
                tbody {
                    @for edge in edges.iter().take(SHOWN) {
                        tr {
                            td.n { (edge.accuser) } td.n { (edge.accused) } td.n { (number::count(edge.count.into())) }
                            td.n { (number::count(edge.rebutted.into())) }
                            td.n { @if edge.downs == 0 { "nobody" } @else { (number::count(edge.downs.into())) } }
                            td.n { (number::stretch(edge.first_s.into(), edge.last_s.into())) }
                        }
                    }
                }
            }
        }
    }
}
