//! The page itself. Text of peers is escaped by the templates; there is no script, and nothing is loaded.

use super::{timeline, traffic};
use crate::{
    observe::sample::Sample,
    output::span_ms,
    render::{label, short},
    rings::{RingRow, svg, text},
    rows::{MemberRow, PastRow},
};
use data_encoding::BASE64;
use ifrit_core::{crypto::hash, view::State};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeMap;

/// Members listed: those in trouble first.
const LISTED: usize = 500;
/// Events listed.
const EVENTS: usize = 60;
/// How often it loads itself anew, in seconds.
const RELOAD: u32 = 5;

const STYLE: &str = include_str!("style.css");

/// All that is shown.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) members: Vec<MemberRow>,
    /// Oldest first.
    pub(super) past: Vec<PastRow>,
    pub(super) rings: Vec<RingRow>,
    pub(super) all_rings: u8,
    pub(super) network: String,
    pub(super) traffic: traffic::Log,
    pub(super) sample: Sample,
}

fn style() -> String {
    format!("{}{STYLE}", svg::STYLE)
}

/// The one style that the page's policy lets in: its SHA-256.
pub(super) fn style_hash() -> String {
    format!("sha256-{}", BASE64.encode(&hash(b"", &[style().as_bytes()])))
}

pub(super) fn page(seen: &Seen) -> String {
    let me = seen.members.iter().find(|row| row.me);
    let name = me.map_or_else(|| short(&seen.sample.me.to_string()).to_owned(), label);
    let names: BTreeMap<&str, &MemberRow> = seen.members.iter().map(|row| (row.id.as_str(), row)).collect();
    let called = |id: &str| names.get(id).map_or_else(|| short(id).to_owned(), |row| label(row));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content=(RELOAD);
                title { "Ifrit: " (name) }
                style { (PreEscaped(style())) }
            }
            body {
                main {
                    (head(seen, &name))
                    section { h2 { "Members" } (members(seen)) }
                    section { h2 { "Accusations and rebuttals" } figure { (timeline::picture(&seen.past, called)) } (events(seen)) }
                    section { h2 { "Traffic" } div.pair { figure { (traffic::picture(&seen.traffic)) } (purposes(&seen.sample)) } }
                    section { h2 { "Rings" } (rings(seen)) }
                    footer { p.soft { "Read-only; loads itself anew every " (RELOAD) " s. ifrit " (env!("CARGO_PKG_VERSION")) } }
                }
            }
        }
    };
    page.into_string()
}

fn head(seen: &Seen, name: &str) -> Markup {
    let sample = &seen.sample;
    html! {
        header {
            h1 { (name) }
            p.soft {
                code { (sample.me) } " · network " code { (seen.network) } " · "
                @if !sample.joined { "not joined yet" } @else if sample.unconfirmed { "joined, with fewer contacts than the promise asks for" } @else { "joined" }
                " · up " (span_ms(sample.now.mono.0 / 1_000_000))
            }
            ul.tiles {
                @for (state, count) in State::ALL.into_iter().zip(sample.states) {
                    @let state = crate::rows::state(state);
                    @if count > 0 || state == "live" || state == "down" {
                        li class={ "tile " (state) } { span.count { (count) } " " span.what { (text::mark(state)) " " (state) } }
                    }
                }
                li.tile { span.count { (sample.agreeing) " of " (sample.neighbours) } " " span.what { "neighbours see the same" } }
                li.tile { span.count { (span_ms(sample.digest_age.as_millis() as u64)) } " " span.what { "since the view changed" } }
            }
        }
    }
}

fn members(seen: &Seen) -> Markup {
    let of = |good: bool| seen.members.iter().filter(move |row| (row.state == "live") == good);
    let shown = of(false).chain(of(true)).take(LISTED);
    html! {
        div.scroll { table {
            thead { tr { th { "Member" } th { "Id" } th { "State" } th.n { "Since" } th.n { "Round trip" } th { "Addresses" } th { "Tags" } } }
            tbody {
                @for row in shown {
                    tr {
                        td { (row.name.as_deref().unwrap_or("")) @if row.me { " (this agent)" } }
                        td { code title=(row.id) { (short(&row.id)) } }
                        td class={ "state " (row.state) } { (text::mark(&row.state)) " " (row.state) }
                        td.n { (span_ms(row.since_ms)) }
                        td.n { @if let Some(ms) = row.rtt_ms { (format!("{ms:.2} ms")) } @else { "–" } }
                        td { @for addr in &row.addrs { (addr) " " } }
                        td { @if row.name.is_none() && row.labels.is_empty() { (row.tags) } @for (key, value) in &row.labels { (key) "=" (value) " " } }
                    }
                }
            }
        } }
        @if seen.members.len() > LISTED { p.soft { "and " (seen.members.len() - LISTED) " members more: `ifrit members` lists all" } }
    }
}

fn events(seen: &Seen) -> Markup {
    let told = seen.past.iter().rev().filter_map(|row| Some((row, row.event.member.as_deref()?)));
    html! {
        details {
            summary { "The last events in words" }
            ol { @for (row, member) in told.take(EVENTS) { li { (timeline::what(row, member)) } } }
        }
    }
}

fn rings(seen: &Seen) -> Markup {
    let me = seen.sample.me.to_string();
    html! {
        @if seen.rings.is_empty() {
            p.calm { "Too many members to draw here: `ifrit rings --svg FILE` draws them." }
        } @else {
            p.soft { "Whoever is not out is watched by the closest before it, clockwise." }
            div.rings { @for ring in &seen.rings { figure { (svg::picture(ring, Some(&me))) } } }
            p.legend {
                @for state in ["live", "accused", "down", "gray", "left"] {
                    span.key { span class={ "sign " (state) } { (text::mark(state)) } (state) }
                }
            }
            @if usize::from(seen.all_rings) > seen.rings.len() {
                p.soft { (seen.rings.len()) " of " (seen.all_rings) " rings: `ifrit rings --svg FILE` draws all" }
            }
        }
    }
}

/// Bytes since the start, by what they were for.
fn purposes(sample: &Sample) -> Markup {
    let application = [
        ("requests", sample.node.request_bytes_out, sample.node.request_bytes_in),
        ("streams", sample.node.stream_bytes_out, sample.node.stream_bytes_in),
        ("broadcasts", sample.node.broadcast_bytes_out, sample.node.broadcast_bytes_in),
    ];
    let core = sample.core.sent.each().into_iter().zip(sample.core.received.each());
    let core = core.map(|((purpose, sent), (_, received))| (purpose, sent, received));
    let rows = core.chain(application).filter(|(_, sent, received)| sent + received > 0);
    html! {
        table {
            thead { tr { th { "Since the start" } th.n { "Sent" } th.n { "Received" } } }
            tbody {
                @for (purpose, sent, received) in rows {
                    tr { td { (purpose) } td.n { (bytes(sent as f64)) } td.n { (bytes(received as f64)) } }
                }
                tr { td { "all UDP, with QUIC and TLS" } td.n { (bytes(sample.node.bytes_out as f64)) } td.n { (bytes(sample.node.bytes_in as f64)) } }
            }
        }
    }
}

/// A size with its unit.
pub(super) fn bytes(bytes: f64) -> String {
    match bytes {
        ..1e3 => format!("{bytes:.0} B"),
        ..1e6 => format!("{:.1} kB", bytes / 1e3),
        ..1e9 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}
