//! A run for people: one HTML page with its pictures in it, and a summary for the terminal.
//!
//! The page needs nothing beside itself: no script, no network. Its colours follow the reader's scheme, light or dark, and
//! nothing is told by colour alone. Text from scenario files and traces is escaped by the templates (`maud`); the pictures
//! are SVG from the same templates, so that one style sheet gives both schemes their colours.

mod curves;
mod grid;
mod member;
mod number;
mod ring;
mod scale;
mod tables;
mod terminal;
mod time;
mod words;

pub use member::{MAGIC, member_page};
pub(crate) use number::plural;
pub use terminal::summary;

use crate::chronicle::Chronicle;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The page of a run.
pub fn page(chronicle: &Chronicle) -> String {
    let header = &chronicle.header;
    let outcome = &chronicle.outcome;
    let is_pass = outcome.passed();
    let verdict = if is_pass { "pass" } else { "fail" };
    let title = format!("{}: {}, seed {}", header.name, verdict, header.seed);
    let body = html! {
        header {
            @if is_pass { div.verdict.pass { "✓ pass" } } @else { div.verdict.fail { "✗ fail" } }
            h1 { (header.name) }
            p.soft {
                (number::members(header.members)) " · seed " (header.seed) " · " (number::seconds(header.until_s)) " of virtual time · digest "
                code { (outcome.digest) } " · ifrit-sim " (header.version)
            }
            div.command { code { (words::command(chronicle)) } }
        }
        @if let Some(shows) = about(&header.scenario) { p.shows { (shows) } }
        section { (tables::expectations(chronicle)) }
        section { h2 { "What happened" } (story(chronicle)) }
        section { h2 { "Convergence" } figure { (curves::convergence(chronicle)) } }
        section { h2 { "The rings" } (ring::pictures(chronicle)) }
        section { h2 { "Who accused whom" } (grid::accusations(chronicle)) }
        section { h2 { "Wrong views" } (grid::heat(chronicle)) }
        section { h2 { "Traffic" } figure { (curves::traffic(chronicle)) } }
        section { h2 { "Violations" } (tables::violations(chronicle)) }
        section { h2 { "Who was put out" } (tables::outs(chronicle)) }
        section { h2 { "Figures" } (tables::figures(chronicle)) }
        section { h2 { "The scenario" } (scenario(chronicle)) }
    };
    document(&title, &body)
}

/// A whole page.
fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    page.into_string()
}

fn story(chronicle: &Chronicle) -> Markup {
    html! {
        ol.story {
            @for sentence in words::story(chronicle) {
                li { span.when { (sentence.when) } span { (sentence.what) } }
            }
        }
    }
}

fn scenario(chronicle: &Chronicle) -> Markup {
    html! {
        details { summary { (chronicle.header.path) } pre { (chronicle.header.scenario) } }
        @if !chronicle.left_out.is_empty() {
            p.soft { "Left out of the trace, so that it stays small:" }
            ul.soft { @for what in &chronicle.left_out { li { (what) } } }
        }
    }
}

/// What a scenario shows: the comment that it begins with.
fn about(scenario: &str) -> Option<String> {
    let comment = scenario.lines().map_while(|line| line.trim_start().strip_prefix('#'));
    let text = comment.map(str::trim).collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}
