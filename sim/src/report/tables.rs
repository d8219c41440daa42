//! Tables: what was expected, what does not hold, who was put out, and all figures.

use super::number;
use crate::chronicle::{Chronicle, Was};
use maud::{Markup, html};

/// Rows of a table; the trace has all.
const ROWS: usize = 40;

/// What was expected and what was seen.
pub(super) fn expectations(chronicle: &Chronicle) -> Markup {
    html! {
        @if chronicle.expectations.is_empty() {
            p.soft { "The scenario expects nothing of its own; the invariants hold for every run." }
        } @else {
            table {
                caption { "What the scenario expects" }
                thead { tr { th scope="col" { "" } th scope="col" { "expectation" } th.n scope="col" { "limit" } th.n scope="col" { "seen" } } }
                tbody {
                    @for expectation in &chronicle.expectations {
                        tr {
                            td.sign { (sign(expectation.holds)) }
                            td { (expectation.name.replace('_', " ")) }
                            td.n { (expectation.limit) }
                            td.n { (expectation.seen) }
                        }
                    }
                }
            }
        }
    }
}

fn sign(holds: bool) -> Markup {
    html! { @if holds { span.pass { "✓ holds" } } @else { span.fail { "✗ fails" } } }
}

/// What does not hold.
pub(super) fn violations(chronicle: &Chronicle) -> Markup {
    let violations = &chronicle.outcome.violations;
    html! {
        @if violations.is_empty() {
            p.calm { "None: every invariant and every expectation holds." }
        } @else {
            table {
                caption { (number::plural(violations.len(), "violation")) ", at most 20 of each kind" }
                thead { tr { th.n scope="col" { "at" } th scope="col" { "what does not hold" } th.n scope="col" { "member" } th scope="col" { "what was seen" } } }
                tbody {
                    @for violation in violations.iter().take(ROWS) {
                        tr {
                            td.n { (number::seconds(violation.at_s)) }
                            td { (violation.invariant) }
                            td.n { @if let Some(member) = violation.member { (member) } }
                            td { (violation.detail) }
                        }
                    }
                }
            }
            (more(violations.len()))
        }
    }
}

fn more(rows: usize) -> Markup {
    html! { @if rows > ROWS { p.soft { (number::count((rows - ROWS) as u64)) " more are in the trace." } } }
}

/// Who was put out and with what evidence.
pub(super) fn outs(chronicle: &Chronicle) -> Markup {
    let outs = &chronicle.outs;
    html! {
        @if outs.is_empty() {
            p.calm { "Nobody." }
        } @else {
            table {
                caption { "By correct members, with the evidence of the first of them; those that were wronged first" }
                thead { tr {
                    th.n scope="col" { "member" } th scope="col" { "was" } th.n scope="col" { "by" } th.n scope="col" { "first – last" }
                    th scope="col" { "first by" } th scope="col" { "for" }
                } }
                tbody {
                    @for out in outs.iter().take(ROWS) {
                        tr {
                            td.n { (out.subject) }
                            td { @if out.was == Was::Healthy { strong.fail { (was(out.was)) } } @else { (was(out.was)) } }
                            td.n { (number::count(out.observers as u64)) }
                            td.n { (number::stretch(out.first_s.into(), out.last_s.into())) }
                            td { "member " (out.observer) }
                            td { "the accusation by member " (out.accuser) " on ring " (out.ring) ", epoch " (out.epoch) }
                        }
                    }
                }
            }
            (more(outs.len()))
        }
    }
}

fn was(was: Was) -> &'static str {
    match was {
        Was::Healthy => "✗ healthy: wronged",
        Was::Apart => "cut off",
        Was::Disturbed => "disturbed",
        Was::Liar => "a liar",
        Was::Gone => "crashed or gone",
    }
}

/// All figures of the outcome.
pub(super) fn figures(chronicle: &Chronicle) -> Markup {
    let rows = rows(chronicle);
    let half = rows.len().div_ceil(2);
    html! { div.pair { @for half in rows.chunks(half) { table { tbody { @for (name, value) in half { tr { th scope="row" { (name) } td.n { (value) } } } } } } } }
}

fn told<T>(value: Option<T>, words: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), words)
}

fn rows(chronicle: &Chronicle) -> Vec<(&'static str, String)> {
    let outcome = &chronicle.outcome;
    let seconds = |value| told(value, number::seconds);
    let bytes = outcome.traffic.bytes_per_member_per_s;
    let view = outcome.view;
    vec![
        (
            "view in the end: smallest, mean, largest",
            format!("{} · {} · {}", view.min, number::mean(view.mean), view.max),
        ),
        ("expected view", view.expected.to_string()),
        (
            "all views right since",
            outcome.converged_at_s.map_or_else(|| "not yet".to_owned(), number::seconds),
        ),
        ("false removals: pairs", number::count(outcome.false_removals.pairs)),
        ("false removals: members", number::count(outcome.false_removals.members)),
        ("changes live/out among healthy members", number::count(outcome.transitions.healthy)),
        ("changes of one disturbed member in one view", number::count(outcome.transitions.disturbed_max)),
        ("crash seen by the first", seconds(outcome.detection.first_s)),
        ("crash seen by half", seconds(outcome.detection.p50_s)),
        ("crash seen by 99 %", seconds(outcome.detection.p99_s)),
        ("crash seen by all", seconds(outcome.detection.all_s)),
        ("sent per member and second: mean", number::bytes(bytes.mean)),
        ("sent per member and second: 99 %", number::bytes(bytes.p99)),
        ("sent per member and second: most", number::bytes(bytes.max)),
        (
            "CPU per member and virtual second",
            told(outcome.cpu_us_per_member_per_s, |us| format!("{us:.0} µs")),
        ),
        ("events handled", number::count(outcome.events)),
        ("the run took", number::seconds(outcome.wall_s)),
        ("memory at most", told(outcome.peak_rss_bytes, |bytes| number::bytes(bytes as f64))),
    ]
}
