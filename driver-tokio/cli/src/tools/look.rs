//! Round trips, pings, rings.

use super::unexpected;
use crate::{
    args::{PingArgs, RingsArgs, RttArgs, WebArgs},
    control::{
        Ask, Tell,
        client::{ANSWER_TIMEOUT, ask},
    },
    error::bad_input,
    output::{BAD, BOLD, DIM, Out, paint},
    render::{self, short},
    rings::{RingRow, svg, text},
    rows::PongRow,
    web::token,
};
use anyhow::{Context, bail};
use serde_json::json;
use std::{path::Path, thread::park_timeout, time::Instant};

pub(crate) fn rtt(args: &RttArgs, out: Out) -> anyhow::Result<()> {
    let mut answers = ask(args.agent.dir(), &Ask::RoundTrips, Some(ANSWER_TIMEOUT))?;
    let mut rows = Vec::new();
    while let Some(tell) = answers.next()? {
        match tell {
            Tell::Watched(row) if out.json() => out.json_line(&row)?,
            Tell::Watched(row) => rows.push(row),
            _ => return unexpected(),
        }
    }
    if out.json() { Ok(()) } else { out.text(render::round_trips(&rows)) }
}

pub(crate) fn ping(args: &PingArgs, out: Out) -> anyhow::Result<()> {
    let timeout_ms = args.timeout.as_millis().try_into().unwrap_or(u64::MAX);
    let question = Ask::Ping { member: args.member.clone(), timeout_ms };
    let mut came = Vec::new();
    for sequence in 0..args.count {
        let started = Instant::now();
        match ask(args.agent.dir(), &question, Some(args.timeout.saturating_add(ANSWER_TIMEOUT)))?.next()? {
            Some(Tell::Pong(row)) => {
                let row = PongRow { sequence, ..row };
                out.print(&row, pong(&row))?;
                came.extend(row.ms);
            }
            _ => return unexpected(),
        }
        if sequence + 1 < args.count {
            wait_until(started + args.interval);
        }
    }
    if !out.json() {
        out.text(summary(&came, args.count))?;
    }
    if came.is_empty() {
        bail!("no answer came from {}: see `ifrit explain` for how it stands", args.member);
    }
    Ok(())
}

/// Ctrl-C ends the process meanwhile.
fn wait_until(at: Instant) {
    while let Some(left) = at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        park_timeout(left);
    }
}

fn pong(row: &PongRow) -> String {
    match (row.ms, &row.error) {
        (Some(ms), _) => format!("{} answers: {ms:.2} ms", short(&row.from)),
        (None, error) => paint(BAD, error.as_deref().unwrap_or("no answer")),
    }
}

fn summary(came: &[f64], sent: u32) -> String {
    let lost = f64::from(sent) - came.len() as f64;
    let head = format!("{} of {sent} answered, {:.0} % lost", came.len(), lost / f64::from(sent) * 100.0);
    let (mut least, mut most) = (f64::INFINITY, 0f64);
    came.iter().for_each(|ms| (least, most) = (least.min(*ms), most.max(*ms)));
    match came.len() {
        0 => head,
        count => format!(
            "{head}; {least:.2} ms at least, {:.2} mean, {most:.2} at most",
            came.iter().sum::<f64>() / count as f64
        ),
    }
}

pub(crate) fn rings(args: &RingsArgs, out: Out) -> anyhow::Result<()> {
    let question = Ask::Rings { member: args.member.clone(), rings: args.ring.clone() };
    let mut answers = ask(args.agent.dir(), &question, Some(ANSWER_TIMEOUT))?;
    let mut rings = Vec::new();
    while let Some(tell) = answers.next()? {
        match tell {
            Tell::Ring(row) => rings.push(row),
            _ => return unexpected(),
        }
    }
    match &args.svg {
        Some(file) => write_svg(file, &rings, out),
        None if out.json() => rings.iter().try_for_each(|ring| out.json_line(ring)),
        None if args.ring.is_empty() => around(&rings, out),
        None => {
            let pictures: Vec<_> = rings.iter().map(text::whole).collect();
            out.text(format!("{}\n\n{}", pictures.join("\n\n"), text::legend()))
        }
    }
}

pub(crate) fn web(args: &WebArgs, out: Out) -> anyhow::Result<()> {
    let dir = args.agent.dir();
    // A token of an agent that was killed opens nothing.
    ask(dir, &Ask::About, Some(ANSWER_TIMEOUT))?;
    match token::url(dir)? {
        Some(url) => out.print(&json!({ "url": url }), &url),
        None => Err(bad_input("this agent has no page: start it with --web 8391")),
    }
}

/// The one that was asked for stands first on every ring, or in the middle of a very large one.
fn around(rings: &[RingRow], out: Out) -> anyhow::Result<()> {
    let of = rings.first().and_then(|ring| {
        let middle = if ring.left_out > 0 { crate::rings::SPOTS_MAX / 2 } else { 0 };
        ring.spots.get(middle)
    });
    match of {
        Some(spot) => out.text(text::around(&spot.id, rings)),
        None => bail!("the agent tells of no ring"),
    }
}

fn write_svg(file: &Path, rings: &[RingRow], out: Out) -> anyhow::Result<()> {
    if file.is_dir() {
        return Err(bad_input(format!("{} is a directory: name the file to write", file.display())));
    }
    std::fs::write(file, svg::file(rings)).with_context(|| format!("cannot write {}", file.display()))?;
    let at = file.display().to_string();
    let text = format!("{} rings are drawn in {}", paint(BOLD, rings.len()), paint(DIM, &at));
    out.print(&json!({ "svg": at, "rings": rings.len() }), text)
}
