//! Rows as text for people.

use crate::{
    observe::list::Metric,
    output::{BAD, BOLD, DIM, GOOD, WARN, paint, span_ms},
    rows::{AccusationRow, EventRow, ExplainRow, FigureRow, MemberRow, PastRow, WatchedRow, WatcherRow},
};
use anstyle::Style;
use comfy_table::{ContentArrangement, Table, presets};
use std::{collections::BTreeMap, fmt::Display, net::SocketAddr};

/// Characters of a short id: `m-` and 40 bits, as [`MemberId::short`](ifrit_core::id::MemberId::short).
const SHORT: usize = 10;

/// A member id for people's eyes; the tools take it back.
pub(crate) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// `ifrit members`.
pub(crate) fn members(rows: &[MemberRow], full: bool) -> String {
    let mut table = plain_table(["MEMBER", "NAME", "STATE", "SINCE", "RTT", "EPOCH", "ADDRESSES", "TAGS"]);
    for row in rows {
        let id = if full { &row.id } else { short(&row.id) };
        table.add_row([
            format!("{id}{}", if row.me { " (this agent)" } else { "" }),
            row.name.clone().unwrap_or_default(),
            row.state.clone(),
            span_ms(row.since_ms),
            ms(row.rtt_ms),
            row.epoch.to_string(),
            addrs(&row.addrs),
            tags(row),
        ]);
    }
    let lines = painted(&table, rows.iter().map(|row| line_style(&row.state)));
    format!("{lines}\n\n{}", tally(rows))
}

fn plain_table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head);
    table
}

/// Painted line by line: escape codes inside of cells would count as width.
fn painted(table: &Table, styles: impl Iterator<Item = Style>) -> String {
    let styles = std::iter::once(BOLD).chain(styles);
    let lines = table.lines().zip(styles).map(|(line, style)| paint(style, line.trim()));
    lines.collect::<Vec<_>>().join("\n")
}

fn ms(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2} ms"))
}

fn tags(row: &MemberRow) -> String {
    // As agents say it; what others say there is shown as it is.
    if row.labels.is_empty() && row.name.is_none() {
        return row.tags.clone();
    }
    let tags: Vec<_> = row.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    tags.join(" ")
}

/// What people call a member: its name, or the beginning of its id.
pub(crate) fn label(row: &MemberRow) -> String {
    row.name.clone().unwrap_or_else(|| short(&row.id).to_owned())
}

/// `ifrit rtt`.
pub(crate) fn round_trips(rows: &[WatchedRow]) -> String {
    let mut table = plain_table(["MEMBER", "LAST", "MEAN", "LEAST", "MOST", "PONGS", "LOSS", "RINGS"]);
    for row in rows {
        table.add_row([
            short(&row.id).to_owned(),
            ms(row.last_ms),
            ms(row.mean_ms),
            ms(row.least_ms),
            ms(row.most_ms),
            row.pongs.to_string(),
            format!("{:.1} %", row.loss_percent),
            numbers(&row.rings),
        ]);
    }
    let style = |row: &WatchedRow| if row.misses > 0 { WARN } else { Style::new() };
    let s = if rows.len() == 1 { "" } else { "s" };
    format!("{}\n\nwatches {} member{s}", painted(&table, rows.iter().map(style)), rows.len())
}

/// Rows in columns.
pub(crate) fn columns<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.add_rows(rows);
    table.lines().map(|line| format!(" {}", line.trim_end())).collect::<Vec<_>>().join("\n")
}

fn line_style(state: &str) -> Style {
    if state == "live" { Style::new() } else { style_of(state) }
}

fn tally(rows: &[MemberRow]) -> String {
    let mut states = BTreeMap::<&str, usize>::new();
    rows.iter().for_each(|row| *states.entry(&row.state).or_default() += 1);
    let states: Vec<_> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let s = if rows.len() == 1 { "" } else { "s" };
    format!("{} member{s}: {}", rows.len(), states.join(", "))
}

pub(crate) fn style_of(state: &str) -> Style {
    match state {
        "live" | "up" | "rebutted" | "joined" => GOOD,
        "left" | "updated" | "watching" => DIM,
        "accused" | "gray" | "expired" | "slow" | "lagged" | "seeds-unreachable" => WARN,
        _ => BAD,
    }
}

fn addrs(addrs: &[SocketAddr]) -> String {
    let addrs: Vec<_> = addrs.iter().map(SocketAddr::to_string).collect();
    addrs.join(" ")
}

/// `ifrit explain`.
pub(crate) fn explain(row: &ExplainRow) -> String {
    let member = &row.member;
    let mut lines = vec![paint(BOLD, &member.id)];
    if ["forgotten", "revoked"].contains(&&*member.state) {
        lines.push(match &*member.state {
            "revoked" => format!("  {}: the CA says that it is a member no more", paint(BAD, "revoked")),
            _ => "  its lease has run out here: only what happened to it is left".to_owned(),
        });
        section(&mut lines, "what happened to it", row.history.iter().map(past), "nothing");
        return lines.join("\n");
    }
    let mut field = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    field(
        "state",
        format!("{}, for {}", paint(style_of(&member.state), &member.state), span_ms(member.since_ms)),
    );
    field("epoch", member.epoch.to_string());
    field("addresses", addrs(&member.addrs));
    if let Some(name) = &member.name {
        field("name", name.clone());
    }
    if !tags(member).is_empty() {
        field("tags", tags(member));
    }
    field("rings", rings(row));
    if let Some(minor) = row.minor {
        field("speaks", format!("minor version {minor} of the wire"));
    }
    if let Some(ms) = row.down_in_ms {
        field("timer", format!("goes down in {} unless it answers", span_ms(ms)));
    }
    if let Some(ms) = row.held_for_ms {
        field("hold", format!("stays out for {} more while its new monitor pings it", span_ms(ms)));
    }
    section(&mut lines, "watched by", watchers(&row.watchers), "nobody: it is out, or alone");
    section(&mut lines, "accusations of this epoch", row.accusations.iter().map(accusation), "none");
    section(
        &mut lines,
        "what happened to it",
        row.history.iter().map(past),
        "nothing since this agent started",
    );
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, title: &str, items: impl IntoIterator<Item = String>, none: &str) {
    lines.push(String::new());
    lines.push(format!("  {}", paint(BOLD, title)));
    let before = lines.len();
    lines.extend(items.into_iter().map(|item| format!("    {item}")));
    if lines.len() == before {
        lines.push(format!("    {}", paint(DIM, none)));
    }
}

