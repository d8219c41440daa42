//! `ifrit ca invites | uninvite | list | log`: what the CA remembers.

use crate::{
    ca_admin::{self, Ask, PAGE, Told},
    ca_args::{CaInvitesArgs, CaListArgs, CaLogArgs, CaUninviteArgs},
    ca_service::wall,
    output::{BAD, BOLD, DIM, GOOD, Out, WARN, paint, span_ms},
};
use anstyle::Style;
use anyhow::bail;
use comfy_table::{ContentArrangement, Table, presets};
use ifrit_core::time::Wall;
use ifrit_node::ca::{Holds, InviteState, IssuedRow};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

pub(crate) fn invites(args: &CaInvitesArgs, out: Out) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    loop {
        let Told::Invites(page) = ca_admin::ask(&args.dir, &Ask::Invites { skip: rows.len() })? else {
            return unexpected();
        };
        let is_last = page.len() < PAGE;
        rows.extend(page);
        if is_last {
            break;
        }
    }
    rows.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
    if out.json() {
        return rows.iter().try_for_each(|row| out.json_line(row));
    }
    let now = wall();
    let lines = rows.iter().map(|row| {
        let (state, style) = match row.state {
            InviteState::Open => ("open", GOOD),
            InviteState::UsedUp => ("used up", DIM),
            InviteState::Expired => ("expired", DIM),
            InviteState::Withdrawn => ("withdrawn", WARN),
        };
        let used = format!("{} of {}", row.uses - row.left.min(row.uses), row.uses);
        ([row.id.clone(), state.into(), used, when(row.created_ms), until(row.expires_ms, now)], style)
    });
    print_table(
        ["INVITE", "STATE", "USED", "MADE", "HOLDS"],
        lines,
        "no invites: `ifrit ca invite` makes one",
        out,
    )
}

pub(crate) fn uninvite(args: &CaUninviteArgs, out: Out) -> anyhow::Result<()> {
    let Told::Invites(rows) = ca_admin::ask(&args.dir, &Ask::Uninvite { id: args.id.clone() })? else {
        return unexpected();
    };
    let Some(row) = rows.first() else { return unexpected() };
    let used = row.uses - row.left.min(row.uses);
    let text = format!("Invite {} lets nobody in any more; it has let in {used} of {}.", row.id, row.uses);
    out.print(row, text)
}

pub(crate) fn list(args: &CaListArgs, out: Out) -> anyhow::Result<()> {
    // By member, or by certificate: the last of each is kept.
    let mut rows = BTreeMap::new();
    let mut after = 0;
    loop {
        let Told::Certificates(page) = ca_admin::ask(&args.dir, &Ask::Certificates { after })? else {
            return unexpected();
        };
        let is_last = page.len() < PAGE;
        for row in page {
            after = row.serial;
            rows.insert((if args.all { row.serial } else { 0 }, row.id.clone()), row);
        }
        if is_last {
            break;
        }
    }
    let waits = |row: &IssuedRow| !args.former || (row.former && row.state == Holds::Current);
    let mut rows: Vec<_> = rows.into_values().filter(waits).collect();
    rows.sort_by_key(|row| row.serial);
    if out.json() {
        return rows.iter().try_for_each(|row| out.json_line(row));
    }
    let now = wall();
    let lines = rows.iter().map(|row| {
        let (state, style) = match row.state {
            Holds::Current if row.former => ("former root", WARN),
            Holds::Current => ("current", Style::new()),
            Holds::Expired => ("expired", DIM),
            Holds::Revoked => ("revoked", BAD),
        };
        let by = row
            .invite
            .as_ref()
            .map_or_else(|| "the operator".to_owned(), |invite| format!("invite {invite}"));
        let line = [
            row.id.clone(),
            row.serial.to_string(),
            state.into(),
            when(row.issued_ms),
            until(row.not_after_ms, now),
            by,
        ];
        (line, style)
    });
    let none =
        if args.former { "no member has a certificate of a former root" } else { "no certificates yet" };
    print_table(["MEMBER", "SERIAL", "STATE", "ISSUED", "HOLDS", "LET IN BY"], lines, none, out)
}

pub(crate) fn log(args: &CaLogArgs, out: Out) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut before = None;
    while rows.len() < args.count {
        let count = PAGE.min(args.count - rows.len());
        let Told::Log(page) = ca_admin::ask(&args.dir, &Ask::Log { before, count })? else {
            return unexpected();
        };
        let is_last = page.len() < count;
        rows.extend(page);
        before = rows.last().map(|row| row.number);
        if is_last {
            break;
        }
    }
    for row in rows.iter().rev() {
        let text = format!(
            "{}  {:<8} {}  {}",
            paint(DIM, when(row.at_ms)),
            paint(BOLD, format!("{:<8}", row.what)),
            row.detail,
            paint(DIM, if row.from.is_empty() { String::new() } else { format!("from {}", row.from) })
        );
        out.print(&json!(row), text.trim_end())?;
    }
    Ok(())
}

/// A moment, in UTC.
pub(crate) fn when(ms: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(ms / 1000)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(at).to_string()
}

fn until(ms: u64, now: Wall) -> String {
    match ms.checked_sub(now.0) {
        Some(left) => format!("{} more", span_ms(left)),
        None => format!("until {}", when(ms)),
    }
}

fn print_table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = ([String; N], Style)>,
    none: &str,
    out: Out,
) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    let mut styles = vec![BOLD];
    for (row, style) in rows {
        table.add_row(row);
        styles.push(style);
    }
    if styles.len() == 1 {
        return out.text(none);
    }
    // Painted line by line: escape codes inside of cells would count as width.
    let lines = table.lines().zip(styles).map(|(line, style)| paint(style, line.trim()));
    out.text(lines.collect::<Vec<_>>().join("\n"))
}

fn unexpected<T>() -> anyhow::Result<T> {
    bail!("the CA gave an answer to another question: is it another version of ifrit?")
}