fn rings(row: &ExplainRow) -> String {
    let disabled = &row.member.disabled_rings;
    if disabled.is_empty() {
        return format!("all {} enabled", row.rings);
    }
    let enabled = usize::from(row.rings) - disabled.len();
    format!("{enabled} of {} enabled; disabled: {}", row.rings, numbers(disabled))
}

fn numbers(rings: &[u8]) -> String {
    let rings: Vec<_> = rings.iter().map(u8::to_string).collect();
    rings.join(", ")
}

fn watchers(watchers: &[WatcherRow]) -> Vec<String> {
    let mut by_id = BTreeMap::<&str, Vec<u8>>::new();
    watchers.iter().for_each(|watcher| by_id.entry(&watcher.id).or_default().push(watcher.ring));
    let line = |(id, on): (&&str, &Vec<u8>)| {
        format!("{} on ring{} {}", short(id), if on.len() == 1 { "" } else { "s" }, numbers(on))
    };
    by_id.iter().map(line).collect()
}

fn accusation(row: &AccusationRow) -> String {
    let how = match (row.valid, row.age_ms) {
        (true, Some(ms)) => paint(BAD, format!("valid for {}", span_ms(ms))),
        (true, None) => paint(BAD, "valid"),
        (false, _) => paint(DIM, "not valid here: a member between the two is not out"),
    };
    format!(
        "by {} on ring {}, epoch {}, {how}",
        short(&row.evidence.accuser),
        row.evidence.ring,
        row.evidence.epoch
    )
}

fn past(row: &PastRow) -> String {
    format!("{} {}", paint(DIM, format!("{:>12} ago", span_ms(row.ago_ms))), what(&row.event))
}

/// A line of `ifrit monitor`.
pub(crate) fn event(row: &EventRow) -> String {
    let at = row.at_ms.map(|ms| std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms));
    let at = at.map(|at| humantime::format_rfc3339_millis(at).to_string()).unwrap_or_default();
    let member = row.member.as_deref().map(short).unwrap_or_default();
    format!("{} {member:<SHORT$} {}", paint(DIM, at), what(row))
}

/// The same without colours.
pub(crate) fn plain_event(row: &EventRow) -> String {
    anstream::adapter::strip_str(&event(row)).to_string()
}

/// A line of `ifrit metrics`.
pub(crate) fn figure(row: &FigureRow) -> String {
    let labels: Vec<_> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} {} {}", row.name, paint(DIM, labels.join(" ")), row.value)
}

/// An entry of `ifrit metrics --list`.
pub(crate) fn metric(metric: &Metric) -> String {
    let labels = if metric.labels.is_empty() { String::new() } else { format!(" by {}", metric.labels) };
    let unit = if metric.unit.is_empty() { String::new() } else { format!(" in {}", metric.unit) };
    let name = paint(BOLD, metric.full_name());
    format!("{name}\n  {}{unit}{labels}: {}", metric.kind.name(), metric.help)
}

fn what(row: &EventRow) -> String {
    let mut parts = vec![paint(style_of(&row.event), &row.event)];
    match &row.evidence {
        Some(evidence) => parts.push(format!(
            "by {} on ring {}, epoch {}",
            short(&evidence.accuser),
            evidence.ring,
            evidence.epoch
        )),
        None => parts.extend(row.epoch.map(|epoch| format!("epoch {epoch}"))),
    }
    parts.extend(row.detail.iter().map(dash));
    parts.join(" ")
}

fn dash(text: impl Display) -> String {
    format!("- {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> MemberRow {
        MemberRow {
            id: "m-".to_owned() + &"k".repeat(52),
            me: true,
            state: "live".to_owned(),
            since_ms: 1_300,
            epoch: 7,
            disabled_rings: vec![3],
            addrs: vec![([127, 0, 0, 1], 8301).into()],
            rtt_ms: Some(0.25),
            ..MemberRow::default()
        }
    }

    #[test]
    fn members_are_a_table_with_a_tally() {
        let text = anstream::adapter::strip_str(&members(&[row()], false)).to_string();
        assert!(text.contains("m-kkkkkkkk (this agent)") && text.contains("127.0.0.1:8301"), "{text}");
        assert!(text.ends_with("1 member: 1 live"), "{text}");
    }

    #[test]
    fn an_explanation_names_watchers_rings_and_timers() {
        let watcher = |ring| WatcherRow { ring, id: "m-abcdefghij".to_owned() };
        let row = ExplainRow {
            member: row(),
            rings: 5,
            held_for_ms: None,
            down_in_ms: Some(400),
            watchers: vec![watcher(0), watcher(2)],
            accusations: Vec::new(),
            history: Vec::new(),
            minor: Some(7),
        };
        let text = anstream::adapter::strip_str(&explain(&row)).to_string();
        let said =
            ["4 of 5 enabled; disabled: 3", "goes down in 400 ms", "m-abcdefgh on rings 0, 2", "version 7"];
        for part in said {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }
}
